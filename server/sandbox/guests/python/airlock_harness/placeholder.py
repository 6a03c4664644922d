"""Stand-ins for modules that are compiled for another machine, on a second try.

A conftest that imports one loses the whole project.  With a placeholder the import works, and each
*use* of it is recorded where it happens, so only the tests that need the module are not testable.
"""

import importlib.machinery
import sys

from airlock_harness import records


class Placeholder(type):
    """Whatever is taken from a placeholder module: a class, a function, a base, a decorator."""

    def __call__(cls, *args, **kwargs):
        if cls.__dict__.get("_airlock_used") is None:  # a project's subclass of a placeholder
            return super().__call__(*args, **kwargs)
        raise _used(cls._airlock_used)

    def __getattr__(cls, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _make(f"{cls._airlock_used}.{name}")

    def __iter__(cls):
        raise _used(cls._airlock_used)

    def __getitem__(cls, key):
        return cls

    def __or__(cls, other):
        return cls

    __ror__ = __or__


def _used(name):
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        kind, why = "module", f"the guest has no {top}"
    else:
        kind, why = "native_module", f"{name} is compiled for another machine"
    return records.refuse(kind, why, ImportError(f"{why} and it cannot run in the sandbox"))


def _make(name):
    return Placeholder(name.rpartition(".")[2] or name, (), {"_airlock_used": name, "__module__": name.rpartition(".")[0]})


class _Loader:
    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__
        module.__path__ = []
        module.__file__ = None

        def __getattr__(attribute):
            if attribute.startswith("__") and attribute.endswith("__"):
                raise AttributeError(attribute)
            return _make(f"{name}.{attribute}")

        module.__getattr__ = __getattr__


def spec(name):
    """A module spec that loads a placeholder for `name`."""
    return importlib.machinery.ModuleSpec(name, _Loader, origin="placeholder", is_package=True)
