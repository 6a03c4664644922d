import random
from itertools import combinations

from knapsack import best_worth, fits_exactly


def test_against_all_choices():
    chance = random.Random(9)
    for _ in range(200):
        things = [(chance.randrange(1, 8), chance.randrange(1, 10)) for _ in range(chance.randrange(7))]
        limit = chance.randrange(20)
        choices = [some for size in range(len(things) + 1) for some in combinations(things, size)]
        fitting = [some for some in choices if sum(weight for weight, _ in some) <= limit]
        assert best_worth(things, limit) == max(sum(worth for _, worth in some) for some in fitting)
        assert fits_exactly([weight for weight, _ in things], limit) == any(
            sum(weight for weight, _ in some) == limit for some in choices
        )
