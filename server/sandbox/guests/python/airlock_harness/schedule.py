"""One thread of execution, made to look like several.

The guest has no threads, and waiting for a lock that is held ends the whole instance.  So every wait
of the program comes here.  A waiter first lets others run: threads that were started and have not
run yet (each runs to its end on top of the waiter's stack), event loops that have something to do,
timers that are due.  That is one legal schedule of the program: a thread may lie idle until its
starter waits.  Only when nobody can make progress does the wait end:

* with a time limit: the (virtual) clock moves on by it and the wait reports that it timed out;
* without: nobody can ever end it.  The main thread gets `WaitsForEver`, a thread `ThreadStopped`.

Both are recorded (`records`), since a living thread might have answered.
"""

import _thread
import time

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

_sleep = time.sleep
_monotonic = time.monotonic

#: Timed waits a thread may do while the one that waits for it could go on, and while it could not.
IDLE_ROUNDS = 50
BUSY_ROUNDS = 2000
#: Sleeps of the main thread with nobody left to run, in a test that started threads: it polls for
#: something that a thread was to do.
IDLE_SLEEPS = 3000
#: Threads on top of each other: each costs interpreter stack.
DEEPEST = 24

MAIN = _thread.get_ident()


class WaitsForEver(BaseException):
    """The program waits for something that nothing can give.

    A BaseException, so that neither `except Exception` nor `pytest.raises(Exception)` takes it for
    an answer of the code under test.
    """


class ThreadStopped(BaseException):
    """Unwinds a thread that would wait for ever, or that outlived its bound."""


class Frame:
    """A thread of the program that is on the stack: its identity, and what its starter waits for."""

    __slots__ = ("ident", "satisfied", "rounds", "thread", "locals")

    def __init__(self, ident, satisfied=None, thread=None):
        self.ident, self.satisfied, self.rounds = ident, satisfied, 0
        self.thread = thread
        self.locals = []


main = Frame(MAIN)
#: Innermost last; the first is the main thread.
stack = [main]
#: What can make progress: objects with `step() -> bool` (did something), `due() -> float | None`
#: (monotonic time of its next timer) and `on_stack` (true while one of its steps runs).
pumps = []


def get_ident():
    """`threading.get_ident` of the thread that the program believes to be in."""
    return stack[-1].ident


def add(pump):
    pumps.append(pump)


def discard(pump):
    if pump in pumps:
        pumps.remove(pump)


def step():
    """Let one other party make progress; False if nobody can right now."""
    if len(stack) > DEEPEST:
        return False
    for pump in list(pumps):
        if not pump.on_stack and pump.step():
            return True
    return False


def next_due():
    """When the first timer of any party is due (monotonic seconds), or None."""
    dues = [pump.due() for pump in pumps if not pump.on_stack]
    return min((due for due in dues if due is not None), default=None)


def wait(free, timeout, what):
    """Wait until `free()` is true, at most `timeout` seconds (None: without limit).

    Returns whether it became true.  `what` names the awaited thing, for the record.
    Raises WaitsForEver or ThreadStopped when nothing could ever make it true.
    """
    deadline = None if timeout is None else _monotonic() + timeout
    frame = stack[-1]
    previous, frame.satisfied = frame.satisfied, free
    try:
        while not free():
            if step():
                if deadline is not None and _monotonic() >= deadline:
                    return free()
                continue
            due = next_due()
            now = _monotonic()
            if due is not None and (deadline is None or due <= deadline):
                _sleep(max(0.0, due - now))
                continue
            if deadline is None:
                raise _for_ever(what)
            _count_round(what)
            _sleep(max(0.0, deadline - now))
            if not free():
                records.hint("thread", f"{what} gave up at its time limit: no other thread was running")
            return free()
        return True
    finally:
        frame.satisfied = previous


def sleep(seconds, /):
    """`time.sleep`: others run first, then the virtual clock moves on."""
    if not pumps and len(stack) == 1:
        _count_idle_sleep()
        return _sleep(seconds)
    if seconds < 0 or seconds != seconds:
        return _sleep(seconds)  # raises what it always raises
    deadline = _monotonic() + seconds
    while step():
        if _monotonic() >= deadline:
            break
    while True:
        due = next_due()
        if due is None or due > deadline:
            break
        _sleep(max(0.0, due - _monotonic()))
        if not step():
            break
    _count_round("time.sleep")
    _sleep(max(0.0, deadline - _monotonic()))


#: Whether the running test has started threads, and its sleeps since then with nobody to run.
threads_started = False
idle_sleeps = 0


def _count_idle_sleep():
    global idle_sleeps
    if threads_started:
        idle_sleeps += 1
        if idle_sleeps > IDLE_SLEEPS:
            idle_sleeps = 0
            what = "a loop around time.sleep"
            error = WaitsForEver(f"{what} waits for something that no thread is left to do")
            raise records.refuse("thread", f"{what} waits for a thread that could not go on", error)


def new_test():
    """Counts start anew with each test."""
    global threads_started, idle_sleeps
    threads_started, idle_sleeps = False, 0


def _for_ever(what):
    if len(stack) > 1:
        records.refuse("thread", f"a thread waited for {what}, which only another living thread could give")
        return ThreadStopped(f"waited for {what}")
    error = WaitsForEver(f"{what} would wait for ever: nothing that runs could end the wait")
    return records.refuse("deadlock", f"{what} would wait for ever", error)


def _count_round(what):
    """Bound a thread that polls: it goes on for ever while the one that waits for it could go on."""
    if len(stack) == 1:
        return
    frame, starter = stack[-1], stack[-2]
    frame.rounds += 1
    idle = starter.satisfied is not None and _true(starter.satisfied)
    if frame.rounds > (IDLE_ROUNDS if idle else BUSY_ROUNDS):
        records.refuse("thread", f"a thread did not end by itself (it polls with {what}) and was stopped")
        raise ThreadStopped(f"polled with {what}")


def _true(predicate):
    try:
        return predicate()
    except Exception:
        return False
