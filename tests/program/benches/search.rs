//! How fast `airlock fix` tries candidates on a real project, beside mutmut on the same project in the same run:
//!
//! ```text
//! cargo bench --profile dev -p airlock-program-tests --bench search
//! ```
//!
//! One line of inflection is broken in a way that no small edit mends, so that the whole of the time limit is search. A
//! candidate counts when at least one test ran on it, in a fork of its own; the time is that of the whole call, its start and
//! the runs of the whole suite included. mutmut's figure is its own, without its preparations.

use std::fs;

use airlock_program_tests::calls::{Project, airlock};
use airlock_program_tests::{cache, corpus_script};

const PROJECT: &str = "inflection";
const FILE: &str = "inflection/__init__.py";

/// The line that is broken, and what is put in its place.
const LINE: &str = r#"    word = re.sub(r"([a-z\d])([A-Z])", r'\1_\2', word)"#;
const BROKEN: &str = "    word = word[::-1].join(word)";

const CALLS: usize = 3;
const SECONDS: u32 = 20;
/// Candidates a second, on two cores.
const BOUND: f64 = 300.0;

fn main() {
    // Builds the program and installs the guest, outside of what is measured.
    cache();
    let mut rates: Vec<f64> = (0..CALLS).map(|_| rate()).collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[CALLS / 2];
    let word = if rate >= BOUND { "ok" } else { "UNDER" };
    println!("airlock fix: {rate:.0} candidates a second (of {CALLS} calls: {rates:.0?}); bound {BOUND:.0} {word}");
    let mutmut = corpus_script("mutants.py", &[PROJECT]);
    let per_second = mutmut["per_second"].as_f64().expect("a rate");
    let (tool, mutants) = (mutmut["tool"].as_str().expect("a name"), &mutmut["mutants"]);
    println!("{tool}: {per_second:.1} mutants a second ({mutants} in all)");
    println!("ratio: {:.0}", rate / per_second);
}

fn rate() -> f64 {
    let folder = Project::empty();
    let root = folder.join(PROJECT);
    corpus_script("stage.py", &[PROJECT, root.to_str().expect("UTF-8")]);
    let path = root.join(FILE);
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(text.matches(LINE).count(), 1, "inflection is another one");
    fs::write(&path, text.replace(LINE, BROKEN)).expect("written");
    let call = airlock(["fix", "--json", "--time-limit", &SECONDS.to_string()]).within(&root);
    let document = call.run().document();
    assert_eq!(document["status"], "not_fixed", "{document}");
    let candidates = document["candidates"].as_f64().expect("a count");
    candidates * 1000.0 / document["wall_ms"].as_f64().expect("a time")
}
