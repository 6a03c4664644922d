//! Tests that never end, or that want everything: each meets its limit, is named, and the next one runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Options, Suite};
use airlock_sandbox::worker::protocol::Limits;

use crate::support::{Project, limits, report, run, spec};

const AFTER: &str = "\ndef test_zz_after():\n    assert 1 + 1 == 2\n";

fn short() -> Limits {
    Limits { step_ms: 1500, ..limits() }
}

/// Runs `body` as a test that ends only by its deadline, with a good one behind it.
fn endless(body: &str) {
    // Only the test is to meet the short limit, not the start of a busy machine.
    let project = Project::new(&[("test_it.py", &format!("{body}{AFTER}"))], limits());
    let ready = project.collect();
    let suite = Suite::new(&project.worker, project.files.clone(), spec(short()), Arc::default()).expect("a suite");
    let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
    let stopped = report(&ran, "test_it");
    assert_eq!(stopped.outcome, Outcome::Failed, "{stopped:#?}");
    assert_eq!(stopped.message.as_deref(), Some("stopped: time: one test ran for 1 s"));
    assert!(ran.by_wall_time);
    assert!(ran.report.limits.iter().any(|limit| limit.contains("test_it.py::test_it")), "{:?}", ran.report.limits);
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
}

#[test]
fn the_start_of_the_runner_is_no_test_that_takes_too_long() {
    let project = Project::new(&[("test_it.py", "def test_it(): pass\n")], limits());
    // Shorter than the interpreter takes to start with the runner, longer than one file takes to be collected.
    let limits = Limits { step_ms: 800, ..limits() };
    let suite = Suite::new(&project.worker, project.files.clone(), spec(limits), Arc::default()).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Passed);
}

#[test]
fn an_endless_loop_of_bytecode() {
    endless("def test_it():\n    while True: pass\n");
}

#[test]
fn an_endless_loop_in_c() {
    endless("def test_it():\n    sum(range(10**12))\n");
}

#[test]
fn a_regular_expression_that_backtracks_for_ever() {
    endless("import re\ndef test_it():\n    re.match(r'(a+)+$', 'a' * 60 + 'b')\n");
}

#[test]
fn large_copies_and_fills_in_the_engine() {
    endless("def test_it():\n    block = bytearray(64 << 20)\n    while True: block[:] = bytes(64 << 20)\n");
}

#[test]
fn waiting_for_the_clock_in_a_loop() {
    endless("import time\ndef test_it():\n    end = time.monotonic() + 1e6\n    while time.monotonic() < end: pass\n");
}

#[test]
fn keys_that_the_host_derives() {
    let started = Instant::now();
    // A second of the host's time for each call.
    endless("import hashlib\ndef test_it():\n    while True: hashlib.pbkdf2_hmac('sha256', b'p', b's', 2_000_000)\n");
    // Wall time alone would end it after half a minute.
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

#[test]
fn a_busy_wait_for_a_little_while_ends_by_itself() {
    let ran = run(
        "import time\ndef test_it():\n    end = time.monotonic() + 0.05\n    while time.monotonic() < end: pass\n",
        limits(),
    );
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Passed);
}

#[test]
fn a_sleep_of_a_year_costs_no_wall_time() {
    let text = "import time\ndef test_it():\n    start = time.time()\n    time.sleep(365 * 86400)\n    assert time.time() - start >= 365 * 86400\n";
    // Far less wall time than was slept: the deadline would have stopped it.
    let ran = run(text, limits());
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Passed, "{:#?}", ran.report);
}

