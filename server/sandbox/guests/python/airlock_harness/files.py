"""File metadata that preview 1 does not carry: permission bits, owners, the umask, absolute links.

Modes are kept here, by inode, and shown by every kind of `stat`; nobody enforces them, so a test about
*denied* access cannot tell, and `chmod` leaves a hint for that case.  The file system never gives an
inode's number to another file, so nothing has to be forgotten, and links and renames need no care.
"""

import builtins
import io
import os
import stat

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

UID = GID = 1000
_DEFAULT_FILE, _DEFAULT_FOLDER, _LINK = 0o644, 0o755, 0o777
#: The umask that the defaults come from.
_DEFAULT_UMASK = 0o022

_stat, _lstat, _fstat = os.stat, os.lstat, os.fstat
_mkdir, _open, _symlink, _readlink = os.mkdir, os.open, os.symlink, os.readlink
_rename, _replace, _unlink, _remove, _rmdir = os.rename, os.replace, os.unlink, os.remove, os.rmdir
_access, _scandir = os.access, os.scandir
_io_open = io.open

#: Permission bits that were set or differ from the default, by inode.
_modes = {}
#: Targets of links that were made absolute, by the link's path.
_links = {}
_umask = _DEFAULT_UMASK


def _key(path, dir_fd=None):
    if dir_fd is not None or isinstance(path, int):
        return None
    try:
        path = os.fspath(path)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        return os.path.normpath(path if path[:1] == "/" else os.path.join(os.getcwd(), path))
    except (OSError, TypeError, ValueError):
        return None


_EXTRA = tuple(
    name
    for name in (
        "st_atime", "st_mtime", "st_ctime", "st_atime_ns", "st_mtime_ns", "st_ctime_ns",
        "st_blksize", "st_blocks", "st_rdev",
    )
    if hasattr(os.stat_result, name)
)


def _dress(result):
    """A copy of a stat result with permission bits and an owner."""
    bits = result.st_mode
    kind = stat.S_IFMT(bits)
    mode = _modes.get(result.st_ino)
    if mode is None:
        mode = bits & 0o7777 or (
            _DEFAULT_FOLDER if kind == stat.S_IFDIR else _LINK if kind == stat.S_IFLNK else _DEFAULT_FILE
        )
    fields = list(result)
    fields[0] = kind | mode
    fields[4], fields[5] = UID, GID
    return os.stat_result(fields, {name: getattr(result, name) for name in _EXTRA})


def stat_(path, *, dir_fd=None, follow_symlinks=True):
    """`os.stat`."""
    if isinstance(path, int):
        return fstat(path)
    return _dress(_stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks))


def lstat(path, *, dir_fd=None):
    """`os.lstat`."""
    return _dress(_lstat(path, dir_fd=dir_fd))


def fstat(fd):
    """`os.fstat`."""
    return _dress(_fstat(fd))


class DirEntry:
    """`os.DirEntry`, whose `stat` shows what `os.stat` does."""

    __slots__ = ("_entry", "name", "path")
    __class_getitem__ = classmethod(type(list[int]))

    def __init__(self, entry):
        self._entry, self.name, self.path = entry, entry.name, entry.path

    def stat(self, *, follow_symlinks=True):
        return _dress(self._entry.stat(follow_symlinks=follow_symlinks))

    def is_dir(self, *, follow_symlinks=True):
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks=True):
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def is_symlink(self):
        return self._entry.is_symlink()

    def is_junction(self):
        return False

    def inode(self):
        return self._entry.inode()

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return repr(self._entry)


DirEntry.__module__ = os.DirEntry.__module__


class _Listing:
    """What `os.scandir` returns: an iterator that is also a context."""

    __slots__ = ("_listing",)

    def __init__(self, listing):
        self._listing = listing

    def __iter__(self):
        return self

    def __next__(self):
        return DirEntry(next(self._listing))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._listing.close()


def scandir(path=None):
    """`os.scandir`."""
    return _Listing(_scandir(path))


def _note_mode(what, status, mode):
    """Leaves a hint where the new mode would keep the owner out: only that could be missed.

    `shutil.copy` sets a mode each time, and a failure near it is most often the project's own.
    """
    needed = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
    if mode & needed != needed:
        records.hint("chmod", f"{what}: permissions are shown but not enforced in the sandbox")


def chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    """`os.chmod`: remembered and shown, never enforced."""
    if isinstance(path, int):
        return fchmod(path, mode)
    # Raises where there is no such file.
    status = _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    _note_mode("os.chmod", status, mode)
    _modes[status.st_ino] = mode & 0o7777


def fchmod(fd, mode):
    """`os.fchmod`."""
    status = _fstat(fd)
    _note_mode("os.fchmod", status, mode)
    _modes[status.st_ino] = mode & 0o7777


def umask(mask, /):
    """`os.umask`."""
    global _umask
    previous, _umask = _umask, mask & 0o777
    # Only an unusual one shows in files that `open` makes, which everybody calls all the time.
    before, after = (_io_open, _creating_open) if _umask != _DEFAULT_UMASK else (_creating_open, _io_open)
    for module in (builtins, io):
        # Somebody else's, a mock's, stays where it is.
        if module.open is before:
            module.open = after
    return previous


