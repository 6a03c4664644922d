import pytest

from topological_order import topological_order


def test_nothing():
    assert topological_order({}) == []


def test_chain():
    assert topological_order({"c": ["b"], "b": ["a"], "a": []}) == ["a", "b", "c"]


def test_a_need_that_is_no_key():
    assert topological_order({"b": ["a"]}) == ["a", "b"]


def test_circle():
    with pytest.raises(ValueError, match="need each other: a, b"):
        topological_order({"a": ["b"], "b": ["a"], "c": []})


def test_needs_itself():
    with pytest.raises(ValueError, match="x"):
        topological_order({"x": ["x"]})
