import random

from grid_path import steps


def oracle(grid, start, goal):
    places = {(r, c) for r, line in enumerate(grid) for c, one in enumerate(line) if one == "."}
    reach, count = {start}, 0
    while goal not in reach:
        more = {(r + a, c + b) for r, c in reach for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))} & places
        if more <= reach:
            return None
        reach |= more
        count += 1
    return count


def test_random_grids():
    chance = random.Random(21)
    for _ in range(300):
        rows, columns = chance.randrange(1, 7), chance.randrange(1, 7)
        grid = ["".join(chance.choice("...#") for _ in range(columns)) for _ in range(rows)]
        grid[0] = "." + grid[0][1:]
        grid[-1] = grid[-1][:-1] + "."
        if grid[0][0] != ".":
            continue
        assert steps(grid, (0, 0), (rows - 1, columns - 1)) == oracle(grid, (0, 0), (rows - 1, columns - 1))
