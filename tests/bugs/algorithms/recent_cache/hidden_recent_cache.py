import random
from collections import OrderedDict

from recent_cache import RecentCache


def test_against_ordered_dict():
    chance = random.Random(15)
    for _ in range(100):
        size = chance.randrange(1, 5)
        cache, oracle = RecentCache(size), OrderedDict()
        for step in range(60):
            key = chance.randrange(7)
            if chance.random() < 0.5:
                assert cache.get(key) == oracle.get(key)
                if key in oracle:
                    oracle.move_to_end(key)
            else:
                cache.put(key, step)
                oracle[key] = step
                oracle.move_to_end(key)
                if len(oracle) > size:
                    oracle.popitem(last=False)
            assert cache.keys() == list(oracle)
