import random

from calculator import calculate


def expression(chance, depth):
    if depth == 0 or chance.random() < 0.2:
        return str(chance.randrange(1, 20))
    kind = chance.randrange(6)
    if kind == 0:
        return "(" + expression(chance, depth - 1) + ")"
    if kind == 1:
        return "-" + expression(chance, 0)
    sign = chance.choice(["+", "-", "*", " / "])
    return expression(chance, depth - 1) + sign + expression(chance, depth - 1)


def test_against_eval():
    chance = random.Random(11)
    tried = 0
    while tried < 400:
        text = expression(chance, 4)
        try:
            oracle = eval(text.replace("/", "//"))
        except ZeroDivisionError:
            continue
        assert calculate(text) == oracle, text
        tried += 1
