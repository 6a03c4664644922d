"""File metadata that preview 1 does not carry: permission bits, owners, the umask, absolute links.

Modes are kept here, by path, and shown by `stat`; nobody enforces them, so a test about *denied*
access cannot tell, and `chmod` leaves a hint for that case.
"""

import os
import stat

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

UID = GID = 1000
_DEFAULT_FILE, _DEFAULT_FOLDER, _LINK = 0o644, 0o755, 0o777

_stat, _lstat, _fstat = os.stat, os.lstat, os.fstat
_mkdir, _open, _symlink, _readlink = os.mkdir, os.open, os.symlink, os.readlink
_rename, _replace, _unlink, _remove, _rmdir = os.rename, os.replace, os.unlink, os.remove, os.rmdir
_access = os.access

#: Permission bits that differ from the default, by absolute path.
_modes = {}
#: Permission bits of descriptors opened with a mode of their own.
_fd_modes = {}
_links = {}
_umask = 0o022


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


def _dress(result, mode):
    """A copy of a stat result with permission bits and an owner."""
    bits = result.st_mode
    kind = stat.S_IFMT(bits)
    if mode is None:
        mode = bits & 0o7777 or (
            _DEFAULT_FOLDER if kind == stat.S_IFDIR else _LINK if kind == stat.S_IFLNK else _DEFAULT_FILE
        )
    fields = list(result)
    fields[0] = kind | mode
    fields[4], fields[5] = UID, GID
    return os.stat_result(fields, {name: getattr(result, name) for name in _EXTRA})


def _mode_of(path, dir_fd, follow):
    key = _key(path, dir_fd)
    found = _modes.get(key)
    if found is None and key is not None and follow and _links:
        # realpath looks with lstat, which does not come back here.
        found = _modes.get(os.path.realpath(key))
    return found


def stat_(path, *, dir_fd=None, follow_symlinks=True):
    """`os.stat`."""
    if isinstance(path, int):
        return fstat(path)
    result = _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    return _dress(result, _mode_of(path, dir_fd, follow_symlinks) if _modes else None)


def lstat(path, *, dir_fd=None):
    """`os.lstat`."""
    result = _lstat(path, dir_fd=dir_fd)
    linked = stat.S_ISLNK(result.st_mode)
    return _dress(result, None if linked or not _modes else _mode_of(path, dir_fd, False))


def fstat(fd):
    """`os.fstat`."""
    return _dress(_fstat(fd), _fd_modes.get(fd))


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
    _note_mode("os.chmod", _stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks), mode)
    key = _key(path, dir_fd)
    if key is not None:
        _modes[os.path.realpath(key) if follow_symlinks else key] = mode & 0o7777


def fchmod(fd, mode):
    """`os.fchmod`."""
    _note_mode("os.fchmod", _fstat(fd), mode)
    _fd_modes[fd] = mode & 0o7777


def umask(mask, /):
    """`os.umask`."""
    global _umask
    previous, _umask = _umask, mask & 0o777
    return previous


def open_(path, flags, mode=0o777, *, dir_fd=None):
    """`os.open`; the mode of a file it creates is remembered."""
    key = None
    if flags & os.O_CREAT and mode & ~_umask != _DEFAULT_FILE:
        key = _key(path, dir_fd)
        if key is not None and os.path.lexists(key):
            key = None
    fd = _open(path, flags, mode, dir_fd=dir_fd)
    _fd_modes.pop(fd, None)
    if key is not None:
        _modes[key] = _fd_modes[fd] = mode & ~_umask
    return fd


def mkdir(path, mode=0o777, *, dir_fd=None):
    """`os.mkdir`."""
    _mkdir(path, mode, dir_fd=dir_fd)
    bits = mode & ~_umask
    if bits != _DEFAULT_FOLDER:
        key = _key(path, dir_fd)
        if key is not None:
            _modes[key] = bits


def _forgetting(original):
    def remove(path, *, dir_fd=None):
        original(path, dir_fd=dir_fd)
        if _modes or _links:
            key = _key(path, dir_fd)
            _modes.pop(key, None)
            _links.pop(key, None)

    remove.__name__ = remove.__qualname__ = original.__name__
    return remove


def _moving(original):
    def rename(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if not _modes and not _links:
            return
        old, new = _key(src, src_dir_fd), _key(dst, dst_dir_fd)
        if old is None or new is None:
            return
        for table in (_modes, _links):
            table.pop(new, None)
            for path in [p for p in table if p == old or p.startswith(old + "/")]:
                table[new + path[len(old):]] = table.pop(path)

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
    os.unlink, os.remove, os.rmdir = _forgetting(_unlink), _forgetting(_remove), _forgetting(_rmdir)
    os.rename, os.replace = _moving(_rename), _moving(_replace)
    os.symlink, os.readlink = symlink, readlink
    os.chown = _owner
    os.lchown = lambda path, uid, gid: _owner(path, uid, gid, follow_symlinks=False)
    os.fchown = lambda fd, uid, gid: _owner(fd, uid, gid)
    for theirs, ours in ((_stat, stat_), (_access, access), (_mkdir, mkdir), (_open, open_),
                         (_unlink, os.unlink), (_remove, os.remove), (_rmdir, os.rmdir)):
        # shutil and others ask these sets whether a function takes dir_fd and the like.
        for known in (os.supports_dir_fd, os.supports_follow_symlinks, os.supports_fd):
            if theirs in known:
                known.add(ours)
    os.supports_follow_symlinks.add(chmod)
