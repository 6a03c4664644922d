from shortest_paths import distances, shortest_path

ROADS = {"a": {"b": 4, "c": 1}, "b": {"d": 1}, "c": {"b": 2, "d": 7}, "d": {}}


def test_only_the_start():
    assert distances({}, "x") == {"x": 0}


def test_neighbours():
    assert distances({"a": {"b": 2}}, "a") == {"a": 0, "b": 2}


def test_roundabout_way_is_shorter():
    assert distances(ROADS, "a") == {"a": 0, "b": 3, "c": 1, "d": 4}


def test_path():
    assert shortest_path(ROADS, "a", "d") == ["a", "c", "b", "d"]


def test_no_path():
    assert shortest_path(ROADS, "d", "a") is None
