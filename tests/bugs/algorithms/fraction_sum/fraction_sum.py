"""Sums of fractions, as pairs of integers."""


def greatest_divisor(a, b):
    while b:
        a, b = b, a % b
    return abs(a)


def smallest_multiple(a, b):
    if a == 0 or b == 0:
        return 0
    return abs(a * b) // greatest_divisor(a, b)


def fraction_sum(fractions):
    """The sum in lowest terms; the bottom of each fraction is positive."""
    top, bottom = 0, 1
    for over, under in fractions:
        common = smallest_multiple(bottom, under)
        top = top * (common // bottom) + over * (common // under)
        bottom = common
    divisor = greatest_divisor(top, bottom)
    return top // divisor, bottom // divisor


def as_text(fraction):
    top, bottom = fraction
    return str(top) if bottom == 1 else f"{top}/{bottom}"
