"""pytest's descriptor capture (`--capture=fd`, the default, and `capfd`) without `dup`.

WASI preview 1 cannot duplicate a descriptor, so stdout's cannot be redirected to a file.  Here the
capture stays in memory: a buffer behind `sys.stdout`/`sys.stderr`, and `os.write(1 | 2, …)` goes to
the same buffer.  In-memory also means that an interpreter frozen in mid-session holds no open
temporary file.
"""

import errno
import io
import os
import sys

from airlock_harness import output

_NAMES = {0: "stdin", 1: "stdout", 2: "stderr"}

#: By descriptor: the captures started and not suspended, innermost last.
_active = {1: [], 2: []}

_os_write = os.write


def write(fd, data, /):
    """`os.write`, with descriptors 1 and 2 going to the innermost capture."""
    if fd in (1, 2) and _active[fd]:
        buffer = _active[fd][-1].buffer
        buffer.seek(0, io.SEEK_END)
        return buffer.write(data)
    try:
        return _os_write(fd, data)
    except OSError as error:
        if fd in (1, 2) and error.errno == errno.ENOSPC:
            raise output.over() from None
        raise


class _Bounded(io.BytesIO):
    """Bytes in memory, no more than a test may print."""

    def write(self, data, /):
        output.check(self.tell() + len(data))
        return super().write(data)


class _Descriptor(io.RawIOBase):
    """Standard output or error below any capture: `sys.__stdout__`, which natively a capture of the
    descriptor catches too."""

    def __init__(self, fd):
        super().__init__()
        self._fd, self.name, self.mode = fd, f"<{_NAMES[fd]}>", "wb"

    def write(self, data, /):
        return write(self._fd, bytes(data))

    def fileno(self):
        return self._fd

    def writable(self):
        return True

    def isatty(self):
        return False

    def close(self):
        pass  # the descriptor stays, as the interpreter's own would


class _Buffer(_Bounded):
    """Bytes in memory that answer `fileno()` with the descriptor they stand for."""

    def __init__(self, fd):
        super().__init__()
        self._fd = fd
        self.name = f"<capture of {_NAMES[fd]}>"
        self.mode = "rb+"

    def fileno(self):
        return self._fd

    def isatty(self):
        return False


def _classes():
    """The two capture classes, built once pytest is there to derive from."""
    from _pytest import capture as theirs

    class MemoryFDCaptureBase(theirs.CaptureBase):
        def __init__(self, targetfd):
            self.targetfd = targetfd
            self.targetfd_save = targetfd
            self.targetfd_invalid = None
            self._state = "initialized"
            if targetfd == 0:
                self.tmpfile = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
                self.syscapture = theirs.SysCapture(0)
                self.buffer = None
            else:
                self.buffer = _Buffer(targetfd)
                self.tmpfile = theirs.EncodedFile(
                    self.buffer,
                    encoding="utf-8",
                    errors="replace",
                    newline="",
                    write_through=True,
                )
                self.syscapture = theirs.SysCapture(targetfd, self.tmpfile)

        def __repr__(self):
            return (
                f"<{type(self).__name__} {self.targetfd} oldfd={self.targetfd_save} "
                f"_state={self._state!r} tmpfile={self.tmpfile!r}>"
            )

        def _assert_state(self, op, states):
            assert self._state in states, (
                f"cannot {op} in state {self._state!r}: expected one of {', '.join(states)}"
            )

        def _redirect(self, on):
            if self.buffer is None:
                return
            active = _active[self.targetfd]
            if self in active:
                active.remove(self)
            if on:
                active.append(self)

        def start(self):
            self._assert_state("start", ("initialized",))
            self._redirect(True)
            self.syscapture.start()
            self._state = "started"

        def done(self):
            self._assert_state("done", ("initialized", "started", "suspended", "done"))
            if self._state == "done":
                return
            self._redirect(False)
            self.syscapture.done()
            self.tmpfile.close()
            self._state = "done"

        def suspend(self):
            self._assert_state("suspend", ("started", "suspended"))
            if self._state == "suspended":
                return
            self.syscapture.suspend()
            self._redirect(False)
            self._state = "suspended"

        def resume(self):
            self._assert_state("resume", ("started", "suspended"))
            if self._state == "started":
                return
            self.syscapture.resume()
            self._redirect(True)
            self._state = "started"

        def _take(self):
            self._assert_state("snap", ("started", "suspended"))
            if self.buffer is None:
                return b""
            data = self.buffer.getvalue()
            self.buffer.seek(0)
            self.buffer.truncate()
            return data

        def _put_outside(self, data):
            """Write past this capture: to the one around it, or to the real descriptor."""
            self._assert_state("writeorg", ("started", "suspended"))
            outer = [c for c in _active.get(self.targetfd, ()) if c is not self]
            if outer:
                outer[-1].buffer.seek(0, io.SEEK_END)
                outer[-1].buffer.write(data)
            else:
                _os_write(self.targetfd, data)

    class FDCaptureBinary(MemoryFDCaptureBase):
        EMPTY_BUFFER = b""

        def snap(self):
            return self._take()

        def writeorg(self, data):
            self._put_outside(data)

    class FDCapture(MemoryFDCaptureBase):
        EMPTY_BUFFER = ""

        def snap(self):
            text = self._take().decode("utf-8", "replace")
            # A file read through EncodedFile(newline="") keeps line ends as they were written.
            return text

        def writeorg(self, data):
            self._put_outside(data.encode("utf-8"))

    return MemoryFDCaptureBase, FDCaptureBinary, FDCapture


def install():
    """Put the classes where pytest looks them up; call once, after `import _pytest.capture`."""
    from _pytest import capture as theirs

    base, binary, text = _classes()
    theirs.FDCaptureBase = base
    theirs.FDCaptureBinary = binary
    theirs.FDCapture = text
    # `subtests` took its own reference at import.
    for name in ("_pytest.subtests", "pytest_subtests.plugin"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "FDCapture"):
            module.FDCapture = text
    os.write = write
    theirs.CaptureIO.__init__ = _capture_io
    _bound_logs()
    for fd, name in ((1, "stdout"), (2, "stderr")):
        original = getattr(sys, f"__{name}__")
        stream = io.TextIOWrapper(_Descriptor(fd), encoding="utf-8", errors=original.errors,
                                  newline=None, write_through=True)
        setattr(sys, f"__{name}__", stream)
        if getattr(sys, name) is original:
            setattr(sys, name, stream)


def _capture_io(self):
    """`capsys`' file, bounded."""
    io.TextIOWrapper.__init__(self, _Bounded(), encoding="UTF-8", newline="", write_through=True)


def _bound_logs():
    from _pytest.logging import LogCaptureHandler

    emit = LogCaptureHandler.emit

    def bounded_emit(self, record):
        emit(self, record)
        output.check(self.stream.tell())

    LogCaptureHandler.emit = bounded_emit
