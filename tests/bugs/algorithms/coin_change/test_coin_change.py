from coin_change import fewest_coins, ways


def test_nothing_to_pay():
    assert fewest_coins([1, 5], 0) == 0


def test_greedy_is_wrong():
    assert fewest_coins([1, 3, 4], 6) == 2


def test_cannot_be_paid():
    assert fewest_coins([5, 10], 7) is None


def test_ways():
    assert ways([1, 2, 5], 5) == 4
    assert ways([3], 2) == 0
