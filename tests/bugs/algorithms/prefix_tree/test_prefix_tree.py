from prefix_tree import PrefixTree


def test_words():
    tree = PrefixTree(["car", "cart", "dog"])
    assert "car" in tree
    assert "dog" in tree


def test_unknown():
    assert "cat" not in PrefixTree(["car"])


def test_a_beginning_is_no_word():
    assert "ca" not in PrefixTree(["car"])


def test_the_empty_word():
    assert "" not in PrefixTree(["a"])
    assert "" in PrefixTree([""])


def test_starting_with():
    assert PrefixTree(["to", "tea", "ten", "i"]).starting_with("te") == ["tea", "ten"]
