import random
from fractions import Fraction
from math import gcd, lcm

from fraction_sum import as_text, fraction_sum, greatest_divisor, smallest_multiple


def test_against_fractions():
    chance = random.Random(10)
    for _ in range(300):
        a, b = chance.randrange(-50, 50), chance.randrange(-50, 50)
        assert greatest_divisor(a, b) == gcd(a, b)
        assert smallest_multiple(a, b) == lcm(a, b) and type(smallest_multiple(a, b)) is int
        parts = [(chance.randrange(-20, 20), chance.randrange(1, 10**chance.randrange(1, 19))) for _ in range(chance.randrange(5))]
        oracle = sum((Fraction(*part) for part in parts), Fraction(0))
        assert fraction_sum(parts) == (oracle.numerator, oracle.denominator)
        assert as_text(fraction_sum(parts)) == str(oracle)
