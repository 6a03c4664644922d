"""Modules that are not there: compiled for another machine, absent from the environment, or no part
of this guest's standard library.

A finder at the very end of `sys.meta_path` sees every import that failed, and records the ones that
would have worked on the user's machine.  On a second try, when a conftest cannot live without a
compiled module, a placeholder takes its place, and every use of it is recorded.
"""

import importlib.machinery
import opcode
import os
import sys

from airlock_harness import data, hide, hypothesis_native, placeholder, records, time_travel

_table = data.load("missing.json")
#: Standard library modules that left Python before the guest's version: name -> version.
REMOVED = _table["removed"]
#: Standard modules of other builds that this guest does not have.
ABSENT = frozenset(_table["absent"])
#: Where the environment's packages lie.
ENVIRONMENT = "/env/"
_NATIVE_SUFFIXES = (".so", ".pyd")
#: What to install instead of a package whose compiled part the sandbox cannot do without, by package.
_CURES = _table["cures"]
#: Compiled modules that the harness does the work of, in Python.
_DONE_HERE = {"_time_machine": time_travel.spec, hypothesis_native.NAME: hypothesis_native.spec}

#: Who tried which compiled module and did not get it: module -> (the importer's top-level package,
#: whether the importer is the project's own code).
gave_up = {}
#: Placeholders that may be imported: names the host asked for.
placeholders = set()
_TOPS = set()
#: Placeholders of compiled modules that were imported: module -> the importer's top-level package.
_stood_in = {}


def stand_for(names):
    """Let placeholders be imported for these modules, and for everything below a top-level one."""
    placeholders.update(names)
    _TOPS.update(name for name in names if "." not in name)


