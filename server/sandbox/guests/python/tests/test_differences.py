"""A difference of the guest needs both of its marks."""

import pytest
from airlock_harness import data, differences

#: For each row of the table, by its `why`: a failure it must explain.
EXPLAINED = {
    "the guest's C stack is smaller than a native one": (
        "RecursionError",
        "RecursionError: Stack overflow (used 112 kB) during compilation",
    ),
    "the guest's standard library lies in an archive without sources": (
        "AssertionError",
        "assert 'locals' in {'filename': '/usr/local/lib/python315.zip/json/__init__.py'}",
    ),
}


def test_every_row_has_an_example():
    rows = data.load("differences.json")["rows"]
    assert {row["why"] for row in rows} == set(EXPLAINED)


@pytest.mark.parametrize("why", EXPLAINED)
def test_rows_explain_their_example(why):
    exception, message = EXPLAINED[why]
    assert differences.match(exception, message, None) == why


@pytest.mark.parametrize("row", data.load("differences.json")["rows"], ids=lambda row: row["why"][:30])
def test_one_mark_is_not_enough(row):
    _, expected, came, why = differences.compile_row(row)
    exception, message = EXPLAINED[row["why"]]
    without_what_came = came.sub("", message)
    assert differences.match(exception, without_what_came, None) != why
    assert differences.match("SomeOtherError", "unrelated", None) is None


def test_only_marked_lines_of_a_report_count():
    detail = "source with Stack overflow (used 1 kB)\n>   call()\nE   RecursionError: deep"
    assert differences.match("RecursionError", "RecursionError: deep", detail) is None
