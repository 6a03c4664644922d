"""asyncio without sockets: a selector that only sleeps, and loops without a wake-up pipe.

Nothing can become readable in the guest, so a selector has nothing to watch but the clock.  When a
loop has neither something ready nor a timer, and no started thread can give it anything, it would
wait for ever: that raises, and is recorded.
"""

import selectors
import time

from airlock_harness import records, schedule

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code


class SleepingSelector(selectors._BaseSelectorImpl):
    """Registers what it is given and reports nothing ready, ever; waits on the virtual clock."""

    def __init__(self):
        super().__init__()
        #: Set by `call_soon_threadsafe` while the loop waits: ends the wait at once.
        self.woken = False

    def select(self, timeout=None):
        if self.woken or (timeout is not None and timeout <= 0):
            self.woken = False
            return []
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.woken:
            if schedule.step():
                # A thread may have given the loop something without waking it: look again.
                break
            due = schedule.next_due()
            if due is not None and (deadline is None or due <= deadline):
                schedule._sleep(max(0.0, due - time.monotonic()))
                continue
            if deadline is not None:
                schedule._sleep(max(0.0, deadline - time.monotonic()))
                break
            raise schedule._for_ever("an event loop with nothing to do")
        self.woken = False
        return []


def _make_self_pipe(self):
    self._ssock = self._csock = None
    self._internal_fds += 1


def _close_self_pipe(self):
    self._internal_fds -= 1


def _write_to_self(self):
    selector = self._selector
    if isinstance(selector, SleepingSelector):
        selector.woken = True


def as_before_3_14(warns):
    """Have `asyncio.get_event_loop()` make a loop where the main thread never had one, as it did until 3.13.

    `warns`: with the warning of 3.12 and 3.13.
    """
    import asyncio.events as events
    import threading
    import warnings

    cls = events._BaseDefaultEventLoopPolicy
    get, put = cls.get_event_loop, cls.set_event_loop

    def get_event_loop(self):
        local = self._local
        here = threading.current_thread() is threading.main_thread()
        if local._loop is None and here and not getattr(local, "_set_called", False):
            if warns:
                warnings.warn("There is no current event loop", DeprecationWarning, stacklevel=2)
            self.set_event_loop(self.new_event_loop())
        return get(self)

    def set_event_loop(self, loop):
        self._local._set_called = True
        put(self, loop)

    cls.get_event_loop, cls.set_event_loop = get_event_loop, set_event_loop


def _refused(kind, what):
    """An async method of a loop that the sandbox cannot carry out."""

    async def method(self, *args, **kwargs):
        raise records.refuse(kind, what, PermissionError(63, "Operation not permitted"))

    return method


def install():
    import asyncio.selector_events as selector_events
    import asyncio.unix_events as unix_events

    selectors.DefaultSelector = SleepingSelector
    cls = selector_events.BaseSelectorEventLoop
    cls._make_self_pipe = _make_self_pipe
    cls._close_self_pipe = _close_self_pipe
    cls._write_to_self = _write_to_self
    loop = unix_events._UnixSelectorEventLoop
    loop.subprocess_exec = _refused("subprocess", "asyncio's subprocess_exec")
    loop.subprocess_shell = _refused("subprocess", "asyncio's subprocess_shell")
    loop.add_signal_handler = _add_signal_handler
    loop.remove_signal_handler = _remove_signal_handler


def _add_signal_handler(self, sig, callback, *args):
    """Kept, never called: no signal can reach the guest."""
    import asyncio.coroutines as coroutines

    if coroutines.iscoroutine(callback) or coroutines.iscoroutinefunction(callback):
        raise TypeError("coroutines cannot be used with add_signal_handler()")
    self._check_signal(sig)
    self._check_closed()
    import asyncio.events as events

    self._signal_handlers[sig] = events.Handle(callback, args, self, None)


def _remove_signal_handler(self, sig):
    self._check_signal(sig)
    return self._signal_handlers.pop(sig, None) is not None
