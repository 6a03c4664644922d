"""Whether brackets are closed in the order in which they were opened."""

PAIRS = {")": "(", "]": "[", "}": "{"}


def balanced(text):
    stack = []
    for letter in text:
        if letter in PAIRS.values():
            stack.append(letter)
        elif letter in PAIRS:
            if not stack or stack.pop() != PAIRS[letter]:
                return False
    return not stack


def depth(text):
    """How deep the brackets are nested; None where they are not balanced."""
    if not balanced(text):
        return None
    deepest = level = 0
    for letter in text:
        if letter in PAIRS.values():
            level += 1
            deepest = max(deepest, level)
        elif letter in PAIRS:
            level -= 1
    return deepest
