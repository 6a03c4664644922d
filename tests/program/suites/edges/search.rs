//! What a search does with projects that are hard on it.

use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use serde_json::Value;

use crate::support::word;

/// What a call may take beyond its limit: it starts, confirms for a few seconds, ends; on a machine that is busy.
const SLACK: Duration = Duration::from_secs(25);

/// Fixes with a limit, which has to hold.
fn fix_within(project: &Project, seconds: u64) -> (Value, String) {
    let started = Instant::now();
    let (document, exit) = project.airlock(&["fix", "--time-limit", &seconds.to_string()]).json();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(seconds) + SLACK, "{seconds} s took {took:?}: {document}");
    assert_eq!((word(&document, "status"), exit), ("not_fixed", 1), "{document}");
    let detail = word(&document["reason"], "detail").to_owned();
    (document, detail)
}

#[test]
fn a_limit_holds_where_the_tests_alone_take_longer() {
    // Each ends at its own limit, long after the call's.
    let tests: String = (0..8).map(|at| format!("def test_{at}():\n    while True:\n        pass\n\n\n")).collect();
    let project = Project::new(&[("code.py", "def one():\n    return 2\n"), ("test_code.py", &tests)]);
    let (_, detail) = fix_within(&project, 2);
    assert!(detail.contains("the 2 s of --time-limit were up before the tests had run once"), "{detail}");
}

#[test]
fn a_limit_holds_where_candidates_do_not_end() {
    let code = "\
def steps(n):
    count = 0
    while n > 1:
        n = n - 1
        count = count + 1
        while n > 10:
            n = n - 5
    return count
";
    let test = "from code_ import steps\n\n\ndef test_steps():\n    assert steps(12) == 'nobody can guess this'\n";
    let project = Project::new(&[("code_.py", code), ("test_steps.py", test)]);
    let (document, detail) = fix_within(&project, 8);
    assert!(document["candidates"].as_u64().is_some_and(|ran| ran > 0), "{document}");
    assert!(detail.contains("none made any of them pass"), "{detail}");
}
