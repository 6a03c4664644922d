import pytest

from recent_cache import RecentCache


def filled():
    cache = RecentCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    return cache


def test_size():
    with pytest.raises(ValueError):
        RecentCache(0)


def test_get():
    assert filled().get("a") == 1
    assert filled().get("x", 9) == 9


def test_forgets_the_oldest():
    cache = filled()
    cache.put("c", 3)
    assert cache.keys() == ["b", "c"]


def test_reading_keeps_an_item():
    cache = filled()
    cache.get("a")
    cache.put("c", 3)
    assert cache.keys() == ["a", "c"]


def test_writing_keeps_an_item():
    cache = filled()
    cache.put("a", 5)
    cache.put("c", 3)
    assert cache.keys() == ["a", "c"]
