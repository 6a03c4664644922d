"""The small functions of `os`, `time`, `signal` and `locale` that every Linux program may call.

Each gives the answer of a lone, unprivileged process that nobody can send signals to.
"""

import errno
import os
import signal
import sys
import time

from airlock_harness import files, records, schedule

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

_PID, _PPID = os.getpid(), 1


def _not_a_terminal(*args):
    raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")


def _kill(pid, sig, /):
    """`os.kill`: to itself it is `raise_signal`; there is no other process."""
    if pid in (_PID, 0):
        if sig == 0:
            return
        if sig in (signal.SIGKILL, signal.SIGSTOP) or signal.getsignal(sig) is signal.SIG_DFL:
            raise records.refuse(
                "signal", f"a signal that ends or stops the process ({sig})",
                PermissionError(errno.EPERM, "Operation not permitted"),
            )
        signal.raise_signal(sig)
        return
    if pid in (_PPID, -1):
        raise records.refuse(
            "signal", "a signal to another process",
            PermissionError(errno.EPERM, "Operation not permitted"),
        )
    raise ProcessLookupError(errno.ESRCH, "No such process")


def _system(command):
    """`os.system`: recorded; answers as a shell that does not find the command."""
    records.refuse("subprocess", f"os.system({str(command)[:80]!r})")
    return 127 << 8


def _dup(fd, /):
    os.fstat(fd)
    raise records.refuse("dup", "os.dup", OSError(errno.ENOSYS, "Function not implemented"))


def _dup2(fd, fd2, inheritable=True):
    os.fstat(fd)
    raise records.refuse("dup", "os.dup2", OSError(errno.ENOSYS, "Function not implemented"))


def _exit_code(status):
    """`os.waitstatus_to_exitcode`, by Linux's encoding."""
    if status & 0x7F == 0:
        return (status >> 8) & 0xFF
    return -(status & 0x7F)


def _getlogin():
    return os.environ.get("LOGNAME") or os.environ.get("USER") or "airlock"


def _statvfs(path):
    os.stat(path)
    raise records.refuse(
        "missing_function", "os.statvfs", OSError(errno.ENOSYS, "Function not implemented")
    )


def _install_os():
    given = {
        "getuid": lambda: files.UID, "geteuid": lambda: files.UID,
        "getgid": lambda: files.GID, "getegid": lambda: files.GID,
        "getresuid": lambda: (files.UID,) * 3, "getresgid": lambda: (files.GID,) * 3,
        "getgroups": lambda: [files.GID], "getgrouplist": lambda user, group, /: [group],
        "getppid": lambda: _PPID, "getpgrp": lambda: _PID, "getpgid": lambda pid: _PID,
        "getsid": lambda pid, /: _PID, "getlogin": _getlogin,
        "getloadavg": lambda: (0.0, 0.0, 0.0), "getpriority": lambda which, who: 0,
        "nice": lambda increment, /: 0, "sched_getaffinity": lambda pid, /: {0},
        "getrandom": lambda size, flags=0: os.urandom(size),
        "register_at_fork": lambda *, before=None, after_in_child=None, after_in_parent=None: None,
        "get_terminal_size": _not_a_terminal, "ttyname": _not_a_terminal,
        "ctermid": lambda: "/dev/tty", "sync": lambda: None,
        "kill": _kill, "killpg": lambda pgid, sig, /: _kill(0 if pgid == _PID else pgid, sig),
        "system": _system, "dup": _dup, "dup2": _dup2,
        "statvfs": _statvfs, "fstatvfs": _statvfs,
        "major": lambda device, /: (device >> 8) & 0xFFF, "minor": lambda device, /: device & 0xFF,
        "makedev": lambda major, minor, /: (major << 8) | minor,
        "waitstatus_to_exitcode": _exit_code,
        "WIFEXITED": lambda status: status & 0x7F == 0,
        "WEXITSTATUS": lambda status: (status >> 8) & 0xFF,
        "WIFSIGNALED": lambda status: 0 < status & 0x7F < 0x7F,
        "WTERMSIG": lambda status: status & 0x7F,
        "WIFSTOPPED": lambda status: status & 0xFF == 0x7F,
        "WSTOPSIG": lambda status: (status >> 8) & 0xFF,
        "WIFCONTINUED": lambda status: status == 0xFFFF,
        "WCOREDUMP": lambda status, /: bool(status & 0x80),
    }
    for name, function in given.items():
        if name in ("dup", "dup2") or not hasattr(os, name):
            if hasattr(function, "__name__"):
                function.__name__ = function.__qualname__ = name
            setattr(os, name, function)


