from reverse_bits import count_bits, is_palindrome, reverse_bits


def test_zero():
    assert reverse_bits(0) == 0


def test_lowest_becomes_highest():
    assert reverse_bits(0b00000001) == 0b10000000


def test_width():
    assert reverse_bits(0b0011, 4) == 0b1100


def test_count():
    assert count_bits(0b1011) == 3


def test_palindrome():
    assert is_palindrome(0b10011001)
    assert not is_palindrome(0b1)
