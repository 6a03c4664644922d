"""Words in a tree of letters."""


class Node:
    def __init__(self):
        self.children = {}
        self.is_word = False


class PrefixTree:
    def __init__(self, words=()):
        self.root = Node()
        for word in words:
            self.add(word)

    def add(self, word):
        node = self.root
        for letter in word:
            node = node.children.setdefault(letter, Node())
        node.is_word = True

    def _node(self, text):
        node = self.root
        for letter in text:
            node = node.children.get(letter)
            if node is None:
                return None
        return node

    def __contains__(self, word):
        node = self._node(word)
        if node is None:
            return False
        return node.is_word

    def starting_with(self, prefix):
        """The words with that beginning, in order."""
        node = self._node(prefix)
        if node is None:
            return []
        found = []
        self._collect(node, prefix, found)
        return found

    def _collect(self, node, text, found):
        if node.is_word:
            found.append(text)
        for letter in sorted(node.children):
            self._collect(node.children[letter], text + letter, found)
