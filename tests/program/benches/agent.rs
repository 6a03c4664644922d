//! What `airlock mcp` costs an agent:
//!
//! ```text
//! cargo bench --workspace --profile dev --bench agent
//! ```
//!
//! A bound that is not kept is said in the table, and is no failure: a busy machine keeps none. An answer that is not what it
//! should be ends the bench.

use std::path::Path;
use std::time::{Duration, Instant};

use airlock_program_tests::agent::Agent;
use airlock_program_tests::{airlock, cache, fixture};
use serde_json::{Value, json};

/// How often each is done, and how often a tool is called for its memory.
const STARTS: usize = 40;
const CHECKS: usize = 20;
const CALLS: usize = 1_000;

/// Bounds in milliseconds, and of how far memory may grow, in MiB.
const INITIALIZE_MS: f64 = 15.0;
const CHECK_MS: f64 = 300.0;
const GROWTH_MIB: f64 = 8.0;

fn main() {
    // Builds the program and installs the guest, outside of what is measured.
    cache();
    let (_folder, project) = fixture("shop");
    println!("{:<44} {:>10} {:>10}", "", "measured", "bound");
    initialize(&project);
    check_patch(&project);
    memory(&project);
}

fn row(what: &str, measured: f64, bound: f64, unit: &str, note: &str) {
    let word = if measured <= bound { "ok  " } else { "OVER" };
    println!("{what:<44} {measured:>7.1} {unit:<3} {bound:>6.1} {unit:<3} {word} {note}");
}

/// The median and the 95th percentile, in milliseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    (at(50), at(95))
}

/// From the start of the process to the answer of `initialize`.
fn initialize(project: &Path) {
    let start = || {
        let started = Instant::now();
        let mut agent = Agent::spawn(airlock(project), &[]);
        let info =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "b", "version": "1"}});
        let answer = agent.request("initialize", info);
        let took = started.elapsed();
        assert_eq!(answer["result"]["serverInfo"]["name"], "airlock", "{answer}");
        agent.end();
        took
    };
    start();
    let (median, late) = spread((0..STARTS).map(|_| start()).collect());
    row("initialize, the process's start included", median, INITIALIZE_MS, "ms", &format!("95 %: {late:.1} ms"));
}

/// A patch that is new each time, so that no run with it is known; the project is.
fn check_patch(project: &Path) {
    let mut agent = Agent::start(project);
    let mut check = |number: usize| {
        let patch = format!(
            "--- a/src/shop/discounts.py\n+++ b/src/shop/discounts.py\n@@ -21,4 +21,4 @@\n     for threshold, percent in \
             QUANTITY_DISCOUNTS:\n-        if pieces > threshold:\n+        if pieces >= threshold + {number} - {number}:\n             \
             discount = percent\n     return discount\n"
        );
        let started = Instant::now();
        let (answer, _) = agent.call("check_patch", json!({"patch": patch}));
        let took = started.elapsed();
        assert_eq!(answer["status"], "verified", "{answer}");
        took
    };
    check(0);
    let (median, late) = spread((1..=CHECKS).map(&mut check).collect());
    row("check_patch of a new patch, warm", median, CHECK_MS, "ms", &format!("95 %: {late:.0} ms"));
    let known: Vec<Duration> = (0..CHECKS).map(|_| check(1)).collect();
    let (median, late) = spread(known);
    row("check_patch of a patch that is known", median, CHECK_MS, "ms", &format!("95 %: {late:.0} ms"));
    agent.end();
}

/// A thousand calls, the last three quarters of which should not make the server larger.
fn memory(project: &Path) {
    let mut agent = Agent::start(project);
    let pid = agent.pid();
    let mut call = |tool: &str, arguments: Value| drop(agent.call(tool, arguments));
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    };
    let mut early = 0.0;
    for number in 0..CALLS {
        if number == CALLS / 4 {
            early = resident();
        }
        if number % 10 == 0 {
            call("check_tree", json!({"tests": ["tests/test_money.py"]}));
        } else {
            call("sessions", json!({}));
        }
    }
    let grown = resident() - early;
    row("growth over 750 of 1,000 calls", grown, GROWTH_MIB, "MiB", &format!("from {early:.1} MiB"));
    agent.end();
}
