"""`_time_machine`, the compiled half of the time_machine package: the host moves the clock instead.

The package's own module patches CPython's C functions, which nothing in the guest can.  But the guest's
clock is virtual, so the host sets it, and `time.time()`, `datetime.now()` and every copy of them follow.

The door's request is {"op": "clock", "realtime_ns": nanoseconds since 1970, "tick": whether it goes on
from there}; `realtime_ns` null puts the clock back.  A host that can do it answers {"ok": true}.
"""

import importlib.machinery
import time

from airlock_harness import door, records

_time_ns, _monotonic_ns = time.time_ns, time.monotonic_ns


def _real_ns():
    """The clock as it would be without travelling: the monotonic clock never travels."""
    return _base + _monotonic_ns()


_base = _time_ns() - _monotonic_ns()


def _set(nanoseconds, tick):
    if nanoseconds is not None and not 0 <= nanoseconds < 1 << 63:
        message = "the sandbox's clock goes from 1970 to 2262"
        raise records.refuse("guest_difference", f"time_machine: {message}", OverflowError(message))
    answer = door.ask({"op": "clock", "realtime_ns": nanoseconds, "tick": tick})
    if not answer.get("ok"):
        raise records.refuse(
            "native_module", "_time_machine is compiled for another machine",
            ImportError("_time_machine is compiled for another machine"),
        )


class Loader:
    """Fills the stand-in module."""

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        import datetime

        def original_now(tz=None):
            return datetime.datetime.fromtimestamp(_real_ns() / 1e9, tz)

        module.patch = module.patch_if_needed = module.unpatch = lambda: None
        module.original_now = original_now
        module.original_utcnow = lambda: original_now(datetime.UTC).replace(tzinfo=None)
        module.original_time = lambda: _real_ns() / 1e9
        module.original_time_ns = _real_ns
        module.original_clock_gettime = time.clock_gettime
        module.original_clock_gettime_ns = time.clock_gettime_ns
        module.original_gmtime = lambda s=None: time.gmtime(_real_ns() / 1e9 if s is None else s)
        module.original_localtime = lambda s=None: time.localtime(_real_ns() / 1e9 if s is None else s)
        module.original_strftime = lambda format, t=None: time.strftime(
            format, module.original_localtime() if t is None else t)


def spec():
    """The stand-in's module spec."""
    return importlib.machinery.ModuleSpec("_time_machine", Loader, origin="built-in")


def patch(module):
    """Make every movement of the package's traveller (or coordinates, as 2.x called it) move the
    host's clock."""
    cls = getattr(module, "Traveller", None) or module.Coordinates
    stack = getattr(module, "traveller_stack", None)
    if stack is None:
        stack = module.coordinates_stack

    def follow():
        if stack:
            _set(stack[-1].time_ns(), stack[-1]._tick)
        else:
            _set(None, True)

    def following(original):
        def method(self, *args, **kwargs):
            result = original(self, *args, **kwargs)
            follow()
            return result

        method.__name__, method.__doc__ = original.__name__, original.__doc__
        return method

    for owner, names in ((cls, ("move_to", "shift")), (module.travel, ("start", "stop"))):
        for name in names:
            setattr(owner, name, following(getattr(owner, name)))
