"""All places of a pattern, without going back in the text."""


def borders(pattern):
    """For each beginning of the pattern the length of the longest border: a true beginning that is its end too."""
    lengths = [0] * len(pattern)
    matched = 0
    for at in range(1, len(pattern)):
        while matched and pattern[at] != pattern[matched]:
            matched = lengths[matched - 1]
        if pattern[at] == pattern[matched]:
            matched += 1
        lengths[at] = matched
    return lengths


def find_all(pattern, text):
    """Every index at which the pattern stands, overlapping ones too."""
    if not pattern:
        return list(range(len(text) + 1))
    lengths = borders(pattern)
    places = []
    matched = 0
    for at, letter in enumerate(text):
        while matched and letter != pattern[matched]:
            matched = lengths[matched - 1]
        if letter == pattern[matched]:
            matched += 1
        if matched == len(pattern):
            places.append(at - len(pattern) + 1)
            matched = lengths[matched - 1]
    return places
