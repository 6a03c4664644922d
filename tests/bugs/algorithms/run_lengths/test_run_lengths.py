from run_lengths import decode, encode, longest


def test_nothing():
    assert encode("") == []


def test_runs():
    assert encode("aaabcc") == [("a", 3), ("b", 1), ("c", 2)]


def test_one_letter():
    assert encode("x") == [("x", 1)]


def test_decode():
    assert decode([("a", 2), ("b", 1)]) == "aab"


def test_longest():
    assert longest("aabbbc") == "b"
