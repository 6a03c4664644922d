from word_ranking import counts, ranking


def test_counts():
    assert counts("A cat, a hat.") == {"a": 2, "cat": 1, "hat": 1}


def test_nothing():
    assert ranking(" ... ") == []


def test_most_frequent_first():
    assert ranking("b b b a c c", 2) == ["b", "c"]


def test_ties_by_letter():
    assert ranking("pear apple fig") == ["apple", "fig", "pear"]
