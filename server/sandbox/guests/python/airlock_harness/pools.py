"""Thread pools: `ThreadPoolExecutor.submit` runs its call at once, as a thread of the pool.

What a program wants of a pool is the result, and a pool is free to be quick.  What a program could
observe of an unfinished call (`running()`, `cancel()`, work that goes on beside its own) is lost, so
it leaves a hint, except where an event loop awaits the result.
"""

import sys

from airlock_harness import records, schedule, threads

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code

#: Callers that hand work to a pool and await it: what the pool does meanwhile cannot be seen.
_AWAITED = ("asyncio.", "asgiref.", "anyio.")


class _PoolThread:
    """Gives work the `threading.current_thread()` of a pool's worker."""

    def __init__(self, pool):
        import threading

        self.thread = threading.Thread(name=f"{pool._thread_name_prefix or 'ThreadPoolExecutor'}_0")
        self.thread._started.set()
        self.thread._ident = next(threads._idents)
        self.thread._os_thread_handle.ident = self.thread._ident

    def run(self, function):
        import contextvars

        context = contextvars.Context()
        with threads.known(self.thread):
            return threads.run_as_thread(
                lambda: context.run(function), self.thread._ident, self.thread, goes_on=True
            )


def _submit(self, fn, /, *args, **kwargs):
    """`ThreadPoolExecutor.submit`."""
    from concurrent.futures import _base, thread as module

    with self._shutdown_lock, module._global_shutdown_lock:
        if self._broken:
            raise self.BROKEN(self._broken)
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if module._shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
    if threads.mode == "refuse" or len(schedule.stack) > schedule.DEEPEST:
        raise records.refuse(
            "thread", "can't start new thread", RuntimeError("can't start new thread")
        )
    caller = sys._getframe(1).f_globals.get("__name__", "")
    if not caller.startswith(_AWAITED):
        records.hint("thread", "work given to a thread pool ran at once")
    future = _base.Future()
    task = self._resolve_work_item_task(fn, args, kwargs)
    item = module._WorkItem(future, task)
    worker = getattr(self, "_airlock_worker", None)
    if worker is None:
        worker = self._airlock_worker = _PoolThread(self)
        self._airlock_context = self._create_worker_context()
        try:
            worker.run(self._airlock_context.initialize)
        except BaseException:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            self._initializer_failed()
            future.set_exception(self.BROKEN(self._broken))
            return future
    try:
        worker.run(lambda: item.run(self._airlock_context))
    finally:
        if not future.done():
            # The call was stopped as a thread that cannot end; nobody must wait for its result.
            future.set_exception(RuntimeError("the call in the pool's thread was stopped"))
    return future


def install():
    from concurrent.futures import thread as module

    module.ThreadPoolExecutor.submit = _submit
