//! Candidates that meet their wall limit: only their work says whether they are endless.

use airlock_core::report::{Location, Outcome};
use airlock_sandbox::suite::{Attempt, Bounds, Options, Patience};
use airlock_sandbox::worker::client::{CompileBounds, Worker};
use airlock_sandbox::worker::protocol::{Build, Installed, Limits, OverlayEntry};

use crate::support::{Files, Project, guest_folder, launch, limits, report, scratch};

const TEST: &str = "from codes import double\n\ndef test_it():\n    assert double(2) == 4\n\ndef test_other(): pass\n";

fn project(code: &str) -> Project {
    Project::new(&[("codes.py", code), ("test_it.py", TEST)], limits())
}

fn with(code: &str) -> Vec<OverlayEntry> {
    let path = "/workspace/codes.py".to_owned();
    vec![OverlayEntry { path, content: Some(code.as_bytes().to_vec()), executable: false }]
}

fn bounds(step_ms: u64, base_ends: bool) -> Bounds {
    Bounds { base_ends, ..Bounds::patient(Limits { step_ms, ..limits() }) }
}

const BASE: &str = "def double(n):\n    return n * 3\n";
const REPAIR: &str = "def double(n):\n    return n * 2\n";
const ENDLESS: &str = "def double(n):\n    while True: pass\n";
/// Endless without a loop that anybody could count the rounds of.
const ENDLESS_IN_C: &str = "import itertools\n\ndef double(n):\n    return sum(itertools.repeat(0))\n";
const SWALLOWS: &str = "def double(n):\n    while True:\n        try:\n            while True: pass\n        except BaseException:\n            return 4\n";

#[test]
fn a_candidate_that_meets_its_wall_limit_and_ends_counts_as_it_ended() {
    let project = project(BASE);
    let suite = project.suite();
    // A machine so slow that nothing is in time, and one that is never too slow.
    let late = suite.attempt(&with(REPAIR), bounds(0, true)).expect("attempt");
    let in_time = suite.attempt(&with(REPAIR), bounds(120_000, true)).expect("attempt");
    assert_eq!(late.passed.len(), 2, "{late:?}");
    assert_eq!(late, in_time);
    let late = suite.attempt(&[], bounds(0, true)).expect("attempt");
    assert_eq!((late.passed, late.limit, late.endless), (vec!["test_it.py::test_other".to_owned()], None, false));
}

#[test]
fn one_that_does_not_end_is_endless_by_its_work_on_any_machine() {
    let project = project(BASE);
    let suite = project.suite();
    let limit = "work: it did many times the work of the base and did not end".to_owned();
    for step_ms in [0, 1500] {
        let attempt = suite.attempt(&with(ENDLESS_IN_C), bounds(step_ms, true)).expect("attempt");
        assert_eq!(attempt, Attempt { limit: Some(limit.clone()), endless: true, ..Attempt::default() });
    }
}

#[test]
fn one_whose_loop_does_not_end_is_endless_by_its_rounds() {
    let project = project(BASE);
    let suite = project.suite();
    let hurried = |code: &str, base_ends| {
        let patient = bounds(60_000, base_ends);
        let import = Patience { quick_ms: 0, ..patient.import };
        suite.attempt(&with(code), Bounds { import, ..patient }).expect("attempt")
    };
    for base_ends in [true, false] {
        for code in [ENDLESS, SWALLOWS] {
            let ended = Attempt { ran: true, endless: true, ..Attempt::default() };
            assert_eq!(hurried(code, base_ends), ended, "{code}");
        }
        assert_eq!(hurried(REPAIR, base_ends).passed.len(), 2);
    }
    // Slow, and not endless.
    let slow = "def double(n):\n    return 4 if sum(1 for _ in range(700_000)) else 0\n";
    assert_eq!(hurried(slow, true).passed.len(), 2);
}

#[test]
fn what_a_test_does_that_does_not_end_is_looked_at_and_others_in_its_loop_are_ended_early() {
    let code = "def wait(n):\n    while n:\n        n = n + 1\n\n\ndef slow(n):\n    for _ in range(n):\n        pass\n    \
                return n\n";
    let test = "import pytest\nfrom codes import slow, wait\n\n@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_wait(n):\n    \
                assert wait(n)\n\ndef test_slow():\n    assert slow(1_500_000)\n";
    let project = Project::new(&[("codes.py", code), ("test_it.py", test)], Limits { step_ms: 4000, ..limits() });
    let options = Options { coverage: Some(vec!["/workspace".to_owned()]), look_closer: true, ..Options::default() };
    let suite = project.suite();
    let ready = suite.collect(&[]).expect("collected");
    let ran = suite.run(&ready, &[], &options, &mut |_| {}).expect("ran");
    for n in 1..=3 {
        let report = report(&ran, &format!("test_wait[{n}]"));
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(report.message.as_deref(), Some("stopped: it did not come out of the loop at codes.py:3"));
        assert_eq!(report.location, Some(Location { path: "codes.py".to_owned(), line: 3 }));
        let covered = report.coverage.as_ref().expect("coverage");
        assert_eq!(covered["codes.py"], [2, 3]);
    }
    assert_eq!(report(&ran, "test_slow").outcome, Outcome::Passed);
    let by_time = |limit: &&String| limit.contains("one test ran for 4 s");
    assert_eq!(
        (ran.report.limits.len(), ran.report.limits.iter().filter(by_time).count()),
        (3, 1),
        "{:?}",
        ran.report.limits
    );
    assert!(ran.by_wall_time);
}

#[test]
fn where_the_base_does_not_end_its_collection_is_the_measure() {
    let project = project(ENDLESS);
    let suite = project.suite();
    assert_eq!(suite.attempt(&with(REPAIR), bounds(0, false)).expect("attempt").passed.len(), 2);
    assert!(suite.attempt(&[], bounds(0, false)).expect("attempt").endless);
    assert!(suite.attempt(&with(ENDLESS_IN_C), bounds(0, false)).expect("attempt").endless);
}

#[test]
fn a_compilation_that_goes_on_for_ever_is_ended_at_its_bound() {
    let folder = scratch("endless-compile");
    for name in ["python.wasm", "python-stdlib.zip"] {
        std::fs::hard_link(guest_folder().join(name), folder.join(name)).expect("linked");
    }
    let guest = Installed::python(&folder, None);
    let wall = std::time::Duration::from_millis(500);
    let compile = |bounds| {
        let worker = Worker::start(&launch(), Files::new(&[])).expect("a worker");
        let error = worker.compile_within(&guest, Build::default(), bounds, &|| false).expect_err("ended").to_string();
        // Its process is gone with it.
        assert!(worker.open(&guest, 1).is_err());
        error
    };
    let error = compile(CompileBounds { wall, ..CompileBounds::default() });
    assert!(error.contains("was ended: it took more than 0.5 s"), "{error}");
    let error = compile(CompileBounds { memory: 120 << 20, ..CompileBounds::default() });
    assert!(error.contains("was ended: it took more than 120 MiB of memory"), "{error}");
    assert!(!folder.join("guest.bin").exists(), "nothing half made is taken for whole");
    std::fs::remove_dir_all(folder).expect("removed");
}
