import random
from functools import lru_cache

from edit_distance import closest, edit_distance


@lru_cache(None)
def oracle(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(oracle(a[1:], b) + 1, oracle(a, b[1:]) + 1, oracle(a[1:], b[1:]) + (a[0] != b[0]))


def test_against_recursion():
    chance = random.Random(8)
    words = ["".join(chance.choice("abc") for _ in range(chance.randrange(7))) for _ in range(40)]
    for a in words:
        for b in words:
            assert edit_distance(a, b) == oracle(a, b)
        assert closest(a, words) == min(words, key=lambda b: oracle(a, b))
