"""Tricks with the bits of a word."""


def reverse_bits(number, width=8):
    """The lowest `width` bits in the opposite order."""
    result = 0
    for _ in range(width):
        result = (result << 1) | (number & 1)
        number >>= 1
    return result


def count_bits(number):
    count = 0
    while number:
        number &= number - 1
        count += 1
    return count


def is_palindrome(number, width=8):
    """Whether the bits read the same from both ends."""
    return reverse_bits(number, width) == number
