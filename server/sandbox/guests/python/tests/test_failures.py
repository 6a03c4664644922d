"""Messages and places of failures."""

import types

from airlock_harness import door, failures, records


def test_the_message_is_the_short_summary():
    crash = types.SimpleNamespace(message="assert 1 == 2\n +  where 1 = f()")
    longrepr = types.SimpleNamespace(reprcrash=crash)
    assert failures.message_of(longrepr) == "assert 1 == 2\n +  where 1 = f()"


def test_text_reports_give_their_marked_lines():
    text = "def test():\n>   boom()\nE   ValueError: no\n\na.py:2: ValueError"
    assert failures.message_of(text) == "ValueError: no"


def test_long_messages_are_cut():
    crash = types.SimpleNamespace(message="\n".join(map(str, range(40))))
    lines = failures.message_of(types.SimpleNamespace(reprcrash=crash)).splitlines()
    assert len(lines) == 13
    assert lines[-1] == "… 28 more lines"


def test_skips_lose_pytests_prefix():
    report = types.SimpleNamespace(longrepr=("a.py", 3, "Skipped: needs a network"))
    assert failures.skip_reason(report) == "needs a network"


def test_bounded_keeps_both_ends_and_is_utf8():
    text = door.bounded("a" * 5000 + "\udc80" + "b" * 5000, 100)
    assert text.startswith("aaa")
    assert text.endswith("bbb")
    assert "left out" in text
    assert door.bounded("x\udc80") == "x\\udc80"


def _run(source, path):
    space = {}
    exec(compile(source, path, "exec"), space)
    return space


def test_the_place_is_the_deepest_project_line_outside_the_test():
    project = _run("def f(x):\n    return 1 / x\n", "/p/pkg/mod.py")
    test = _run("def t(f):\n    f(0)\n", "/p/tests/test_a.py")
    try:
        test["t"](project["f"])
    except ZeroDivisionError as error:
        place, of_test = failures.places(error, "/p", "/p/tests/test_a.py")
    assert place == {"path": "pkg/mod.py", "line": 2}
    assert of_test == {"path": "tests/test_a.py", "line": 2}


def test_library_code_is_never_the_place():
    library = _run("def f(x):\n    return 1 / x\n", "/env/0/lib.py")
    test = _run("def t(f):\n    f(0)\n", "/p/tests/test_a.py")
    try:
        test["t"](library["f"])
    except ZeroDivisionError as error:
        place, of_test = failures.places(error, "/p", "/p/tests/test_a.py")
    assert place == of_test == {"path": "tests/test_a.py", "line": 2}


def test_a_stamp_is_found_through_causes_and_groups():
    record = records.Record("socket", "a socket", True)
    inner = records.stamp(OSError("no"), record)
    try:
        try:
            raise inner
        except OSError as error:
            raise ValueError("later") from error
    except ValueError as outer:
        assert records.stamped(outer) is record
        assert records.stamped(ExceptionGroup("g", [outer])) is record
    assert records.stamped(ValueError("clean")) is None


def test_records_belong_to_the_running_test():
    book = records.Book()
    book.begin("t1")
    book.add(records.Record("socket", "a", True))
    book.add(records.Record("socket", "a", True))
    assert [r.detail for r in book.end()] == ["a"]
    assert book.tainted
    book.begin("t2")
    assert book.end() == []


def test_a_question_that_was_answered_no_leaves_nothing_behind():
    book = records.Book()
    book.begin("t1")
    book.add(records.Record("program", "a", True, lasting=False))
    assert [r.hard for r in book.end()] == [True]
    assert not book.tainted
