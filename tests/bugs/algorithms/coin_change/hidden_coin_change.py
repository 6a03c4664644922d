import random
from functools import lru_cache

from coin_change import fewest_coins, ways


def test_against_recursion():
    chance = random.Random(20)
    for _ in range(100):
        coins = tuple(sorted(chance.sample(range(1, 10), chance.randrange(1, 4))))

        @lru_cache(None)
        def fewest(amount):
            if amount == 0:
                return 0
            parts = [fewest(amount - coin) for coin in coins if coin <= amount]
            return min((part + 1 for part in parts if part is not None), default=None)

        def count(amount, left):
            if amount == 0:
                return 1
            if not left or amount < 0:
                return 0
            return count(amount - left[0], left) + count(amount, left[1:])

        for amount in range(22):
            assert fewest_coins(coins, amount) == fewest(amount)
            assert ways(coins, amount) == count(amount, coins)
