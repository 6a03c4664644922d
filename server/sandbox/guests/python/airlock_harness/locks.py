"""Locks that never block the interpreter, for `_thread`, `threading` and `queue`.

The guest's own locks trap the whole instance when one that is held is waited for.  These are plain
flags; a wait goes to `schedule`.  They must be in `_thread` before `threading` is first imported.
"""

import _thread

from airlock_harness import schedule

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

TIMEOUT_MAX = _thread.TIMEOUT_MAX


def _limit(blocking, timeout):
    """Check a lock's arguments as CPython does; the time limit in seconds, or None."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return None if timeout == -1 else timeout


class lock:
    """`threading.Lock`."""

    __slots__ = ("_held", "__weakref__")

    def __init__(self):
        self._held = False

    def acquire(self, blocking=True, timeout=-1):
        limit = None if blocking and timeout == -1 else _limit(blocking, timeout)
        if self._held:
            if not blocking:
                return False
            if not schedule.wait(self._free, limit, "a lock"):
                return False
        self._held = True
        return True

    def _free(self):
        return not self._held

    def release(self):
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def locked(self):
        return self._held

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exc):
        self.release()

    def _at_fork_reinit(self):
        self._held = False

    def __repr__(self):
        state = "locked" if self._held else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")


class RLock:
    """`threading.RLock`."""

    __slots__ = ("_owner", "_count", "__weakref__")

    def __init__(self):
        self._owner, self._count = None, 0

    def acquire(self, blocking=True, timeout=-1):
        limit = None if blocking and timeout == -1 else _limit(blocking, timeout)
        me = schedule.stack[-1].ident
        if self._owner is not None and self._owner != me:
            if not blocking:
                return False
            if not schedule.wait(self._free, limit, "a lock"):
                return False
        self._owner = me
        self._count += 1
        return True

    def _free(self):
        return self._owner is None

    def release(self):
        if self._owner != schedule.stack[-1].ident:
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exc):
        self.release()

    def locked(self):
        return self._count > 0

    def _is_owned(self):
        return self._owner == schedule.stack[-1].ident

    def _recursion_count(self):
        return self._count if self._is_owned() else 0

    def _release_save(self):
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._owner)
        self._count, self._owner = 0, None
        return state

    def _acquire_restore(self, state):
        self.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self):
        self._owner, self._count = None, 0

    def __repr__(self):
        state = "locked" if self._count else "unlocked"
        return (
            f"<{state} _thread.RLock object owner={self._owner or 0} "
            f"count={self._count} at {id(self):#x}>"
        )

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.RLock' object")


for _class, _name in ((lock, "lock"), (RLock, "RLock")):
    _class.__module__, _class.__qualname__ = "_thread", _name


class _Dicts:
    """One dictionary per thread of a `threading.local`, and the arguments its class was made with."""

    __slots__ = ("current", "by_ident", "arguments", "__weakref__")


class local:
    """`threading.local`: attributes by the identity that `schedule` gives the running thread."""

    __slots__ = ("_local__dicts", "__dict__", "__weakref__")

    def __new__(cls, /, *args, **kwargs):
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        dicts = _Dicts()
        dicts.arguments = (args, kwargs)
        dicts.current = schedule.stack[-1].ident
        dicts.by_ident = {dicts.current: object.__getattribute__(self, "__dict__")}
        object.__setattr__(self, "_local__dicts", dicts)
        return self

    def __getattribute__(self, name):
        if _dicts_of(self).current != schedule.stack[-1].ident:
            _switch(self)
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        if _dicts_of(self).current != schedule.stack[-1].ident:
            _switch(self)
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        if _dicts_of(self).current != schedule.stack[-1].ident:
            _switch(self)
        object.__delattr__(self, name)


# As the C type is called in messages.
local.__module__, local.__name__, local.__qualname__ = "_thread", "_thread._local", "_local"
_dicts_of = local._local__dicts.__get__


def _switch(self):
    """Make `self.__dict__` the running thread's own, made afresh at its first use there."""
    frame = schedule.stack[-1]
    dicts = _dicts_of(self)
    known = dicts.by_ident.get(frame.ident)
    dicts.current = frame.ident
    if known is not None:
        object.__setattr__(self, "__dict__", known)
        return
    known = dicts.by_ident[frame.ident] = {}
    object.__setattr__(self, "__dict__", known)
    if frame is not schedule.main:
        # The thread's values die with it, as they do in a real thread.
        import weakref

        frame.locals.append(weakref.ref(dicts))
    cls = type(self)
    if cls.__init__ is not object.__init__:
        args, kwargs = dicts.arguments
        cls.__init__(self, *args, **kwargs)


def install():
    """Replace what `_thread` offers; nothing may have imported `threading` yet."""
    _thread.allocate_lock = _thread.allocate = lock
    _thread.lock = _thread.LockType = lock
    _thread.RLock = RLock
    _thread._local = local
    _thread.get_ident = schedule.get_ident


def install_queue():
    """The C `SimpleQueue` waits on a C lock: take the standard library's own Python one."""
    import queue

    queue.SimpleQueue = queue._PySimpleQueue
    queue.SimpleQueue.__name__ = queue.SimpleQueue.__qualname__ = "SimpleQueue"
    import _queue

    _queue.SimpleQueue = queue.SimpleQueue
