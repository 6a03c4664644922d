"""Values of expressions with + - * / and brackets, in integers."""


class Calculator:
    def __init__(self, text):
        self.tokens = []
        number = ""
        for letter in text + " ":
            if letter.isdigit():
                number += letter
                continue
            if number:
                self.tokens.append(int(number))
                number = ""
            if letter in "+-*/()":
                self.tokens.append(letter)
            elif not letter.isspace():
                raise ValueError(f"unknown letter {letter!r}")
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self):
        token = self.peek()
        self.at += 1
        return token

    def sum(self):
        value = self.product()
        while self.peek() in ("+", "-"):
            if self.take() == "+":
                value += self.product()
            else:
                value -= self.product()
        return value

    def product(self):
        value = self.factor()
        while self.peek() in ("*", "/"):
            if self.take() == "*":
                value *= self.factor()
            else:
                value //= self.factor()
        return value

    def factor(self):
        token = self.take()
        if token == "-":
            return -self.factor()
        if token == "(":
            value = self.sum()
            if self.take() != ")":
                raise ValueError("a bracket is not closed")
            return value
        if not isinstance(token, int):
            raise ValueError(f"a number was expected, not {token!r}")
        return token


def calculate(text):
    calculator = Calculator(text)
    value = calculator.sum()
    if calculator.peek() is not None:
        raise ValueError(f"{calculator.peek()!r} was not expected")
    return value
