//! What the project's settings and conftests make test material: plugins they name, a configuration file given by argument,
//! files that only the project's own pattern takes for tests.

use airlock_program_tests::calls::Project;

use crate::support::word;

/// A patch that replaces one line by another.
fn one_line(path: &str, before: &str, after: &str) -> String {
    format!("--- a/{path}\n+++ b/{path}\n@@ -1,1 +1,1 @@\n-{before}\n+{after}\n")
}

fn refused_for(project: &Project, patch: &str, file: &str) {
    let (document, exit) = project.airlock(&["check", "--patch", "-", "--apply"]).input(patch).json();
    assert_eq!((word(&document, "status"), exit), ("refused", 1), "{document}");
    assert_eq!(document["verdict"]["protected"], serde_json::json!([file]), "{document}");
    assert_eq!(document["applied"], false);
}

#[test]
fn a_plugin_that_a_conftest_names_decides_nothing_in_a_patch() {
    let project = Project::new(&[
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
        ("conftest.py", "pytest_plugins = ['helpers.fixtures']\n"),
        ("helpers/__init__.py", ""),
        ("helpers/fixtures.py", "ANSWER = 42\nimport pytest\n\n\n@pytest.fixture\ndef answer():\n    return ANSWER\n"),
        ("app.py", "VALUE = 41\n"),
        ("test_app.py", "import app\n\n\ndef test_answer(answer):\n    assert app.VALUE == answer\n"),
    ]);
    let tree = project.tree();
    refused_for(&project, &one_line("helpers/fixtures.py", "ANSWER = 42", "ANSWER = 41"), "helpers/fixtures.py");
    tree.assert_untouched("a refused patch");
    // The repair is sought in the code, not in the plugin that the test's value comes from.
    let (document, _) = project.airlock(&["fix"]).json();
    assert_eq!(word(&document, "status"), "verified", "{document}");
    assert_eq!(document["proposal"]["files"], serde_json::json!(["app.py"]), "{document}");
}

#[test]
fn a_configuration_file_given_by_argument_is_the_runners() {
    let project = Project::new(&[
        ("airlock.toml", "[pytest]\nargs = [\"-c\", \"unit.cfg\", \"--rootdir\", \".\"]\n"),
        ("unit.cfg", "[tool:pytest]\naddopts = -q\n"),
        ("test_app.py", "import warnings\n\n\ndef test_app():\n    warnings.warn('old')\n"),
    ]);
    let patch =
        "--- a/unit.cfg\n+++ b/unit.cfg\n@@ -1,2 +1,3 @@\n [tool:pytest]\n addopts = -q\n+filterwarnings = ignore\n";
    refused_for(&project, patch, "unit.cfg");
}

#[test]
fn a_new_file_is_a_test_by_the_projects_own_pattern() {
    let project = Project::new(&[
        ("pytest.ini", "[pytest]\npython_files = tests.py\n"),
        ("app/__init__.py", "VALUE = 41\n"),
        ("app/tests.py", "import app\n\n\ndef test_value():\n    assert app.VALUE\n"),
    ]);
    let patch = "--- /dev/null\n+++ b/shop/tests.py\n@@ -0,0 +1,2 @@\n+def test_new():\n+    assert True\n";
    let (document, exit) = project.airlock(&["check", "--patch", "-"]).input(patch).json();
    assert_eq!((word(&document, "status"), exit), ("no_regression", 0), "{document}");
    assert_eq!(document["verdict"]["added"], serde_json::json!(["shop/tests.py::test_new"]), "{document}");
    let failing = patch.replace("True", "False");
    let (document, exit) = project.airlock(&["check", "--patch", "-"]).input(failing).json();
    assert_eq!((word(&document, "status"), exit), ("refused", 1), "{document}");
    assert_eq!(document["verdict"]["broken"], serde_json::json!(["shop/tests.py::test_new"]), "{document}");
}

/// A right repair of `add`, with one new file beside it.
fn repair_with(path: &str, lines: &[&str]) -> String {
    let body: String = lines.iter().map(|line| format!("+{line}\n")).collect();
    format!(
        "--- a/app/calc.py\n+++ b/app/calc.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n\
         --- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{} @@\n{body}",
        lines.len()
    )
}

#[test]
fn what_lands_beside_a_repair_spoils_no_test() {
    let project = Project::new(&[
        ("app/__init__.py", ""),
        ("app/calc.py", "def add(a, b):\n    return a - b\n"),
        ("tests/helpers.py", "def near(a, b):\n    return abs(a - b) < 0.1\n"),
        (
            "tests/test_calc.py",
            "from helpers import near\nfrom app.calc import add\n\n\ndef test_add():\n    assert near(add(1, 2), 3)\n\n\n\
             def test_zero():\n    assert add(0, 0) == 0\n",
        ),
        ("pytest.ini", "[pytest]\npythonpath = .\n"),
    ]);
    let tree = project.tree();
    let spoilers: &[(&str, &[&str])] = &[
        ("tests/app.py", &["x = 1"]),
        ("tests/helpers/__init__.py", &["near = lambda a, b: True"]),
        ("tests/test_a.py", &["import os", "os._exit(0)"]),
        ("tests/test_b.py", &["from app import calc", "calc.add = None"]),
        ("tests/test_c.py", &["def broken(:"]),
        ("tests/sub/test_calc.py", &["def test_x():", "    pass"]),
    ];
    for (path, lines) in spoilers {
        let (document, exit) =
            project.airlock(&["check", "--patch", "-", "--apply"]).input(repair_with(path, lines)).json();
        assert_eq!((word(&document, "status"), exit), ("refused", 1), "{path}: {document}");
        tree.assert_untouched(path);
    }
    let (document, exit) = project
        .airlock(&["check", "--patch", "-", "--apply"])
        .input(repair_with("tests/test_more.py", &["def test_more():", "    assert 1"]))
        .json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!(document["verdict"]["added"], serde_json::json!(["tests/test_more.py::test_more"]), "{document}");
    let (document, exit) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
}

#[test]
fn a_changed_test_that_is_named_is_run_as_changed() {
    let project = Project::new(&[("test_app.py", "def test_two():\n    assert 1 + 1 == 2\n")]);
    let patch = one_line_of_two("== 2", "== 3");
    let call = ["check", "--patch", "-", "--allow", "test_app.py", "--apply"];
    let (document, exit) = project.airlock(&call).input(patch).json();
    assert_eq!((word(&document, "status"), exit), ("refused", 1), "{document}");
    assert_eq!(document["verdict"]["broken"], serde_json::json!(["test_app.py::test_two"]), "{document}");
    let (document, exit) = project.airlock(&call).input(one_line_of_two("== 2", "== 4 - 2")).json();
    assert_eq!((word(&document, "status"), exit), ("no_regression", 0), "{document}");
    assert_eq!(document["applied"], true);
}

fn one_line_of_two(before: &str, after: &str) -> String {
    format!(
        "--- a/test_app.py\n+++ b/test_app.py\n@@ -1,2 +1,2 @@\n def test_two():\n-    assert 1 + 1 {before}\n+    assert 1 + 1 {after}\n"
    )
}
