"""The shortest ways between all pairs of nodes."""

FAR = float("inf")


def all_pairs(count, roads):
    """A table of distances between `count` nodes; `roads` are one-way, with a length."""
    table = [[0 if a == b else FAR for b in range(count)] for a in range(count)]
    for a, b, length in roads:
        table[a][b] = min(table[a][b], length)
    for middle in range(count):
        for a in range(count):
            for b in range(count):
                through = table[a][middle] + table[middle][b]
                if through < table[a][b]:
                    table[a][b] = through
    return table


def farthest(count, roads):
    """The greatest distance between two nodes that are connected."""
    return max(d for line in all_pairs(count, roads) for d in line if d < FAR)
