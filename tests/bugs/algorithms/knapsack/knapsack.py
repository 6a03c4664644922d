"""What to pack: the most worth within a weight."""


def best_worth(things, limit):
    """The greatest worth of some of `things`, pairs of weight and worth, of no more weight than `limit`."""
    best = [0] * (limit + 1)
    for weight, worth in things:
        for room in range(limit, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + worth)
    return best[limit]


def fits_exactly(weights, limit):
    """Whether some of the weights sum up to the limit."""
    return best_worth([(weight, weight) for weight in weights], limit) == limit
