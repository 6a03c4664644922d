//! What a search does with projects that are hard on it.

use std::time::{Duration, Instant};

use airlock_program_tests::cache;
use airlock_program_tests::calls::Project;
use serde_json::Value;

use crate::support::{word, words};

/// What a call may take beyond its limit: it starts, confirms and judges for some seconds, ends; on a machine that is busy.
const SLACK: Duration = Duration::from_secs(25);

/// Fixes with a limit, which has to hold.
fn fix_within(project: &Project, seconds: u64, arguments: &[&str]) -> (Value, String) {
    // The program may have to be built, which is no part of what is measured.
    cache();
    let started = Instant::now();
    let limit = seconds.to_string();
    let (document, exit) = project.airlock(&[&["fix", "--time-limit", &limit], arguments].concat()).json();
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
    let (_, detail) = fix_within(&project, 2, &[]);
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
    let (document, detail) = fix_within(&project, 8, &[]);
    assert!(document["candidates"].as_u64().is_some_and(|ran| ran > 0), "{document}");
    assert!(detail.contains("none made any of them pass"), "{detail}");
}

#[test]
fn a_limit_holds_for_the_verdict_too() {
    // Where a limit decided something, the whole suite runs for the base, for what was found, and again for its verdict:
    // three times ten seconds and more, which is longer than this call may take.
    let endless: String = (0..10).map(|at| format!("def test_{at}():\n    while True:\n        pass\n\n\n")).collect();
    let test = "from code_ import double\n\n\ndef test_double():\n    assert double(2) == 4\n";
    let code = "def double(n):\n    return n * 3\n";
    let project = Project::new(&[("code_.py", code), ("test_code.py", test), ("test_endless.py", &endless)]);
    let arguments = ["--test", "test_code.py::test_double", "--test-seconds", "1"];
    let (document, detail) = fix_within(&project, 20, &arguments);
    assert!(detail.contains("a higher --time-limit"), "{document}");
}

/// A test that is slow and healthy: work of minutes.
const SLOW: &str = "def test_slow():\n    assert sum(1 for _ in range(2_000_000_000)) > 0\n";

#[test]
fn a_slow_test_is_no_target_because_a_call_gives_it_less_time_than_its_user_does() {
    let project = Project::new(&[
        ("code_.py", "def double(n):\n    return n * 3\n"),
        ("test_code.py", "from code_ import double\n\n\ndef test_double():\n    assert double(2) == 4\n"),
        ("test_slow.py", SLOW),
    ]);
    let document = verified(&project, &["--time-limit", "40"]);
    assert_eq!(words(&document["verdict"]["fixed"]), ["test_code.py::test_double"], "{document}");
    assert_eq!(words(&document["verdict"]["still_failing"]), [] as [&str; 0], "{document}");
    assert!(document["notes"].to_string().contains("stopped after 10 s"), "{document}");

    let late = Project::new(&[("test_late.py", &format!("{SLOW}\n\ntest_slow()\n"))]);
    let project = Project::new(&[("test_slow.py", SLOW)]);
    for (project, id) in [(&late, "test_late.py"), (&project, "test_slow.py::test_slow")] {
        let (document, exit) = project.airlock(&["fix", "--apply", "--time-limit", "32"]).json();
        assert_eq!((word(&document, "status"), exit), ("not_fixed", 1), "{document}");
        assert!(document["notes"].to_string().contains(&format!("name it (--test {id})")), "{document}");
    }
    // Whoever names it means it, and so does whoever gives a test no more time than that.
    fix_within(&project, 12, &["--test", "test_slow.py::test_slow"]);
    fix_within(&project, 8, &["--test-seconds", "2"]);
}

#[test]
fn a_test_that_never_ends_is_a_target_where_nothing_else_fails() {
    let project = Project::new(&[
        (
            "code_.py",
            "def total(n):\n    found = 0\n    while n > 0:\n        found += n\n        n -= 0\n    return found\n",
        ),
        (
            "test_code.py",
            "import pytest\nfrom code_ import total\n\n\n@pytest.mark.parametrize('n', [3, 4, 5])\ndef test_total(n):\n    \
             assert total(n) == n * (n + 1) // 2\n",
        ),
    ]);
    // The first is stopped by its time, the others as they are in the same loop; candidates with which they stay there cost
    // no such time.
    let document = verified(&project, &["--time-limit", "40"]);
    assert_eq!(words(&document["verdict"]["fixed"]).len(), 3, "{document}");
    assert!(word(&document["proposal"], "diff").contains("+        n -= 1\n"), "{document}");
    assert!(document["notes"].to_string().contains("if they are only slow"), "{document}");
}

