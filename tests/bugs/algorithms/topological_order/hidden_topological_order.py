import random

import pytest

from topological_order import topological_order


def test_random_graphs():
    chance = random.Random(5)
    for _ in range(200):
        size = chance.randrange(1, 8)
        needs = {a: [b for b in range(size) if b < a and chance.random() < 0.4] for a in range(size)}
        order = topological_order(needs)
        assert sorted(order) == list(range(size))
        for task, before in needs.items():
            assert all(order.index(one) < order.index(task) for one in before)


def test_circles():
    for size in range(1, 6):
        with pytest.raises(ValueError) as caught:
            topological_order({a: [(a + 1) % size] for a in range(size)} | {"end": [0], "free": []})
        assert "free" not in str(caught.value)
        assert "0" in str(caught.value) and "end" in str(caught.value)
