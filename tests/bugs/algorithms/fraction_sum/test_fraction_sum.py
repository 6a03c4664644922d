from fraction_sum import as_text, fraction_sum, greatest_divisor, smallest_multiple


def test_greatest_divisor():
    assert greatest_divisor(12, 18) == 6
    assert greatest_divisor(0, 5) == 5


def test_smallest_multiple():
    assert smallest_multiple(4, 6) == 12
    assert smallest_multiple(0, 6) == 0


def test_sum():
    assert fraction_sum([(1, 2), (1, 3)]) == (5, 6)


def test_text():
    assert as_text(fraction_sum([(1, 2), (1, 3)])) == "5/6"
    assert as_text(fraction_sum([(1, 2), (3, 2)])) == "2"


def test_large():
    assert smallest_multiple(10**17 + 3, 10**17 + 13) == (10**17 + 3) * (10**17 + 13) // greatest_divisor(10**17 + 3, 10)
