import random

from flatten_tree import flatten, nesting


def build(chance, depth):
    made, flat = [], []
    for _ in range(chance.randrange(4)):
        if depth and chance.random() < 0.5:
            inner, leaves = build(chance, depth - 1)
            made.append(inner)
            flat += leaves
        else:
            made.append(chance.randrange(9))
            flat.append(made[-1])
    return made, flat


def test_random_trees():
    chance = random.Random(17)
    results = []
    for _ in range(200):
        tree, flat = build(chance, 4)
        results.append((flatten(tree), flat))
        assert 1 <= nesting(tree) <= 5
    assert all(found == flat for found, flat in results)
    assert flatten([1], None) == [1]