def _tzset():
    """`time.tzset`: the guest knows UTC only, so any other zone is recorded."""
    zone = os.environ.get("TZ", "")
    if zone.lstrip(":").upper() not in ("", "UTC", "UTC0", "GMT", "ETC/UTC"):
        records.refuse("missing_function", f"time.tzset with TZ={zone[:40]}")


def _install_time():
    time.tzset = _tzset
    time.thread_time = lambda: time.process_time()
    time.thread_time_ns = lambda: time.process_time_ns()
    original = time.clock_gettime, time.clock_gettime_ns
    cpu = (time.CLOCK_PROCESS_CPUTIME_ID, time.CLOCK_THREAD_CPUTIME_ID)

    def clock_gettime(clock, /):
        return time.process_time() if clock in cpu else original[0](clock)

    def clock_gettime_ns(clock, /):
        return time.process_time_ns() if clock in cpu else original[1](clock)

    time.clock_gettime, time.clock_gettime_ns = clock_gettime, clock_gettime_ns


_wakeup = -1


def _set_wakeup_fd(fd, /, *, warn_on_full_buffer=True):
    """`signal.set_wakeup_fd`: remembered; no signal ever comes from outside."""
    global _wakeup
    _main_thread_only("set_wakeup_fd only works in main thread of the main interpreter")
    previous, _wakeup = _wakeup, fd
    return previous


def _main_thread_only(message):
    if len(schedule.stack) > 1 and schedule.get_ident() != schedule.MAIN:
        raise ValueError(message)


def _install_signal():
    set_handler = signal.signal

    def signal_(signalnum, handler, /):
        _main_thread_only("signal only works in main thread of the main interpreter")
        return set_handler(signalnum, handler)

    signal_.__name__ = signal_.__qualname__ = "signal"
    signal.signal = signal_
    signal.set_wakeup_fd = _set_wakeup_fd
    signal.valid_signals = lambda: {s for s in signal.Signals}


def _install_locale():
    """setlocale in the guest takes any name and does nothing: only C and its like may pass."""
    import _locale

    original = _locale.setlocale

    def setlocale(category, locale=None, /):
        if locale is None or locale in ("C", "POSIX", ""):
            return original(category, locale)
        if locale.upper().replace("-", "") in ("C.UTF8", "C.UTF_8"):
            return original(category, locale)
        if ";" in locale and all(part in ("C", "C.UTF-8") for part in locale.split(";")):
            return original(category, locale)
        raise records.refuse(
            "locale", f"the locale {locale[:40]!r}", _locale.Error("unsupported locale setting")
        )

    _locale.setlocale = setlocale
    import locale

    locale._setlocale = setlocale


def install():
    if not sys.executable or sys.executable.endswith(".wasm"):
        # The host puts an empty file there; whoever starts it is refused as for any program.
        sys.executable = "/usr/local/bin/python3"
        if os.path.exists(sys.executable):
            files.chmod(sys.executable, 0o755)
    _install_os()
    _install_time()
    _install_signal()
    _install_locale()


def look_like_linux():
    """Let the code under test see the platform that everything else here looks like.

    What of the library asks for it has been imported, or finds its own modules by it: those first.
    """
    import platform
    import sysconfig

    try:
        sysconfig.get_config_vars()
    except ImportError:  # a guest without the data of its build
        pass
    sys.platform = "linux"
    uname, libc = os.uname(), platform.libc_ver

    def libc_ver(executable=None, *rest, **named):
        # On Linux `platform.platform()` asks for that of the interpreter, which is no file here.
        return libc(executable, *rest, **named) if executable else ("", "")

    os.uname = lambda: os.uname_result(("Linux", *uname[1:]))
    platform.libc_ver = libc_ver
    platform._uname_cache = None
    platform._platform_cache.clear()
