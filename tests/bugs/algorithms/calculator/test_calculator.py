import pytest

from calculator import calculate


def test_number():
    assert calculate(" 42 ") == 42


def test_product_before_sum():
    assert calculate("1 + 2 * 3") == 7


def test_brackets():
    assert calculate("(1 + 2) * -3") == -9


def test_differences_from_the_left():
    assert calculate("10 - 4 - 3") == 3


def test_quotients_from_the_left():
    assert calculate("100 / 5 / 2") == 10


def test_errors():
    for text in ("", "1 +", "(1", "1 2", "a"):
        with pytest.raises(ValueError):
            calculate(text)
