"""Entering a project: working folder, import path, and modules that are pytest's and the project's."""

import os
import sys

from airlock_harness import hide

#: pytest's own dependencies.  A project may bring its own copy, or be one of them.
_SHARED = ("iniconfig", "packaging", "pluggy", "pygments")


def enter(cwd, entries):
    """Change to `cwd` and set `sys.path` as `python -m pytest` there would have it.

    `entries` are the environment's folders, in order; pytest's own folder comes last.
    """
    os.chdir(cwd)
    own = [p for p in sys.path if p.startswith("/airlock/")]
    path = [cwd, hide.ARCHIVE, *entries]
    sys.path[:] = [*dict.fromkeys(path), *(p for p in own if p not in path)]
    sys.path_importer_cache.clear()
    _give_way()


def _give_way():
    """Where the project has its own copy of what pytest already imported, let it import that one.

    pytest keeps the copy it started with through its own references.
    """
    from importlib.machinery import PathFinder

    places = [p for p in sys.path if not p.startswith("/airlock/")]
    for top in _SHARED:
        loaded = sys.modules.get(top)
        if loaded is None or not str(getattr(loaded, "__file__", "")).startswith("/airlock/"):
            continue
        if PathFinder.find_spec(top, places) is None:
            continue
        for name in list(sys.modules):
            if name == top or name.startswith(top + "."):
                del sys.modules[name]
