from merge_intervals import covered, merge_intervals


def test_nothing():
    assert merge_intervals([]) == []


def test_apart():
    assert merge_intervals([(1, 2), (4, 5)]) == [(1, 2), (4, 5)]


def test_overlapping():
    assert merge_intervals([(1, 4), (2, 6), (6, 7)]) == [(1, 7)]


def test_inside():
    assert merge_intervals([(1, 9), (2, 3)]) == [(1, 9)]


def test_any_order():
    assert merge_intervals([(8, 9), (1, 3), (2, 5)]) == [(1, 5), (8, 9)]


def test_covered():
    assert covered([(5, 6), (1, 2), (2, 3)]) == 5
