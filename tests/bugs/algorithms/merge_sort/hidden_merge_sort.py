import random

from merge_sort import merge_sort


def test_against_sorted():
    chance = random.Random(1)
    for _ in range(300):
        items = [chance.randrange(20) for _ in range(chance.randrange(30))]
        before = list(items)
        assert merge_sort(items) == sorted(items)
        assert items == before


def test_stable():
    class Item:
        def __init__(self, key, at):
            self.key, self.at = key, at

        def __lt__(self, other):
            return self.key < other.key

    items = [Item(at % 3, at) for at in range(20)]
    found = [(item.key, item.at) for item in merge_sort(items)]
    assert found == sorted(found)
