from next_arrangement import all_arrangements, next_arrangement


def test_last():
    assert next_arrangement([3, 2, 1]) is None
    assert next_arrangement([]) is None


def test_end_changes():
    assert next_arrangement([1, 2, 3]) == [1, 3, 2]


def test_the_rest_begins_anew():
    assert next_arrangement([1, 3, 2]) == [2, 1, 3]


def test_equal_items():
    assert next_arrangement([1, 2, 2]) == [2, 1, 2]


def test_all():
    assert len(all_arrangements("abc")) == 6
