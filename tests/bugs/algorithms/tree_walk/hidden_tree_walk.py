import random

from tree_walk import build, height, walk


def test_against_sorted():
    chance = random.Random(18)
    for _ in range(200):
        values = [chance.randrange(30) for _ in range(chance.randrange(1, 20))]
        tree = build(values)
        assert list(walk(tree)) == sorted(set(values))
        assert height(tree) <= len(set(values))
