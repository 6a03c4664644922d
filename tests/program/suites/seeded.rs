//! A few of the seeded bugs, mended by the program and judged natively: the short form of `tests/bugs/measure.py`.

use std::process::{Command, Stdio};

use airlock_program_tests::{cache, program, repository, text};
use serde_json::Value;

/// Bugs of the open half and algorithms, of different kinds.
const BUGS: &[&str] = &["first_position", "brackets", "roman_number", "toolz-take-nth", "cachetools-ttl-edge"];

#[test]
fn a_handful_of_seeded_bugs_are_mended_and_hold_natively() {
    let scratch = tempfile::tempdir().expect("a folder");
    let output = Command::new("python3")
        .arg(repository().join("tests/bugs/measure.py"))
        .arg("--airlock")
        .arg(program())
        .arg("--output")
        .arg(scratch.path().join("rows.jsonl"))
        .args(["--json", "--time-limit", "120", "--only"])
        .args(BUGS)
        .env("XDG_CACHE_HOME", cache())
        .stdin(Stdio::null())
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let rows = document["bugs"].as_array().expect("rows");
    assert_eq!(rows.len(), BUGS.len());
    for row in rows {
        for what in ["repaired", "confirmed"] {
            assert_eq!(row[what], true, "{what}: {row:#}");
        }
    }
}
