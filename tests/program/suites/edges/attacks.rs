//! What someone who controls the project, the patch or the moment could try.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use airlock_program_tests::calls::{Project, Tree};

use crate::patches::makes;
use crate::support::{busy_worker, code, outcomes, word};

/// A test that works long enough for the tree to be changed under the check. It ends by work, not by a clock.
pub const SLOW_TEST: &str = "\
from src.app import answer


def test_answer():
    total = 0
    for number in range(12_000_000):
        total += number
    assert answer() == 42
";

const PATCH: &str = "\
--- a/src/app.py
+++ b/src/app.py
@@ -1,2 +1,2 @@
 def answer():
-    return 41
+    return 42
";

/// By then the project has been read.
pub const WELL_IN: Duration = Duration::from_millis(800);

fn slow() -> Project {
    Project::new(&[
        ("ws/src/app.py", "def answer():\n    return 41\n"),
        ("ws/test_app.py", SLOW_TEST),
        ("outside/app.py", "def answer():\n    return 41\n"),
    ])
}

#[test]
fn a_folder_swapped_for_a_link_before_the_write_is_not_followed() {
    let folder = slow();
    let root = folder.join("ws");
    let outside = Tree::of(&folder.join("outside"));
    let call = folder.airlock(&["check", "--patch", "-", "--apply", "--json"]).within(&root).input(PATCH);
    let running = call.start();
    busy_worker(running.id(), WELL_IN);
    fs::rename(root.join("src"), root.join("src-aside")).expect("renamed");
    symlink("../outside", root.join("src")).expect("linked");
    let aside = Tree::of(&root.join("src-aside"));
    let document = running.wait().document();
    assert_eq!(word(&document, "status"), "error", "{document}");
    assert_eq!(code(&document), "files_changed", "{document}");
    outside.assert_untouched("the swap");
    aside.assert_untouched("the swap");
}

#[test]
fn a_file_that_changed_since_the_check_is_left_alone() {
    let folder = slow();
    let root = folder.join("ws");
    let call = folder.airlock(&["check", "--patch", "-", "--apply", "--json"]).within(&root).input(PATCH);
    let running = call.start();
    busy_worker(running.id(), WELL_IN);
    folder.write("ws/src/app.py", "def answer():\n    return 41\n# typed meanwhile\n");
    let tree = folder.tree();
    let document = running.wait().document();
    assert_eq!((word(&document, "status"), code(&document)), ("error", "files_changed"), "{document}");
    tree.assert_untouched("a refused landing");
}

#[test]
fn twins_of_protected_names_are_protected() {
    for path in [
        ".VSCODE/settings.json",
        ".Vscode/tasks.json",
        ".IDEA/workspace.xml",
        "CONFTEST.PY",
        ".GitHub/workflows/ci.yml",
        // Letters that are others to some file system: the long s, the sign for kelvin; and ones that HFS+ passes over.
        ".v\u{17f}code/settings.json",
        "confte\u{17f}t.py",
        "pac\u{212a}age-lock.json",
        ".g\u{200c}it/config",
        ".vsco\u{200d}de/tasks.json",
    ] {
        let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n")]);
        let tree = project.tree();
        let (document, exit) = project.airlock(&["check", "--patch", "-", "--apply"]).input(makes(path)).json();
        assert!(exit == 1 || exit == 2, "{path}: {document}");
        assert_ne!(document["applied"], true, "{path}");
        tree.assert_untouched(path);
    }
}

#[test]
fn another_form_of_a_name_that_is_there_is_refused() {
    // Composed and decomposed: one file on some systems, two on others.
    let (composed, decomposed) = ("caf\u{e9}/n.py", "cafe\u{301}/n.py");
    for (there, new) in [(composed, decomposed), (decomposed, composed), ("Pkg/n.py", "pkg/n.py")] {
        let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n"), (there, "N = 1\n")]);
        let tree = project.tree();
        let (document, exit) = project.airlock(&["check", "--patch", "-", "--apply"]).input(makes(new)).json();
        assert!(exit == 1 || exit == 2, "{new}: {document}");
        assert_ne!(document["applied"], true, "{new}");
        tree.assert_untouched(new);
    }
}

#[test]
fn a_test_sees_nothing_of_the_machine() {
    let project = Project::new(&[
        (
            "test_escape.py",
            r#"
import os
import pathlib

import pytest

PATHS = [
    "/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", "/dev/sda", "/root/.bashrc", "/home",
    "../../../../etc/passwd", "/workspace/../etc/passwd", "/workspace/../../etc/shadow", "//etc/passwd",
    "/workspace/.env", "/workspace/id_rsa", "/workspace/link",
]


@pytest.mark.parametrize("path", PATHS)
def test_cannot_be_read(path):
    with pytest.raises(OSError):
        pathlib.Path(path).read_bytes()


def test_no_variable_of_the_user():
    assert "canary" not in repr(dict(os.environ))
    assert "AIRLOCK_CANARY" not in os.environ


def test_writes_are_its_own():
    assert not pathlib.Path("new.txt").exists()
    pathlib.Path("test_escape.py").write_text("overwritten")
    pathlib.Path("new.txt").write_text("new")
    os.mkdir("folder")
    assert pathlib.Path("new.txt").read_text() == "new"

"#
            .as_bytes(),
        ),
        (".env", b"KEY=canary\n"),
        ("id_rsa", b"canary\n"),
    ]);
    symlink("/etc/passwd", project.join("link")).expect("linked");
    let tree = project.tree();
    // The second run would see what the first one wrote.
    for _ in 0..2 {
        let (document, exit) = project.airlock(&["check"]).env("AIRLOCK_CANARY", "canary").json();
        let bad: Vec<_> = outcomes(&document).into_iter().filter(|(_, outcome)| *outcome != "passed").collect();
        assert_eq!((bad, exit), (Vec::new(), 0), "{document}");
        assert!(!document.to_string().contains("canary\n"), "a secret is in the report");
    }
    tree.assert_untouched("tests that write");
}

#[test]
fn a_project_cannot_loosen_its_own_sandbox() {
    let project = Project::new(&[("test_a.py", "def test_a():\n    pass\n"), ("airlock.toml", "memory_mb = 4096\n")]);
    let (document, exit) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
    assert!(document["notes"].to_string().contains("memory_mb"), "it is not said that it does not count: {document}");
    let (document, _) = project.airlock(&["config"]).json();
    let settings = document["settings"].as_array().cloned().unwrap_or_default();
    let memory = settings.iter().find(|setting| setting["name"] == "memory_mb").expect("a setting");
    assert_eq!(memory["value"], 1024, "{document}");
}

#[test]
fn control_characters_are_shown_escaped() {
    let project = Project::new(&[(
        "test_a.py",
        "def test_a():\n    raise ValueError('red \\x1b[31m and \\u202e turned \\x07')\n",
    )]);
    let ended = project.airlock(&["check"]).run();
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    for bad in ['\x1b', '\u{202e}', '\x07'] {
        assert!(!ended.stdout.contains(bad), "{bad:?} reaches the terminal: {:?}", ended.stdout);
    }
}
