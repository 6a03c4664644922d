"""Which words a text uses most."""


def counts(text):
    found = {}
    for word in text.lower().split():
        word = word.strip(".,;:!?")
        if word:
            found[word] = found.get(word, 0) + 1
    return found


def ranking(text, most=3):
    """The most frequent words, equally frequent ones in the order of letters."""
    found = counts(text)
    return sorted(found, key=lambda word: (-found[word], word))[:most]
