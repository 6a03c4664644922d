//! What several suites say of documents.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde_json::Value;

/// The word at `document[key]`.
pub fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    document[key].as_str().unwrap_or_else(|| panic!("no {key} in {document}"))
}

/// The words of a list.
pub fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().filter_map(Value::as_str).collect()
}

/// Tests by outcome: `(id, outcome)` in the order of the document.
pub fn outcomes(document: &Value) -> Vec<(&str, &str)> {
    let tests = document["tests"].as_array().unwrap_or_else(|| panic!("no tests in {document}"));
    tests.iter().map(|test| (word(test, "id"), word(test, "outcome"))).collect()
}

/// The document's error code, or nothing.
pub fn code(document: &Value) -> &str {
    document["error"]["code"].as_str().unwrap_or_default()
}

/// Everything that a document says in words to whoever reads it.
pub fn said(document: &Value) -> String {
    let mut all = String::new();
    for key in ["error", "reason", "notes", "limits"] {
        if let Some(value) = document.get(key) {
            all.push_str(&value.to_string());
        }
    }
    all
}

/// The worker that a call of the program has started, once it has worked for so long.
///
/// # Panics
/// Where there is none in time.
pub fn busy_worker(parent: u32, busy: Duration) -> Pid {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        // Threads start processes too, so each is asked.
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let of_threads = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
        for child in of_threads.chain([children]).collect::<Vec<_>>().join(" ").split_whitespace() {
            if cpu_time(child) >= busy
                && let Ok(id) = child.parse()
            {
                return Pid::from_raw(id).expect("a process has an id");
            }
        }
        assert!(Instant::now() < patience, "no worker of process {parent} got to work");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Time that a process has had on a processor, by `/proc/PID/stat` (fields 14 and 15, in hundredths of a second).
fn cpu_time(process: &str) -> Duration {
    let Ok(stat) = std::fs::read_to_string(PathBuf::from("/proc").join(process).join("stat")) else {
        return Duration::ZERO;
    };
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Waits until a process is gone or a zombie.
///
/// # Panics
/// Where it stays.
pub fn assert_gone(process: Pid) {
    let patience = Instant::now() + Duration::from_secs(10);
    let path = format!("/proc/{}/stat", process.as_raw_nonzero());
    while std::fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < patience, "process {} outlived its parent", process.as_raw_nonzero());
        std::thread::sleep(Duration::from_millis(5));
    }
}
