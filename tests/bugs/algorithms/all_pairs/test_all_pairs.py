from all_pairs import FAR, all_pairs, farthest


def test_alone():
    assert all_pairs(1, []) == [[0]]


def test_not_connected():
    assert all_pairs(2, []) == [[0, FAR], [FAR, 0]]


def test_one_stop():
    assert all_pairs(3, [(0, 1, 1), (1, 2, 1), (0, 2, 5)])[0][2] == 2


def test_many_stops():
    assert all_pairs(4, [(0, 3, 1), (3, 2, 1), (2, 1, 1)])[0][1] == 3


def test_farthest():
    assert farthest(5, [(0, 4, 2), (4, 3, 2), (3, 2, 2), (2, 1, 2)]) == 8