#[test]
fn a_memory_eater_gets_a_memory_error_and_the_worker_stays_small() {
    let text = "def test_it():\n    held = []\n    while True: held.append(bytearray(8 << 20))\n\ndef test_caught():\n    try:\n        bytearray(1 << 30)\n    except MemoryError:\n        pass\n";
    let project = Project::new(&[("test_it.py", &format!("{text}{AFTER}"))], Limits { memory: 256 << 20, ..limits() });
    let ran = project.run();
    let eater = report(&ran, "test_it");
    assert_eq!(eater.outcome, Outcome::Failed, "{eater:#?}");
    assert_eq!(eater.exception.as_deref(), Some("MemoryError"));
    assert_eq!(report(&ran, "test_caught").outcome, Outcome::Passed);
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
    assert!(ran.report.limits.iter().any(|limit| limit.starts_with("memory:")), "{:?}", ran.report.limits);
    let private = crate::flat::usage(project.worker.pid()).private_kib;
    assert!(private < 120 << 10, "{private} KiB after the run");
}

/// Each way to print for ever ends in the same words, and takes nothing from the next test.
#[test]
fn endless_printing_meets_one_limit_in_one_sentence() {
    let text = "\
import logging, os, sys, warnings
import pytest

def for_ever(action):
    while True: action()

def test_print(): for_ever(lambda: print('x' * 1000))
def test_line(): print('x' * (3 << 20))
def test_stderr(): for_ever(lambda: print('x' * 1000, file=sys.stderr))
def test_capsys(capsys): for_ever(lambda: print('x' * 1000))
def test_capfd(capfd): for_ever(lambda: os.write(1, b'x' * 1000))
def test_capfd_stderr(capfd): for_ever(lambda: sys.stderr.write('x' * 1000))
def test_descriptor(): for_ever(lambda: os.write(2, b'x' * 1000))
def test_dunder(): for_ever(lambda: print('x' * 1000, file=sys.__stdout__))
def test_dunder_stderr(capsys): for_ever(lambda: print('x' * 1000, file=sys.__stderr__))
def test_logging(): for_ever(lambda: logging.warning('x' * 1000))
def test_caplog(caplog): for_ever(lambda: (logging.getLogger('a').error('x' * 1000)))
def test_swallowed():
    try: for_ever(lambda: print('x' * 1000))
    except BaseException: pass
def test_pytest_raises():
    with pytest.raises(BaseException): for_ever(lambda: print('x' * 1000))
";
    let ways = text.matches("\ndef test_").count();
    for args in [&[][..], &["-s".to_owned()], &["--capture=sys".to_owned()]] {
        let project =
            Project::new(&[("test_it.py", &format!("{text}{AFTER}"))], Limits { output: 1 << 20, ..limits() });
        let mut spec = spec(project.limits);
        spec.args = args.to_vec();
        let suite = Suite::new(&project.worker, project.files.clone(), spec, Arc::default()).expect("a suite");
        let ready = suite.collect(&[]).expect("collected");
        let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
        let said = "output: it printed more than 1024 KiB (the setting output_kb)";
        for test in ran.report.tests.iter().filter(|test| !test.id.ends_with("after")) {
            assert_eq!((test.outcome, test.message.as_deref()), (Outcome::Failed, Some(said)), "{args:?} {test:#?}");
            let limit = format!("{said} ({})", test.id);
            assert!(ran.report.limits.contains(&limit), "{args:?} {limit} not in {:#?}", ran.report.limits);
        }
        assert_eq!(ran.report.tests.len(), ways + 1);
        assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed, "{args:?} {:#?}", ran.report);
    }
}

#[test]
fn printing_a_lot_in_parts_that_are_read_is_no_limit() {
    let text = "\
import os, sys

def test_it(capsys):
    for _ in range(30):
        print('x' * 100_000)
        assert len(capsys.readouterr().out) == 100_001

def test_fd(capfd):
    print('direct', file=sys.__stdout__)
    os.write(1, b'raw')
    out, err = capfd.readouterr()
    assert (out, err) == ('direct\\nraw', '')
    assert sys.__stdout__.fileno() == 1 and sys.__stderr__.fileno() == 2
";
    crate::support::assert_all_pass(&run(text, Limits { output: 1 << 20, ..limits() }));
}