/// Fixes, and expects a verified patch of one file.
fn verified(project: &Project, arguments: &[&str]) -> Value {
    let (document, exit) = project.airlock(&[&["fix"], arguments].concat()).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    document
}

#[test]
fn where_every_test_fails_the_cause_is_found_all_the_same() {
    let project = Project::new(&[
        ("area.py", "def area(width, height):\n    return width + height\n"),
        (
            "test_area.py",
            "from area import area\n\n\ndef test_square():\n    assert area(3, 3) == 9\n\n\ndef test_strip():\n    \
             assert area(1, 7) == 7\n",
        ),
    ]);
    let before = project.tree();
    let document = verified(&project, &["--apply"]);
    assert_eq!(words(&document["verdict"]["fixed"]).len(), 2);
    assert_eq!(before.changed(), ["area.py"]);
    assert_eq!(project.read("area.py"), b"def area(width, height):\n    return width * height\n");
}

#[test]
fn a_flaky_test_is_found_by_other_random_numbers_named_and_no_target() {
    // Whatever the usual numbers are, each value fails one of these tests and none fails both twice.
    let flaky: String = (0..6)
        .map(|at| {
            format!("def test_coin_{at}():\n    assert random.random() * 6 // 1 != {at} and coin() != {at}\n\n\n")
        })
        .collect();
    let project = Project::new(&[
        ("code_.py", "def double(n):\n    return n * 3\n"),
        (
            "test_code.py",
            &format!(
                "import random\nimport uuid\n\nfrom code_ import double\n\n\ndef coin():\n    return uuid.uuid4().int % 6\n\n\n\
                 {flaky}def test_double():\n    assert double(2) == 4\n"
            ),
        ),
    ]);
    let (checked, _) = project.airlock(&["check"]).json();
    let tests = checked["tests"].as_array().expect("tests");
    let failed: Vec<&str> =
        tests.iter().filter(|test| test["outcome"] == "failed").map(|test| word(test, "id")).collect();
    assert!(failed.len() > 1, "no coin fell: {checked}");
    let document = verified(&project, &[]);
    assert_eq!(words(&document["verdict"]["fixed"]), ["test_code.py::test_double"], "{document}");
    let notes = document["notes"].to_string();
    assert!(
        failed.iter().any(|id| id.contains("coin") && notes.contains(&format!("{id} failed, and passed"))),
        "{notes}"
    );
}

#[test]
fn a_file_of_five_thousand_lines_and_two_thousand_tests_are_searched_like_any_other() {
    let mut code = String::new();
    for at in 0..1_250 {
        code.push_str(&format!("def f{at}(n):\n    if n > {at}:\n        return n - {at}\n    return {at} - n\n\n\n"));
    }
    assert!(code.lines().count() > 5_000);
    let code = code.replace("return n - 777\n", "return n + 777\n");
    let mut tests = String::from("import pytest\n\nimport code_\n\n\n");
    tests.push_str("@pytest.mark.parametrize(\"at\", range(1_250))\ndef test_above(at):\n");
    tests.push_str("    assert getattr(code_, f\"f{at}\")(at + 2) == 2\n\n\n");
    tests.push_str("@pytest.mark.parametrize(\"at\", range(1_250))\ndef test_below(at):\n");
    tests.push_str("    assert getattr(code_, f\"f{at}\")(at - 2) == 2\n");
    let project = Project::new(&[("code_.py", code.as_str()), ("test_code.py", &tests)]);
    let document = verified(&project, &[]);
    assert_eq!(words(&document["verdict"]["fixed"]), ["test_code.py::test_above[777]"]);
    assert!(word(&document["proposal"], "diff").contains("+        return n - 777"), "{document}");
}

