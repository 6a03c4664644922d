"""Ways through a grid."""

from collections import deque


def steps(grid, start, goal):
    """The fewest steps from start to goal, pairs of row and column; None without a way. `#` is a wall."""
    rows, columns = len(grid), len(grid[0])
    waiting = deque([(start, 0)])
    seen = {start}
    while waiting:
        (row, column), count = waiting.popleft()
        if (row, column) == goal:
            return count
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            place = row + down, column + right
            if not (0 <= place[0] < rows and 0 <= place[1] < columns):
                continue
            if place in seen or grid[place[0]][place[1]] == "#":
                continue
            seen.add(place)
            waiting.append((place, count + 1))
    return None
