import pytest

from roman_number import from_roman, to_roman


def test_all():
    seen = set()
    for number in range(1, 4000):
        text = to_roman(number)
        assert from_roman(text) == from_roman(text.lower()) == number
        seen.add(text)
    assert len(seen) == 3999
    for number in (0, -1, 4000):
        with pytest.raises(ValueError):
            to_roman(number)
