"""System modules the guest has not got, importable with Linux's constants.

Most code imports them only to find out what it may do.  A call with a harmless, true answer for a
lone process gets it (`pwd` knows the user, a file lock is always free); the others are recorded and
refused with the module's own error.  readline is left out on purpose: pdb imports it if it can, and
so would every doctest.
"""

import errno
import importlib.machinery
import os
import sys
import types

from airlock_harness import data, files, records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

_table = data.load("stubs.json")["modules"]


def _refusing(module, name, error):
    def function(*args, **kwargs):
        raise records.refuse("missing_function", f"{module}.{name}", error())

    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    return function


def _error(module):
    """What a refused function of `module` raises."""
    own = getattr(module, "error", None)
    if isinstance(own, type) and own is not OSError:
        return lambda: own(errno.ENOTTY, "Inappropriate ioctl for device")
    return lambda: OSError(errno.ENOTTY, "Inappropriate ioctl for device")


def _build(name):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin="airlock")
    table = _table.get(name, {"constants": {}, "functions": [], "classes": []})
    module.__dict__.update(table["constants"])
    for cls in table["classes"]:
        base = Exception if cls == "error" else object
        setattr(module, cls, type(cls, (base,), {"__module__": name}))
    special = _SPECIAL.get(name)
    if name == "resource":
        module.error = OSError
    for function in table["functions"]:
        setattr(module, function, _refusing(name, function, _error(module)))
    if special is not None:
        special(module)
    return module


def _pwd(module):
    cls = _struct("struct_passwd", "pwd", ("pw_name", "pw_passwd", "pw_uid", "pw_gid", "pw_gecos", "pw_dir", "pw_shell"))

    def entries():
        user = os.environ.get("USER", "airlock")
        return [
            cls(("root", "x", 0, 0, "root", "/root", "/bin/sh")),
            cls((user, "x", files.UID, files.GID, "", os.environ.get("HOME", "/home/airlock"), "/bin/sh")),
        ]

    def find(index, value, kind):
        for entry in entries():
            if entry[index] == value:
                return entry
        raise KeyError(f"getpw{kind}(): {kind} not found: {value}")

    module.struct_passwd = cls
    module.getpwall = entries
    module.getpwuid = lambda uid, /: find(2, uid, "uid")
    module.getpwnam = lambda name, /: find(0, name, "nam")


def _grp(module):
    cls = _struct("struct_group", "grp", ("gr_name", "gr_passwd", "gr_gid", "gr_mem"))

    def entries():
        return [cls(("root", "x", 0, [])), cls((os.environ.get("USER", "airlock"), "x", files.GID, []))]

    def find(index, value, kind):
        for entry in entries():
            if entry[index] == value:
                return entry
        raise KeyError(f"getgr{kind}(): {kind} not found: {value}")

    module.struct_group = cls
    module.getgrall = entries
    module.getgrgid = lambda id: find(2, id, "gid")
    module.getgrnam = lambda name: find(0, name, "nam")


def _struct(title, module, fields):
    """A structseq-like class: a tuple with named fields."""
    namespace = {"__module__": module, "__slots__": ()}
    for index, field in enumerate(fields):
        namespace[field] = property(lambda self, index=index: self[index])
    return type(title, (tuple,), namespace)


def _fcntl(module):
    # One process, one holder: a lock is always free.
    module.flock = lambda fd, operation, /: None
    module.lockf = lambda fd, cmd, len=0, start=0, whence=0, /: None


def _resource(module):
    usage = _struct("struct_rusage", "resource", (
        "ru_utime", "ru_stime", "ru_maxrss", "ru_ixrss", "ru_idrss", "ru_isrss", "ru_minflt",
        "ru_majflt", "ru_nswap", "ru_inblock", "ru_oublock", "ru_msgsnd", "ru_msgrcv",
        "ru_nsignals", "ru_nvcsw", "ru_nivcsw"))
    module.struct_rusage = usage

    def getrusage(who, /):
        import time

        return usage((time.process_time(), 0.0, 65_536) + (0,) * 13)

    module.getrusage = getrusage
    module.getrlimit = lambda resource, /: (module.RLIM_INFINITY, module.RLIM_INFINITY)
    module.getpagesize = lambda: 65_536


def _syslog(module):
    for name in ("syslog", "openlog", "closelog"):
        setattr(module, name, lambda *args, **kwargs: records.hint("missing_function", "syslog goes nowhere"))
    module.setlogmask = lambda mask, /: 0xFF
    module.LOG_MASK = lambda priority, /: 1 << priority
    module.LOG_UPTO = lambda priority, /: (1 << (priority + 1)) - 1


def _termios(module):
    module.error.__bases__ = (Exception,)


def _curses(module):
    module.version = b"2.2"
    module.ncurses_version = (6, 4, 0)


def _ssl(module):
    from airlock_harness import tls

    tls.fill(module)


_SPECIAL = {
    "pwd": _pwd, "grp": _grp, "fcntl": _fcntl, "resource": _resource, "syslog": _syslog,
    "_curses": _curses, "_ssl": _ssl,
}
NAMES = frozenset(("termios", "fcntl", "pwd", "grp", "resource", "syslog", "_curses", "_curses_panel", "_ssl"))


class StubFinder:
    """Finds the stand-ins; placed before the path finder, as builtin modules are."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname in NAMES:
            return importlib.machinery.ModuleSpec(fullname, StubFinder, origin="built-in")
        return None

    @staticmethod
    def create_module(spec):
        return _build(spec.name)

    @staticmethod
    def exec_module(module):
        pass


def install():
    sys.meta_path.insert(0, StubFinder)
