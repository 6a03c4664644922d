use super::*;
use airlock_core::report::Location;

/// Files from memory; lines do not move.
struct Memory(BTreeMap<String, Arc<Source>>);

impl Files for Memory {
    fn source(&mut self, path: &str) -> Option<Arc<Source>> {
        self.0.get(path).cloned()
    }

    fn test_source(&mut self, _path: &str) -> Option<Arc<Source>> {
        None
    }

    fn line_now(&self, _path: &str, line: u32) -> u32 {
        line
    }
}

fn memory(files: &[(&str, &str)]) -> Memory {
    Memory(
        files
            .iter()
            .map(|(path, text)| {
                let source = Source::parse(*path, text.as_bytes()).unwrap();
                ((*path).to_owned(), Arc::new(source))
            })
            .collect(),
    )
}

fn test(id: &str, outcome: Outcome, coverage: &[(&str, &[u32])]) -> TestReport {
    let coverage: BTreeMap<&str, &[u32]> = coverage.iter().copied().collect();
    serde_json::from_value(serde_json::json!({
        "id": id, "outcome": outcome, "time_ms": 0.0, "message": null, "detail": null, "reason": null,
        "fingerprint": null, "location": null, "coverage": coverage, "notes": [], "collection": false,
    }))
    .unwrap()
}

fn ranked(tests: Vec<TestReport>, files: &[(&str, &str)]) -> Vec<(u32, u32)> {
    let report = SuiteReport { tests, ..SuiteReport::default() };
    rank(&report, &BTreeSet::from(["fails"]), &BTreeSet::new(), &mut memory(files))
        .iter()
        .map(|suspect| {
            let line = *suspect.source.statements()[suspect.statement].lines.start();
            (line, (suspect.score * 1000.0).round() as u32)
        })
        .collect()
}

const MODULE: &str = concat!(
    "import os\n",
    "LIMIT = 3\n",
    "OTHER = 4\n",
    "def f(x, y=1):\n",
    "    if x > LIMIT:\n",
    "        return y\n",
    "    return x\n",
);

#[test]
fn statements_of_failing_tests_come_first_and_import_code_by_its_names() {
    let ranked = ranked(
        vec![
            test("fails", Outcome::Failed, &[("m.py", &[5, 6])]),
            test("passes", Outcome::Passed, &[("m.py", &[5, 7])]),
            test("other failure", Outcome::Failed, &[("m.py", &[7])]),
        ],
        &[("m.py", MODULE)],
    );
    // Line 6 by the failing test alone; 5 shared; the default and the limit through their uses; the rest of what ran at
    // import last; line 7 not at all.
    assert_eq!(ranked, [(6, 1000), (4, 600), (5, 569), (2, 341), (1, 50), (3, 50)]);
}

#[test]
fn tracebacks_count_without_coverage_too() {
    let mut failing = test("fails", Outcome::Error, &[]);
    failing.coverage = None;
    failing.location = Some(Location { path: "m.py".into(), line: 6 });
    failing.detail = Some("tests/test_m.py:3: in <module>\nm.py:5: in f\nm.py:6: ValueError\n".into());
    let ranked = ranked(vec![failing], &[("m.py", MODULE)]);
    assert_eq!(ranked[..3], [(6, 300), (4, 180), (5, 150)]);
}

#[test]
fn files_that_may_not_change_are_left_out() {
    let ranked = ranked(
        vec![test("fails", Outcome::Failed, &[("m.py", &[5]), ("tests/test_m.py", &[1, 2, 3])])],
        &[("m.py", MODULE)],
    );
    assert_eq!(ranked[0], (5, 1000));
    // The module itself has five statements that may matter; the test has none.
    assert_eq!(ranked.len(), 5);
}

#[test]
fn a_file_of_constants_is_known_by_what_ran_at_import() {
    let report = SuiteReport {
        tests: vec![test("fails", Outcome::Failed, &[("m.py", &[5])])],
        imported: BTreeMap::from([("m.py".to_owned(), vec![1, 2, 3, 4]), ("settings.py".to_owned(), vec![1])]),
        ..SuiteReport::default()
    };
    let files = [("m.py", MODULE), ("settings.py", "RATE = 41\n"), ("unread.py", "X = 1\n")];
    let suspects = rank(&report, &BTreeSet::from(["fails"]), &BTreeSet::new(), &mut memory(&files));
    let of = |path: &str| suspects.iter().filter(|suspect| &**suspect.source.path() == path).count();
    assert_eq!((of("settings.py"), of("unread.py")), (1, 0));
    assert_eq!(&**suspects.last().unwrap().source.path(), "settings.py", "it comes after what tests run");
}
