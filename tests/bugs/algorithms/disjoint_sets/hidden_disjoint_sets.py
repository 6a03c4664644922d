import random

from disjoint_sets import DisjointSets


def test_against_labels():
    chance = random.Random(6)
    for _ in range(100):
        size = chance.randrange(1, 15)
        sets, label = DisjointSets(size), list(range(size))
        for _ in range(20):
            a, b = chance.randrange(size), chance.randrange(size)
            assert sets.union(a, b) == (label[a] != label[b])
            old, new = label[a], label[b]
            label = [new if one == old else one for one in label]
            assert sets.count == len(set(label))
            for x in range(size):
                for y in range(size):
                    assert sets.together(x, y) == (label[x] == label[y])
