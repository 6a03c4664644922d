"""What the guest's Python took away, or warns of, that the environment's Python does not yet.

A project green under Python 3.11 with `filterwarnings = error` fails here when something it calls was
deprecated in 3.14, and so does one that calls what was removed since.  Both are the guest's doing.
What the project itself deprecates (its own `warnings.warn`, its own `@deprecated`) is its own.
"""

import os
import re
import sys
import types

from airlock_harness import data, hide

GUEST = sys.version_info[:2]

#: (major, minor) of the environment's Python, or None where it is not known: then it may be any.
environment = None

_table = data.load("versions.json")
_deprecated = None


def set_environment(version):
    """Take the environment's version, such as `3.11.7`; what is no version counts as not known."""
    global environment
    found = re.match(r"(\d{1,3})\.(\d{1,3})", version or "")
    environment = (int(found[1]), int(found[2])) if found else None


def go_back():
    """Do as the environment's Python does, where that is known and a few lines can."""
    from airlock_harness import loops

    if environment is not None and environment < (3, 14):
        loops.as_before_3_14(warns=environment >= (3, 12))


def _pair(version):
    major, minor = version.split(".")
    return int(major), int(minor)


def _older_than(version):
    """Whether the environment's Python may come before `version`."""
    return environment is None or environment < version


def explain(error, most=20):
    """Why a failure by `error` tells of the guest's version and not of the project, or None.

    Causes and the members of a group are looked at too: a plugin may have wrapped the warning.
    """
    seen, stack = set(), [error]
    while stack and len(seen) < most:
        error = stack.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        why = _removed(error) or _warned(error) or _changed(error)
        if why is not None:
            return why
        stack.append(error.__cause__)
        if not error.__suppress_context__:
            stack.append(error.__context__)
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)
    return None


# -- removed attributes ------------------------------------------------------------------------------


def _removed(error):
    if isinstance(error, AttributeError):
        places, name = _places(getattr(error, "obj", None)), error.name
    elif isinstance(error, ImportError):
        places, name = [error.name], getattr(error, "name_from", None)
    else:
        return None
    if not isinstance(name, str):
        return None
    for version, removed in _table["removed"].items():
        if not _older_than(_pair(version)):
            continue
        for place in places:
            if name in removed.get(place, ()):
                return f"{place}.{name} was removed in Python {version}"
    return None


def _places(thing):
    """Names under which the table may know what an attribute was asked of."""
    if isinstance(thing, types.ModuleType):
        return [thing.__name__]
    classes = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in classes]


def _changed(error):
    """What an older Python does and the guest cannot do as long as it does not know how old (see `go_back`)."""
    if environment is not None:
        return None
    for row in _table["changed"]:
        if type(error).__name__ == row["exception"] and re.search(row["message"], _message(error)):
            return row["why"]
    return None


def _message(error):
    try:
        return str(error)
    except Exception:  # a class of the project's
        return ""


# -- new warnings ------------------------------------------------------------------------------------


def rows():
    """The warnings that come from C, compiled at first use: (since, exception, pattern)."""
    global _deprecated
    if _deprecated is None:
        _deprecated = [
            (_pair(row["since"]), row["exception"], re.compile(row["message"], re.S))
            for row in _table["deprecated"]
        ]
    return _deprecated


def _warned(error):
    exception = type(error).__name__
    message = _message(error)
    for since, wanted, pattern in rows():
        if wanted == exception and pattern.search(message) and _older_than(since):
            return f"a warning turned into an error that Python before {since[0]}.{since[1]} does not give"
    if isinstance(error, (DeprecationWarning, PendingDeprecationWarning)) and _older_than(GUEST):
        if _by_library(error.__traceback__):
            version = ".".join(map(str, GUEST))
            return f"a deprecation of Python {version}'s standard library, turned into an error"
    return None


def _by_library(traceback):
    """Whether the innermost code that warned is the standard library's."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    while frames:
        frame = frames.pop()
        path = frame.f_code.co_filename
        if not _in_library(path):
            return False
        if os.path.basename(path).partition(".")[0] not in ("warnings", "_py_warnings"):
            return True
        # The wrapper that `@warnings.deprecated` makes warns for what it wraps.
        wrapped = frame.f_locals.get("arg")
        module = getattr(wrapped, "__module__", None)
        if wrapped is not None and isinstance(module, str):
            return module.partition(".")[0] in sys.stdlib_module_names
    return False


def _in_library(path):
    return path.startswith((hide.ARCHIVE, "<frozen"))
