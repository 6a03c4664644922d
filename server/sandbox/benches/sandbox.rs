//! What the sandbox costs, in one run, beside what it is measured by:
//!
//! ```text
//! cargo bench --profile dev -p airlock-sandbox
//! ```
//!
//! `AIRLOCK_BENCH_RUNS` sets the number of runs that memory, descriptors and threads must survive unchanged (10,000).
//! Ends with 1 where a limit is not kept.

#[path = "../tests/sandbox/support.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Bounds, Options, Ready, Suite};
use airlock_sandbox::worker::client::Worker;
use airlock_sandbox::worker::protocol::Installed;

use support::{Files, Project, guest_folder, launch, limits, scratch, spec};

const TESTS: &str = "def double(n):\n    return n * 2\n\ndef test_one():\n    assert double(2) == 4\n\ndef test_two():\n    assert double('a') == 'aa'\n";

/// One line of the table.
struct Row {
    what: &'static str,
    measured: f64,
    limit: f64,
    unit: &'static str,
    note: String,
}

fn main() -> ExitCode {
    let mut rows = Vec::new();
    first_start(&mut rows);
    let project = Project::of(TESTS);
    start_from_cache(&mut rows);
    let suite = project.suite();
    let ready = suite.collect(&[]).expect("collected");
    compare(&mut rows, &suite, &ready);
    cancels(&mut rows);
    long_run(&mut rows, &project, &suite, &ready);

    println!("\n{:<44} {:>10} {:>10} {:>7}", "", "measured", "limit", "ratio");
    let mut kept = true;
    for row in &rows {
        let within = row.measured <= row.limit;
        kept &= within;
        println!(
            "{:<44} {:>7.1} {:<2} {:>7.1} {:<2} {:>7.2} {} {}",
            row.what,
            row.measured,
            row.unit,
            row.limit,
            row.unit,
            row.measured / row.limit.max(f64::MIN_POSITIVE),
            if within { "ok  " } else { "OVER" },
            row.note
        );
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The median and the 95th percentile, in milliseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| millis(*time));
    (at(50), at(95))
}

/// From what was downloaded to a collected project: compile, load, boot.
fn first_start(rows: &mut Vec<Row>) {
    let (folder, images) = (scratch("bench-guest"), scratch("bench-images"));
    for name in ["python.wasm", "python-stdlib.zip"] {
        fs::hard_link(guest_folder().join(name), folder.join(name)).expect("linked");
    }
    std::os::unix::fs::symlink(guest_folder().join("pytest"), folder.join("pytest")).expect("linked");
    let files = Files::new(&[("test_it.py", TESTS)]);
    let start = Instant::now();
    let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
    let guest = Installed::python(&folder, Some(images.clone()));
    worker.compile(&guest).expect("compiled");
    let compiled = start.elapsed();
    drop(worker);
    // The link leads out of the folder that the worker is confined to; so the runner comes from the real one.
    fs::remove_file(folder.join("pytest")).expect("removed");
    copy(&guest_folder().join("pytest"), &folder.join("pytest"));
    let start = Instant::now();
    let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
    worker.open(&guest, 1).expect("opened");
    let mut spec = spec(limits());
    (spec.guest, spec.images) = (folder.clone(), Some(images.clone()));
    let suite = Suite::new(&worker, files, spec, Arc::default()).expect("a suite");
    suite.collect(&[]).expect("collected");
    let booted = start.elapsed();
    let note =
        format!("compiled in {:.1} s, started and collected in {:.1} s", compiled.as_secs_f64(), booted.as_secs_f64());
    let measured = (compiled + booted).as_secs_f64();
    rows.push(Row { what: "guest, from the download to ready", measured, limit: 15.0, unit: "s", note });
    drop(suite);
    drop(worker);
    let _ = (fs::remove_dir_all(folder), fs::remove_dir_all(images));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::hard_link(entry.path(), to.join(entry.file_name())).expect("linked");
        }
    }
}

/// A new worker with the guest open, ready for its first job.
fn start_from_cache(rows: &mut Vec<Row>) {
    let files = Files::new(&[("test_it.py", TESTS)]);
    let guest = Installed::python(guest_folder(), Some(support::images()));
    let times = (0..15).map(|_| {
        let start = Instant::now();
        let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
        worker.open(&guest, 2).expect("opened");
        start.elapsed()
    });
    let (median, late) = spread(times.collect());
    rows.push(Row {
        what: "guest, ready from the cache",
        measured: median,
        limit: 50.0,
        unit: "ms",
        note: format!("95 %: {late:.1} ms"),
    });
}

