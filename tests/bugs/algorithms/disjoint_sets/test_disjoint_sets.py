from disjoint_sets import DisjointSets


def test_alone():
    sets = DisjointSets(3)
    assert not sets.together(0, 1)
    assert sets.count == 3


def test_pair():
    sets = DisjointSets(3)
    assert sets.union(0, 1)
    assert sets.together(0, 1)
    assert not sets.together(0, 2)


def test_again():
    sets = DisjointSets(2)
    assert sets.union(0, 1)
    assert not sets.union(1, 0)


def test_two_pairs():
    sets = DisjointSets(4)
    sets.union(0, 1)
    sets.union(2, 3)
    sets.union(1, 3)
    assert sets.together(0, 2)
    assert sets.count == 1


def test_small_set_joins_large():
    sets = DisjointSets(5)
    sets.union(0, 1)
    sets.union(0, 2)
    sets.union(4, 2)
    assert sets.together(4, 1)
