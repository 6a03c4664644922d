from brackets import balanced, depth


def test_balanced():
    assert balanced("f(a[1], {b})")
    assert balanced("")


def test_crossed():
    assert not balanced("([)]")


def test_not_closed():
    assert not balanced("((")


def test_not_opened():
    assert not balanced(")")
    assert not balanced("())(")


def test_depth():
    assert depth("(()[{}])") == 3
    assert depth("]") is None
