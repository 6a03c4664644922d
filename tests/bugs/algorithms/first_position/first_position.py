"""Searching in sorted lists by halving."""


def first_position(items, wanted):
    """The first index whose item is not less than `wanted`; the length if there is none."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def occurrences(items, wanted):
    """How often `wanted` stands in the sorted list of integers."""
    return first_position(items, wanted + 1) - first_position(items, wanted)
