from itertools import permutations

from arrangements import arrangements, count_arrangements


def test_against_permutations():
    for items in ([], [1], [1, 2], "abc", [3, 1, 2, 0], "aab"):
        assert arrangements(items) == [list(one) for one in permutations(items)]
        assert len(arrangements(items)) == count_arrangements(len(items))
    found = arrangements([1, 2, 3])
    found[0].append(9)
    assert found[1] == [1, 3, 2]
