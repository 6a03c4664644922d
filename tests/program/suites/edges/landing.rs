//! What `--apply` writes: exactly what was judged, with the mode and line endings that were there.

use std::os::unix::fs::PermissionsExt;

use airlock_program_tests::calls::Project;

use crate::support::{code, word};

const TEST: &str = "from app import answer\n\n\ndef test_answer():\n    assert answer() == 42\n";

/// A project whose module is this text, and the patch that git makes of the change.
fn project(before: &str, after: &str) -> (Project, Vec<u8>) {
    let project = Project::new(&[("app.py", after), ("test_app.py", TEST)]);
    project.git(&["init", "--quiet"]);
    project.write("app.py", before);
    project.git(&["-c", "core.autocrlf=false", "add", "app.py"]);
    project.write("app.py", after);
    let out = std::process::Command::new("git")
        .args(["-c", "core.autocrlf=false", "diff", "--", "app.py"])
        .current_dir(project.path())
        .output()
        .expect("git starts");
    project.write("app.py", before);
    (project, out.stdout)
}

fn lands(before: &str, after: &str) {
    let (project, patch) = project(before, after);
    std::fs::set_permissions(project.join("app.py"), std::fs::Permissions::from_mode(0o750)).expect("set");
    let tree = project.tree();
    let (document, exit) = project.airlock(&["check", "--patch", "-", "--apply"]).input(patch).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{before:?}: {document}");
    assert_eq!(document["applied"], true, "{before:?}");
    assert_eq!(String::from_utf8(project.read("app.py")).expect("UTF-8"), after, "{before:?}");
    assert_eq!(tree.changed(), ["app.py"], "{before:?}");
    let mode = std::fs::metadata(project.join("app.py")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o750, "{before:?}: the mode");
}

#[test]
fn bytes_modes_and_line_endings_are_kept() {
    let lines = "def answer():\n    return 41\n";
    let fixed = lines.replace("41", "42");
    lands(lines, &fixed);
    lands(&lines.replace('\n', "\r\n"), &fixed.replace('\n', "\r\n"));
    lands(lines.trim_end(), fixed.trim_end());
    lands(&format!("\u{feff}{lines}"), &format!("\u{feff}{fixed}"));
    let mixed = "# \u{1f600} first\r\ndef answer():\n    return 41\r\n# last";
    lands(mixed, &mixed.replace("41", "42"));
}

#[test]
fn without_apply_nothing_lands() {
    let (project, patch) = project("def answer():\n    return 41\n", "def answer():\n    return 42\n");
    let tree = project.tree();
    let (document, _) = project.airlock(&["check", "--patch", "-"]).input(patch).json();
    assert_eq!((word(&document, "status"), &document["applied"]), ("verified", &serde_json::Value::Bool(false)));
    tree.assert_untouched("a check without --apply");
}

#[test]
fn files_are_made_and_removed_too() {
    let project = Project::new(&[
        ("app.py", "from old import answer\n"),
        ("old.py", "def answer():\n    return 41\n"),
        ("test_app.py", TEST),
    ]);
    let patch = "\
diff --git a/app.py b/app.py
--- a/app.py
+++ b/app.py
@@ -1 +1 @@
-from old import answer
+from pkg.new import answer
diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1,2 +0,0 @@
-def answer():
-    return 41
diff --git a/pkg/new.py b/pkg/new.py
new file mode 100644
--- /dev/null
+++ b/pkg/new.py
@@ -0,0 +1,2 @@
+def answer():
+    return 42
";
    let tree = project.tree();
    let (document, _) = project.airlock(&["check", "--patch", "-", "--apply"]).input(patch).json();
    assert_eq!((word(&document, "status"), code(&document)), ("verified", ""), "{document}");
    let mut changed = tree.changed();
    changed.sort_unstable();
    assert_eq!(changed, ["app.py", "old.py", "pkg", "pkg/new.py"]);
    assert_eq!(project.read("pkg/new.py"), b"def answer():\n    return 42\n");
}

#[test]
fn a_protected_file_lands_where_it_is_named_and_only_there() {
    let patch = crate::patches::makes("conftest.py");
    let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n")]);
    let tree = project.tree();
    let (document, exit) = project.airlock(&["check", "--patch", "-", "--apply"]).input(patch.as_str()).json();
    assert_eq!((word(&document, "status"), exit), ("refused", 1), "{document}");
    tree.assert_untouched("a refused patch");
    let call = project.airlock(&["check", "--patch", "-", "--apply", "--allow", "conftest.py"]).input(patch.as_str());
    let (document, exit) = call.json();
    assert_eq!((word(&document, "status"), exit), ("no_regression", 0), "{document}");
    assert_eq!(tree.changed(), ["conftest.py"]);
}
