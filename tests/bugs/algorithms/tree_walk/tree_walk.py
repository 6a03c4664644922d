"""Binary search trees."""


class Tree:
    def __init__(self, value):
        self.value = value
        self.left = None
        self.right = None

    def add(self, value):
        """Puts a value in; False where it is there already."""
        if value == self.value:
            return False
        side = "left" if value < self.value else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Tree(value))
            return True
        return child.add(value)


def walk(tree):
    """The values in order."""
    if tree is not None:
        yield from walk(tree.left)
        yield tree.value
        yield from walk(tree.right)


def build(values):
    values = iter(values)
    tree = Tree(next(values))
    for value in values:
        tree.add(value)
    return tree


def height(tree):
    if tree is None:
        return 0
    return 1 + max(height(tree.left), height(tree.right))
