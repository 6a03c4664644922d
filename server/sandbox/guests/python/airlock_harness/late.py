"""Patches of third-party packages, made once they are there.

Nothing of ours imports a package that brings a pytest plugin: pytest rewrites the assertions of such a
package when it imports it first, and warns (which may be an error) when somebody else did.
"""

import sys

_done = set()


def _anyio(module):
    from airlock_harness import portal

    portal.patch_from_thread(module)


def _anyio_asyncio(module):
    from airlock_harness import portal

    portal.patch_worker_thread(module)


def _trio_cache(module):
    from airlock_harness import trio_guest

    trio_guest.patch_thread_cache(module)


def _trio_wakeup(module):
    from airlock_harness import trio_guest

    trio_guest.patch_wakeup(module)


def _time_machine(module):
    from airlock_harness import time_travel

    if module._time_machine.__spec__.loader is time_travel.Loader:
        time_travel.patch(module)


_PATCHES = {
    "anyio.from_thread": _anyio,
    "anyio._backends._asyncio": _anyio_asyncio,
    "trio._core._thread_cache": _trio_cache,
    "time_machine": _time_machine,
    "trio._core._wakeup_socketpair": _trio_wakeup,
}


def patch():
    """Patch what has been imported since the last call; cheap when nothing has."""
    from airlock_harness import native

    native.take_back()
    for name, function in _PATCHES.items():
        if name not in _done:
            module = sys.modules.get(name)
            if module is not None and getattr(module.__spec__, "_initializing", False) is False:
                _done.add(name)
                function(module)
