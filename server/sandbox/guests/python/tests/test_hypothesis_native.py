"""The functions of hypothesis's compiled part, against what IEEE 754 says."""

import math
import struct
import sys

import pytest
from airlock_harness import hypothesis_native as floats

WIDTHS = (16, 32, 64)


@pytest.mark.parametrize(("width", "smallest"), [(16, 2.0**-14), (32, 2.0**-126), (64, sys.float_info.min)])
def test_the_smallest_normal_float(width, smallest):
    assert floats.width_smallest_normals(width) == smallest
    below = floats.next_down(smallest, width)
    assert 0 < below < smallest
    assert floats.next_down_normal(smallest, width, allow_subnormal=False) == 0.0
    assert floats.next_down_normal(smallest, width, allow_subnormal=True) == below
    assert floats.next_up_normal(0.0, width, allow_subnormal=False) == smallest
    assert floats.next_up_normal(-smallest, width, allow_subnormal=False) == 0.0


@pytest.mark.parametrize("value", [1.0, -1.0, 0.5, 1e300, -1e-320, 5e-324])
def test_the_next_float_is_that_of_the_library(value):
    assert floats.next_up(value) == math.nextafter(value, math.inf)
    assert floats.next_down(value) == math.nextafter(value, -math.inf)


def test_zeros_infinities_and_nans_have_their_places():
    assert math.copysign(1.0, floats.next_up(-0.0)) == 1.0
    assert math.copysign(1.0, floats.next_down(0.0)) == -1.0
    assert floats.next_up(math.inf) == math.inf
    assert floats.next_up(sys.float_info.max) == math.inf
    assert math.isnan(floats.next_up(math.nan))
    assert floats.is_negative(-0.0) and not floats.is_negative(0)
    with pytest.raises(TypeError):
        floats.is_negative("x")


@pytest.mark.parametrize("width", WIDTHS)
def test_bits_go_there_and_back(width):
    for bits in (0, 1, (1 << width) - 1 >> 2, 1 << width - 1):
        assert floats.float_to_int(floats.int_to_float(bits, width), width) == bits


def test_floats_are_rounded_to_their_width():
    assert floats.float_of(0.1, 16) == struct.unpack("!e", struct.pack("!e", 0.1))[0]
    assert floats.float_of(1, 64) == 1.0
    with pytest.raises(OverflowError):
        floats.float_of(1e300, 32)


def test_floats_are_counted_with_both_zeros():
    assert floats.count_between_floats(1.0, 1.0) == 1
    assert floats.count_between_floats(-0.0, 0.0) == 2
    assert floats.count_between_floats(-5e-324, 5e-324) == 4
    assert floats.count_between_floats(-2.0, -1.0, 16) == 1025
    for x, y in [(1.0, 0.0), (0.0, -0.0), (math.nan, 1.0)]:
        with pytest.raises(AssertionError):
            floats.count_between_floats(x, y)


@pytest.mark.parametrize(
    ("h", "a", "other"),
    [
        # From the compiled part of 6.170.17.
        (1.3032660366794254e173, 3.708419958558858e-280, 1.303266036679425e173),
        (2.301038858582453e-171, -2.376786721286206e-195, 2.3010388585824526e-171),
        (4.5641940712559704e257, 2.587374396888802e123, 4.56419407125597e257),
        (1.5340167735498202e-297, 3.234550450059946e-298, 1.4995280242104079e-297),
    ],
)
def test_roundings_are_those_of_the_compiled_part(h, a, other):
    assert floats.cathetus(h, a) == other


@pytest.mark.parametrize(
    ("version", "known"),
    [("6.155.7", False), ("6.156.0", True), ("6.170.17", True), ("6.171.0", False), ("7.0", False), ("0", False), ("6.x", False)],
)
def test_it_stands_for_the_versions_it_was_compared_with(version, known):
    assert floats.stands_for(version) == known


@pytest.mark.parametrize(
    ("h", "a", "other"),
    [(5.0, 3.0, 4.0), (5e300, -3e300, 4e300), (5e-320, 0.0, 5e-320), (1.0, 1.0, 0.0), (math.inf, 1.0, math.inf)],
)
def test_the_other_side_of_a_triangle(h, a, other):
    assert floats.cathetus(h, a) == pytest.approx(other, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(("h", "a"), [(1.0, 2.0), (math.nan, 1.0), (1.0, math.nan), (math.inf, math.inf)])
def test_what_is_no_triangle(h, a):
    assert math.isnan(floats.cathetus(h, a))