def _is_there(path, dir_fd=None):
    try:
        _stat(path, dir_fd=dir_fd)
    except (OSError, ValueError, TypeError):
        return False
    return True


def _creating_open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    """`open` under an unusual umask."""
    makes = isinstance(mode, str) and set(mode) & set("wax") and not isinstance(file, int) and opener is None
    new = makes and not _is_there(file)
    opened = _io_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if new:
        _modes[_fstat(opened.fileno()).st_ino] = 0o666 & ~_umask
    return opened


_creating_open.__name__ = _creating_open.__qualname__ = "open"
_creating_open.__module__ = _io_open.__module__


def open_(path, flags, mode=0o777, *, dir_fd=None):
    """`os.open`; the mode of a file it creates is remembered."""
    bits = mode & ~_umask
    new = flags & os.O_CREAT and bits != _DEFAULT_FILE and not _is_there(path, dir_fd)
    fd = _open(path, flags, mode, dir_fd=dir_fd)
    if new:
        _modes[_fstat(fd).st_ino] = bits
    return fd


def mkdir(path, mode=0o777, *, dir_fd=None):
    """`os.mkdir`."""
    _mkdir(path, mode, dir_fd=dir_fd)
    bits = mode & ~_umask
    if bits != _DEFAULT_FOLDER:
        _modes[_stat(path, dir_fd=dir_fd).st_ino] = bits


def _forgetting(original):
    def remove(path, *, dir_fd=None):
        original(path, dir_fd=dir_fd)
        if _links:
            _links.pop(_key(path, dir_fd), None)

    remove.__name__ = remove.__qualname__ = original.__name__
    return remove


def _moving(original):
    def rename(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if not _links:
            return
        old, new = _key(src, src_dir_fd), _key(dst, dst_dir_fd)
        if old is None or new is None:
            return
        _links.pop(new, None)
        for path in [p for p in _links if p == old or p.startswith(old + "/")]:
            _links[new + path[len(old):]] = _links.pop(path)

    rename.__name__ = rename.__qualname__ = original.__name__
    return rename


def symlink(src, dst, target_is_directory=False, *, dir_fd=None):
    """`os.symlink`; an absolute target is stored as a relative one where the file system wants that."""
    try:
        return _symlink(src, dst, target_is_directory, dir_fd=dir_fd)
    except PermissionError:
        target = os.fspath(src)
        key = _key(dst, dir_fd)
        if key is None or not isinstance(target, str) or not target.startswith("/"):
            raise
        folder = os.path.realpath(os.path.dirname(key))
        _symlink(os.path.relpath(target, folder), dst, target_is_directory, dir_fd=dir_fd)
        _links[key] = target


def readlink(path, *, dir_fd=None):
    """`os.readlink`, with absolute targets as they were given."""
    found = _readlink(path, dir_fd=dir_fd)
    if _links:
        known = _links.get(_key(path, dir_fd))
        if known is not None:
            return os.fsencode(known) if isinstance(found, bytes) else known
    return found


def access(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
    """`os.access`: what exists can be read and written; only a set mode can make it executable."""
    try:
        result = stat_(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    except OSError:
        return False
    bits = result.st_mode
    wanted = (mode & os.R_OK and 0o400) | (mode & os.W_OK and 0o200) | (mode & os.X_OK and 0o100)
    return bits & wanted == wanted


def _owner(path, uid, gid, *, dir_fd=None, follow_symlinks=True):
    if not isinstance(path, int):
        _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    if uid not in (-1, UID) or gid not in (-1, GID):
        raise records.refuse("chown", "os.chown to another user", PermissionError(63, "Operation not permitted", path))


def _need_null_device():
    """pytest and many programs open it without asking."""
    try:
        _stat(os.devnull)
    except OSError:
        try:
            os.makedirs("/dev", exist_ok=True)
            os.close(_open(os.devnull, os.O_CREAT | os.O_WRONLY))
        except OSError:
            pass  # whoever opens it will say so


def install():
    _need_null_device()
    os.stat, os.lstat, os.fstat, os.chmod, os.fchmod = stat_, lstat, fstat, chmod, fchmod
    os.umask, os.open, os.mkdir, os.access = umask, open_, mkdir, access
    os.scandir, os.DirEntry = scandir, DirEntry
    os.unlink, os.remove, os.rmdir = _forgetting(_unlink), _forgetting(_remove), _forgetting(_rmdir)
    os.rename, os.replace = _moving(_rename), _moving(_replace)
    os.symlink, os.readlink = symlink, readlink
    os.chown = _owner
    os.lchown = lambda path, uid, gid: _owner(path, uid, gid, follow_symlinks=False)
    os.fchown = lambda fd, uid, gid: _owner(fd, uid, gid)
    for theirs, ours in ((_stat, stat_), (_access, access), (_mkdir, mkdir), (_open, open_),
                         (_unlink, os.unlink), (_remove, os.remove), (_rmdir, os.rmdir), (_scandir, scandir)):
        # shutil and others ask these sets whether a function takes dir_fd and the like.
        for known in (os.supports_dir_fd, os.supports_follow_symlinks, os.supports_fd):
            if theirs in known:
                known.add(ours)
    os.supports_follow_symlinks.add(chmod)
