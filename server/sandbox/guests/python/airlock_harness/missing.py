"""Constants of Linux that the guest lacks, and functions that stay missing.

A missing attribute of `os`, `signal`, `time`, `select` or `socket` raises AttributeError, as on any
system without it, but asking for one that Linux has is recorded: a test that skips or fails for its
sake says nothing about the project.
"""

import sys

from airlock_harness import data, records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

_table = data.load("linux.json")


def add_constants(module):
    """Give a module the Linux constants it lacks; the guest's own numbers stay."""
    for name, value in _table["constants"].get(module.__name__, {}).items():
        if not hasattr(module, name):
            setattr(module, name, value)


def watch(module):
    """Record every request for an attribute that Linux has and this module has not."""
    names = frozenset(_table["missing"].get(module.__name__, ()))
    title = module.__name__

    def __getattr__(name):
        caller = sys._getframe(1).f_code.co_filename
        # The standard library looks around for what it may use; that is nobody's refusal.
        if name in names and not caller.startswith(("/usr/local/lib/", "<frozen")):
            records.refuse("missing_function", f"{title}.{name} does not exist in the guest")
        error = AttributeError(f"module {title!r} has no attribute {name!r}", name=name, obj=module)
        raise error

    module.__getattr__ = __getattr__


def install():
    import os
    import select
    import signal
    import time

    for module in (os, select, signal, time):
        add_constants(module)
        watch(module)
    posix = sys.modules.get("posix")
    if posix is not None:
        for name in _table["constants"]["os"]:
            if not hasattr(posix, name):
                setattr(posix, name, getattr(os, name))
    import _socket

    add_constants(_socket)
