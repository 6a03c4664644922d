"""Airlock's harness: what runs inside the sandboxed CPython guest, around a stock pytest.

The host executes one statement per command in the living interpreter::

    import airlock_harness; airlock_harness.turn()

and everything else goes over one door (`door.py`): the harness asks for its command, does it, and
streams events back.  Between two turns nothing of the harness is on the stack, so the host may
freeze the interpreter's memory there and fork it.

Code map::

    door        JSON over the guest's only way out
    turns       boot / configure / run: what each command does, in order
    records     what the sandbox refused, to which test it happened, and how that changes its outcome
    hide, native, placeholder, stubs, tls       which modules the code under test can see
    schedule, locks, threads, pools, stepping   one thread of execution, made to look like several
    loops, portal, trio_guest, late             the same for asyncio, anyio and trio
    files, system, network, processes, hashes, missing, time_travel   what WASI has not got
    capture     pytest's descriptor capture without descriptors
    output      how much of it a test may print
    options, plugins, standins                  addopts and plugins of a project that cannot all work here
    collecting, running      pytest's collection and run loop, as events
    failures, differences    one failure in a few words; what this guest does differently
    versions    what its newer Python took away or warns of, that the environment's does not
    lines       line coverage by `sys.monitoring`
    swapping    a search's candidates by an exchange of code, without an import
    screening   whether the tests pass on such a candidate, as cheaply as that can be known
    program     a program that is no test, run as `python` would

Only the standard library is imported, and pytest only from `turns.boot` on.
"""


def turn():
    """Ask the host for one command and carry it out; returns nothing, so that nothing is echoed."""
    from airlock_harness import turns

    turns.turn()
