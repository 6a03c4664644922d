"""Roman numbers."""

VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
STEPS = [
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
]


def to_roman(number):
    if not 0 < number < 4000:
        raise ValueError(f"{number} has no Roman number")
    text = ""
    for value, letters in STEPS:
        while number >= value:
            text += letters
            number -= value
    return text


def from_roman(text):
    values = [VALUES[letter] for letter in text.upper()]
    total = 0
    for at, value in enumerate(values):
        if at + 1 < len(values) and value < values[at + 1]:
            total -= value
        else:
            total += value
    return total
