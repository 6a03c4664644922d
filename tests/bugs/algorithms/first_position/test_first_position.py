from first_position import first_position, occurrences


def test_nothing():
    assert first_position([], 3) == 0


def test_behind_the_end():
    assert first_position([1, 2, 3], 9) == 3


def test_first_of_equal_ones():
    assert first_position([1, 3, 3, 3, 5], 3) == 1


def test_between():
    assert first_position([10, 20, 30, 40], 25) == 2


def test_occurrences():
    assert occurrences([1, 1, 2, 4, 4, 4], 4) == 3
