//! Files that are on the disk and not in the sandbox: who looks for them is told, also where the tests say nothing.

use airlock_program_tests::calls::Project;
use serde_json::Value;

use crate::support::{outcomes, word};

/// Skips itself where its data is missing, as many suites do; looks for a file that nobody has, too.
const TEST: &str = "\
import os

import pytest


def test_data():
    if not os.path.exists('data/table.bin'):
        pytest.skip('no data')
    assert open('data/table.bin').read() == 'x'


def test_other():
    assert not os.path.exists('nobody.bin')
";

fn project() -> Project {
    Project::new(&[
        ("test_data.py", TEST),
        (".gitignore", "data/\n*.log\n"),
        ("data/table.bin", "x"),
        ("run.log", "nobody looks for this"),
    ])
}

/// The notes that speak of hidden files.
fn told(document: &Value) -> Vec<&str> {
    let notes = document["notes"].as_array().unwrap_or_else(|| panic!("no notes in {document}"));
    notes.iter().filter_map(Value::as_str).filter(|note| note.contains("looked for")).collect()
}

#[test]
fn tests_that_skip_themselves_for_want_of_a_hidden_file_are_told_apart() {
    let project = project();
    let (document, _) = project.airlock(&["check"]).json();
    assert_eq!(outcomes(&document), [("test_data.py::test_data", "skipped"), ("test_data.py::test_other", "passed")]);
    let notes = told(&document);
    assert_eq!(notes.len(), 1, "{document}");
    for named in ["data", ".gitignore", "`read`"] {
        assert!(notes[0].contains(named), "{named} is not named: {}", notes[0]);
    }
    assert!(!notes[0].contains("run.log") && !notes[0].contains("nobody"), "{}", notes[0]);

    let shown = project.airlock(&["check"]).run().stdout;
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the tests looked for data"), "{shown}");
    let (document, _) = project.airlock(&["doctor"]).json();
    assert_eq!(told(&document).len(), 1, "{document}");
    let shown = project.airlock(&["doctor"]).run().stdout;
    assert!(shown.contains("the tests looked for data"), "{shown}");

    let patch = crate::patches::makes("new.py");
    let (document, _) = project.airlock(&["check", "--patch", "-"]).input(patch).json();
    assert_eq!(told(&document).len(), 1, "{document}");
}

#[test]
fn the_cure_that_is_named_is_one() {
    let project = project();
    let (document, exit) = project.airlock(&["check", "--read", "data/"]).json();
    assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
    assert_eq!(outcomes(&document), [("test_data.py::test_data", "passed"), ("test_data.py::test_other", "passed")]);
    assert_eq!(told(&document), Vec::<&str>::new());
}

#[test]
fn a_failure_for_want_of_a_hidden_file_has_its_cure_in_doctor() {
    let project = project();
    project.write("test_data.py", "def test_data():\n    assert open('data/table.bin').read() == 'x'\n");
    let (document, _) = project.airlock(&["doctor"]).json();
    let causes = document["not_testable"].as_array().expect("a list");
    assert_eq!(causes.len(), 1, "{document}");
    assert_eq!(word(&causes[0], "kind"), "hidden_file");
    assert!(word(&causes[0], "cure").contains("`read`"), "{document}");
}
