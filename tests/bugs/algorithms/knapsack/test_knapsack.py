from knapsack import best_worth, fits_exactly


def test_nothing_to_pack():
    assert best_worth([], 10) == 0


def test_too_heavy():
    assert best_worth([(11, 5)], 10) == 0


def test_takes_the_better():
    assert best_worth([(5, 3), (5, 4), (9, 6)], 9) == 6


def test_everything_fits_once():
    assert best_worth([(1, 1), (2, 3)], 10) == 4


def test_cannot_take_one_twice():
    assert not fits_exactly([3], 6)
