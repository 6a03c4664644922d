import pytest

from min_heap import MinHeap


def drain(heap):
    return [heap.pop() for _ in range(len(heap))]


def test_empty():
    with pytest.raises(IndexError):
        MinHeap().pop()


def test_one():
    assert drain(MinHeap([7])) == [7]


def test_rising():
    assert drain(MinHeap([1, 2, 3])) == [1, 2, 3]


def test_mixed():
    assert drain(MinHeap([5, 3, 8, 1, 9, 2])) == [1, 2, 3, 5, 8, 9]


def test_equal_items():
    assert drain(MinHeap([2, 1, 2, 1])) == [1, 1, 2, 2]
