"""Threads without threads: `Thread.start`, `_thread.start_new_thread`, timers and thread pools.

A started thread waits in `schedule.pumps` until some wait of the program lets it run, or until the
test's call phase ends; then it runs to its end.  Work given to a thread pool runs at once, since its
result is what the program wants.  Both are legal schedules of the program, but not the usual ones, so
a raw thread leaves a hint: a failure beside it is not held against the project.
"""

import _thread
import contextlib
import itertools
import sys
import time

from airlock_harness import records, schedule, stepping

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

#: Threads one test may start; a loop that starts them for ever ends here.
MOST_THREADS = 5000

_idents = itertools.count(schedule.MAIN + 1)
#: "inline" or "refuse"; set by the host's command.
mode = "inline"
started = 0


def _can_start():
    global started
    started += 1
    schedule.threads_started = True
    if mode != "refuse" and started <= MOST_THREADS:
        return
    raise records.refuse(
        "thread", "can't start new thread", RuntimeError("can't start new thread")
    )


class Handle:
    """What `threading.Thread` keeps of its operating system thread (`_thread._ThreadHandle`)."""

    def __init__(self, ident=None, done=False):
        self.ident, self._done, self._alive_asked = ident, done, 0
        self._pump = None

    def is_done(self):
        if not self._done and self._pump is not None:
            # Asking once is a look; asking again is a loop that waits for the answer to change.
            self._alive_asked += 1
            if self._alive_asked > 1:
                schedule.step()
        return self._done

    def _set_done(self):
        self._done = True

    def join(self, timeout=None):
        if self._done:
            return
        if self._pump is not None and self._pump.on_stack and self.ident == schedule.get_ident():
            raise RuntimeError("Cannot join current thread")
        limit = None if timeout is None or timeout < 0 else timeout
        schedule.wait(lambda: self._done, limit, "a thread's end")


class Pending:
    """A started thread that has not run yet."""

    def __init__(self, function, handle, describe):
        self.function, self.handle, self.describe = function, handle, describe
        self.on_stack = False
        handle._pump = self

    def due(self):
        return None

    def step(self):
        schedule.discard(self)
        self.on_stack = True
        try:
            run_as_thread(self.function, self.handle.ident)
        finally:
            self.on_stack = False
            self.handle._set_done()
        return True


class PendingTimer(Pending):
    """A `threading.Timer`: runs when its time has come, unless it was cancelled before."""

    def __init__(self, timer, handle):
        super().__init__(timer._bootstrap, handle, "timer")
        self.timer = timer
        self.when = time.monotonic() + max(0, timer.interval)

    def due(self):
        return self.when

    def step(self):
        if self.timer.finished.is_set():
            return super().step()  # cancelled: its run returns at once
        if time.monotonic() < self.when:
            return False
        # Its own wait is over; what is left is the call.
        self.timer.interval = 0
        return super().step()


class Looping:
    """A thread whose whole work is `loop.run_forever`: the loop advances whenever others wait."""

    def __init__(self, loop, thread, handle):
        self.loop, self.thread, self.handle = loop, thread, handle
        self.on_stack = False
        handle._pump = self
        self.frame = None

    def due(self):
        return stepping.loop_due(self.loop)

    def step(self):
        if self.loop.is_closed():
            return self._finish()
        if not stepping.loop_ready(self.loop):
            return False
        self.on_stack = True
        self.loop._thread_id = None  # to the loop, each turn is a run of its own
        try:
            run_as_thread(lambda: stepping.turn_loop(self.loop), self.handle.ident, goes_on=True)
        finally:
            self.on_stack = False
            self.loop._thread_id = self.handle.ident
        if self.loop._stopping:
            self.loop._stopping = False
            self._finish()
        return True

    def _finish(self):
        schedule.discard(self)
        self.loop._thread_id = None
        _forget(self.thread)
        self.handle._set_done()
        return True


def run_as_thread(function, ident=None, thread=None, goes_on=False):
    """Call `function()` as if in a thread of its own and return what it returns.

    A real thread has its own identity, thread-locals and context, and no running event loop; these
    are put aside and back.  `goes_on` says that the thread will be called again and keeps its
    thread-locals.  `ThreadStopped` ends here.
    """
    if ident is None:
        ident = next(_idents)
    frame = schedule.Frame(ident, thread=thread)
    loop = _put_loop_aside()
    schedule.stack.append(frame)
    try:
        return function()
    except schedule.ThreadStopped:
        return None
    finally:
        while schedule.stack.pop() is not frame:
            pass
        _put_loop_back(loop)
        if not goes_on:
            for reference in frame.locals:
                dicts = reference()
                if dicts is not None:
                    dicts.by_ident.pop(ident, None)


def _put_loop_aside():
    """Hide the running asyncio loop from the thread that starts; it stays within reach of waits."""
    events = sys.modules.get("asyncio.events")
    if events is None:
        return None
    loop = events._get_running_loop()
    if loop is None:
        return None
    import asyncio.tasks as tasks

    task = tasks._swap_current_task(loop, None)
    events._set_running_loop(None)
    beneath = stepping.Beneath(loop, schedule.get_ident())
    schedule.add(beneath)
    return loop, task, beneath