def _entries(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def compiled(fullname, path):
    """Whether a file like `name.cpython-311-x86_64-linux-gnu.so` lies where the import looked."""
    name = fullname.rpartition(".")[2]
    for folder in path:
        if folder.endswith(".zip"):
            continue
        for entry in _entries(folder or "."):
            if entry.startswith(name + ".") and entry.endswith(_NATIVE_SUFFIXES):
                return True
    return False


def _search_path(fullname):
    parent = fullname.rpartition(".")[0]
    if not parent:
        return sys.path
    module = sys.modules.get(parent)
    return list(getattr(module, "__path__", ()))


def is_native(fullname):
    """Whether the environment has the module, but only compiled for another machine."""
    for done in _DONE_HERE:
        if fullname == done or fullname.startswith(done + "."):
            # A package that could not be imported without it is gone again, and its folder not known.
            return done in gave_up or compiled(done, _search_path(done))
    return fullname in gave_up or compiled(fullname, _search_path(fullname))


def _said(fullname):
    """What is told of a compiled module, with a way out where one is known."""
    cure = _CURES.get(fullname.partition(".")[0])
    said = f"{fullname} is compiled for another machine"
    return f"{said}; {cure}" if cure else said


def explain(fullname):
    """(reason, placeholder) of a module that cannot be imported; see `failures.reason_of`."""
    top = fullname.partition(".")[0]
    if is_native(fullname):
        done = fullname.startswith(tuple(_DONE_HERE))
        return {"kind": "native_module", "detail": _said(fullname)}, None if done else fullname
    if top in REMOVED and top not in sys.stdlib_module_names:
        detail = f"the standard module {top} was removed in Python {REMOVED[top]}"
        return {"kind": "guest_difference", "detail": detail}, None
    if top in sys.stdlib_module_names or top in _table["absent"]:
        return {"kind": "module", "detail": f"the guest has no {fullname}"}, fullname
    if fullname != top and _found(top):
        return None, None
    folders = [p for p in sys.path if p != hide.ARCHIVE and not p.startswith("/airlock/")]
    looked = ", ".join(folders[:6]) + (" …" if len(folders) > 6 else "")
    detail = f"{top} is not installed in the project's environment (looked in {looked})"
    if _lies_in_src(top):
        detail = f"{top} is not installed in the project's environment, though it lies in src: `pip install -e .` mends that"
    return {"kind": "module", "detail": detail}, None


def _lies_in_src(top):
    """Whether it is the project's own package, in the layout that has to be installed."""
    return os.path.isdir(os.path.join("src", top)) or os.path.isfile(os.path.join("src", top + ".py"))


def _found(top):
    if top in sys.modules:
        return True
    with records.unrecorded():
        try:
            return importlib.machinery.PathFinder.find_spec(top) is not None
        except (ImportError, ValueError):
            return False


class LastFinder:
    """Comes after every other finder: whatever is asked of it cannot be imported."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        where = sys.path if path is None else list(path)
        parent, _, _ = fullname.rpartition(".")
        top = fullname.partition(".")[0]
        found = compiled(fullname, where)
        done = _DONE_HERE[fullname]() if found and fullname in _DONE_HERE else None
        if done is not None:
            return done
        if (
            top in _TOPS
            or (found and fullname in placeholders)
            or (parent and placeholder.is_one(sys.modules.get(parent)))
        ):
            frame = _importing_frame()
            importer = frame.f_globals.get("__name__") if frame is not None else None
            _stood_in.setdefault(fullname, (importer or "").partition(".")[0])
            if frame is not None and _takes_all(frame.f_code.co_code, frame.f_lasti):
                placeholder.lend_all(frame.f_globals, fullname)
            return placeholder.spec(fullname)
        if found:
            gave_up.setdefault(fullname, _importer())
            if path is None:
                records.refuse("native_module", f"{fullname} is compiled for another machine")
        elif path is None and (fullname in _table["absent"] or fullname in sys.stdlib_module_names):
            if fullname in REMOVED:
                return None
            if fullname in ABSENT and not _guarded_import():
                _lent.add(fullname)
                return placeholder.spec(fullname)
            if fullname not in _table["elsewhere"] and not _looked_around():
                records.refuse("module", f"the guest has no {fullname}")
        return None


def _takes_all(code, offset):
    """Whether the import at byte `offset` is followed by the instruction of `from … import *`."""
    name = opcode.opname[code[offset + 2]] if offset + 3 < len(code) else ""
    # From 3.12 on an intrinsic function, the second of them (Include/internal/pycore_intrinsics.h).
    return name == "IMPORT_STAR" or (name == "CALL_INTRINSIC_1" and code[offset + 3] == 2)


def _guarded_import():
    """Whether the import statement being carried out stands in a `try` or `with`, or in the standard
    library: then its failure is foreseen, and the truth is best.
    """
    frame = _importing_frame()
    if frame is None or frame.f_code.co_filename.startswith((hide.ARCHIVE, "<frozen")):
        return True
    return _covered(frame.f_code.co_exceptiontable, frame.f_lasti)


def _looked_around():
    """Whether a standard module is being imported only because of a call such as `getattr(module, name)`, for what a
    standard module makes on demand, where a failure is foreseen: by who looks at everything there is, as freezegun does,
    and wants none of it.
    """
    frame, inner = sys._getframe(2), None
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith((hide.ARCHIVE, "/usr/local/lib/", "<frozen", "/airlock/")):
            break
        if not code.co_filename.startswith("/airlock/"):
            inner = code
        frame = frame.f_back
    if frame is None or inner is None or frame is _importing_frame():
        return False
    # A call of a Python function has that function's frame next; `getattr` has none, so the import's is.
    by_getattr = inner.co_name == "__getattr__" or inner.co_filename.startswith("<frozen importlib")
    called = opcode.opname[code.co_code[frame.f_lasti]].startswith("CALL")
    return by_getattr and called and _covered(code.co_exceptiontable, frame.f_lasti)


def _importing_frame():
    """The frame whose import statement (or call of importlib) led here."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "importlib" not in name and not name.startswith("/airlock/harness/"):
            return frame
        frame = frame.f_back
    return None


def _importer():
    """Who goes on without the module: the innermost frame of the import that foresees a failure, as
    (its top-level package, whether it is the project's own code)."""
    frame = _importing_frame()
    while frame is not None:
        code = frame.f_code
        path = code.co_filename
        if not path.startswith(("/airlock/", "/usr/local/lib/", "<")):
            if _covered(code.co_exceptiontable, frame.f_lasti):
                own = not path.startswith(ENVIRONMENT)
                return (frame.f_globals.get("__name__") or "").partition(".")[0], own
        frame = frame.f_back
    return "", False


def _covered(table, offset):
    """Whether an exception table has a handler for the instruction at byte `offset`.

    The format is CPython's, Objects/exception_handling_notes.txt: entries of four numbers of six bits
    a byte, start, length and target in code units.
    """
    numbers = iter(table)

    def number():
        byte = next(numbers)
        value = byte & 63
        while byte & 64:
            byte = next(numbers)
            value = value << 6 | byte & 63
        return value

    try:
        while True:
            start = number() * 2
            length = number() * 2
            number(), number()
            if start <= offset < start + length:
                return True
    except StopIteration:
        return False


#: Placeholders handed to an import that nobody guarded.
_lent = set()


def take_back():
    """Forget lent placeholders, so that the next guarded import fails as it should."""
    while _lent:
        top = _lent.pop()
        for name in list(sys.modules):
            if (name == top or name.startswith(top + ".")) and placeholder.is_one(sys.modules[name]):
                del sys.modules[name]


def suspect(error):
    """The compiled module whose absence may explain a failure that nothing else explains, or None.

    Three cases: the failure came out of a package that went on without its own compiled part (taken
    for equal otherwise); it passed through a package that went on without somebody else's compiled
    module; or the project's own code did the latter, which may show anywhere.
    """
    if not gave_up:
        return None
    names = []
    traceback = error.__traceback__ if error is not None else None
    while traceback is not None:
        names.append((traceback.tb_frame.f_globals.get("__name__") or "").partition(".")[0])
        traceback = traceback.tb_next
    for module, (package, own) in gave_up.items():
        if module.partition(".")[0] == package:
            if names and names[-1] == package:
                return module
        elif own or package in names:
            return module
    return None


def broken_by_placeholder(error, most=20):
    """Why a failure came out of code that was handed a placeholder, as a reason; or None.

    The packages meant are that of the compiled module and the one that imported it: such code may call what
    is not there while it is imported, compare with it, or look for its version.
    """
    if not _stood_in:
        return None
    seen = set()
    while error is not None and id(error) not in seen and len(seen) < most:
        seen.add(id(error))
        innermost = None
        traceback = error.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if not frame.f_code.co_filename.startswith(("/airlock/", "/usr/local/lib/", "<")):
                name = frame.f_globals.get("__name__") or ""
                # The project's own code is told by each use of a placeholder, which is recorded.
                innermost = name.partition(".")[0] if frame.f_code.co_filename.startswith(ENVIRONMENT) else None
            traceback = traceback.tb_next
        if isinstance(error, ImportError) and error.name:
            # A name that the compiled part would have given to its package.
            innermost = error.name.partition(".")[0]
        for module, importer in _stood_in.items():
            if innermost and innermost in (module.partition(".")[0], importer):
                return {"kind": "native_module", "detail": _said(module)}
        error = error.__cause__ or error.__context__
    return None


def install():
    """Put the finder last, and take away the loader of extension modules: no file can be loaded."""
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if "FileFinder" not in repr(hook)]
    machinery = importlib.machinery
    sys.path_hooks.append(machinery.FileFinder.path_hook(
        (machinery.SourceFileLoader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    ))
    machinery.EXTENSION_SUFFIXES.clear()
    sys.path_importer_cache.clear()
    sys.meta_path.append(LastFinder)
