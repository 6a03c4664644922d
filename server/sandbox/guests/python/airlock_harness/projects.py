"""Entering a project: working folder, import path, and modules that are pytest's and the project's."""

import os
import sys

from airlock_harness import hide

#: pytest's own dependencies.  A project may bring its own copy, or be one of them.
_SHARED = ("iniconfig", "packaging", "pluggy", "pygments")


class Mapped:
    """Finds modules of editable installs that no folder of `sys.path` gives.

    `places` has, by dotted name, a package's folder or a module's path without `.py`.
    """

    def __init__(self, places):
        self.places = places

    def find_spec(self, name, path=None, target=None):
        place = self.places.get(name)
        if place is None:
            return None
        from importlib.machinery import ModuleSpec
        from importlib.util import spec_from_file_location

        for file, inside in ((f"{place}/__init__.py", [place]), (f"{place}.py", None)):
            if os.path.isfile(file):
                return spec_from_file_location(name, file, submodule_search_locations=inside)
        if not os.path.isdir(place):
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [place]
        return spec

    def invalidate_caches(self):
        """Nothing is kept."""


def find_mapped(places):
    """Let the import system find these modules, after those of `sys.path`, as the installs' own finders would."""
    from importlib.machinery import PathFinder

    finders = [finder for finder in sys.meta_path if not isinstance(finder, Mapped)]
    if places:
        at = finders.index(PathFinder) + 1 if PathFinder in finders else len(finders)
        finders.insert(at, Mapped(places))
    sys.meta_path[:] = finders


def enter(cwd, entries, modules=()):
    """Change to `cwd` and set `sys.path` as `python -m pytest` there would have it.

    `entries` are the environment's folders, in order; pytest's own folder comes last.  `modules` are those of editable
    installs that no folder gives: objects with `module` and `guest`.
    """
    find_mapped({entry["module"]: entry["guest"] for entry in modules})
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
