import random

from prefix_tree import PrefixTree


def test_against_a_set():
    chance = random.Random(7)
    words = ["".join(chance.choice("ab") for _ in range(chance.randrange(6))) for _ in range(400)]
    for at in range(0, 400, 10):
        given = set(words[at:at + 10])
        tree = PrefixTree(given)
        for word in words:
            assert (word in tree) == (word in given)
            assert tree.starting_with(word) == sorted(one for one in given if one.startswith(word))
