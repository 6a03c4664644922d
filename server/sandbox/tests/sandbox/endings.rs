//! What ends more than one test, or nearly: each is named, and costs nobody else.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Options, Progress, Suite, SuiteError};
use airlock_sandbox::worker::protocol::Limits;

use crate::support::{Project, limits, report, run, spec};

const GOOD: &str = "def test_good(): pass\n";

#[test]
fn a_runs_limit_holds_for_all_of_it_and_blames_nobody() {
    let text = "import pytest\n@pytest.mark.parametrize('x', range(1000))\ndef test_it(x):\n    for _ in range(3_000_000): pass\n";
    let project = Project::new(&[("test_it.py", text)], Limits { job_ms: 6_000, ..limits() });
    let ready = project.collect();
    let mut told: Vec<Instant> = Vec::new();
    let ran = project.suite().run(&ready, &[], &Options::default(), &mut |_| told.push(Instant::now())).expect("run");
    // From the first test to the last; a second run would be six seconds more.
    let took = told[told.len() - 1].duration_since(told[0]);
    assert!(took < Duration::from_millis(11_500), "{took:?}");
    assert!(ran.report.limits.iter().any(|limit| limit == "time: the run took 6 s"), "{:?}", ran.report.limits);
    assert!(!ran.report.tests.is_empty() && !ran.report.unreported.is_empty());
    assert!(ran.report.tests.iter().all(|test| test.outcome == Outcome::Passed), "{:#?}", ran.report.tests);
    assert_eq!(ran.report.tests.len() + ran.report.unreported.len(), 1000);
    assert!(ran.by_wall_time);
}

#[test]
fn a_test_that_breaks_the_runner_is_named_and_the_others_run() {
    let text = "\
import sys
def test_before(): pass
def test_it():
    m = sys.monitoring
    for i in range(6):
        try: m.use_tool_id(i, 'x')
        except ValueError: m.free_tool_id(i)
    m.use_tool_id(3, 'x') if m.get_tool(3) is None else None
    m.register_callback(3, m.events.LINE, lambda *a: 1/0)
    m.set_events(3, m.events.LINE)
def test_after(): pass
";
    let ran = run(text, limits());
    for other in ["test_before", "test_after"] {
        assert_eq!(report(&ran, other).outcome, Outcome::Passed, "{other}");
    }
    assert!(ran.report.limits.iter().any(|limit| limit.contains("test_it.py::test_it")), "{:?}", ran.report.limits);
    assert!(ran.report.unreported.is_empty());
    assert_ne!(report(&ran, "test_it").outcome, Outcome::Passed);
}

#[test]
fn an_exception_that_nobody_may_look_at_fails_its_own_test() {
    let text = "\
class Bad(BaseException):
    def __str__(self): raise Bad
    __repr__ = __str__
    def __getattribute__(self, name): raise Bad
class Odd:
    def __repr__(self): raise Bad()
def test_it(): raise Bad()
def test_odd():
    x = Odd()
    assert x is None
def test_after(): pass
";
    let ran = run(text, limits());
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Failed);
    assert_eq!(report(&ran, "test_odd").outcome, Outcome::Failed);
    assert_eq!(report(&ran, "test_after").outcome, Outcome::Passed);
}

/// What is told of `test_bad.py`, beside which `test_good.py` runs.
fn beside_a_good_one(bad: &str, limits: Limits) -> (String, Vec<String>) {
    let ran = Project::new(&[("test_bad.py", bad), ("test_good.py", GOOD)], limits).run();
    let by_id = |id: &str| ran.report.tests.iter().find(|test| test.id == id).cloned();
    let good = by_id("test_good.py::test_good").unwrap_or_else(|| panic!("{:#?}", ran.report));
    assert_eq!(good.outcome, Outcome::Passed);
    let bad = by_id("test_bad.py").unwrap_or_else(|| panic!("{:#?}", ran.report));
    assert_eq!((bad.outcome, bad.collection), (Outcome::Error, true), "{bad:#?}");
    (bad.message.unwrap_or_default(), ran.report.limits)
}

#[test]
fn a_file_that_would_end_pytest_while_it_is_imported_is_an_error_of_its_own() {
    for (text, name) in
        [("raise KeyboardInterrupt\n", "KeyboardInterrupt"), ("import sys\nsys.exit(3)\n", "SystemExit: 3")]
    {
        let (message, limits) = beside_a_good_one(text, limits());
        assert!(message.starts_with(name) && !message.contains('\n'), "{message}");
        assert_eq!(limits, [""; 0]);
    }
}

