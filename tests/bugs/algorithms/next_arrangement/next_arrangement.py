"""The next arrangement in the order of a dictionary."""


def next_arrangement(items):
    """A new list, the next greater arrangement; None after the last one."""
    items = list(items)
    at = len(items) - 2
    while at >= 0 and items[at] >= items[at + 1]:
        at -= 1
    if at < 0:
        return None
    other = len(items) - 1
    while items[other] <= items[at]:
        other -= 1
    items[at], items[other] = items[other], items[at]
    items[at + 1 :] = reversed(items[at + 1 :])
    return items


def all_arrangements(items):
    found = []
    current = sorted(items)
    while current is not None and len(found) <= 10_000:
        found.append(current)
        current = next_arrangement(current)
    return found
