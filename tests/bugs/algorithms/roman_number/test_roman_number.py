import pytest

from roman_number import from_roman, to_roman


@pytest.mark.parametrize("number, text", [(1, "I"), (4, "IV"), (9, "IX"), (14, "XIV"), (40, "XL"), (1994, "MCMXCIV")])
def test_pairs(number, text):
    assert to_roman(number) == text
    assert from_roman(text) == number


def test_repeated_letters():
    assert from_roman("III") == 3
    assert from_roman("mmxx") == 2020


def test_bounds():
    with pytest.raises(ValueError):
        to_roman(0)
