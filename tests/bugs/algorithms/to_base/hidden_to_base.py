from to_base import digit_sum, to_base


def test_against_int():
    for base in range(2, 37):
        for number in list(range(-60, 60)) + [10**9, -(10**12) - 7]:
            text = to_base(number, base)
            assert int(text, base) == number
            assert text.lstrip("-").lstrip("0") == text.lstrip("-") or number == 0
    assert [digit_sum(number) for number in (0, 5, 19, -305)] == [0, 5, 10, 8]
