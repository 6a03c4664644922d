from itertools import permutations

from next_arrangement import all_arrangements, next_arrangement


def test_against_permutations():
    for items in ([], [1], [1, 1], [1, 2, 2], [4, 3, 2, 1], [0, 0, 1, 1, 2], "abcde"):
        oracle = sorted(set(permutations(items)))
        assert [tuple(one) for one in all_arrangements(items)] == oracle
        for a, b in zip(oracle, [*oracle[1:], None]):
            before = list(a)
            assert next_arrangement(before) == (None if b is None else list(b))
            assert before == list(a)
