"""A cache that forgets what was not used for the longest time."""


class RecentCache:
    def __init__(self, size):
        if size < 1:
            raise ValueError("a cache holds at least one item")
        self.size = size
        self.items = {}

    def get(self, key, default=None):
        if key not in self.items:
            return default
        value = self.items.pop(key)
        self.items[key] = value
        return value

    def put(self, key, value):
        if key in self.items:
            del self.items[key]
        elif len(self.items) >= self.size:
            oldest = next(iter(self.items))
            del self.items[oldest]
        self.items[key] = value

    def keys(self):
        """From the oldest to the most recent."""
        return list(self.items)
