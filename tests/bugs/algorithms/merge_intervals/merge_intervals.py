"""Intervals of numbers, both ends included."""


def merge_intervals(intervals):
    """The fewest intervals that cover the same, in order."""
    merged = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def covered(intervals):
    """How many integers lie in at least one of the intervals."""
    return sum(end - begin + 1 for begin, end in merge_intervals(intervals))
