"""All patches of the standard library that do not depend on the project, in the order they need."""


def install():
    """Call once, after `locks.install()` and before pytest is imported."""
    from airlock_harness import threads

    threads.install()
    from airlock_harness import locks, loops, pools

    locks.install_queue()
    pools.install()
    loops.install()
