//! What `airlock check` costs a user, whole calls of the program in one run beside the native ones:
//!
//! ```text
//! cargo bench --profile dev -p airlock-program-tests
//! ```
//!
//! `AIRLOCK_BENCH_PROJECT` names another project of the corpus for the suite that keeps the processor busy.
//! A bound that is not kept is said in the table, and is no failure: a busy machine keeps none. A run that does not do what
//! it should ends the bench.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Project, airlock};
use airlock_program_tests::{cache, corpus_script, linked_cache};
use serde_json::Value;

/// A parser of Python, tried on its own sources and those of the standard library: no waiting, little reading.
const PROJECT: &str = "parso";

const TESTS: &str = "def double(n):\n    return n * 2\n\n\ndef test_one():\n    assert double(2) == 4\n\n\ndef test_two():\n    assert double('a') == 'aa'\n";

/// How often each is run.
const SUITES: usize = 3;
const FIRST: usize = 7;
const CACHED: usize = 40;
const NATIVE: usize = 15;

/// Bounds: the suite as a multiple of the native run, the small project in milliseconds.
const RATIO: f64 = 2.5;
const FIRST_MS: f64 = 3000.0;
const CACHED_MS: f64 = 300.0;

fn main() {
    // Builds the program and installs the guest, outside of what is measured.
    cache();
    println!("{:<44} {:>10} {:>10}", "", "measured", "bound");
    two_tests();
    suite();
}

fn row(what: &str, measured: f64, bound: f64, unit: &str, note: &str) {
    let word = if measured <= bound { "ok  " } else { "OVER" };
    println!("{what:<44} {measured:>7.1} {unit:<2} {bound:>7.1} {unit:<2} {word} {note}");
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

/// A whole call of `airlock check`, and its document.
fn check(project: &Path, home: Option<&Path>) -> (Duration, Value) {
    let mut call = airlock(["check", "--json"]).within(project);
    if let Some(home) = home {
        call = call.cache(home);
    }
    let ended = call.run();
    (ended.wall, ended.document())
}

/// A project of two tests: with nothing of it in the cache, then with its images there. The tests run each time; what
/// they said is kept nowhere.
fn two_tests() {
    let home = linked_cache();
    let small = || Project::new(&[("test_it.py", TESTS)]);
    let run = |project: &Project| {
        let (took, document) = check(project.path(), Some(home.path()));
        let tests = document["tests"].as_array().expect("tests");
        let ran = tests.iter().filter(|test| test["outcome"] == "passed" && test["time_ms"].as_f64() > Some(0.0));
        assert_eq!(ran.count(), 2, "{document}");
        took
    };
    let native = || {
        let project = small();
        let started = Instant::now();
        // The same pytest as the guest's, so that only the way of running differs.
        let status = Command::new("python3")
            .args(["-m", "pytest", "-q"])
            .current_dir(project.path())
            .env("PYTHONPATH", cache().join("airlock/guests/python-3.15.0/pytest"))
            .stdout(Stdio::null())
            .status()
            .expect("python3 starts");
        assert!(status.success(), "the same tests fail natively");
        started.elapsed()
    };
    native();
    let (native, native_late) = spread((0..NATIVE).map(|_| native()).collect());
    let first = || {
        let images = home.join("airlock/images");
        // Not there before the first.
        drop(fs::remove_dir_all(&images));
        run(&small())
    };
    let (median, late) = spread((0..FIRST).map(|_| first()).collect());
    let note = format!("95 %: {late:.0} ms; natively {native:.0} ms (95 %: {native_late:.0})");
    row("check of two tests, the first time", median, FIRST_MS, "ms", &note);
    let project = small();
    run(&project);
    let (median, late) = spread((0..CACHED).map(|_| run(&project)).collect());
    let note = format!("95 %: {late:.0} ms; natively {native:.0} ms: {:.2} of it", median / native);
    row("check of two tests, images cached", median, CACHED_MS, "ms", &note);
}

/// A real suite, natively and here, in turn.
fn suite() {
    let name = std::env::var("AIRLOCK_BENCH_PROJECT").unwrap_or_else(|_| PROJECT.to_owned());
    let folder = Project::empty();
    let root = folder.join(&name);
    corpus_script("stage.py", &[&name, root.to_str().expect("UTF-8")]);
    let native = || {
        let started = Instant::now();
        let done = Command::new(root.join(".venv/bin/python"))
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
            .current_dir(&root)
            .env("VIRTUAL_ENV", root.join(".venv"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("the project's Python starts");
        let took = started.elapsed();
        // A test that fails natively too is no matter; a suite that does not run is.
        assert!(done.status.code().is_some_and(|code| code <= 1), "{}", String::from_utf8_lossy(&done.stdout));
        took
    };
    let (_, document) = check(&root, None);
    let counts = &document["counts"];
    let of = |outcome: &str| counts[outcome].as_u64().unwrap_or_default();
    let (passed, other) = (of("passed"), of("failed") + of("error") + of("not_testable"));
    assert!(passed > 20 * other, "{name} does not run here: {counts}");
    native();
    let pairs: Vec<(Duration, Duration)> = (0..SUITES).map(|_| (native(), check(&root, None).0)).collect();
    let (natively, _) = spread(pairs.iter().map(|pair| pair.0).collect());
    let (here, _) = spread(pairs.iter().map(|pair| pair.1).collect());
    let mut ratios: Vec<f64> = pairs.iter().map(|(native, here)| here.as_secs_f64() / native.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let each = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(", ");
    let note = format!("{:.1} s, natively {:.1} s; each: {each}; {passed} passed", here / 1000.0, natively / 1000.0);
    row(&format!("check of {name}'s suite, times native"), ratios[SUITES / 2], RATIO, "x", &note);
}
