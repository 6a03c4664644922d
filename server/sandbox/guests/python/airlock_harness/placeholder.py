"""Stand-ins for modules that cannot be here: compiled for another machine, or no part of this guest.

A conftest that imports one loses the whole project.  With a placeholder the import works, and each
*use* of it is recorded where it happens, so only the tests that need the module are not testable.
"""

import importlib.machinery
import sys

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

#: Calls with a true answer where there is no such library.
_ANSWERS = {"ctypes.util.find_library": lambda name, /: None}
#: What a use raises, by top-level module, where it is not ImportError.
_ERRORS = {"ctypes": OSError, "mmap": OSError}


class Placeholder(type):
    """Whatever is taken from a placeholder module: a class, a function, a base, a decorator."""

    def __call__(cls, *args, **kwargs):
        if "_airlock_name" not in cls.__dict__:  # a project's subclass of a placeholder
            return super().__call__(*args, **kwargs)
        answer = _ANSWERS.get(cls._airlock_name)
        if answer is not None:
            return answer(*args, **kwargs)
        if records.book.test is None:
            # While modules are imported: whoever uses the result in a test is told then.
            return _make(_result(cls._airlock_name))
        raise _used(cls._airlock_name)

    def __getattr__(cls, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        whole = cls._airlock_name
        return _make(whole if whole.endswith("()") else f"{whole}.{name}")

    def __iter__(cls):
        raise _used(cls._airlock_name)

    def __getitem__(cls, key):
        return cls

    def __mul__(cls, count):
        return cls

    def __bool__(cls):
        return True

    def __eq__(cls, other):
        return cls is other

    __hash__ = type.__hash__

    def __or__(cls, other):
        return cls

    __ror__ = __or__


def _used(name):
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        kind, why = "module", f"the guest has no {top}"
    else:
        kind, why = "native_module", f"{name} is compiled for another machine"
    error = _ERRORS.get(top, ImportError)
    return records.refuse(kind, why, error(f"{why} and it cannot run in the sandbox"))


def _result(name):
    """The name of what a call gave; what is done with that in turn has no other, or a loop would make one without end."""
    return name if name.endswith("()") else f"{name}()"


def _make(name):
    module, _, last = name.rpartition(".")
    return Placeholder(last or name, (), {"_airlock_name": name, "__module__": module})


class Loader:
    """Fills a module whose every attribute is a placeholder."""

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


def lend_all(namespace, name):
    """What `from name import *` means of a placeholder: whatever is asked of the importer and is not there comes from it."""

    def __getattr__(attribute):
        if attribute.startswith("__") and attribute.endswith("__"):
            raise AttributeError(f"module {namespace.get('__name__')!r} has no attribute {attribute!r}")
        return _make(f"{name}.{attribute}")

    namespace.setdefault("__getattr__", __getattr__)


def spec(name):
    """A module spec that loads a placeholder for `name`."""
    return importlib.machinery.ModuleSpec(name, Loader, origin="placeholder", is_package=True)


def is_one(module):
    """Whether a module object is a placeholder."""
    return getattr(getattr(module, "__spec__", None), "loader", None) is Loader
