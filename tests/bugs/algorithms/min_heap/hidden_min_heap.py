import heapq
import random

from min_heap import MinHeap


def test_against_heapq():
    chance = random.Random(3)
    for _ in range(200):
        heap, oracle = MinHeap(), []
        for _ in range(60):
            if oracle and chance.random() < 0.4:
                assert heap.pop() == heapq.heappop(oracle)
            else:
                item = chance.randrange(30)
                heap.push(item)
                heapq.heappush(oracle, item)
            assert len(heap) == len(oracle)
        assert [heap.pop() for _ in range(len(heap))] == sorted(oracle)
