"""Islands on a map."""


def islands(chart):
    """The sizes of the islands, the largest first; `x` is land, joined by its sides."""
    seen = set()
    sizes = []
    for row, line in enumerate(chart):
        for column, place in enumerate(line):
            if place != "x" or (row, column) in seen:
                continue
            size = 0
            waiting = [(row, column)]
            while waiting:
                r, c = waiting.pop()
                if (r, c) in seen:
                    continue
                if not (0 <= r < len(chart) and 0 <= c < len(chart[r])) or chart[r][c] != "x":
                    continue
                seen.add((r, c))
                size += 1
                waiting += [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
            sizes.append(size)
    return sorted(sizes, reverse=True)
