import random

from brackets import balanced, depth


def oracle(text):
    text = "".join(letter for letter in text if letter in "()[]{}")
    rounds = 0
    while text:
        shorter = text.replace("()", "").replace("[]", "").replace("{}", "")
        if shorter == text:
            return False
        text, rounds = shorter, rounds + 1
    return True


def test_against_rewriting():
    chance = random.Random(12)
    for _ in range(2000):
        text = "".join(chance.choice("()[]{}a") for _ in range(chance.randrange(9)))
        assert balanced(text) == oracle(text), text
        assert (depth(text) is None) == (not oracle(text))
    assert depth("a(b(c)d)(e)") == 2
