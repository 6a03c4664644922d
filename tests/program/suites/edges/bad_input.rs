//! Files that may not be read, and paths that are not there.

use std::path::Path;
use std::process::Command;

use airlock_program_tests::calls::{Project, Tree, airlock};
use airlock_program_tests::corpus_script;
use serde_json::Value;

use crate::support::{code, outcomes, said, word};

#[test]
fn what_may_not_be_read_is_told() {
    let folder = Project::empty();
    let all = folder.join("bad");
    corpus_script("make_bad.py", &[all.to_str().expect("UTF-8")]);
    let project = all.join("unreadable");
    let before = Tree::of(&project);
    unreadable(&project);
    before.assert_untouched("checking what cannot be read");
    open_all(&project);
}

/// What may not be read is told. Root may read everything, so for root this is run as an ordinary user of a user
/// namespace; where there is none to be had, root sees a project in order.
fn unreadable(project: &Path) {
    let call = airlock(["check", "--json"]).within(project);
    let inner = call.command();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]);
    let possible = Command::new("unshare").args(["--user", "--map-user=1000", "--", "true"]).status();
    if !rustix::process::geteuid().is_root() || !possible.is_ok_and(|status| status.success()) {
        command = Command::new("env");
    }
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(project).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = command.output().expect("it starts");
    let document: Value = serde_json::from_slice(&done.stdout).expect("one document");
    assert_eq!(word(&document, "status"), "passed", "{document}");
    assert!(outcomes(&document).contains(&("test_sound.py::test_passes", "passed")), "{document}");
    if command.get_program() == "unshare" {
        assert!(said(&document).contains("locked"), "what could not be read is not told: {document}");
    }
}

/// So that the folder can be removed by whoever runs the test.
fn open_all(project: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for name in ["locked", "locked.txt"] {
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(project.join(name), mode).expect("the owner may");
    }
}

#[test]
fn ids_and_paths_that_hold_no_test_are_told_by_their_code() {
    let project = Project::new(&[(
        "test_a.py",
        "import pytest\n\n\n@pytest.mark.parametrize('x', ['x y'])\ndef test_ok(x):\n    pass\n",
    )]);
    for (arguments, expected, named) in [
        (&["check", "test_a.py::test_ok[x"][..], "test_not_found", "test_ok[x y]"),
        (&["check", "::x"], "test_not_found", "::x"),
        (&["fix", "test_a.py::test_o"], "test_not_found", "test_ok[x y]"),
        (&["check", "/etc/passwd"], "not_python", "/etc/passwd"),
    ] {
        let (document, exit) = project.airlock(arguments).json();
        assert_eq!((code(&document), exit), (expected, 2), "{arguments:?}: {document}");
        assert!(document["error"].to_string().contains(named), "{arguments:?}: {document}");
    }
}

#[test]
fn what_keeps_tests_from_being_found_is_named() {
    let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n"), (".gitignore", "*\n")]);
    let (document, _) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), word(&document["reason"], "kind")), ("not_testable", "no_tests"));
    assert!(document["reason"].to_string().contains(".gitignore"), "{document}");
    let many = Project::new(&[
        ("a/pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("a/tests/test_same.py", "def test_a():\n    pass\n"),
        ("b/pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("b/tests/test_same.py", "def test_b():\n    pass\n"),
    ]);
    let (document, _) = many.airlock(&["check"]).json();
    assert!(said(&document).contains("projects of their own (a, b)"), "{document}");
    // Where each of them finds its own modules only from its own folder, too.
    let apart = Project::new(&[
        ("a/pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['src']\n"),
        ("a/src/one/__init__.py", ""),
        ("a/tests/test_one.py", "import one\n\n\ndef test_a():\n    pass\n"),
        ("b/pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['src']\n"),
        ("b/src/two/__init__.py", ""),
        ("b/tests/test_two.py", "import two\n\n\ndef test_b():\n    pass\n"),
    ]);
    for command in ["check", "doctor"] {
        let (document, _) = apart.airlock(&[command]).json();
        assert!(said(&document).contains("projects of their own (a, b)"), "{command}: {document}");
    }
    assert_eq!(word(&apart.airlock(&["check", "b"]).json().0, "status"), "passed");
}

#[test]
fn a_package_that_is_not_installed_is_told_where_it_lies() {
    let project = Project::new(&[
        ("pyproject.toml", "[project]\nname = 'shop'\nversion = '1'\n"),
        ("src/shop/__init__.py", ""),
        ("tests/test_shop.py", "import shop\n\n\ndef test_a():\n    pass\n"),
    ]);
    let (document, exit) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), exit), ("not_testable", 3), "{document}");
    let why = document["reason"].to_string();
    assert!(why.contains("though it lies in src") && why.contains("pip install -e ."), "{document}");
}

#[test]
fn paths_that_are_not_there_are_named() {
    let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n")]);
    for (arguments, expected) in [
        (&["check", "nowhere"][..], "path_not_found"),
        (&["check", "nowhere/test_a.py::test_a"], "path_not_found"),
        (&["fix", "nowhere"], "path_not_found"),
        (&["doctor", "nowhere"], "path_not_found"),
        (&["check", "--root", "nowhere"], "path_not_found"),
    ] {
        let (document, exit) = project.airlock(arguments).json();
        assert_eq!((code(&document), exit), (expected, 2), "{arguments:?}: {document}");
        assert!(document["error"].to_string().contains("nowhere"), "{arguments:?}: {document}");
    }
}
