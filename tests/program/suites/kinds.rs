//! One test of every kind that pytest runs, against the outcomes they must have in the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use airlock_program_tests::{fixture, json, tree};
use serde_json::Value;

#[test]
fn every_kind_of_test_has_its_outcome() {
    let (_folder, project) = fixture("kinds");
    let before = tree(&project);
    let answer = json(&project, &["check"]);
    let expected: Value =
        serde_json::from_slice(&fs::read(project.join("expected.json")).expect("there")).expect("JSON");
    let expected: BTreeMap<String, String> = serde_json::from_value(expected["outcomes"].clone()).expect("a map");
    let outcomes = answer.outcomes();
    let ids: BTreeSet<&String> = outcomes.keys().chain(expected.keys()).collect();
    let differing: Vec<_> = ids
        .into_iter()
        .filter(|id| outcomes.get(*id) != expected.get(*id))
        .map(|id| (id, outcomes.get(id), expected.get(id)))
        .collect();
    assert!(differing.is_empty(), "here and expected: {differing:#?}");
    // Some fail by design: a strict xfail that passes, an error in set-up.
    let fails = expected.values().any(|outcome| outcome == "failed" || outcome == "error");
    assert_eq!((answer.code, answer.status()), if fails { (1, "failed") } else { (0, "passed") });
    assert_eq!(tree(&project), before, "a check changed the project");
}

#[test]
fn what_cannot_run_says_why() {
    let (_folder, project) = fixture("kinds");
    let answer = json(&project, &["check"]);
    for test in answer.document["tests"].as_array().expect("tests") {
        let reason = &test["reason"];
        if test["outcome"] == "not_testable" {
            assert!(!reason["kind"].as_str().unwrap_or_default().is_empty(), "{test}");
            assert!(!reason["detail"].as_str().unwrap_or_default().is_empty(), "{test}");
        } else {
            assert!(reason.is_null(), "{test}");
        }
    }
}

#[test]
fn a_run_from_the_cache_says_the_same() {
    let (_folder, project) = fixture("kinds");
    let first = json(&project, &["check"]).outcomes();
    assert_eq!(json(&project, &["check"]).outcomes(), first);
    assert_eq!(json(&project, &["check", "--no-cache"]).outcomes(), first);
}
