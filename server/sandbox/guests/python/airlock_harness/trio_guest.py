"""trio: a kqueue that only watches the clock and trio's own wake-up channel, and its thread cache."""

import select
import sys
import time

from airlock_harness import network, schedule, threads

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

#: The guest's own name, before it looks like Linux.
_NATIVE = sys.platform

#: trio never waits longer than a day at a time: a wait of a day is a wait without end.
_ENDLESS = 24 * 60 * 60

_CONSTANTS = {
    "KQ_FILTER_READ": -1, "KQ_FILTER_WRITE": -2, "KQ_FILTER_PROC": -5, "KQ_FILTER_SIGNAL": -6,
    "KQ_EV_ADD": 1, "KQ_EV_DELETE": 2, "KQ_EV_ENABLE": 4, "KQ_EV_DISABLE": 8, "KQ_EV_ONESHOT": 16,
    "KQ_EV_CLEAR": 32, "KQ_EV_EOF": 0x8000, "KQ_EV_ERROR": 0x4000, "KQ_NOTE_EXIT": 0x80000000,
}


class kevent:
    """`select.kevent`."""

    def __init__(self, ident, filter=-1, flags=1, fflags=0, data=0, udata=0):
        self.ident = ident if isinstance(ident, int) else ident.fileno()
        self.filter, self.flags = filter, flags
        self.fflags, self.data, self.udata = fflags, data, udata


class kqueue:
    """`select.kqueue` over in-memory sockets."""

    def __init__(self):
        self.watched = {}
        self.closed = False

    def fileno(self):
        return -1

    def close(self):
        self.closed = True

    def ready(self):
        """Events of watched channels that hold data."""
        found = []
        for (ident, filter), event in list(self.watched.items()):
            channel = network.MemorySocket.by_number.get(ident)
            if channel is not None and (filter == -2 or channel.buffer):
                found.append(kevent(ident, filter, event.flags & ~1))
                if event.flags & 16:
                    del self.watched[ident, filter]
        return found

    def control(self, changes, most, timeout=None, /):
        for change in changes or ():
            key = (change.ident, change.filter)
            if change.flags & 2:
                if self.watched.pop(key, None) is None:
                    raise FileNotFoundError(2, "No such file or directory")
            else:
                self.watched[key] = change
        if most == 0:
            return []
        ready = self.ready()
        if ready or (timeout is not None and timeout <= 0):
            return ready[:most]
        endless = timeout is None or timeout >= _ENDLESS
        deadline = None if endless else time.monotonic() + timeout
        while True:
            if schedule.step():
                ready = self.ready()
                if ready:
                    return ready[:most]
                continue
            due = schedule.next_due()
            if due is not None and (deadline is None or due <= deadline):
                schedule._sleep(max(0.0, due - time.monotonic()))
                continue
            if deadline is None:
                raise schedule._for_ever("an event loop with nothing to do")
            schedule._sleep(max(0.0, deadline - time.monotonic()))
            return self.ready()[:most]


class Waiting:
    """A trio run in guest mode that waits for events: it waits as a party, on nobody's stack."""

    on_stack = False

    def __init__(self, get_events, deliver, manager, timeout):
        self.get_events, self.deliver, self.manager = get_events, deliver, manager
        self.when = None if timeout >= _ENDLESS else time.monotonic() + timeout

    def due(self):
        return self.when

    def step(self):
        ready = self.manager._kqueue.ready()
        if not ready and (self.when is None or time.monotonic() < self.when):
            return False
        schedule.discard(self)
        import outcome

        self.deliver(outcome.Value(ready))
        return True


def patch_thread_cache(module):
    """trio's worker threads run their call at once; a guest run's wait becomes a party."""
    import contextvars

    import outcome

    def start_thread_soon(self, fn, deliver, name=None):
        state = dict(zip(fn.__code__.co_freevars, fn.__closure__ or ())) if hasattr(fn, "__code__") else {}
        if getattr(fn, "__name__", "") == "get_events" and {"self", "timeout"} <= state.keys():
            manager = state["self"].cell_contents.runner.io_manager
            schedule.add(Waiting(fn, deliver, manager, state["timeout"].cell_contents))
            return
        threads._can_start()

        def work():
            context = contextvars.Context()
            deliver(context.run(outcome.capture, fn))

        import threading

        thread = threading.Thread(name=name or f"Trio thread {next(module.name_counter)}", daemon=True)
        thread._started.set()
        thread._ident = next(threads._idents)
        with threads.known(thread):
            threads.run_as_thread(work, thread._ident, thread)

    module.ThreadCache.start_thread_soon = start_thread_soon


class _Sockets:
    """`socket` as trio's wake-up module sees it: pairs are in memory."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    @staticmethod
    def socketpair(*args, **kwargs):
        return network.memory_pair()


def patch_wakeup(module):
    module.socket = _Sockets(module.socket)


class _Loader:
    """Runs a module of trio's as on a platform of no name: what it waits with is then chosen by what `select` has."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        platform, sys.platform = sys.platform, _NATIVE
        try:
            self._loader.exec_module(module)
        finally:
            sys.platform = platform


class _Finder:
    """Finds trio's modules as everybody else would."""

    _busy = False

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if cls._busy or name.partition(".")[0] != "trio":
            return None
        cls._busy = True
        try:
            spec = _found(name, path, target)
        finally:
            cls._busy = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)
        return spec


def _found(name, path, target):
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None


def install():
    """Give `select` a kqueue; `selectors` must have been imported before, so that it has none."""
    import selectors  # noqa: F401

    sys.meta_path.insert(0, _Finder)

    select.kqueue, select.kevent = kqueue, kevent
    for name, value in _CONSTANTS.items():
        setattr(select, name, value)
