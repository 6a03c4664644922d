//! Real projects: every test's outcome in the sandbox is the native one, or it is not testable with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use airlock_program_tests::{corpus_script, json, long};
use serde_json::Value;

/// Differences that are the tests' own: their marks ask for the interpreter's version, their ids hold its words or the
/// clock. Project, id prefix, why.
const OWN: &[(&str, &str, &str)] = &[
    ("click", "tests/test_types/test_Path.py::test_path_surrogates", "skips itself where file names are UTF-8"),
    ("toolz", "toolz/tests/test_functoolz.py::test_compose_annotations_formats", "skips itself before Python 3.14"),
    (
        "starlette",
        "tests/test_responses.py::test_set_cookie_raises_for_invalid_python_version",
        "skips from Python 3.14",
    ),
    ("parso", "test/test_python_errors.py::test_python_exception_matches", "ids hold the version's own words"),
];

/// What the user has to say of a project so that its tests can run: here, that ignored files may be read. Project, arguments.
const SAID: &[(&str, &[&str])] = &[("humanize", &["--read", "*.mo"])];

#[test]
fn real_projects_give_the_native_outcomes() {
    let filter: &[&str] = if long() { &[] } else { &["--short"] };
    let fetched = corpus_script("fetch.py", filter);
    let native = corpus_script("native.py", filter);
    let projects = fetched["projects"].as_array().expect("projects");
    let runs = native["projects"].as_array().expect("projects");
    assert_eq!(projects.len(), runs.len());
    let (mut all, mut same, mut wrong) = (0, 0, Vec::new());
    for (at, (project, run)) in projects.iter().zip(runs).enumerate() {
        let name = project["name"].as_str().expect("a name");
        println!("{name}: {} of {}", at + 1, projects.len());
        // All of them are tried, whatever one says; each has told what was wrong by then.
        let Ok((tests, equal)) = std::panic::catch_unwind(|| compare(project, run)) else {
            wrong.push(name);
            continue;
        };
        // No project counts for more than this many.
        let share = 2000.0_f64.min(tests as f64) / tests as f64;
        all += (tests as f64 * share) as usize;
        same += (equal as f64 * share) as usize;
    }
    assert!(wrong.is_empty(), "these projects differ from their native runs: {wrong:?}");
    println!("equal: {same} of {all}");
    assert!(same * 100 >= all * 97, "only {same} of {all} tests have the native outcome");
}

/// The number of native tests, and of those that had the same outcome.
fn compare(project: &Value, native: &Value) -> (usize, usize) {
    let name = project["name"].as_str().expect("a name");
    let root = Path::new(project["root"].as_str().expect("a root"));
    let volatile: Vec<&str> =
        project["volatile"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let native: BTreeMap<String, String> = serde_json::from_value(native["outcomes"].clone()).expect("a map");
    let said = SAID.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, arguments)| arguments);
    let answer = json(root, &[&["check"], said].concat());
    let here = answer.outcomes();
    let reasons: BTreeSet<&str> = answer.document["tests"]
        .as_array()
        .unwrap_or_else(|| panic!("{name}: {}", answer.document))
        .iter()
        .filter(|test| test["outcome"] == "not_testable" && !test["reason"]["detail"].is_null())
        .filter_map(|test| test["id"].as_str())
        .collect();
    let (mut equal, mut not_testable, mut wrong) = (0, 0, Vec::new());
    for (id, outcome) in &native {
        match here.get(id) {
            Some(now) if now == outcome => equal += 1,
            Some(now) if now == "not_testable" => {
                assert!(reasons.contains(id.as_str()), "{name}: {id} is not testable without a reason");
                not_testable += 1;
            }
            now => {
                let own = OWN.iter().any(|(of, prefix, _)| *of == name && id.starts_with(prefix));
                let moving = volatile.iter().any(|prefix| id.starts_with(prefix));
                if !own && !moving {
                    wrong.push(format!("{id}: {outcome} natively, {now:?} here"));
                }
            }
        }
    }
    println!("{name}: {} tests, {equal} equal, {not_testable} not testable", native.len());
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    (native.len(), equal)
}
