"""A difference of the guest needs both of its marks."""

import pytest
from airlock_harness import data, differences

ROWS = data.load("differences.json")["rows"]


def _exception(row):
    return row.get("exception", "AssertionError")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["why"])
def test_a_row_explains_its_example(row):
    assert differences.match("test", _exception(row), row["example"], None) == row["why"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["why"])
@pytest.mark.parametrize("mark", ["expected", "came"])
def test_one_mark_is_not_enough(row, mark):
    import re

    pattern = re.compile(row[mark], re.S)
    without = row["example"]
    while pattern.search(without):
        without = pattern.sub("…", without)
    assert differences.match("test", _exception(row), without, None) is None


@pytest.mark.parametrize("row", [r for r in ROWS if "exception" in r], ids=lambda row: row["why"])
def test_another_exception_is_another_failure(row):
    assert differences.match("test", "SomeOtherError", row["example"], None) is None


def test_an_ordinary_failure_is_the_projects_own():
    assert differences.match("test_a", "AssertionError", "assert 3 == 4", None) is None
    assert differences.match("test_a", "FileNotFoundError", "[Errno 44] No such file", None) is None


@pytest.mark.parametrize("came", ["cannot fit 'int' into an index-sized integer", "int too large to convert to C ssize_t"])
@pytest.mark.parametrize(
    ("size", "is_ours"),
    [("2**40", True), ("1 << 33", True), ("5_000_000_000", False), ("5000000000", True), ("sys.maxsize", True),
     ("n", False), ("2**64", False), ("10**100", False), ("100000000000000000000", False)],
)
def test_a_size_that_no_machine_has_is_the_projects_own(came, size, is_ours):
    detail = f">   bytes({size})\nE   OverflowError: {came}"
    assert (differences.match("test_a", "OverflowError", came, detail) is not None) == is_ours


def test_only_marked_lines_of_a_report_count():
    detail = "source with Stack overflow (used 1 kB)\n>   call()\nE   RecursionError: deep"
    assert differences.match("test", "RecursionError", "RecursionError: deep", detail) is None
