"""Text as runs of equal letters."""


def encode(text):
    """Pairs of a letter and how often it stands in a row."""
    runs = []
    if not text:
        return runs
    current, count = text[0], 1
    for letter in text[1:]:
        if letter == current:
            count += 1
        else:
            runs.append((current, count))
            current, count = letter, 1
    runs.append((current, count))
    return runs


def decode(runs):
    return "".join(letter * count for letter, count in runs)


def longest(text):
    """The letter of the longest run, the first of equally long ones."""
    return max(encode(text), key=lambda run: run[1])[0]