#[test]
fn a_file_whose_import_or_collection_does_not_end_is_named_and_the_others_run() {
    let endless = "import itertools, pytest\n@pytest.mark.parametrize('x', itertools.count())\ndef test_it(x): pass\n";
    for text in ["while True: pass\n", endless] {
        // A bound that the boot of a good file keeps on a busy machine.
        let (message, met) = beside_a_good_one(text, Limits { step_ms: 3_000, ..limits() });
        let words = "time: one test ran for 3 s (test_bad.py, while it was collected)";
        assert_eq!(message, words);
        assert!(met.iter().any(|limit| limit == words), "{met:?}");
    }
}

#[test]
fn what_keeps_everything_from_being_collected_is_named_in_one_line() {
    let hooks = "def pytest_collection_modifyitems(items):\n    while True: pass\n";
    let cases = [
        ("while True: pass\n", "conftest.py"),
        (hooks, "pytest_collection_modifyitems"),
        ("import sys\nsys.modules.clear()\n", "conftest.py"),
        (
            "import sys\nfor m in list(sys.modules):\n    if m.startswith(('_pytest', 'pytest', 'airlock', 'json')): sys.modules[m] = None\n",
            "conftest.py",
        ),
        ("raise KeyboardInterrupt\n", "conftest.py"),
    ];
    for (conftest, named) in cases {
        let project =
            Project::new(&[("conftest.py", conftest), ("test_good.py", GOOD)], Limits { step_ms: 3_000, ..limits() });
        let ended = project.suite().collect(&[]);
        let Err(error @ (SuiteError::Limit(_) | SuiteError::Project { .. })) = ended else {
            panic!("{conftest}: {ended:#?}")
        };
        let words = error.to_string();
        assert!(words.contains(named) && !words.contains('\n'), "{conftest}: {words}");
    }
}

#[cfg(unix)]
#[test]
fn a_worker_that_stands_still_is_ended_and_said_to() {
    let project = Project::new(&[("test_it.py", "def test_it():\n    while True: pass\n")], limits());
    let mut worker = crate::support::worker(Arc::clone(&project.files) as _);
    worker.set_silence(Duration::from_millis(500));
    let never = || Arc::new(AtomicBool::new(false));
    let suite = Suite::new(&worker, project.files.clone(), spec(limits()), never()).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    let short = spec(Limits { step_ms: 700, ..limits() });
    let suite = Suite::new(&worker, project.files.clone(), short, never()).expect("a suite");
    let stop = |pid: u32| {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    };
    let ran = suite
        .run(&ready, &[], &Options::default(), &mut |progress| {
            if let Progress::Started { .. } = progress {
                stop(worker.pid());
            }
        })
        .expect("run");
    let reason = report(&ran, "test_it").reason.clone().expect("a reason");
    assert_eq!(reason.kind, "limit");
    assert!(reason.detail.contains("no sign of life"), "{reason:?}");
    assert!(!reason.detail.contains("SIGKILL"), "that was our own: {reason:?}");
}

#[cfg(unix)]
#[test]
fn a_worker_that_a_signal_ends_is_lost_with_the_signals_name() {
    let project = Project::new(&[("test_it.py", "def test_it():\n    while True: pass\n")], limits());
    let ready = project.collect();
    let ran = project
        .suite()
        .run(&ready, &[], &Options::default(), &mut |progress| {
            if let Progress::Started { .. } = progress {
                project.worker.kill();
            }
        })
        .expect("run");
    let words = report(&ran, "test_it").message.clone().expect("a message");
    assert!(words.contains("SIGKILL"), "{words}");
}

#[test]
fn a_recursion_fails_with_its_lines_recorded_as_it_does_without() {
    let code = "def search(node):\n    return any(search(other) for other in node)\n";
    let test =
        "from codes import search\n\ndef test_it():\n    node = []\n    node.append(node)\n    assert search(node)\n";
    let project = Project::new(&[("codes.py", code), ("test_it.py", test)], limits());
    let ready = project.collect();
    let plain = project.suite().run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
    let covering = Options { coverage: Some(vec!["/workspace".to_owned()]), ..Options::default() };
    let covered = project.suite().run(&ready, &[], &covering, &mut |_| {}).expect("run");
    let (plain, covered) = (report(&plain, "test_it"), report(&covered, "test_it"));
    assert_eq!((plain.outcome, plain.exception.as_deref()), (Outcome::Failed, Some("RecursionError")), "{plain:?}");
    assert_eq!((covered.outcome, &covered.exception), (plain.outcome, &plain.exception), "{covered:?}");
    assert_eq!(covered.coverage.as_ref().map(|lines| lines["codes.py"].clone()), Some(vec![2]), "{covered:?}");
}
