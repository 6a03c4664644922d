"""anyio's threads: worker threads and the blocking portal behind web frameworks' test clients.

A portal is an event loop in a thread of its own that callers send work to and wait for.  Here the
loop belongs to nobody's stack: it is a party of `schedule` and advances whenever somebody waits.
"""

import contextlib
import contextvars
import sys

from airlock_harness import records, schedule, stepping, threads

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code


class LoopParty:
    """An asyncio loop that advances when others wait."""

    def __init__(self, loop):
        self.loop, self.ident = loop, next(threads._idents)
        self.on_stack = False

    def due(self):
        return stepping.loop_due(self.loop)

    def step(self):
        if self.loop.is_closed() or not stepping.loop_ready(self.loop):
            return False
        self.run(lambda: stepping.turn_loop(self.loop))
        self.loop._stopping = False
        return True

    def run(self, function):
        """Call `function()` as the loop's thread."""
        self.on_stack = True
        try:
            return threads.run_as_thread(function, self.ident, goes_on=True)
        finally:
            self.on_stack = False


def patch_from_thread(module):
    """Replace `start_blocking_portal` wherever it has been imported to."""
    original = module.start_blocking_portal

    @contextlib.contextmanager
    def start_blocking_portal(backend="asyncio", backend_options=None, **rest):
        if threads.mode == "refuse":
            raise records.refuse(
                "thread", "can't start new thread", RuntimeError("can't start new thread")
            )
        opened = _open_trio if backend == "trio" else _open_asyncio
        with opened(module, dict(backend_options or {})) as portal:
            yield portal

    start_blocking_portal.__doc__ = original.__doc__
    for other in list(sys.modules.values()):
        # "from anyio.from_thread import start_blocking_portal" has made copies.
        space = getattr(other, "__dict__", None)
        if isinstance(space, dict) and space.get("start_blocking_portal") is original:
            space["start_blocking_portal"] = start_blocking_portal


def _library_context(name):
    """A fresh context in which sniffio and anyio see that they run under `name`."""
    context = contextvars.Context()
    eventloop = sys.modules.get("anyio._core._eventloop")
    setter = getattr(eventloop, "set_current_async_library", None)
    if setter is not None:
        context.run(setter, name)
    elif "sniffio" in sys.modules:
        context.run(sys.modules["sniffio"].current_async_library_cvar.set, name)
    return context


async def _serve(module, box):
    async with module.BlockingPortal() as portal:
        box.append(portal)
        await portal.sleep_until_stopped()


@contextlib.contextmanager
def _stopping(portal, finish):
    """The body of the with statement, and the portal's end after it."""
    cancel = False
    try:
        try:
            yield portal
        except BaseException:
            cancel = True
            raise
        finally:
            with contextlib.suppress(RuntimeError):
                portal.call(portal.stop, cancel)
    finally:
        finish()


@contextlib.contextmanager
def _open_asyncio(module, options):
    import asyncio
    from asyncio import base_events

    loop = (options.get("loop_factory") or asyncio.new_event_loop)()
    if options.get("debug") is not None:
        loop.set_debug(options["debug"])
    party = LoopParty(loop)
    box = []

    def begin():
        asyncio.set_event_loop(loop)
        task = loop.create_task(_serve(module, box), context=_library_context("asyncio"))
        # anyio takes the task with this callback for the loop's main task.
        task.add_done_callback(base_events._run_until_complete_cb)
        return task

    task = party.run(begin)
    schedule.add(party)

    def finish():
        try:
            schedule.wait(task.done, None, "an event loop's end")
            party.run(lambda: _close(loop))
        finally:
            schedule.discard(party)
        if not task.cancelled() and task.exception() is not None and not box:
            raise task.exception()

    schedule.wait(lambda: box or task.done(), None, "an event loop's start")
    if not box:
        finish()
        raise RuntimeError("the blocking portal did not start")
    with _stopping(box[0], finish) as portal:
        yield portal


def _close(loop):
    """What `asyncio.Runner.close` does, for a loop that nobody ran."""
    import asyncio

    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


class GuestParty:
    """A trio run in guest mode: trio hands over its ticks, and they run when others wait."""

    def __init__(self):
        self.ticks, self.ident = [], next(threads._idents)
        self.on_stack = False
        self.outcome = None

    def due(self):
        return None  # its waits for time are parties of their own (trio_guest.Waiting)

    def step(self):
        if not self.ticks:
            return False
        self.run(self.ticks.pop(0))
        return True

    def run(self, function):
        self.on_stack = True
        try:
            return threads.run_as_thread(function, self.ident, goes_on=True)
        finally:
            self.on_stack = False

    def done(self, outcome):
        self.outcome = outcome


@contextlib.contextmanager
def _open_trio(module, options):
    import trio

    party = GuestParty()
    box = []
    context = _library_context("trio")
    party.run(lambda: context.run(
        lambda: trio.lowlevel.start_guest_run(
            _serve, module, box,
            run_sync_soon_threadsafe=party.ticks.append, done_callback=party.done, **options,
        )
    ))
    schedule.add(party)

    def finish():
        try:
            schedule.wait(lambda: party.outcome is not None, None, "an event loop's end")
        finally:
            schedule.discard(party)
        if not box:
            party.outcome.unwrap()

    schedule.wait(lambda: box or party.outcome is not None, None, "an event loop's start")
    if not box:
        finish()
        raise RuntimeError("the blocking portal did not start")
    with _stopping(box[0], finish) as portal:
        yield portal


class _AtOnce:
    """The queue of an anyio worker thread: what is put in is done."""

    def __init__(self, worker, module):
        self.worker, self.module = worker, module

    def put_nowait(self, item):
        if item is None:
            return
        worker = self.worker
        context, function, args, future, scope = item
        result = error = None

        def work():
            nonlocal result, error
            with _claim(self.module, worker):
                if future.cancelled():
                    return
                local = self.module.threadlocals
                local.current_cancel_scope = scope
                try:
                    result = context.run(function, *args)
                except schedule.ThreadStopped:
                    error = RuntimeError("the call in the worker thread was stopped")
                except BaseException as exception:
                    error = exception
                finally:
                    del local.current_cancel_scope

        with threads.known(worker):
            threads.run_as_thread(work, worker._ident, worker)
        if not worker.loop.is_closed():
            worker.loop.call_soon_threadsafe(worker._report_result, future, result, error)


def _claim(module, worker):
    claim = getattr(module, "claim_worker_thread", None)
    if claim is None:  # anyio 3
        module.threadlocals.loop = worker.loop
        return contextlib.nullcontext()
    try:
        return claim(module.AsyncIOBackend, worker.loop)
    except TypeError:  # early anyio 4: claim_worker_thread(backend)
        module.threadlocals.loop = worker.loop
        return claim("asyncio")


def patch_worker_thread(module):
    """anyio's worker threads do what they are given when they are given it."""

    def start(self):
        if threads.mode == "refuse":
            raise records.refuse(
                "thread", "can't start new thread", RuntimeError("can't start new thread")
            )
        self._started.set()
        self._ident = next(threads._idents)
        self.queue = _AtOnce(self, module)

    module.WorkerThread.start = start
