"""Locks and thread-locals over the scheduler, without the patches installed."""

import pytest
from airlock_harness import locks, records, schedule


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(schedule, "pumps", [])
    monkeypatch.setattr(schedule, "stack", [schedule.main])
    monkeypatch.setattr(schedule, "_monotonic", lambda: clock[0])
    monkeypatch.setattr(schedule, "_sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    monkeypatch.setattr(records, "book", records.Book())
    return clock


class Pump:
    """Does `work` once, from `when` on."""

    on_stack = False

    def __init__(self, work, when=None):
        self.work, self.when = work, when

    def due(self):
        return self.when

    def step(self):
        if self.when is not None and schedule._monotonic() < self.when:
            return False
        schedule.discard(self)
        self.work()
        return True


def test_a_free_lock_is_taken():
    lock = locks.lock()
    assert lock.acquire()
    assert lock.locked()
    assert not lock.acquire(blocking=False)
    lock.release()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()


def test_an_endless_wait_lets_others_run_first():
    lock = locks.lock()
    lock.acquire()
    schedule.add(Pump(lock.release))
    assert lock.acquire()


def test_an_endless_wait_for_nobody_raises_and_is_recorded():
    lock = locks.lock()
    lock.acquire()
    records.book.begin("t")
    with pytest.raises(schedule.WaitsForEver):
        lock.acquire()
    assert [record.kind for record in records.book.end()] == ["deadlock"]


def test_a_timed_wait_moves_the_clock(clean):
    lock = locks.lock()
    lock.acquire()
    assert lock.acquire(timeout=5) is False
    assert clean[0] == 5


def test_a_timer_within_the_limit_is_waited_for(clean):
    lock = locks.lock()
    lock.acquire()
    schedule.add(Pump(lock.release, when=2))
    assert lock.acquire(timeout=5)
    assert clean[0] == 2


def test_arguments_are_checked_as_cpython_does():
    lock = locks.lock()
    with pytest.raises(ValueError, match="non-blocking"):
        lock.acquire(False, 1)
    with pytest.raises(ValueError, match="non-negative"):
        lock.acquire(timeout=-2)


def test_rlock_is_reentrant_for_one_identity_only():
    lock = locks.RLock()
    assert lock.acquire()
    assert lock.acquire()
    schedule.stack.append(schedule.Frame(-5))
    assert not lock.acquire(blocking=False)
    with pytest.raises(RuntimeError, match="un-acquired"):
        lock.release()
    schedule.stack.pop()
    lock.release()
    lock.release()
    assert not lock.locked()


def test_thread_locals_differ_by_identity():
    class Local(locks.local):
        def __init__(self, start):
            self.value = start

    local = Local(1)
    local.value = 2
    schedule.stack.append(schedule.Frame(-5))
    assert local.value == 1
    local.value = 3
    schedule.stack.pop()
    assert local.value == 2


def test_a_polling_thread_is_stopped():
    lock = locks.lock()
    lock.acquire()
    schedule.main.satisfied = lambda: True
    schedule.stack.append(schedule.Frame(-5))
    try:
        with pytest.raises(schedule.ThreadStopped):
            for _ in range(schedule.IDLE_ROUNDS + 1):
                lock.acquire(timeout=1)
    finally:
        schedule.main.satisfied = None
