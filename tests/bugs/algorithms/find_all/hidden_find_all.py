import random

from find_all import borders, find_all


def test_against_startswith():
    chance = random.Random(16)
    for _ in range(1500):
        pattern = "".join(chance.choice("ab") for _ in range(chance.randrange(5)))
        text = "".join(chance.choice("ab") for _ in range(chance.randrange(15)))
        assert find_all(pattern, text) == [at for at in range(len(text) + 1) if text.startswith(pattern, at)]
        for at, length in enumerate(borders(pattern)):
            start = pattern[:at + 1]
            assert length == max(size for size in range(at + 1) if start.endswith(start[:size]))