def _put_loop_back(saved):
    if saved is None:
        return
    import asyncio.events as events
    import asyncio.tasks as tasks

    loop, task, beneath = saved
    schedule.discard(beneath)
    events._set_running_loop(loop)
    tasks._swap_current_task(loop, task)


@contextlib.contextmanager
def known(thread):
    """For the time of a call, `threading.current_thread()` finds `thread` by its identity."""
    import threading

    before = threading._active.get(thread._ident)
    threading._active[thread._ident] = thread
    try:
        yield
    finally:
        if before is None:
            threading._active.pop(thread._ident, None)
        else:
            threading._active[thread._ident] = before


def _forget(thread):
    import threading

    with threading._active_limbo_lock:
        threading._active.pop(thread._ident, None)
        threading._limbo.pop(thread, None)


def _start(self):
    """`Thread.start`."""
    import threading

    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    _can_start()
    records.hint("thread", f"the thread {self.name!r} ran only while something waited for it")
    handle = self._os_thread_handle
    handle.ident = self._ident = next(_idents)
    if self._context is None:
        import contextvars

        inherit = getattr(sys.flags, "thread_inherit_context", 0)
        self._context = contextvars.copy_context() if inherit else contextvars.Context()
    loop = _loop_of(self)
    if loop is not None:
        pump = Looping(loop, self, handle)
        # `loop.is_running()` is what other threads look at before they use the loop.
        loop._thread_id = handle.ident
    elif isinstance(self, threading.Timer) and type(self).run is threading.Timer.run:
        pump = PendingTimer(self, handle)
    else:
        pump = Pending(self._bootstrap, handle, self.name)
    with threading._active_limbo_lock:
        threading._limbo[self] = self  # its own start moves it to the active ones
    self._started.set()
    schedule.add(pump)


def _loop_of(thread):
    """The event loop that is all this thread runs (`Thread(target=loop.run_forever)`), or None."""
    events = sys.modules.get("asyncio.base_events")
    if events is None:
        return None
    target = getattr(thread, "_target", None)
    loop = getattr(target, "__self__", None)
    if isinstance(loop, events.BaseEventLoop) and target.__name__ == "run_forever":
        return loop
    return None


def _set_ident(self):
    self._ident = schedule.get_ident()


def _start_new_thread(function, args, kwargs={}, /):
    """`_thread.start_new_thread`."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    _can_start()
    records.hint("thread", "a thread ran only while something waited for it")
    handle = Handle(next(_idents))

    def body():
        import contextvars

        try:
            contextvars.Context().run(function, *args, **kwargs)
        except SystemExit:
            pass
        except schedule.ThreadStopped:
            raise
        except BaseException:
            sys.unraisablehook(_Unraisable(function))

    schedule.add(Pending(body, handle, repr(function)))
    return handle.ident


class _Unraisable:
    """What `sys.unraisablehook` is given for an exception that ends a bare thread."""

    def __init__(self, function):
        self.exc_type, self.exc_value, self.exc_traceback = sys.exc_info()
        self.err_msg = "Exception ignored in thread started by"
        self.object = function


def _start_joinable_thread(function, *, handle=None, daemon=True):
    """`_thread.start_joinable_thread`, for code that starts threads below `threading`."""
    _can_start()
    handle = handle or Handle()
    handle.ident = next(_idents)
    schedule.add(Pending(function, handle, repr(function)))
    return handle


def _quiet_hook(make):
    """`threading._make_invoke_excepthook` whose hook takes our own stop for no error."""

    def make_invoke_excepthook():
        invoke = make()

        def invoke_excepthook(thread):
            if not isinstance(sys.exception(), schedule.ThreadStopped):
                invoke(thread)

        return invoke_excepthook

    return make_invoke_excepthook


def run_pending(limit=64):
    """At the end of a test's call phase: threads that nothing waited for have their turn.

    Timers that are not due are left alone: a real one would not have fired either.
    """
    global started
    started = 0
    for _ in range(limit):
        if not schedule.step():
            break


def forget():
    """After a test: threads and timers it left behind never run inside a later test."""
    schedule.new_test()
    for pump in list(schedule.pumps):
        if isinstance(pump, Pending) and not pump.on_stack:
            schedule.discard(pump)


def install():
    """Patch `_thread` before, `threading` after its import."""
    _thread._ThreadHandle = Handle
    _thread._make_thread_handle = lambda ident: Handle(ident)
    _thread.start_new_thread = _thread.start_new = _start_new_thread
    _thread.start_joinable_thread = _start_joinable_thread

    import threading

    threading.Thread.start = _start
    threading.Thread._set_ident = _set_ident
    threading._make_invoke_excepthook = _quiet_hook(threading._make_invoke_excepthook)
    # Built in C over the interpreter's own list, which knows one thread only.
    threading._main_thread._os_thread_handle = Handle(schedule.MAIN)
    time.sleep = schedule.sleep
