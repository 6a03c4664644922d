from tree_walk import build, height, walk


def test_one():
    assert list(walk(build([4]))) == [4]


def test_empty():
    assert list(walk(None)) == []


def test_rising():
    assert list(walk(build([1, 2, 3]))) == [1, 2, 3]


def test_falling():
    assert list(walk(build([3, 2, 1]))) == [1, 2, 3]


def test_height():
    assert height(build([2, 1, 3])) == 2


def test_twice():
    tree = build([5, 3])
    assert not tree.add(3)
    assert list(walk(tree)) == [3, 5]
