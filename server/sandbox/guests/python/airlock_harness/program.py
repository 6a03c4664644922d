"""A program that is no test: run as `python FILE` or `python -c` would, in a fork that nothing is kept of.

What it prints goes to the guest's own descriptors, which the host bounds and hands on, so that what a
program said is known also where it is stopped or ends its interpreter.
"""

import io
import os
import sys

from airlock_harness import door, late, records, threads

#: What a snippet's file is called in tracebacks.
SNIPPET = "<program>"

#: Most frames and characters of a traceback.
MOST_FRAMES, MOST_TRACEBACK = 20, 8 * 1024


def run(command):
    """Run the program of a command (`text` or `path`, `arguments`, `input`); emits `program` with its exit code."""
    import atexit

    path, text = command.get("path"), command.get("text")
    sys.argv = [path or "-c", *command["arguments"]]
    sys.stdin = io.TextIOWrapper(io.BytesIO(command["input"].encode()), encoding="utf-8")
    if path is not None:
        sys.path.insert(0, os.path.dirname(path))
    # What pytest has registered is not the program's.
    atexit._clear()
    late.patch()
    records.book.begin("program")
    code = _outcome(lambda: _execute(path, text))
    # Threads that nobody waited for, and what is to be done at the end, as the interpreter would.
    threads.run_pending()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the program may have closed it, or put something else there
            pass
    refused = [record.plain() for record in records.book.end() if record.hard]
    door.emit("program", exit=code, refused=refused)


def _execute(path, text):
    import linecache
    import types

    name = path or SNIPPET
    if path is not None:
        with io.open_code(path) as file:
            source = file.read()
    else:
        source = text
        # So that a traceback has the lines.
        linecache.cache[SNIPPET] = (len(text), None, text.splitlines(keepends=True), SNIPPET)
    module = types.ModuleType("__main__")
    if path is not None:
        module.__file__ = path
    sys.modules["__main__"] = module
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)


def _outcome(work):
    """The exit code that the interpreter would end with; what it would say then is said."""
    try:
        work()
        return 0
    except SystemExit as ending:
        if ending.code is None:
            return 0
        if isinstance(ending.code, int):
            return ending.code & 0xFF
        _say(f"{ending.code}\n")
        return 1
    except BaseException as error:
        _say(_traceback(error))
        return 1


def _traceback(error):
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith("/airlock/"):
        trace = trace.tb_next
    try:
        lines = traceback.format_exception(type(error), error, trace, limit=-MOST_FRAMES)
        return door.bounded("".join(lines), MOST_TRACEBACK)
    except BaseException:  # its class does not let itself be looked at
        return f"{type(error).__name__}\n"


def _say(text):
    """Write to the descriptor itself: the program may have put anything in the place of `sys.stderr`."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except BaseException:  # it has printed all that it may
        pass