#[test]
fn a_failing_test_that_works_for_long_is_no_reason_to_give_up() {
    // Some ten million steps in the guest: seconds on any machine, and each candidate takes them again.
    let code = "\
def total(n):
    found = 0
    for at in range(n):
        found += at % 7
    return found + 1
";
    let test = "\
from code_ import total


def test_total():
    assert total(6_000_000) == 6_000_000 // 7 * 21 + sum(range(6_000_000 % 7))
";
    let project = Project::new(&[("code_.py", code), ("test_total.py", test)]);
    let (document, exit) = project.airlock(&["fix", "--time-limit", "300"]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert!(word(&document["proposal"], "diff").contains("+    return found"), "{document}");
}

#[test]
fn generated_and_vendored_code_is_left_alone_and_said() {
    let wrong = "def double(n):\n    return n * 3\n";
    for (path, module, text, why) in [
        ("tables.py", "tables", format!("# Generated by tablegen. DO NOT EDIT.\n{wrong}"), "generated"),
        ("app/_vendor/tables.py", "app._vendor.tables", wrong.to_owned(), "vendored"),
    ] {
        let test = format!("from {module} import double\n\n\ndef test_double():\n    assert double(2) == 4\n");
        let project = Project::new(&[(path, text.as_str()), ("test_double.py", &test)]);
        let before = project.tree();
        let (document, exit) = project.airlock(&["fix", "--apply"]).json();
        assert_eq!((word(&document, "status"), exit), ("not_fixed", 1), "{document}");
        let notes = document["notes"].to_string();
        assert!(notes.contains(path) && notes.contains(why), "{notes}");
        before.assert_untouched(path);
    }
}

#[test]
fn a_bug_in_a_file_that_the_guest_cannot_read_is_told() {
    // A syntax that no Python has yet.
    let project = Project::new(&[
        ("future.py", "def double(n):\n    return n *** 3\n"),
        ("test_future.py", "from future import double\n\n\ndef test_double():\n    assert double(2) == 4\n"),
        ("code_.py", "def half(n):\n    return n * 2\n"),
        ("test_half.py", "from code_ import half\n\n\ndef test_half():\n    assert half(4) == 2\n"),
    ]);
    let before = project.tree();
    let (document, _) = project.airlock(&["fix", "--time-limit", "60", "--apply", "--partial"]).json();
    assert_eq!(word(&document, "status"), "partly_fixed", "{document}");
    assert_eq!(words(&document["verdict"]["fixed"]), ["test_half.py::test_half"]);
    assert!(word(&document["reason"], "detail").contains("test_future.py"), "{document}");
    assert_eq!(before.changed(), ["code_.py"]);
}

#[test]
fn tests_that_write_into_the_tree_write_into_none_that_is_kept() {
    let test = "\
import pathlib

from code_ import double

HERE = pathlib.Path(__file__).parent


def test_double():
    # What an earlier candidate wrote would fail this one.
    assert not (HERE / 'seen.txt').exists()
    (HERE / 'seen.txt').write_text('seen')
    (HERE / 'code_.py').write_text('def double(n):\\n    return 4\\n')
    assert double(2) == 4
";
    let project = Project::new(&[("code_.py", "def double(n):\n    return n - 2\n"), ("test_double.py", test)]);
    let before = project.tree();
    let document = verified(&project, &[]);
    assert_eq!(words(&document["proposal"]["files"]), ["code_.py"]);
    before.assert_untouched("tests that write");
}

#[test]
fn a_target_that_does_not_exist_is_told_with_the_nearest() {
    let project = Project::new(&[
        ("code_.py", "def double(n):\n    return n * 3\n"),
        ("test_double.py", "from code_ import double\n\n\ndef test_double():\n    assert double(2) == 4\n"),
    ]);
    let (document, exit) = project.airlock(&["fix", "--test", "test_double.py::test_duoble"]).json();
    assert_eq!((word(&document, "status"), exit), ("error", 2), "{document}");
    assert_eq!(word(&document["error"], "code"), "test_not_found");
    assert!(document["error"].to_string().contains("the nearest is test_double.py::test_double"), "{document}");
}

#[test]
fn the_same_seed_gives_the_same_answer_whatever_the_jobs() {
    // Several repairs pass; which one is found first must not decide.
    let project = Project::new(&[
        ("code_.py", "def sign(n):\n    if n < 1:\n        return -1\n    if n > 1:\n        return 1\n    return 0\n"),
        (
            "test_sign.py",
            "from code_ import sign\n\n\ndef test_up():\n    assert sign(1) == 1\n\n\ndef test_zero():\n    assert sign(0) == 0\n\n\n\
             def test_down():\n    assert sign(-1) == -1\n",
        ),
    ]);
    let answer = |jobs: &str| {
        let document = verified(&project, &["--jobs", jobs, "--seed", "11", "--no-cache"]);
        (document["proposal"].clone(), document["alternatives"].clone(), document["candidates"].clone())
    };
    let first = answer("1");
    for jobs in ["2", "5"] {
        assert_eq!(answer(jobs), first, "--jobs {jobs}");
    }
}
