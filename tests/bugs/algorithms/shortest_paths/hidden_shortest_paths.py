import random

from shortest_paths import distances, shortest_path


def test_against_relaxation():
    chance = random.Random(4)
    for _ in range(150):
        size = chance.randrange(1, 9)
        graph = {a: {b: chance.randrange(1, 10) for b in range(size) if b != a and chance.random() < 0.35} for a in range(size)}
        oracle = {0: 0}
        for _ in range(size):
            for a in list(oracle):
                for b, length in graph[a].items():
                    if oracle[a] + length < oracle.get(b, 10**9):
                        oracle[b] = oracle[a] + length
        assert distances(graph, 0) == oracle
        for goal in range(size):
            path = shortest_path(graph, 0, goal)
            if goal not in oracle:
                assert path is None
            else:
                assert sum(graph[a][b] for a, b in zip(path, path[1:])) == oracle[goal]
