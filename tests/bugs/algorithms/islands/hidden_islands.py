import random

from islands import islands


def test_against_labels():
    chance = random.Random(24)
    for _ in range(200):
        rows, columns = chance.randrange(1, 7), chance.randrange(1, 7)
        chart = ["".join(chance.choice("x.") for _ in range(columns)) for _ in range(rows)]
        label = {(r, c): r * columns + c for r in range(rows) for c in range(columns) if chart[r][c] == "x"}
        changed = True
        while changed:
            changed = False
            for r, c in label:
                for near in ((r + 1, c), (r, c + 1), (r - 1, c), (r, c - 1)):
                    if near in label and label[near] < label[r, c]:
                        label[r, c] = label[near]
                        changed = True
        values = list(label.values())
        assert islands(chart) == sorted((values.count(one) for one in set(values)), reverse=True)
