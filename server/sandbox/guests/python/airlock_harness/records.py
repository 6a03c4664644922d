"""What the sandbox refused, and to whom.

Every patch of this harness that says no, or that answers differently from a real system, leaves a
record.  A test that did not pass and has a record is *not testable*: neither a pass nor a failure.
One that passed in spite of it passed, with a note.

There are two strengths:

* `refuse` — something was denied: a socket, a subprocess, a missing function.
* `hint` — something was done in a way a program could notice: a thread run to its end when something waited,
  a timed wait that gave up at once.  A failure beside a hint is not to be trusted either, but a
  hint leaves nothing behind that could break the next test.

Records belong to the test that runs, or to the test module being imported (`module:PATH`) when the
call comes from the test module or a conftest itself.  What an imported package tries while it is
imported belongs to nobody: it happens once, for whoever comes first.
"""

import sys

#: Most records kept per test: a loop over a refused call must not fill the report.
MOST_RECORDS = 20
#: Attribute set on exceptions that a refusal caused, so that the same exception raised again (by a
#: cached fixture of wider scope) is known again.
STAMP = "__airlock_refusal__"

_INTERNAL = ("/airlock/", "/usr/local/lib/", "<frozen", "<string>", "<turn")


class Record:
    """One refused or altered call: a stable `kind`, a `detail` in plain words, its strength, and
    whether it may leave something behind that breaks a later test."""

    __slots__ = ("kind", "detail", "hard", "lasting")

    def __init__(self, kind, detail, hard, lasting=True):
        self.kind, self.detail, self.hard, self.lasting = kind, detail, hard, hard and lasting

    def plain(self):
        """As the event format wants it."""
        return {"kind": self.kind, "detail": self.detail}

    def key(self):
        return (self.kind, self.detail)


class Book:
    """All records of this interpreter, by owner."""

    def __init__(self):
        self.test = None
        self.module = None
        self.current = []
        self.by_module = {}
        self.quiet = 0
        #: Whether any earlier test of this interpreter met a refusal: what it left behind
        #: (unawaited coroutines, half-open state) may break a later, innocent one.
        self.tainted = False

    def begin(self, test):
        """From now on records belong to `test`."""
        self.test, self.current = test, []

    def end(self):
        """The finished test's records; the next ones belong to nobody."""
        found, self.current, self.test = self.current, [], None
        if any(record.lasting for record in found):
            self.tainted = True
        return found

    def add(self, record):
        if self.quiet:
            return
        if self.test is not None:
            _append(self.current, record)
        elif self.module is not None and _called_by_test_material(self.module):
            _append(self.by_module.setdefault(self.module, []), record)

    def of_module(self, path):
        """What the import of the test module at `path` recorded."""
        return self.by_module.get(path, ())


def _append(records, record):
    if len(records) < MOST_RECORDS and all(r.key() != record.key() for r in records):
        records.append(record)


def _called_by_test_material(module):
    """Whether the innermost frame outside library code is the module itself or a conftest."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_INTERNAL):
            return name == module or name.endswith("/conftest.py")
        frame = frame.f_back
    return False


book = Book()


def refuse(kind, detail, error=None, lasting=True):
    """Record a denied call and return `error`, stamped, for the caller to raise.

    `lasting` is false for what only answers a question, and so leaves nothing half done.
    """
    record = Record(kind, detail, True, lasting)
    book.add(record)
    if error is not None:
        stamp(error, record)
    return error


def hint(kind, detail):
    """Record a call that was answered, but not as a real system would."""
    book.add(Record(kind, detail, False))


class unrecorded:
    """Context: the harness's and pytest's own housekeeping is nobody's refusal."""

    def __enter__(self):
        book.quiet += 1

    def __exit__(self, *exc):
        book.quiet -= 1


def stamp(error, record):
    """Mark an exception object as caused by `record`."""
    try:
        setattr(error, STAMP, record)
    except Exception:  # a class with __slots__ or a hostile __setattr__: the records still tell
        pass
    return error


def stamped(error, depth=20):
    """The record that an exception, its causes or its group members carry, or None."""
    seen = set()
    stack = [error]
    while stack and len(seen) < depth:
        error = stack.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        try:
            record = error.__dict__.get(STAMP)
        except BaseException:  # a class of the project's that lets nobody look
            continue
        if isinstance(record, Record):
            return record
        stack.append(error.__context__)
        stack.append(error.__cause__)
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)
    return None
