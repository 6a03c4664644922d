"""Choices and their orders."""


def arrangements(items):
    """All orders of the items, as lists; the first item varies slowest."""
    found = []
    current = []
    used = [False] * len(items)

    def extend():
        if len(current) == len(items):
            found.append(current[:])
            return
        for at, item in enumerate(items):
            if not used[at]:
                used[at] = True
                current.append(item)
                extend()
                current.pop()
                used[at] = False

    extend()
    return found


def count_arrangements(count):
    total = 1
    for factor in range(2, count + 1):
        total *= factor
    return total
