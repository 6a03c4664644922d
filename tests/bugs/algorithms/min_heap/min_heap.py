"""A binary heap in a list."""


class MinHeap:
    def __init__(self, items=()):
        self.items = []
        for item in items:
            self.push(item)

    def __len__(self):
        return len(self.items)

    def push(self, item):
        items = self.items
        items.append(item)
        at = len(items) - 1
        while at > 0:
            parent = (at - 1) // 2
            if items[parent] <= items[at]:
                break
            items[parent], items[at] = items[at], items[parent]
            at = parent

    def pop(self):
        """Takes the smallest item out."""
        items = self.items
        if not items:
            raise IndexError("the heap is empty")
        smallest = items[0]
        last = items.pop()
        if items:
            items[0] = last
            self._sink(0)
        return smallest

    def _sink(self, at):
        items = self.items
        while True:
            best = at
            left, right = 2 * at + 1, 2 * at + 2
            if left < len(items) and items[left] < items[best]:
                best = left
            if right < len(items) and items[right] < items[best]:
                best = right
            if best == at:
                return
            items[at], items[best] = items[best], items[at]
            at = best
