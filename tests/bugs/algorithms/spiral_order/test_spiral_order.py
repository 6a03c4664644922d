from spiral_order import spiral_order


def test_nothing():
    assert spiral_order([]) == []


def test_square():
    assert spiral_order([[1, 2], [4, 3]]) == [1, 2, 3, 4]


def test_larger_square():
    assert spiral_order([[1, 2, 3], [8, 9, 4], [7, 6, 5]]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_one_row():
    assert spiral_order([[1, 2, 3]]) == [1, 2, 3]


def test_one_column():
    assert spiral_order([[1], [2], [3]]) == [1, 2, 3]
