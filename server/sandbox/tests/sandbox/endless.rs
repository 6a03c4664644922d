//! Candidates that meet their wall limit: only their work says whether they are endless.

use airlock_sandbox::suite::{Attempt, Bounds};
use airlock_sandbox::worker::client::{CompileBounds, Worker};
use airlock_sandbox::worker::protocol::{Build, Installed, Limits, OverlayEntry};

use crate::support::{Files, Project, guest_folder, launch, limits, scratch};

const TEST: &str = "from codes import double\n\ndef test_it():\n    assert double(2) == 4\n\ndef test_other(): pass\n";

fn project(code: &str) -> Project {
    Project::new(&[("codes.py", code), ("test_it.py", TEST)], limits())
}

fn with(code: &str) -> Vec<OverlayEntry> {
    let path = "/workspace/codes.py".to_owned();
    vec![OverlayEntry { path, content: Some(code.as_bytes().to_vec()), executable: false }]
}

fn bounds(step_ms: u64, base_ends: bool) -> Bounds {
    Bounds { limits: Limits { step_ms, ..limits() }, screen_ms: step_ms, base_ends }
}

const BASE: &str = "def double(n):\n    return n * 3\n";
const REPAIR: &str = "def double(n):\n    return n * 2\n";
const ENDLESS: &str = "def double(n):\n    while True: pass\n";

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
    for step_ms in [0, 1500] {
        let attempt = suite.attempt(&with(ENDLESS), bounds(step_ms, true)).expect("attempt");
        let limit = "work: it did many times the work of the base and did not end".to_owned();
        assert_eq!(attempt, Attempt { limit: Some(limit), endless: true, ..Attempt::default() });
    }
}

#[test]
fn where_the_base_does_not_end_its_collection_is_the_measure() {
    let project = project(ENDLESS);
    let suite = project.suite();
    assert_eq!(suite.attempt(&with(REPAIR), bounds(0, false)).expect("attempt").passed.len(), 2);
    assert!(suite.attempt(&[], bounds(0, false)).expect("attempt").endless);
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
