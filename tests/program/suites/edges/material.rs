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
    let patch = "--- /dev/null\n+++ b/shop/tests.py\n@@ -0,0 +1,2 @@\n+def test_new():\n+    assert False\n";
    let (document, exit) = project.airlock(&["check", "--patch", "-"]).input(patch).json();
    assert_eq!((word(&document, "status"), exit), ("no_regression", 0), "{document}");
    assert_eq!(document["verdict"]["added"], serde_json::json!(["shop/tests.py::test_new"]), "{document}");
}
