from grid_path import steps


def test_here():
    assert steps(["."], (0, 0), (0, 0)) == 0


def test_square():
    assert steps(["..", ".."], (0, 0), (1, 1)) == 2


def test_around_a_wall():
    assert steps([".#.", ".#.", "..."], (0, 0), (0, 2)) == 6


def test_no_way():
    assert steps([".#.", "##.", "..."], (0, 0), (2, 2)) is None


def test_wide():
    assert steps(["....."], (0, 0), (0, 4)) == 4


def test_high():
    assert steps([".", ".", "."], (0, 0), (2, 0)) == 2
