from find_all import borders, find_all


def test_borders():
    assert borders("abab") == [0, 0, 1, 2]


def test_nothing():
    assert find_all("", "ab") == [0, 1, 2]
    assert find_all("a", "") == []


def test_once():
    assert find_all("lo", "hello") == [3]


def test_overlapping():
    assert find_all("aa", "aaaa") == [0, 1, 2]


def test_after_a_partial_match():
    assert find_all("aab", "aaab") == [1]
    assert find_all("abac", "abababac") == [4]
