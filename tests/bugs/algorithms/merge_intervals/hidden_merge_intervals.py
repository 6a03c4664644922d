import random

from merge_intervals import covered, merge_intervals


def test_against_a_set():
    chance = random.Random(14)
    for _ in range(500):
        intervals = []
        for _ in range(chance.randrange(8)):
            begin = chance.randrange(20)
            intervals.append((begin, begin + chance.randrange(5)))
        points = {at for begin, end in intervals for at in range(begin, end + 1)}
        assert covered(intervals) == len(points)
        merged = merge_intervals(intervals)
        assert merged == sorted(merged)
        assert all(a[1] < b[0] for a, b in zip(merged, merged[1:]))
        assert {at for begin, end in merged for at in range(begin, end + 1)} == points
        assert {begin for begin, _ in merged} <= {begin for begin, _ in intervals}
