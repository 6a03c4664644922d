from arrangements import arrangements, count_arrangements


def test_count():
    assert [count_arrangements(n) for n in range(5)] == [1, 1, 2, 6, 24]
    assert len(arrangements("abcd")) == 24


def test_of_nothing():
    assert arrangements([]) == [[]]


def test_pair():
    assert arrangements([1, 2]) == [[1, 2], [2, 1]]


def test_three():
    assert arrangements("abc")[3] == ["b", "c", "a"]
