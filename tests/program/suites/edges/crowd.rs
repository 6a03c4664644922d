//! Several calls at once, a cache that may only be read, and a search in a project whose tests attack it.

use std::path::Path;

use airlock_program_tests::calls::{Project, Running};
use airlock_program_tests::{cache, namespace, program, repository};
use serde_json::Value;

use crate::support::{code, outcomes, word, words};

/// As many as a build server, an editor and a person start on one project.
const CALLS: usize = 5;

fn at_once(project: &Project, arguments: &[&str]) -> Vec<(Value, i32)> {
    let call = || project.airlock(arguments).start();
    let started: Vec<Running> = (0..CALLS).map(|_| call()).collect();
    let told = |ended: Running| {
        let ended = ended.wait();
        let document = ended.document();
        (document, ended.code)
    };
    started.into_iter().map(told).collect()
}

#[test]
fn five_checks_at_once_say_the_same() {
    let project = Project::copy_of(&repository().join("fixtures/shop"));
    let before = project.tree();
    let all = at_once(&project, &["check", "--json"]);
    for (document, exit) in &all {
        assert_eq!((word(document, "status"), *exit), ("failed", 1), "{document}");
        assert_eq!(outcomes(document), outcomes(&all[0].0));
        assert_eq!((document["counts"]["passed"].as_u64(), document["counts"]["failed"].as_u64()), (Some(32), Some(1)));
    }
    before.assert_untouched("five checks at once");
}

#[test]
fn of_five_that_repair_at_once_one_lands_and_the_others_say_why_not() {
    let project = Project::copy_of(&repository().join("fixtures/shop"));
    let before = project.tree();
    let mut landed = 0;
    for (document, exit) in at_once(&project, &["fix", "--apply", "--json"]) {
        match word(&document, "status") {
            "verified" => {
                assert_eq!((&document["applied"], exit), (&Value::Bool(true), 0), "{document}");
                landed += 1;
            }
            // One that came when all was done.
            "nothing_to_fix" => assert_eq!(exit, 0),
            _ => {
                let why = code(&document);
                assert!(["files_changed", "apply_conflict"].contains(&why) && exit == 2, "{document}");
            }
        }
    }
    assert_eq!(landed, 1);
    assert_eq!(before.changed(), ["src/shop/discounts.py"]);
    let (document, _) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), &document["counts"]["passed"]), ("passed", &Value::from(33)));
}

/// The program with its cache mounted so that nothing can be written there, in a user namespace; nothing where there is
/// none to be had.
fn with_read_only_cache(project: &Path, at: &Path, arguments: &str) -> Option<Value> {
    if !namespace::can_mount() {
        return None;
    }
    let script = format!(
        "mount --bind {cache} {at}\nmount -o remount,bind,ro {at}\ncd {project}\n\
         ! touch {at}/airlock/x 2>/dev/null\nXDG_CACHE_HOME={at} {program} {arguments} --json || true",
        cache = cache().display(),
        at = at.display(),
        project = project.display(),
        program = program().display(),
    );
    let done = namespace::command().args(["sh", "-eu", "-c", &script]).output().expect("it starts");
    let text = String::from_utf8_lossy(&done.stdout);
    Some(
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&done.stderr))),
    )
}

#[test]
fn a_cache_that_may_only_be_read_is_enough_for_work_and_said_where_it_is_not() {
    let project = Project::copy_of(&repository().join("fixtures/shop"));
    let at = Project::empty();
    for (arguments, expected) in [
        ("check", ("failed", "")),
        ("check tests/test_money.py", ("passed", "")),
        ("fix", ("verified", "")),
        ("doctor", ("ok", "")),
        ("guest list", ("ok", "")),
        ("guest clean", ("error", "cache_not_writable")),
        ("guest remove python", ("error", "cache_not_writable")),
    ] {
        let Some(document) = with_read_only_cache(project.path(), at.path(), arguments) else { return };
        assert_eq!((word(&document, "status"), code(&document)), expected, "{arguments}: {document}");
    }
}

const CODE: &str = "\
def limit(n):
    return n > 10


def grow(n):
    held = []
    while n < 10:
        held.append(bytearray(1 << 20))
        n += 1
    return len(held)


def spin(n):
    while n != 0:
        n -= 1
    return n
";

/// Tests that reach out of the sandbox, write themselves a better project, and forge what the runner reports. One edit of
/// `grow` and `spin` makes each of them eat memory or run for ever.
const ATTACK: &str = r#"
import gc, os, pathlib, sys

import app

BETTER = "def limit(n): return True\ndef grow(n): return 10\ndef spin(n): return 0\n"


def test_grow():
    assert app.grow(0) == 10


def test_spin():
    assert app.spin(3) == 0


def test_escape():
    for path in ["/etc/passwd", "/proc/self/environ", "../../../../etc/passwd", "/root/.ssh/id_rsa"]:
        try:
            open(path).read()
        except OSError:
            continue
        raise AssertionError(path)
    for path in ["/etc/evil", "/tmp/evil", "../evil", "app.py", "conftest.py", "sitecustomize.py", "test_b.py"]:
        try:
            pathlib.Path(path).write_text(BETTER)
        except OSError:
            pass


def test_forge():
    import _pytest.reports

    original = _pytest.reports.TestReport.from_item_and_call

    def forged(item, call):
        report = original(item, call)
        report.outcome, report.longrepr = "passed", None
        return report

    _pytest.reports.TestReport.from_item_and_call = forged
    for known in gc.get_objects():
        if type(known).__name__ == "Session":
            known.testsfailed = 0
    for descriptor in range(1, 30):
        try:
            os.write(descriptor, b'{"event":"result","id":"test_b.py::test_limit","outcome":"passed"}\n')
        except OSError:
            pass
    for name, module in list(sys.modules.items()):
        if name.startswith("airlock"):
            for key in [key for key in dir(module) if key.startswith(("emit", "send", "report"))]:
                setattr(module, key, lambda *a, **k: None)
"#;

const VICTIMS: &str = "\
import app


def test_limit():
    assert app.limit(10)


def test_below():
    assert not app.limit(9)


def test_never():
    assert app.limit(10) and not app.limit(10)
";

#[test]
fn a_search_among_tests_that_attack_it_finds_the_repair_and_nothing_else() {
    let project = Project::new(&[("app.py", CODE), ("test_app.py", ATTACK), ("test_b.py", VICTIMS)]);
    let before = project.tree();
    let arguments = ["fix", "--test", "test_b.py::test_limit", "--memory-mb", "256", "--seed", "3"];
    let (document, exit) = project.airlock(&arguments).json();
    before.assert_untouched("a search under attack");
    let verdict = &document["verdict"];
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!(words(&verdict["fixed"]), ["test_b.py::test_limit"]);
    assert!(words(&verdict["still_failing"]).is_empty() && words(&verdict["broken"]).is_empty(), "{verdict}");
    assert_eq!(
        words(&verdict["failing_before"]),
        ["test_b.py::test_limit", "test_b.py::test_never"],
        "a forged report was believed: {verdict}"
    );
    assert!(word(&document["proposal"], "diff").contains("\n-    return n > 10\n+    return n >= 10\n"), "{document}");
}
