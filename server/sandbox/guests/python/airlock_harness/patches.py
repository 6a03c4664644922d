"""All patches of the standard library that do not depend on the project, in the order they need."""


def install():
    """Call once, after `locks.install()` and before pytest is imported."""
    from airlock_harness import files, missing, stubs, system

    # os first: many modules look at it when they are imported.
    missing.install()
    files.install()
    stubs.install()
    system.install()
    from airlock_harness import threads

    threads.install()
    from airlock_harness import hashes, locks, loops, network, pools, processes, trio_guest

    locks.install_queue()
    network.install()
    processes.install()
    hashes.install()
    pools.install()
    loops.install()
    trio_guest.install()
