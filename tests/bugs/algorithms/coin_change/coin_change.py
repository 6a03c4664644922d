"""Paying with the fewest coins."""


def fewest_coins(coins, amount):
    """How many coins are needed for the amount; None where it cannot be paid."""
    fewest = [0] + [None] * amount
    for partial in range(1, amount + 1):
        for coin in coins:
            if coin <= partial and fewest[partial - coin] is not None:
                count = fewest[partial - coin] + 1
                if fewest[partial] is None or count < fewest[partial]:
                    fewest[partial] = count
    return fewest[amount]


def ways(coins, amount):
    """In how many ways the amount can be paid."""
    table = [1] + [0] * amount
    for coin in coins:
        for partial in range(coin, amount + 1):
            table[partial] += table[partial - coin]
    return table[amount]
