//! The search repairs a project that looks like a real one, the same way each time.

use std::process::Command;

use airlock_program_tests::calls::Project;
use airlock_program_tests::{corpus_script, repository};
use serde_json::Value;

use crate::support::{word, words};

const TARGET: &str = "tests/test_discounts.py::test_discount_starts_at_its_threshold";
const FILE: &str = "src/shop/discounts.py";

fn diff(document: &Value) -> String {
    word(&document["proposal"], "diff").to_owned()
}

/// A Python that has pytest: that of a prepared project.
fn native_pytest(project: &Project) -> bool {
    let told = corpus_script("fetch.py", &["inflection"]);
    let root = word(&told["projects"][0], "root");
    Command::new(format!("{root}/.venv/bin/python"))
        .args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(project.path())
        .output()
        .expect("the environment's python starts")
        .status
        .success()
}

#[test]
fn a_failing_test_is_repaired_alike_each_time_and_the_patch_holds_natively() {
    let project = Project::copy_of(&repository().join("fixtures/shop"));
    let before = project.tree();
    let (first, exit) = project.airlock(&["fix", "--seed", "7", "--jobs", "1"]).json();
    before.assert_untouched("fix without --apply");
    assert_eq!((word(&first, "status"), exit), ("verified", 0), "{first}");
    assert_eq!(words(&first["verdict"]["fixed"]), [TARGET]);
    assert_eq!(words(&first["proposal"]["files"]), [FILE]);
    assert_eq!(first["applied"], false);
    assert!(first["session"].is_string(), "{}", first["session"]);
    assert!(first["candidates"].as_u64().is_some_and(|ran| ran > 0), "{}", first["candidates"]);
    let verdict = &first["verdict"];
    for list in
        ["still_failing", "broken", "gone", "skipped", "added", "not_testable", "newly_not_testable", "protected"]
    {
        assert_eq!(verdict[list], Value::Array(Vec::new()), "{list}");
    }
    assert_eq!(verdict["after"]["passed"].as_u64(), verdict["before"]["passed"].as_u64().map(|count| count + 1));

    let (second, _) = project.airlock(&["fix", "--seed", "7", "--jobs", "2"]).json();
    assert_eq!(diff(&first), diff(&second), "the same seed, another number of jobs");

    // The diff is one that git takes, and what it makes is what --apply lands.
    let by_git = Project::copy_of(&repository().join("fixtures/shop"));
    by_git.write("fix.diff", diff(&first));
    by_git.git(&["apply", "fix.diff"]);
    let (landed, exit) = project.airlock(&["fix", "--seed", "7", "--apply"]).json();
    assert_eq!((exit, &landed["applied"]), (0, &Value::Bool(true)), "{landed}");
    assert_eq!(before.changed(), [FILE]);
    assert_eq!(project.read(FILE), by_git.read(FILE));
    assert!(native_pytest(&project), "native pytest does not pass on what landed");

    let (again, exit) = project.airlock(&["fix"]).json();
    assert_eq!((word(&again, "status"), exit), ("nothing_to_fix", 0), "{again}");
    assert_eq!(again["verdict"], Value::Null);
}

const TWO: &str = "\
def larger(a, b):
    return a if a < b else b


def orbit(a):
    raise NotImplementedError(\"nobody can guess this\")
";

#[test]
fn what_is_repaired_in_part_lands_only_where_that_is_asked() {
    let project = Project::new(&[
        ("two.py", TWO),
        ("test_larger.py", "from two import larger\n\n\ndef test_larger():\n    assert larger(1, 2) == 2\n"),
        ("test_orbit.py", "from two import orbit\n\n\ndef test_orbit():\n    assert orbit(3) == 'perihelion'\n"),
    ]);
    let before = project.tree();
    let (document, exit) = project.airlock(&["fix", "--apply", "--time-limit", "30"]).json();
    assert_eq!((word(&document, "status"), exit), ("partly_fixed", 1), "{document}");
    assert_eq!(document["applied"], false);
    assert!(document["proposal"].is_object(), "the part that was repaired is given");
    before.assert_untouched("a partial repair");
    let (document, exit) = project.airlock(&["fix", "--apply", "--partial", "--time-limit", "30"]).json();
    assert_eq!((word(&document, "status"), exit), ("partly_fixed", 1), "{document}");
    assert_eq!(document["applied"], true);
    assert_eq!(before.changed(), ["two.py"]);
    assert_eq!(project.read("two.py"), TWO.replace("a < b", "a > b").into_bytes());
}

#[test]
fn named_targets_are_repaired_and_nothing_else_is_looked_at() {
    let project = Project::new(&[
        ("two.py", TWO),
        ("test_larger.py", "from two import larger\n\n\ndef test_larger():\n    assert larger(1, 2) == 2\n"),
        ("test_orbit.py", "from two import orbit\n\n\ndef test_orbit():\n    assert orbit(3) == 'perihelion'\n"),
    ]);
    let (document, exit) = project.airlock(&["fix", "--test", "test_larger.py::test_larger"]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!(words(&document["verdict"]["fixed"]), ["test_larger.py::test_larger"]);
    assert_eq!(
        words(&document["verdict"]["failing_before"]),
        ["test_larger.py::test_larger", "test_orbit.py::test_orbit"]
    );
}

#[test]
fn a_target_below_a_configuration_of_its_own_is_repaired_under_the_whole_suite_s() {
    for own in [("tests/unit/pytest.ini", "[pytest]\n"), ("tests/unit/setup.cfg", "[tool:pytest]\n")] {
        let project = Project::new(&[
            ("two.py", TWO),
            own,
            (
                "tests/unit/test_larger.py",
                "from two import larger\n\n\ndef test_larger():\n    assert larger(1, 2) == 2\n",
            ),
            ("tests/test_other.py", "def test_other():\n    pass\n"),
        ]);
        let (document, exit) = project.airlock(&["fix", "--time-limit", "60"]).json();
        assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
        assert_eq!(words(&document["verdict"]["fixed"]), ["tests/unit/test_larger.py::test_larger"]);
    }
}
