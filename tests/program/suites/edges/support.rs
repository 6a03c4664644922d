//! What several suites say of documents.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
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

/// The processes that a process has started and that have not been waited for.
pub fn children(parent: u32) -> Vec<Pid> {
    // Threads start processes too, so each is asked.
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let all = lists.collect::<Vec<_>>().join(" ");
    all.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)).collect()
}

/// A process by its number.
pub fn process(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a process's number")).expect("not 0")
}

/// The worker that a call of the program has started, once it has worked for so long.
///
/// # Panics
/// Where there is none in time.
pub fn busy_worker(parent: u32, busy: Duration) -> Pid {
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        let found = children(parent).into_iter().find(|child| cpu_time(*child) >= busy);
        if let Some(worker) = found {
            return worker;
        }
        assert!(Instant::now() < patience, "no worker of process {parent} got to work");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Presses Ctrl-C twice: two signals, the second once the first has been taken, or the system makes one of them. Gives the
/// moment of the second.
///
/// # Panics
/// Where the first is not taken.
pub fn press_twice(id: u32) -> Instant {
    let patience = Instant::now() + Duration::from_secs(60);
    kill_process(process(id), Signal::INT).expect("it can be interrupted");
    let pending = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap_or("0").trim();
        // One that has ended meanwhile takes nothing more.
        let over = status.lines().any(|line| line.starts_with("State:\tZ"));
        !over && u64::from_str_radix(line, 16).unwrap_or(0) & 1 << (Signal::INT.as_raw() - 1) != 0
    };
    while pending() {
        assert!(Instant::now() < patience, "process {id} takes no signal");
        std::thread::yield_now();
    }
    let pressed = Instant::now();
    kill_process(process(id), Signal::INT).expect("it is not waited for yet");
    pressed
}

/// Time that a process has had on a processor, by `/proc/PID/stat` (fields 14 and 15, in hundredths of a second).
fn cpu_time(process: Pid) -> Duration {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())) else {
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
