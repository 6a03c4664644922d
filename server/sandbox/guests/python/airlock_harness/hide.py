"""Which modules the code under test can see.

The guest's standard library archive also carries some fifty third-party packages.  A project that
imports one it does not have must fail here as it does on the user's machine, so they are taken out of
sight: module, metadata, and the extension modules compiled into the interpreter.

One exception: a package that cannot work without its compiled part, and that the project's environment
has, compiled for another machine.  Then the guest's own stands in, and the notes name both versions.
"""

import importlib.machinery
import sys

from airlock_harness import data

PathFinder = importlib.machinery.PathFinder
BuiltinImporter = importlib.machinery.BuiltinImporter

#: The archive; the only entry of `sys.path` the guest starts with.
ARCHIVE = next((p for p in sys.path if p.endswith(".zip")), "/usr/local/lib/python315.zip")

_table = data.load("bundled.json")
HIDDEN = frozenset(_table["modules"])
NEEDS_NATIVE = frozenset(_table["needs_native"])
#: Standard modules that import and fail on use, which would defeat `except ImportError`.
BROKEN = frozenset(_table["broken"]["modules"])
#: Top-level names whose bundled package stands in: name -> note.
standing_in = {}

_find_spec = PathFinder.find_spec.__func__
_find_builtin = BuiltinImporter.find_spec


def _on_path(name, path):
    """The spec of top-level `name` outside the archive, or None."""
    return _find_spec(PathFinder, name, [p for p in path if p != ARCHIVE])


def find_spec(cls, fullname, path=None, target=None):
    """`PathFinder.find_spec` that does not see the hidden packages in the archive."""
    if path is None and fullname in HIDDEN:
        if fullname in standing_in:
            return _find_spec(cls, fullname, [ARCHIVE], target)
        spec = _on_path(fullname, sys.path)
        if spec is not None and fullname in NEEDS_NATIVE and spec.origin != ARCHIVE:
            return _stand_in(cls, fullname, target, spec)
        return spec
    if path is None and fullname in BROKEN:
        return _on_path(fullname, sys.path)
    spec = _find_spec(cls, fullname, path, target)
    if spec is not None and spec.loader is None or _is_namespace(spec):
        from airlock_harness import native

        if native.compiled(fullname, sys.path if path is None else path):
            return None  # the folder only holds type stubs for the compiled module beside it
    return spec


def _is_namespace(spec):
    return spec is not None and type(spec.loader).__name__ == "NamespaceLoader"


def _stand_in(cls, name, target, theirs):
    """The bundled package in place of the environment's compiled one."""
    spec = _find_spec(cls, name, [ARCHIVE], target)
    if spec is None:
        return theirs
    standing_in[name] = f"the guest's own build of {name} stands in for the environment's"
    return spec


def find_builtin(fullname, path=None, target=None):
    """`BuiltinImporter.find_spec` without the extension modules of hidden packages."""
    top, dot, _ = fullname.partition(".")
    if fullname == "_host" or (dot and top in HIDDEN and top not in standing_in):
        return None
    return _find_builtin(fullname, path, target)


def _normal(name):
    return name.replace("-", "_").replace(".", "_").lower()


def _hide_metadata():
    """`importlib.metadata` must not list the bundled distributions either."""
    from importlib import metadata

    cls = metadata.MetadataPathFinder
    original = cls.find_distributions.__func__

    def narrowed(context, path):
        return original(cls, metadata.DistributionFinder.Context(name=context.name, path=path))

    def find_distributions(cls, context=metadata.DistributionFinder.Context()):
        yield from narrowed(context, [p for p in context.path if p != ARCHIVE])
        if ARCHIVE in context.path:
            for found in narrowed(context, [ARCHIVE]):
                name = _normal(found.metadata["Name"] or "")
                if name == "tzdata" or name in standing_in:
                    yield found

    cls.find_distributions = classmethod(find_distributions)


def install():
    """Patch the finders themselves: pytest keeps `PathFinder.find_spec` as a class attribute."""
    PathFinder.find_spec = classmethod(find_spec)
    BuiltinImporter.find_spec = staticmethod(find_builtin)
    for name in list(sys.modules):
        if name.partition(".")[0] in HIDDEN:
            del sys.modules[name]
    _hide_metadata()
