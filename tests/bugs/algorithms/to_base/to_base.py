"""Numbers in other bases."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def to_base(number, base):
    if not 2 <= base <= len(DIGITS):
        raise ValueError(f"no digits for base {base}")
    if number == 0:
        return "0"
    negative = number < 0
    number = abs(number)
    digits = []
    while number:
        number, digit = divmod(number, base)
        digits.append(DIGITS[digit])
    if negative:
        digits.append("-")
    return "".join(reversed(digits))


def digit_sum(number, base=10):
    return sum(DIGITS.index(digit) for digit in to_base(abs(number), base))
