"""A table read in a spiral."""


def spiral_order(table):
    """The items clockwise from the top left, inwards."""
    if not table:
        return []
    found = []
    top, bottom, left, right = 0, len(table) - 1, 0, len(table[0]) - 1
    while top <= bottom and left <= right:
        for column in range(left, right + 1):
            found.append(table[top][column])
        top += 1
        for row in range(top, bottom + 1):
            found.append(table[row][right])
        right -= 1
        if top <= bottom:
            for column in range(right, left - 1, -1):
                found.append(table[bottom][column])
            bottom -= 1
        if left <= right:
            for row in range(bottom, top - 1, -1):
                found.append(table[row][left])
            left += 1
    return found
