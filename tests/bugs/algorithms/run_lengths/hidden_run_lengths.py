import random
from itertools import groupby

from run_lengths import decode, encode, longest


def test_against_groupby():
    chance = random.Random(13)
    for _ in range(500):
        text = "".join(chance.choice("ab") for _ in range(chance.randrange(12)))
        oracle = [(letter, len(list(run))) for letter, run in groupby(text)]
        assert encode(text) == oracle
        assert decode(encode(text)) == text
        if text:
            assert longest(text) == max(oracle, key=lambda run: run[1])[0]
