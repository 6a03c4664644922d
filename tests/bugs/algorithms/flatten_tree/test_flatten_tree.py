from flatten_tree import flatten, nesting


def test_nested():
    assert flatten([1, [2, [3]], 4]) == [1, 2, 3, 4]


def test_again():
    assert flatten([[5]]) == [5]
    assert flatten([]) == []


def test_into_a_list():
    found = [0]
    assert flatten([[1]], found) is found
    assert found == [0, 1]


def test_nesting():
    assert nesting([]) == 1
    assert nesting([[], [[]]]) == 3
