from edit_distance import closest, edit_distance


def test_equal():
    assert edit_distance("same", "same") == 0


def test_one_letter_changed():
    assert edit_distance("cat", "cut") == 1


def test_from_nothing():
    assert edit_distance("", "abc") == 3


def test_to_nothing():
    assert edit_distance("abc", "") == 3


def test_both_ways():
    assert edit_distance("kitten", "sitting") == 3


def test_closest():
    assert closest("lost", ["most", "paint", "list"]) == "most"
