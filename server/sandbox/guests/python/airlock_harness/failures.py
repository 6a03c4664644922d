"""A failure in a few words: message, place, exception, and whether the sandbox is its reason."""

import os
import sys

from airlock_harness import door, records

MESSAGE_LIMIT = 2_000

#: The guest's own code: never where a failure of the project is.
_NOT_PROJECT = ("/airlock/", "/usr/local/lib/", "/env/", "<")


def relative(path, root):
    """`path` relative to the project's root with `/`, or unchanged when it lies outside."""
    path = path.replace(os.sep, "/")
    root = root.rstrip("/") + "/"
    return path[len(root):] if path.startswith(root) else path


def _absolute(path):
    return path if path.startswith(("/", "<")) else os.path.join(os.getcwd(), path)


def _in_project(path, root):
    if path.startswith(_NOT_PROJECT) or "/site-packages/" in path:
        return False
    return path.startswith(root.rstrip("/") + "/")


def frames(error):
    """(file, line) of an exception's traceback, outermost first, then its innermost line."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        found.append((_absolute(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def places(error, root, test_file=None):
    """Where it failed: (deepest line of the project's own code, deepest line of the test's file).

    Either is None when the traceback has no such frame.  A conftest or the test's own file counts as
    the project's code only where nothing else does.
    """
    deepest = test = fallback = None
    for path, line in frames(error):
        if not _in_project(path, root) or not line:
            continue
        place = {"path": relative(path, root), "line": line}
        if path == test_file:
            test = place
        if path == test_file or path.endswith("/conftest.py"):
            fallback = place
        else:
            deepest = place
    return deepest or fallback, test


def of_exception(error, root, test_file=None):
    """Message, exception and place of an exception that pytest has not made a report of."""
    location, _ = places(error, root, test_file)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        path = _absolute(error.filename)
        if _in_project(path, root):
            location = {"path": relative(path, root), "line": error.lineno}
    return {
        "message": door.bounded(words(error) or type(error).__name__, MESSAGE_LIMIT),
        "exception": type(error).__name__,
        "location": location,
    }


def words(error):
    """What an exception says, whatever its own methods do."""
    try:
        return str(error)
    except BaseException as inner:
        return f"<its str() raises {type(inner).__name__}>"


def message_of(longrepr):
    """What pytest's short summary would say of a report: the exception's own words.

    An assertion's first line comes without `AssertionError: `, as pytest shows it.
    """
    if longrepr is None:
        return None
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None and getattr(crash, "message", None):
        return _tidy(crash.message)
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        return _tidy(str(longrepr[2]))
    doctest = getattr(longrepr, "reprlocation_lines", None)
    if doctest:
        return _tidy(_doctest_words(doctest[0][1]))
    error_string = getattr(longrepr, "errorstring", None)  # a fixture that does not exist
    if error_string:
        return _tidy(str(error_string).partition("\n")[0])
    text = str(longrepr)
    marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return _tidy("\n".join(marked) if marked else text)


def _doctest_words(lines):
    """Of a doctest's report, what was expected and what came."""
    for index, line in enumerate(lines):
        if line.startswith(("Expected", "UNEXPECTED EXCEPTION", "Differences")):
            return "\n".join(lines[index:])
    return "\n".join(lines)


def place_of_report(longrepr, root):
    """Where a report without a traceback points to: a doctest's line, a fixture's user; or None."""
    doctest = getattr(longrepr, "reprlocation_lines", None)
    if doctest:
        path, line = doctest[0][0].path, doctest[0][0].lineno
    else:
        path, line = getattr(longrepr, "filename", None), getattr(longrepr, "firstlineno", None)
        line = line + 1 if isinstance(line, int) else None
    if path and isinstance(line, int) and line > 0:
        return {"path": relative(_absolute(str(path)), root), "line": line}
    return None


def _tidy(text, lines=12):
    """At most a dozen lines, without blank ends."""
    rows = text.strip().splitlines()
    if len(rows) > lines:
        rows = [*rows[:lines], f"… {len(rows) - lines} more lines"]
    return door.bounded("\n".join(row.rstrip() for row in rows), MESSAGE_LIMIT) or None


def skip_reason(report):
    """Why a report says skipped, in the project's words."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple) and len(longrepr) == 3:
        text = str(longrepr[2])
    else:
        text = str(longrepr or "")
    for prefix in ("Skipped: ", "reason: "):
        if text.startswith(prefix):
            text = text[len(prefix):]
    return door.bounded(text, MESSAGE_LIMIT) or None


def detail_of(report):
    """The longer report (traceback and what was captured), bounded."""
    try:
        text = report.longreprtext
    except Exception as error:  # a repr of the project's that raises
        text = f"the report cannot be shown: {type(error).__name__}"
    for title, content in getattr(report, "sections", ()):
        if content:
            text += f"\n--- {title} ---\n{content}"
    return door.bounded(text)


def of_collection(report, root):
    """An error in collection, as the `collected` event lists it."""
    error = getattr(report, "airlock_error", None)
    location = reason = exception = placeholder = None
    message = message_of(report.longrepr)
    if error is not None:
        cause = _import_cause(error)
        found = of_exception(cause, root)
        location, exception = found["location"], found["exception"]
        if cause is not error:
            message = f"{found['exception']}: {found['message']}"
        reason, placeholder = reason_of(cause)
        record = records.stamped(cause)
        if reason is None and record is not None:
            reason = record.plain()
    return {
        "id": report.nodeid,
        "message": message or "collection failed",
        "detail": detail_of(report),
        "exception": exception,
        "location": location,
        "reason": reason,
        "placeholder": placeholder,
    }


def _import_cause(error):
    """The import's own error: pytest wraps it in a CollectError that only quotes it."""
    cause = error.__cause__ or error.__context__
    if type(error).__name__ == "CollectError" and cause is not None:
        return cause
    return error


def reason_of(error):
    """(reason, name of a native module that a placeholder could stand for) of a failure that only
    the guest has: a module that is not there, a Python newer than the environment's.

    A missing part of the project's own package is the project's failure: (None, None).
    """
    from airlock_harness import versions

    from airlock_harness import native

    reason, placeholder = _import_reason(error)
    if reason is None:
        reason = native.broken_by_placeholder(error)
    if reason is None:
        why = versions.explain(error)
        if why is not None:
            reason = {"kind": "guest_difference", "detail": why}
    return reason, placeholder


def _of_doctest(error):
    """What the first example that failed met, for a doctest; any other error unchanged."""
    first = next(iter(getattr(error, "failures", None) or ()), error)  # pytest's MultipleDoctestFailures
    met = getattr(first, "exc_info", None)  # doctest's UnexpectedException
    of_doctest = type(error).__name__ in ("MultipleDoctestFailures", "UnexpectedException")
    return met[1] if of_doctest and isinstance(met, tuple) and len(met) == 3 else error


def _import_reason(error):
    from airlock_harness import native

    seen = set()
    error = _of_doctest(error)
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ModuleNotFoundError) and error.name:
            return native.explain(error.name)
        if isinstance(error, ImportError) and error.name and native.is_native(error.name):
            return native.explain(error.name)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None, None
