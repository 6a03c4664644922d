"""How many letters have to be put in, taken out or changed."""


def edit_distance(first, second):
    rows, columns = len(first), len(second)
    table = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows + 1):
        table[row][0] = row
    for column in range(columns + 1):
        table[0][column] = column
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            change = 0 if first[row - 1] == second[column - 1] else 1
            table[row][column] = min(
                table[row - 1][column] + 1,
                table[row][column - 1] + 1,
                table[row - 1][column - 1] + change,
            )
    return table[rows][columns]


def closest(word, words):
    """The nearest of `words`, the first of equally near ones."""
    return min(words, key=lambda other: edit_distance(word, other))
