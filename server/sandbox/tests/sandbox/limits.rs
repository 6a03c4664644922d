//! Tests that never end, or that want everything: each meets its limit, is named, and the next one runs.

use airlock_core::report::Outcome;
use airlock_sandbox::worker::protocol::Limits;

use crate::support::{Project, limits, report, run};

const AFTER: &str = "\ndef test_zz_after():\n    assert 1 + 1 == 2\n";

fn short() -> Limits {
    Limits { step_ms: 1500, ..limits() }
}

/// Runs `body` as a test that ends only by its deadline, with a good one behind it.
fn endless(body: &str) {
    let ran = run(&format!("{body}{AFTER}"), short());
    let stopped = report(&ran, "test_it");
    assert_eq!(stopped.outcome, Outcome::Failed, "{stopped:#?}");
    assert_eq!(stopped.message.as_deref(), Some("stopped: time: one test ran for 1 s"));
    assert!(ran.by_wall_time);
    assert!(ran.report.limits.iter().any(|limit| limit.contains("test_it.py::test_it")), "{:?}", ran.report.limits);
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
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

#[test]
fn endless_printing_is_cut_and_said() {
    let text = "import os\ndef test_it():\n    for _ in range(40000):\n        os.write(1, b'x' * 1000)\n";
    let project = Project::new(&[("test_it.py", &format!("{text}{AFTER}"))], Limits { output: 1 << 20, ..limits() });
    let ran = project.run();
    assert!(
        ran.report.limits.iter().any(|limit| limit.starts_with("output:"))
            || report(&ran, "test_it").outcome == Outcome::Passed,
        "{:#?}",
        ran.report
    );
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
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
    assert_ne!(deep.outcome, Outcome::Passed, "{deep:#?}");
    assert_eq!(report(&ran, "test_zz_after").outcome, Outcome::Passed);
}

#[test]
fn a_list_nested_deep_is_freed_or_its_test_named() {
    let text = "def test_it():\n    nest = []\n    for _ in range(100_000): nest = [nest]\n    del nest\n";
    let ran = run(&format!("{text}{AFTER}"), limits());
    let deep = report(&ran, "test_it");
    assert!(matches!(deep.outcome, Outcome::Passed | Outcome::NotTestable), "{deep:#?}");
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
