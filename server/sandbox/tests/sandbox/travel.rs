//! Tests that travel in time: the package patches C functions with a compiled module, so the host moves the guest's clock.

use airlock_core::report::Outcome;

use crate::support::{Project, assert_all_pass, limits, report};

/// What the package does around its compiled half, in a few lines of the same names.
const PACKAGE: &str = "\
import _time_machine

class Traveller:
    def __init__(self, to, tick): self._to, self._tick = to, tick
    def time_ns(self): return self._to
    def shift(self, seconds): self._to += int(seconds * 10**9)
    def move_to(self, seconds): self._to = int(seconds * 10**9)

traveller_stack = []

class travel:
    def __init__(self, seconds, tick=True): self.seconds, self.tick = seconds, tick
    def start(self):
        if not traveller_stack: _time_machine.patch()
        traveller_stack.append(Traveller(int(self.seconds * 10**9), self.tick))
        return traveller_stack[-1]
    def stop(self):
        traveller_stack.pop()
        if not traveller_stack: _time_machine.unpatch()
    def __enter__(self): return self.start()
    def __exit__(self, *error): self.stop()
";

const TESTS: &str = "\
import datetime, time
from time import time as copied
import time_machine

def test_still():
    before, steady = time.time(), time.monotonic()
    with time_machine.travel(1000.5, tick=False) as traveller:
        assert time.time() == copied() == 1000.5 == time.time()
        assert datetime.datetime.now(datetime.UTC).isoformat() == '1970-01-01T00:16:40.500000+00:00'
        traveller.shift(10)
        assert time.time() == 1010.5
        time.sleep(5)
        assert time.time() == 1010.5
        with time_machine.travel(7, tick=False):
            assert copied() == 7
        assert copied() == 1010.5
        assert time_machine._time_machine.original_time() >= before + 5
    assert before + 5 <= time.time() < before + 6
    assert steady + 5 <= time.monotonic() < steady + 6

def test_ticking():
    with time_machine.travel(1000) as traveller:
        assert time.time_ns() == 1000 * 10**9 < time.time_ns()
        time.sleep(3)
        assert 1003 <= time.time() < 1004
        traveller.move_to(0)
        assert time.time() < 1
    assert time.time() > 10**9

def test_out_of_bounds():
    with time_machine.travel(-1): pass
";

#[test]
fn a_project_that_travels_in_time_runs_here() {
    let compiled = "_time_machine.cpython-311-x86_64-linux-gnu.so";
    let files = [("test_it.py", TESTS), ("time_machine/__init__.py", PACKAGE), (compiled, "ELF")];
    let project = Project::new(&files, limits());
    let mut ran = project.run();
    let out = report(&ran, "test_out_of_bounds");
    assert_eq!(out.outcome, Outcome::NotTestable, "{out:#?}");
    assert!(out.reason.as_ref().is_some_and(|reason| reason.detail.contains("goes from 1970 to 2262")), "{out:#?}");
    ran.report.tests.retain(|test| !test.id.ends_with("out_of_bounds"));
    assert_eq!(ran.report.tests.len(), 2);
    assert_all_pass(&ran);
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let text = "\
import time
from airlock_harness import door

def test_it():
    now = time.time()
    for wrong in ({}, {'realtime_ns': -1, 'tick': True}, {'realtime_ns': 1 << 63, 'tick': True}, {'realtime_ns': 1.5, 'tick': True},
                  {'realtime_ns': '1', 'tick': True}, {'realtime_ns': 1}, {'realtime_ns': 1, 'tick': None}):
        assert 'error' in door.ask({'op': 'clock', **wrong}), wrong
    assert now <= time.time() < now + 1
";
    assert_all_pass(&Project::of(text).run());
}
