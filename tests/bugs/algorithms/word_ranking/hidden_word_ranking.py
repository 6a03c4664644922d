import random
from collections import Counter

from word_ranking import counts, ranking


def test_against_counter():
    chance = random.Random(22)
    for _ in range(300):
        words = [chance.choice(["a", "B", "cc", "Dd", "e!"]) for _ in range(chance.randrange(15))]
        oracle = Counter(word.lower().strip("!") for word in words)
        assert counts(" ".join(words)) == oracle
        order = [word for word, _ in sorted(oracle.items(), key=lambda pair: (-pair[1], pair[0]))]
        for most in range(6):
            assert ranking(" ".join(words), most) == order[:most]
