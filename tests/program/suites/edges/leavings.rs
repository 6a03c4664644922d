//! What a test leaves in the sandbox never comes out of it, and what is special in a tree is never opened.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use airlock_program_tests::calls::{Project, Tree};

use crate::support::word;

/// Far above what such a project takes on a busy machine, far below for ever.
const DEADLINE: Duration = Duration::from_secs(120);

const PATCH: &str = "\
--- a/app.py
+++ b/app.py
@@ -1,2 +1,2 @@
 def answer():
-    return 41
+    return 42
";

/// Leaves links, folders and files where the landing and the next run will look.
const LITTER: &str = r#"
import os

from app import answer


def leave(make, *paths):
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)
        make(path)


def test_answer():
    assert answer() == 42


def test_litter():
    def write(path):
        with open(path, "w") as file:
            file.write("left by a test")

    leave(lambda path: os.symlink("/outside", path), "link", "app.py", ".airlock-0123456789abcdef.tmp")
    leave(write, "new.py", "conftest.py", "test_litter_of_a_test.py")
    os.makedirs(".git/hooks", exist_ok=True)
    write(".git/hooks/pre-commit")
    os.rename("data.txt", "moved.txt")
    os.link("moved.txt", "twice.txt")
    leave(lambda path: os.symlink("../..", path), "pkg/up")
    write("pkg/up/outside/escaped.txt") if os.path.isdir("pkg/up/outside") else None


def test_none_of_it_is_there_next_time():
    assert not os.path.lexists("/workspace/next") and os.path.exists("/workspace/pkg/__init__.py")
"#;

#[test]
fn nothing_that_a_test_writes_is_taken_out_of_the_sandbox() {
    let folder = Project::new(&[
        ("ws/app.py", "def answer():\n    return 41\n"),
        ("ws/test_app.py", LITTER),
        ("ws/data.txt", "data"),
        ("ws/pkg/__init__.py", ""),
        ("outside/keep.txt", "as it was"),
    ]);
    let root = folder.join("ws");
    let tree = folder.tree();
    // The tests run on the base and on the patched copy, then the patch lands: the patch's bytes and nothing else.
    let call = folder.airlock(&["check", "--patch", "-", "--apply"]).within(&root).input(PATCH);
    let (document, exit) = call.json();
    assert_eq!((word(&document, "status"), exit, &document["applied"]), ("verified", 0, &true.into()), "{document}");
    assert_eq!(tree.changed(), ["ws/app.py"]);
    assert!(fs::symlink_metadata(root.join("app.py")).expect("there").is_file());
    assert_eq!(folder.read("ws/app.py"), b"def answer():\n    return 42\n");
    // A run of its own starts from the disk, not from what another left.
    let tree = folder.tree();
    for _ in 0..2 {
        let (document, exit) = folder.airlock(&["check"]).within(&root).json();
        assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
    }
    tree.assert_untouched("tests that litter");
}

/// Every name that Airlock, git or pytest would read if it were a file.
const READ_BY_SOMEBODY: [&str; 12] = [
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "setup.py",
    "conftest.py",
    ".gitignore",
    ".git/index",
    ".git/info/exclude",
    ".env",
    ".venv/pyvenv.cfg",
    "test_special.py",
    "pkg/data.bin",
];

fn assert_quick(project: &Project, what: &str) {
    let tree = Tree::of(project.path());
    for arguments in [&["check", "--json"][..], &["doctor", "--json"], &["config", "--json"]] {
        let ended = project.airlock(arguments).run();
        assert!(ended.wall < DEADLINE, "{what}: {arguments:?} took {:?}", ended.wall);
        let document = ended.document();
        if arguments[0] == "check" {
            assert_eq!(word(&document, "status"), "passed", "{what}: {document}");
            assert_eq!(document["counts"]["passed"], 1, "{what}: {document}");
        }
    }
    tree.assert_untouched(what);
}

fn sound() -> Project {
    let project = Project::new(&[("test_sound.py", "def test_sound():\n    pass\n"), ("pkg/__init__.py", "")]);
    for folder in [".git/info", ".venv"] {
        fs::create_dir_all(project.join(folder)).expect("made");
    }
    fs::write(project.join(".git/HEAD"), "ref: refs/heads/main\n").expect("written");
    project
}

#[test]
fn a_fifo_under_any_name_holds_nothing_up() {
    let project = sound();
    for name in READ_BY_SOMEBODY {
        let made = Command::new("mkfifo").arg(project.join(name)).status();
        assert!(made.is_ok_and(|status| status.success()), "{name}");
    }
    assert_quick(&project, "FIFOs");
    // The ones that are read by name, each alone: the first must not hide the next.
    for name in ["pytest.ini", ".gitignore", ".git/index", "conftest.py"] {
        let project = sound();
        assert!(Command::new("mkfifo").arg(project.join(name)).status().is_ok_and(|status| status.success()));
        let ended = project.airlock(&["check", "--json"]).run();
        assert!(ended.wall < DEADLINE, "{name}: {:?}", ended.wall);
        assert_eq!(word(&ended.document(), "status"), "passed", "{name}: {}", ended.stdout);
    }
    // What could only tighten the sandbox must be read, or nothing runs.
    for name in ["airlock.toml", "pyproject.toml"] {
        let project = sound();
        assert!(Command::new("mkfifo").arg(project.join(name)).status().is_ok_and(|status| status.success()));
        let ended = project.airlock(&["check", "--json"]).run();
        assert!(ended.wall < DEADLINE, "{name}: {:?}", ended.wall);
        let document = ended.document();
        assert_eq!(crate::support::code(&document), "config_invalid", "{document}");
        assert!(document["error"]["message"].to_string().contains("not a regular file"), "{document}");
    }
}

#[test]
fn sockets_and_devices_are_passed_over() {
    let project = sound();
    let _listening: Vec<UnixListener> = ["conftest.py", "pkg/service.sock", "test_special.py"]
        .map(|name| UnixListener::bind(project.join(name)).expect("bound"))
        .into();
    // Making a device takes rights that few have.
    let device = Command::new("mknod").arg(project.join("pkg/zero")).args(["c", "1", "5"]).output();
    let device = device.is_ok_and(|done| done.status.success());
    let (document, _) = project.airlock(&["check"]).json();
    let count = if device { "4 FIFOs, sockets or devices" } else { "3 FIFOs, sockets or devices" };
    assert!(document["notes"].to_string().contains(count), "{document}");
    assert_quick(&project, "sockets");
}

#[test]
fn a_file_swapped_for_a_link_before_the_write_is_not_followed() {
    let folder = Project::new(&[
        ("ws/app.py", "def answer():\n    return 41\n"),
        ("ws/test_app.py", crate::attacks::SLOW_TEST.replace("src.app", "app").as_str()),
        ("outside.py", "def answer():\n    return 41\n"),
    ]);
    let root = folder.join("ws");
    let running = folder.airlock(&["check", "--patch", "-", "--apply", "--json"]).within(&root).input(PATCH).start();
    crate::support::busy_worker(running.id(), crate::attacks::WELL_IN);
    // The same content behind it: what counts is that it is a link.
    fs::remove_file(root.join("app.py")).expect("removed");
    symlink("../outside.py", root.join("app.py")).expect("linked");
    let tree = folder.tree();
    let document = running.wait().document();
    assert_eq!(word(&document, "status"), "error", "{document}");
    assert_eq!(crate::support::code(&document), "files_changed", "{document}");
    tree.assert_untouched("a file that became a link");
}
