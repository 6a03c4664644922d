"""Disjoint sets with union by size and halving of paths."""


class DisjointSets:
    def __init__(self, count):
        self.parent = list(range(count))
        self.size = [1] * count
        self.count = count

    def find(self, item):
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def union(self, a, b):
        """Joins two sets; False where they are one already."""
        root_a, root_b = self.find(a), self.find(b)
        if root_a == root_b:
            return False
        if self.size[root_a] < self.size[root_b]:
            root_a, root_b = root_b, root_a
        self.parent[root_b] = root_a
        self.size[root_a] += self.size[root_b]
        self.count -= 1
        return True

    def together(self, a, b):
        return self.find(a) == self.find(b)
