//! Candidates a second, on a real project:
//!
//! ```text
//! AIRLOCK_BENCH_PROJECT=path/to/inflection cargo bench --profile dev -p airlock-sandbox --bench screening
//! ```
//!
//! The project's folder holds one module, `AIRLOCK_BENCH_MODULE` (`inflection/__init__.py`), and its tests. One line of the module is
//! broken, the tests that fail are the targets, and every simple change of one line inside a function is a candidate.
//! Printed are the time a candidate takes, of the clock's and of the processors', screened and imported.

#[path = "../tests/sandbox/support.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airlock_sandbox::suite::{Bounds, Options, Screened, Suite};
use airlock_sandbox::worker::client::Worker;
use airlock_sandbox::worker::protocol::{Installed, OverlayEntry};

use support::{Files, guest_folder, images, launch, limits, spec};

/// What is put in the place of what, one at a time.
const CHANGES: &[(&str, &str)] = &[
    (" == ", " != "),
    (" != ", " == "),
    (" + ", " - "),
    (" - ", " + "),
    (" in ", " not in "),
    (" not ", " "),
    (" and ", " or "),
    (" or ", " and "),
    ("[0]", "[1]"),
    ("[1:]", "[0:]"),
    ("1", "0"),
    ("0", "1"),
    ("return ", "return not "),
    ("True", "False"),
    ("'", "'x"),
    (".lower()", ".upper()"),
    (".upper()", ".lower()"),
];

fn main() {
    let Some(folder) = std::env::var_os("AIRLOCK_BENCH_PROJECT").map(PathBuf::from) else {
        eprintln!("skipped: AIRLOCK_BENCH_PROJECT names no project");
        return;
    };
    let variable = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let module = variable("AIRLOCK_BENCH_MODULE", "inflection/__init__.py");
    let (old, new) = (
        variable("AIRLOCK_BENCH_OLD", "number % 100 in (11, 12, 13)"),
        variable("AIRLOCK_BENCH_NEW", "number % 100 in (11, 13)"),
    );
    let jobs = std::thread::available_parallelism().map_or(2, usize::from);

    let mut texts = Vec::new();
    read(&folder, "", &mut texts);
    let base = texts.iter_mut().find(|(path, _)| *path == module).expect("the module is there");
    assert_eq!(base.1.matches(&old).count(), 1, "the line to break is not once in {module}");
    base.1 = base.1.replace(&old, &new);
    let base = base.1.clone();
    let list: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let files = Files::new(&list);

    drop(support::worker(Files::new(&[])));
    let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
    worker.open(&Installed::python(guest_folder(), Some(images())), jobs).expect("opened");
    let all = Suite::new(&worker, Arc::clone(&files) as _, spec(limits()), Arc::default()).expect("a suite");
    let ran = all.run(&all.collect(&[]).expect("collected"), &[], &Options::default(), &mut |_| {}).expect("run");
    let failing = ran.report.tests.iter().filter(|test| test.outcome.is_failure());
    let targets: Vec<String> = failing.map(|test| test.id.clone()).take(16).collect();
    println!("{} tests, {} of them targets, {jobs} jobs", ran.report.tests.len(), targets.len());
    let mut spec = spec(limits());
    spec.args = targets;
    let suite = Suite::new(&worker, Arc::clone(&files) as _, spec, Arc::default())
        .expect("a suite")
        .screening(vec![format!("/workspace/{module}")]);

    let candidates = candidates(&base, &format!("/workspace/{module}"));
    let bounds = Bounds::patient(limits());
    let start = Instant::now();
    suite.screen(&candidates[0], bounds).expect("screened");
    println!("prepared in {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);

    let swapped: Vec<_> = candidates
        .iter()
        .filter(|candidate| matches!(suite.screen(candidate, bounds), Ok(Screened::Judged(judged)) if judged.ran))
        .collect();
    println!("{} candidates, {} of them screened by an exchange of code", candidates.len(), swapped.len());
    let rounds = if swapped.len() < 500 { 1000 / swapped.len().max(1) + 1 } else { 2 };
    let many: Vec<_> = std::iter::repeat_n(&swapped, rounds).flatten().copied().collect();
    measure("screened, one after the other", &worker, &many, 1, |candidate| {
        suite.screen(candidate, bounds).expect("screened");
    });
    measure("screened, all jobs", &worker, &many, jobs, |candidate| {
        suite.screen(candidate, bounds).expect("screened");
    });
    measure("imported, all jobs", &worker, &many[..many.len().min(200)], jobs, |candidate| {
        suite.attempt(candidate, bounds).expect("attempt");
    });
}

fn read(folder: &Path, below: &str, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder.join(below)).expect("listed") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            read(folder, &path, texts);
        } else if let Ok(text) = std::fs::read_to_string(entry.path())
            && [".py", ".toml", ".cfg", ".ini"].iter().any(|end| name.ends_with(end))
        {
            texts.push((path, text));
        }
    }
}

fn candidates(base: &str, path: &str) -> Vec<Vec<OverlayEntry>> {
    let mut found = Vec::new();
    for (old, new) in CHANGES {
        for (at, _) in base.match_indices(old) {
            let text = format!("{}{new}{}", &base[..at], &base[at + old.len()..]);
            found.push(vec![OverlayEntry {
                path: path.to_owned(),
                content: Some(text.into_bytes()),
                executable: false,
            }]);
        }
    }
    found
}

fn measure(
    what: &str,
    worker: &Worker,
    candidates: &[&Vec<OverlayEntry>],
    jobs: usize,
    work: impl Fn(&Vec<OverlayEntry>) + Sync,
) {
    let next = AtomicUsize::new(0);
    let (start, spent) = (Instant::now(), processor_time(worker.pid()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(candidate) = candidates.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(candidate);
                }
            });
        }
    });
    let (wall, spent) = (start.elapsed(), processor_time(worker.pid()) - spent);
    let count = candidates.len() as f64;
    println!(
        "{what:<32} {:>7.0}/s   {:>6.2} ms of processor time each, for {:.0}/s on two",
        count / wall.as_secs_f64(),
        spent.as_secs_f64() * 1000.0 / count,
        2.0 * count / spent.as_secs_f64()
    );
}

/// What both processes have used so far.
fn processor_time(worker: u32) -> Duration {
    let of = |pid: &str| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    };
    // The kernel counts in hundredths of a second.
    Duration::from_millis(10 * (of("self") + of(&worker.to_string())))
}
