from merge_sort import merge, merge_sort


def test_empty_and_single():
    assert merge_sort([]) == []
    assert merge_sort([4]) == [4]


def test_falling():
    assert merge_sort([3, 2, 1]) == [1, 2, 3]


def test_rising():
    assert merge_sort([1, 2, 3, 4]) == [1, 2, 3, 4]


def test_merge_keeps_the_tail():
    assert merge([1, 5], [2, 6, 7]) == [1, 2, 5, 6, 7]


def test_merge_of_disjoint_parts():
    assert merge([5, 6], [1, 2]) == [1, 2, 5, 6]
