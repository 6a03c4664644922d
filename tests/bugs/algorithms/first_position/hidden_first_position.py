import bisect
import random

from first_position import first_position, occurrences


def test_against_bisect():
    chance = random.Random(2)
    for _ in range(500):
        items = sorted(chance.randrange(15) for _ in range(chance.randrange(20)))
        for wanted in range(-1, 17):
            assert first_position(items, wanted) == bisect.bisect_left(items, wanted)
            assert occurrences(items, wanted) == items.count(wanted)
