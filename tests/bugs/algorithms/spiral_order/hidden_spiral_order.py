from spiral_order import spiral_order


def oracle(table):
    found = []
    while table:
        found += table[0]
        table = [list(row) for row in zip(*table[1:])][::-1]
    return found


def test_against_turning():
    for rows in range(7):
        for columns in range(1, 7):
            table = [[row * columns + column for column in range(columns)] for row in range(rows)]
            assert spiral_order(table) == oracle(table)
