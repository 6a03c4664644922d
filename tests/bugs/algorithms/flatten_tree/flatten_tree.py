"""Nested lists made flat."""


def flatten(items, found=None):
    """All items that are not lists, from left to right, added to `found` where it is given."""
    if found is None:
        found = []
    for item in items:
        if isinstance(item, list):
            flatten(item, found)
        else:
            found.append(item)
    return found


def nesting(items):
    """How deep the lists are nested; 1 for a flat one."""
    return 1 + max((nesting(item) for item in items if isinstance(item, list)), default=0)