/// Two passing tests, here and natively.
fn compare(rows: &mut Vec<Row>, suite: &Suite<'_>, ready: &Ready) {
    let folder = scratch("bench-native");
    fs::write(folder.join("test_it.py"), TESTS).expect("written");
    // The same pytest as the guest's, so that only the way of running differs.
    let native = || {
        let start = Instant::now();
        let status = Command::new("python3")
            .args(["-m", "pytest", "-q"])
            .current_dir(&folder)
            .env("PYTHONPATH", guest_folder().join("pytest"))
            .stdout(Stdio::null())
            .status()
            .expect("python3 starts");
        assert!(status.success(), "the same tests fail natively");
        start.elapsed()
    };
    native();
    let (native, native_late) = spread((0..15).map(|_| native()).collect());
    let forked = || {
        let start = Instant::now();
        let ran = suite.run(ready, &[], &Options::default(), &mut |_| {}).expect("run");
        assert!(ran.report.tests.len() == 2 && ran.report.tests.iter().all(|test| test.outcome == Outcome::Passed));
        start.elapsed()
    };
    forked();
    let (median, late) = spread((0..300).map(|_| forked()).collect());
    let limit = native / 25.0;
    let note =
        format!("95 %: {late:.2} ms; natively {native:.0} ms (95 %: {native_late:.0}): 1/{:.0}", native / median);
    rows.push(Row { what: "two tests in a fork", measured: median, limit, unit: "ms", note });
    let afresh = || {
        let start = Instant::now();
        let attempt = suite.attempt(&[], Bounds::patient(limits())).expect("attempt");
        assert_eq!(attempt.passed.len(), 2);
        start.elapsed()
    };
    afresh();
    let (median, late) = spread((0..100).map(|_| afresh()).collect());
    let note = format!("95 %: {late:.2} ms; configured, collected, imported afresh: 1/{:.0}", native / median);
    rows.push(Row { what: "the same, collected in the fork", measured: median, limit: native, unit: "ms", note });
    let _ = fs::remove_dir_all(folder);
}

/// From the wish to end a run to its end, in an endless loop.
fn cancels(rows: &mut Vec<Row>) {
    let project = Project::of("def test_it():\n    while True: pass\n");
    let times = (0..20).map(|_| {
        let cancelled = Arc::new(AtomicBool::new(false));
        let suite = Suite::new(&project.worker, project.files.clone(), spec(limits()), Arc::clone(&cancelled))
            .expect("a suite");
        let ready = suite.collect(&[]).expect("collected");
        let mut since = Instant::now();
        let ended = suite.run(&ready, &[], &Options::default(), &mut |_| {
            since = Instant::now();
            cancelled.store(true, Ordering::Relaxed);
        });
        assert!(ended.is_err() && !project.worker.is_lost(), "it ended otherwise");
        since.elapsed()
    });
    let (median, late) = spread(times.collect());
    let note = format!("median: {median:.1} ms");
    rows.push(Row { what: "cancel of an endless loop (95 %)", measured: late, limit: 100.0, unit: "ms", note });
}

/// Sum of what both processes of the tree have of memory, shares counted by share, in MB.
fn pss(pids: &[u32]) -> f64 {
    let one = |pid: &u32| -> Option<f64> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    pids.iter().filter_map(one).sum::<f64>() * 1024.0 / 1e6
}

fn holds(pid: u32) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count);
    (count("fd"), count("task"))
}

fn long_run(rows: &mut Vec<Row>, project: &Project, suite: &Suite<'_>, ready: &Ready) {
    let runs = std::env::var("AIRLOCK_BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(10_000_u32);
    let pids = [std::process::id(), project.worker.pid()];
    let run = || {
        suite.run(ready, &[], &Options::default(), &mut |_| {}).expect("run");
    };
    (0..100).for_each(|_| run());
    let (memory, before) = (pss(&pids), holds(project.worker.pid()));
    let (mut peak, start) = (memory, Instant::now());
    for number in 0..runs {
        run();
        if number % 100 == 0 {
            peak = peak.max(pss(&pids));
        }
    }
    let (grown, after) = ((pss(&pids) - memory).max(0.0), holds(project.worker.pid()));
    let note = format!("{runs} runs in {:.1} s", start.elapsed().as_secs_f64());
    rows.push(Row { what: "memory of both processes, at most (Pss)", measured: peak, limit: 250.0, unit: "MB", note });
    let note = format!("after {runs} runs; {memory:.0} MB before");
    rows.push(Row { what: "memory, grown by", measured: grown, limit: 5.0, unit: "MB", note });
    let more = |after: usize, before: usize| after.saturating_sub(before) as f64;
    let note = format!("{} before, {} after", before.0, after.0);
    rows.push(Row { what: "descriptors, more by", measured: more(after.0, before.0), limit: 0.0, unit: "", note });
    let note = format!("{} before, {} after", before.1, after.1);
    rows.push(Row { what: "threads, more by", measured: more(after.1, before.1), limit: 0.0, unit: "", note });
}
