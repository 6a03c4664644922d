import random

from all_pairs import FAR, all_pairs, farthest


def test_against_relaxation():
    chance = random.Random(23)
    for _ in range(150):
        count = chance.randrange(1, 8)
        roads = [(chance.randrange(count), chance.randrange(count), chance.randrange(1, 9)) for _ in range(chance.randrange(14))]
        table = []
        for start in range(count):
            line = [0 if at == start else FAR for at in range(count)]
            for _ in range(count):
                for a, b, length in roads:
                    line[b] = min(line[b], line[a] + length)
            table.append(line)
        assert all_pairs(count, roads) == table
        assert farthest(count, roads) == max(d for line in table for d in line if d < FAR)
