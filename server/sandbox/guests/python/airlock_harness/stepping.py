"""asyncio loops advanced from outside: by a wait of somebody else, one turn at a time."""

from airlock_harness import schedule

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code


def loop_ready(loop):
    """Whether one turn of an asyncio loop would do anything."""
    if loop._ready or loop._stopping:
        return True
    due = loop_due(loop)
    return due is not None and due <= loop.time() + loop._clock_resolution


def loop_due(loop):
    """When the loop's first live timer is due (its clock is `time.monotonic`), or None."""
    return min((h._when for h in loop._scheduled if not h._cancelled), default=None)


def turn_loop(loop):
    """Run what is ready in a loop that is not running; it stays "not running" afterwards."""
    stopping = loop._stopping
    loop._run_forever_setup()
    try:
        while loop_ready(loop):
            loop._run_once()
            if loop._stopping:
                break
    finally:
        stopping = stopping or loop._stopping
        loop._run_forever_cleanup()
        loop._stopping = stopping


class Beneath:
    """An event loop that runs further down the stack, under a thread that may wait for it.

    Its other callbacks are run from up here: the one in progress waits for the thread and cannot be
    entered twice, since a running task is never ready.
    """

    def __init__(self, loop, ident):
        self.loop, self.ident = loop, ident
        self.on_stack = False

    def due(self):
        return loop_due(self.loop) if hasattr(self.loop, "_scheduled") else None

    def step(self):
        loop = self.loop
        if not hasattr(loop, "_run_once") or loop.is_closed() or not loop_ready(loop):
            return False
        if not loop._ready and loop._stopping:
            return False
        import asyncio.events as events

        self.on_stack = True
        outer = events._get_running_loop()
        schedule.stack.append(schedule.Frame(self.ident))
        events._set_running_loop(loop)
        try:
            loop._run_once()
        finally:
            events._set_running_loop(outer)
            schedule.stack.pop()
            self.on_stack = False
        return True
