import pytest

from to_base import digit_sum, to_base


def test_binary():
    assert to_base(10, 2) == "1010"


def test_letters():
    assert to_base(255, 16) == "ff"
    assert to_base(35, 36) == "z"


def test_negative():
    assert to_base(-7, 3) == "-21"


def test_zero():
    assert to_base(0, 2) == "0"


def test_digit_sum():
    assert digit_sum(1999) == 28


def test_bad_base():
    with pytest.raises(ValueError):
        to_base(1, 1)
