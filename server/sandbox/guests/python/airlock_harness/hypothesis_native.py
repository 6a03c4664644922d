"""`hypothesis._native`, the compiled part of hypothesis: a few functions on floats, which any Python has.

`value` is a float, `width` its size in bits (16, 32 or 64), `float_to_int` the bits of IEEE 754 read as an
unsigned number.  All of it is exact.  What a later hypothesis wants beyond this is an ImportError that
`native.explain` knows.
"""

import importlib.machinery
import math
import struct
import sys

NAME = "hypothesis._native"

#: Struct's letters by width: the unsigned integer and the float of as many bits.
_FORMATS = {16: ("!H", "!e"), 32: ("!I", "!f"), 64: ("!Q", "!d")}
#: Bits of the exponent by width.
_EXPONENT = {16: 5, 32: 8, 64: 11}


def float_to_int(value, width=64):
    """The bits of `value`."""
    integer, floating = _FORMATS[width]
    return struct.unpack(integer, struct.pack(floating, value))[0]


def int_to_float(value, width=64):
    """The float of these bits."""
    integer, floating = _FORMATS[width]
    return struct.unpack(floating, struct.pack(integer, value))[0]


def float_of(x, width):
    """The nearest float of `width` bits; OverflowError where there is none."""
    if width not in _FORMATS:
        raise AssertionError(f"width must be 16, 32 or 64, not {width!r}")
    floating = _FORMATS[width][1]
    return struct.unpack(floating, struct.pack(floating, float(x)))[0]


def is_negative(x):
    """Whether its sign is minus, that of zeros and NaNs too."""
    try:
        return math.copysign(1.0, x) < 0
    except TypeError:
        raise TypeError(f"Expected float but got {x!r} of type {type(x).__name__}") from None


def count_between_floats(x, y, width=64):
    """How many floats there are from `x` to `y`, both included; -0.0 and 0.0 are two."""
    if not x <= y:
        raise AssertionError(f"{x!r} is greater than {y!r}")
    if is_negative(x) and not is_negative(y):
        return count_between_floats(x, -0.0, width) + count_between_floats(0.0, y, width)
    return abs(float_to_int(y, width) - float_to_int(x, width)) + 1


def next_up(value, width=64):
    """The next larger float (IEEE 754's nextUp, but that -0.0 comes before 0.0)."""
    if math.isnan(value) or value == math.inf:
        return value
    if value == 0.0 and is_negative(value):
        return 0.0
    # Bits of positive floats are in their order, those of negative ones in the opposite.
    return int_to_float(float_to_int(value, width) + (-1 if is_negative(value) else 1), width)


def next_down(value, width=64):
    """The next smaller float."""
    return -next_up(-value, width)


def width_smallest_normals(width):
    """The smallest positive float of full precision."""
    return math.ldexp(1.0, 2 - (1 << _EXPONENT[width] - 1))


def next_down_normal(value, width, *, allow_subnormal):
    """`next_down`, past the subnormal floats if they are not allowed."""
    value = next_down(value, width)
    smallest = width_smallest_normals(width)
    if not allow_subnormal and 0 < abs(value) < smallest:
        return 0.0 if value > 0 else -smallest
    return value


def next_up_normal(value, width, *, allow_subnormal):
    """`next_up`, past the subnormal floats if they are not allowed."""
    return -next_down_normal(-value, width, allow_subnormal=allow_subnormal)


def cathetus(h, a):
    """The other side of a right triangle with hypotenuse `h` and side `a`, as C99 would have it."""
    h, a = abs(h), abs(a)
    if math.isnan(h) or (math.isinf(h) and math.isinf(a)):
        return math.nan
    if math.isinf(h):
        return math.inf
    if math.isnan(a) or h < a:
        return math.nan
    if h == a:
        return 0.0
    # Scaled, so that neither sum nor product leaves the range; the difference is exact where it matters.
    _, exponent = math.frexp(h)
    h, a = math.ldexp(h, -exponent), math.ldexp(a, -exponent)
    return math.ldexp(math.sqrt((h - a) * (h + a)), exponent)


_FLOATS = (count_between_floats, float_of, float_to_int, int_to_float, is_negative, next_down, next_down_normal,
           next_up, next_up_normal, width_smallest_normals)


class Loader:
    """Fills the stand-in module and makes those below it, as the compiled one does."""

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        import types

        module.__version__ = _version()
        parent = module
        made = {}
        for name, functions in (("internal", ()), ("internal.floats", _FLOATS), ("internal.cathetus", (cathetus,))):
            child = types.ModuleType(f"{NAME}.{name}")
            for function in functions:
                setattr(child, function.__name__, function)
            sys.modules[child.__name__] = made[name] = child
            above, _, last = name.rpartition(".")
            setattr(made.get(above, parent), last, child)


def _version():
    """The version of the hypothesis that is installed, which its compiled part would know."""
    from importlib import metadata

    try:
        return metadata.version("hypothesis")
    except metadata.PackageNotFoundError:
        return "6.0.0"


def spec():
    """The stand-in's module spec."""
    return importlib.machinery.ModuleSpec(NAME, Loader, origin="built-in")
