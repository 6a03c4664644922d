//! What one test does to those after it: leftovers of refused calls, used-up limits, ends between tests.

use std::sync::atomic::AtomicBool;

use airlock_core::report::Outcome;
use airlock_sandbox::suite::SuiteError;
use airlock_sandbox::worker::client::WorkerError;
use airlock_sandbox::worker::protocol::{Failure, Freeze, Job, Limits, Origin, OverlayEntry};

use crate::support::{Project, limits, report, run};

/// Starts a program, in vain, and goes on.
const REFUSED: &str = "\
import subprocess
STATE = []
def refused():
    try: subprocess.Popen(['git'])
    except PermissionError: pass
";

#[test]
fn a_failure_that_an_honest_predecessor_causes_stays_though_an_earlier_test_was_refused_something() {
    let text = "\
def test_a(): refused()
def test_b(): STATE.append('dirt')
def test_c(): assert not STATE
";
    let ran = run(&format!("{REFUSED}{text}"), limits());
    assert_eq!(report(&ran, "test_a").outcome, Outcome::Passed);
    let broken = report(&ran, "test_c");
    assert_eq!(broken.outcome, Outcome::Failed, "{broken:#?}");
}

#[test]
fn the_leftover_of_a_test_that_was_cut_short_is_not_held_against_the_next() {
    let text = "\
def test_a():
    STATE.append('open')
    subprocess.run(['git'])
    STATE.clear()
def test_b(): assert not STATE
def test_c(): assert STATE, 'real'
";
    let ran = run(&format!("{REFUSED}{text}"), limits());
    assert_eq!(report(&ran, "test_a").outcome, Outcome::NotTestable);
    let innocent = report(&ran, "test_b");
    assert_eq!(innocent.outcome, Outcome::Passed, "{innocent:#?}");
    assert!(innocent.notes.iter().any(|note| note.contains("after test_it.py::test_a (subprocess: ")), "{innocent:#?}");
    // Passes in the first run, with the leftover.
    assert_eq!(report(&ran, "test_c").outcome, Outcome::Passed);
}

#[test]
fn what_fails_only_after_a_test_that_passed_in_spite_of_a_refusal_is_not_testable() {
    let text = "\
def test_a():
    refused()
    STATE.append('dirt')
def test_b(): assert not STATE
def test_c(): assert 0
";
    let ran = run(&format!("{REFUSED}{text}"), limits());
    assert_eq!(report(&ran, "test_a").outcome, Outcome::Passed);
    let doubtful = report(&ran, "test_b");
    assert_eq!(doubtful.outcome, Outcome::NotTestable, "{doubtful:#?}");
    assert_eq!(doubtful.reason.as_ref().expect("a reason").kind, "leftover");
    assert_eq!(report(&ran, "test_c").outcome, Outcome::Failed);
}

#[test]
fn a_run_again_that_meets_its_wall_limit_keeps_the_failure_and_names_the_limit() {
    // The second time there is no file, and the test waits for it.
    let text = "\
def test_a():
    STATE.append('dirt')
    subprocess.run(['git'])
def test_b():
    while not STATE: pass
    assert 0
def test_zz_after(): pass
";
    let ran = run(&format!("{REFUSED}{text}"), Limits { step_ms: 1500, ..limits() });
    assert_eq!(report(&ran, "test_b").outcome, Outcome::Failed);
    assert!(ran.by_wall_time);
    assert!(
        ran.report.limits.iter().any(|limit| limit.contains("test_it.py::test_b, run again")),
        "{:?}",
        ran.report.limits
    );
}

#[test]
fn many_tests_that_keep_their_files_until_the_end_do_not_use_up_each_other_s_share() {
    let text = "\
import pytest
@pytest.mark.parametrize('n', range(40))
def test_it(n, tmp_path):
    for name in range(20): (tmp_path / str(name)).touch()
def test_too_many(tmp_path):
    for name in range(300): (tmp_path / str(name)).touch()
def test_zz_after(tmp_path):
    for name in range(100): (tmp_path / str(name)).touch()
";
    let ran = run(text, Limits { files: 150, ..limits() });
    for test in &ran.report.tests {
        let expected = if test.id.ends_with("test_too_many") { Outcome::Failed } else { Outcome::Passed };
        assert_eq!(test.outcome, expected, "{test:#?}");
    }
    assert_eq!(ran.report.tests.len(), 42);
    assert_eq!(ran.report.limits, ["files: the guest made too many files (test_it.py::test_too_many)"]);
    assert!(ran.report.notes.iter().any(|note| note.starts_with("run in several guests")), "{:?}", ran.report.notes);
}

#[test]
fn an_end_between_two_tests_is_named_and_the_rest_runs() {
    // A refused test's garbage is collected behind its result.
    let text = "\
class Endless:
    def __init__(self): self.me = self
    def __del__(self):
        while True: pass
def test_a():
    import gc
    gc.disable()
    refused()
    Endless()
def test_zz_after(): pass
";
    let ran = run(&format!("{REFUSED}{text}"), Limits { step_ms: 1500, ..limits() });
    assert_eq!(report(&ran, "test_a").outcome, Outcome::Passed);
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
    assert!(ran.by_wall_time);
    assert!(
        ran.report.limits.iter().any(|limit| limit.starts_with("time: ") && limit.contains("after test_it.py::test_a")),
        "{:?}",
        ran.report.limits
    );
}

#[test]
fn a_limit_met_while_collecting_is_named_and_its_image_not_found_under_another_limit() {
    let text = "\
try: HELD = len(bytearray(400 << 20))
except MemoryError: HELD = 0
def test_it(): assert HELD
";
    let files = [("test_it.py", text)];
    let ran = Project::new(&files, Limits { memory: 256 << 20, ..limits() }).run();
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Failed);
    assert_eq!(
        ran.report.limits,
        ["memory: the guest asked for more than 256 MiB (while the tests were collected)"],
        "a fork of the image meets no limit of its own"
    );
    let project = Project::new(&files, limits());
    assert!(!project.collect().from_cache);
    assert_eq!(report(&project.run(), "test_it").outcome, Outcome::Passed);
}

#[test]
fn a_proposal_that_cannot_be_collected_leaves_no_image_behind() {
    let project = Project::of("def test_it(): pass\n");
    let ready = project.collect();
    let suite = project.suite();
    for _ in 0..3 {
        let broken = OverlayEntry {
            path: "/workspace/conftest.py".to_owned(),
            content: Some(b"raise RuntimeError('broken')\n".to_vec()),
            executable: false,
        };
        assert!(matches!(suite.collect(&[broken]), Err(SuiteError::Project { .. })));
    }
    let kept = (1..50).filter(|number| {
        let job = Job {
            origin: Origin::Image(*number),
            mounts: Vec::new(),
            generation: 1,
            overlay: Vec::new(),
            over_seen: false,
            commands: Vec::new(),
            whole: false,
            work: None,
            seed: None,
            limits: limits(),
            left_ms: None,
            freeze: Freeze::No,
        };
        match project.worker.submit(job).expect("submitted").wait(&AtomicBool::new(false), |_| {}) {
            Ok(_) => true,
            Err(WorkerError::Failed(Failure::NoImage { .. })) => false,
            Err(error) => panic!("{error}"),
        }
    });
    // The collected project's, where this worker made it; the interpreter's is on disk.
    let most = usize::from(!ready.from_cache);
    assert!(kept.count() <= most);
}
