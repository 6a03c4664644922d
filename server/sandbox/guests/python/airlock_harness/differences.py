"""What this guest does differently from the user's Python, without a refused call to show for it.

A row of `differences.json` has two marks, and both must be found: what the test expected and what
came.  One mark alone would excuse real failures.
"""

import re

from airlock_harness import data

_rows = None


def rows():
    """The table, compiled at first use."""
    global _rows
    if _rows is None:
        _rows = [compile_row(row) for row in data.load("differences.json")["rows"]]
    return _rows


def compile_row(row):
    """(exception or None, expected pattern, came pattern, why) of one row of the table."""
    return (
        row.get("exception"),
        re.compile(row["expected"], re.S),
        re.compile(row["came"], re.S),
        row["why"],
    )


def match(test, exception, message, detail):
    """Why the guest may be the cause of the failure of `test` (its id) with this report, or None."""
    text = f"{test}\n{message or ''}\n{_marked(detail)}"
    for wanted, expected, came, why in rows():
        if wanted is not None and wanted != exception:
            continue
        if expected.search(text) and came.search(text):
            return why
    return None


def _marked(detail):
    """Of a long report, what came out (E lines) and the lines that led to it (> lines)."""
    if not detail:
        return ""
    return "\n".join(line for line in detail.splitlines() if line[:1] in ("E", ">"))