#[test]
fn a_module_that_prints_for_ever_is_an_error_of_collection_in_the_same_words() {
    let ran = run(&format!("while True: print('x' * 1000)\n{AFTER}"), limits());
    assert_eq!(ran.report.tests.len(), 1);
    let message = ran.report.tests[0].message.as_deref().unwrap_or_default();
    assert!(message.contains("it printed more than 1024 KiB (the setting output_kb)"), "{:#?}", ran.report);
}

#[test]
fn a_flood_of_files_meets_the_quota() {
    let text = "import os, pathlib\ndef test_it(tmp_path):\n    for n in range(100_000):\n        (tmp_path / str(n)).touch()\n";
    let ran = run(&format!("{text}{AFTER}"), limits());
    let flood = report(&ran, "test_it");
    assert_eq!(flood.outcome, Outcome::Failed, "{flood:#?}");
    assert_eq!(flood.exception.as_deref(), Some("OSError"));
    assert!(ran.report.limits.iter().any(|limit| limit.starts_with("files:")), "{:?}", ran.report.limits);
}

#[test]
fn a_file_of_a_tebibyte_meets_the_quota() {
    let text =
        "def test_it(tmp_path):\n    with open(tmp_path / 'big', 'wb') as file:\n        file.truncate(1 << 40)\n";
    let ran = run(&format!("{text}{AFTER}"), limits());
    assert_eq!(report(&ran, "test_it").exception.as_deref(), Some("OSError"));
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
}

#[test]
fn a_flood_of_descriptors_meets_the_quota() {
    let text = "def test_it():\n    held = []\n    while True: held.append(open(__file__))\n";
    let ran = run(&format!("{text}{AFTER}"), Limits { descriptors: 100, ..limits() });
    let flood = report(&ran, "test_it");
    assert_eq!(flood.outcome, Outcome::Failed, "{flood:#?}");
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
    assert!(ran.report.limits.iter().any(|limit| limit.starts_with("descriptors:")), "{:?}", ran.report.limits);
}

#[test]
fn a_recursion_that_the_interpreter_does_not_catch_names_its_test_and_the_next_one_runs() {
    let text = "def test_it():\n    nest = []\n    for _ in range(100_000): nest = [nest]\n    repr_of = {}\n    def down(n):\n        return [down(n - 1)] if n else repr(nest)\n    import sys\n    sys.setrecursionlimit(10**9)\n    down(10**7)\n";
    let ran = run(&format!("{text}{AFTER}"), limits());
    let deep = report(&ran, "test_it");
    assert_eq!(deep.outcome, Outcome::NotTestable, "{deep:#?}");
    assert!(deep.message.as_deref().is_some_and(|said| said.ends_with("the call stack overflowed")), "{deep:#?}");
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
}

#[test]
fn a_list_nested_deep_is_freed() {
    let text = "def test_it():\n    nest = []\n    for _ in range(100_000): nest = [nest]\n    del nest\n";
    let ran = run(&format!("{text}{AFTER}"), limits());
    let deep = report(&ran, "test_it");
    assert_eq!(deep.outcome, Outcome::Passed, "{deep:#?}");
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
}

#[test]
fn an_exit_before_the_report_leaves_the_rest_unreported() {
    let ran = run("import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\ndef test_c(): pass\n", limits());
    assert_eq!(report(&ran, "test_a").outcome, Outcome::Passed);
    assert_eq!(ran.report.unreported, ["test_it.py::test_b", "test_it.py::test_c"]);
    assert!(ran.report.limits.iter().any(|limit| limit.contains("ended with code 0 in test_it.py::test_b")));
}

#[test]
fn a_flood_of_forged_reports_is_bounded() {
    let text = "def test_it():\n    from airlock_harness import door\n    n = 0\n    while True:\n        n += 1\n        door.emit('result', id=f'test_it.py::forged_{n}', outcome='passed', message='x' * 100000)\n";
    let ran = run(text, limits());
    assert!(ran.report.tests.len() < 1100, "{}", ran.report.tests.len());
    assert_eq!(report(&ran, "test_it").outcome, Outcome::NotTestable);
}
