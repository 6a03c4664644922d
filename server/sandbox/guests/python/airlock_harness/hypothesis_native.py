"""`hypothesis._native`, the compiled part of hypothesis: a few functions on floats, which any Python has.

`value` is a float, `width` its size in bits (16, 32 or 64), `float_to_int` the bits of IEEE 754 read as an
unsigned number.  For floats of the width, all results are those of the compiled part, to the last bit; where
that panics, this raises some exception.  It stands for the versions in `VERSIONS` alone: what a later one wants
may have the same names and do something else, so there the module is one that is compiled for another machine.
"""

import importlib.machinery
import math
import struct
import sys

NAME = "hypothesis._native"

#: The versions of hypothesis whose compiled part this is: from the first of these to before the second. Compared were
#: 6.157.2, 6.160.0, 6.165.0 and 6.170.17.
VERSIONS = ((6, 156), (6, 171))

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
    if not x <= y or is_negative(y) > is_negative(x):
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
    # The compiled one's order of operations, for the same last bit: roots first where the product leaves the range.
    if h > math.sqrt(sys.float_info.max):
        if h > sys.float_info.max / 2:
            other = math.sqrt(h - a) * math.sqrt(h / 2 + a / 2) * math.sqrt(2)
        else:
            other = math.sqrt(h - a) * math.sqrt(h + a)
    elif h < math.sqrt(sys.float_info.min):
        other = math.sqrt(h - a) * math.sqrt(h + a)
    else:
        other = math.sqrt((h - a) * (h + a))
    return min(other, h)


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
        return "0"


def stands_for(version):
    """Whether this does the work of that version's compiled part."""
    numbers = tuple(int(part) if part.isdigit() else -1 for part in version.split(".")[:2])
    return VERSIONS[0] <= numbers < VERSIONS[1]


def spec():
    """The stand-in's module spec; None where it stands for no such version."""
    if not stands_for(_version()):
        return None
    return importlib.machinery.ModuleSpec(NAME, Loader, origin="built-in")
