from islands import islands


def test_no_map():
    assert islands([]) == []


def test_all_land():
    assert islands(["xx", "xx"]) == [4]


def test_one_place():
    assert islands(["x"]) == [1]


def test_sea():
    assert islands(["..", ".."]) == []


def test_corners_do_not_join():
    assert islands(["x.", ".x"]) == [1, 1]


def test_sizes():
    assert islands(["xx.x", "...x", "x..x"]) == [3, 2, 1]
