//! A landing of which one file cannot be written: none of the others changes, whichever it is.

use std::fs;
use std::process::Command;
use std::time::Duration;

use airlock_program_tests::calls::Project;
use airlock_program_tests::{cache, program};
use serde_json::Value;

use crate::support::{busy_worker, code, word};

/// Works long enough for a file to be changed under the check. It ends by work, not by a clock.
const SLOW_TEST: &str = "\
from a import answer


def test_answer():
    total = 0
    for number in range(6_000_000):
        total += number
    assert answer() == 42
";

const TEST: &str = "from a import answer\n\n\ndef test_answer():\n    assert answer() == 42\n";
const OLD: &str = "def answer():\n    return 41\n";
const NAMES: [&str; 3] = ["a.py", "folder/m.py", "z.py"];

/// The three modules changed, and what else is given.
fn patch(more: &str) -> String {
    let changed = |path: &str| {
        format!("--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n def answer():\n-    return 41\n+    return 42\n")
    };
    NAMES.map(changed).concat() + more
}

fn project(test: &str) -> Project {
    let project = Project::new(&[("test_a.py", test)]);
    NAMES.iter().for_each(|name| project.write(name, OLD));
    project
}

#[test]
fn a_file_that_changed_meanwhile_keeps_all_others_out() {
    // The first of the patch, one in the middle, the last.
    for changed in NAMES {
        let project = project(SLOW_TEST);
        let call = project.airlock(&["check", "--patch", "-", "--apply", "--json"]).input(patch(""));
        let running = call.start();
        busy_worker(running.id(), Duration::from_millis(800));
        project.write(changed, format!("{OLD}# typed meanwhile\n"));
        let tree = project.tree();
        let document = running.wait().document();
        assert_eq!((word(&document, "status"), code(&document)), ("error", "files_changed"), "{changed}: {document}");
        assert_ne!(document["applied"], true, "{changed}");
        assert!(document["error"]["message"].to_string().contains(changed), "{changed}: {document}");
        tree.assert_untouched(changed);
    }
}

#[test]
fn a_new_file_s_name_that_is_taken_meanwhile_keeps_all_others_out() {
    let made = "--- /dev/null\n+++ b/folder/new.py\n@@ -0,0 +1 @@\n+NEW = 1\n";
    let takers: [fn(&Project); 2] = [
        |project| fs::create_dir(project.join("folder/new.py")).expect("made"),
        |project| std::os::unix::fs::symlink("../a.py", project.join("folder/new.py")).expect("linked"),
    ];
    for take in takers {
        let project = project(SLOW_TEST);
        let running = project.airlock(&["check", "--patch", "-", "--apply", "--json"]).input(patch(made)).start();
        busy_worker(running.id(), Duration::from_millis(800));
        take(&project);
        let tree = project.tree();
        let document = running.wait().document();
        assert_eq!((word(&document, "status"), code(&document)), ("error", "files_changed"), "{document}");
        tree.assert_untouched("a name that is taken");
    }
}

/// The project on a disk of its own, in a namespace where that can be had; the document and what differs afterwards.
fn on_a_disk(prepare: &str, patch: &str) -> Option<(Value, String)> {
    let options = ["--user", "--map-root-user", "--mount"];
    let possible = Command::new("unshare").args(options).args(["--", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !possible.is_ok_and(|done| done.status.success()) {
        return None;
    }
    let (source, disk, notes) = (project(TEST), Project::empty(), Project::new(&[("patch", patch)]));
    // Names, kinds, modes, times and contents; a folder's time says no more than its names.
    let script = format!(
        "mount -t tmpfs -o size=1m disk {disk}\n\
         cp -a {source}/. {disk}/\n\
         cd {disk}\n\
         look() {{ find . -printf '%p %y %m\\n' | sort; find . -type f -printf '%p %T@ ' -exec sha256sum {{}} \\; | sort; }}\n\
         {prepare}\n\
         look > {notes}/before\n\
         XDG_CACHE_HOME={cache} XDG_CONFIG_HOME={notes} XDG_DATA_HOME={notes} {program} check --patch {notes}/patch --apply --json || true\n\
         look > {notes}/after\n",
        disk = disk.path().display(),
        source = source.path().display(),
        notes = notes.path().display(),
        cache = cache().display(),
        program = program().display(),
    );
    let done =
        Command::new("unshare").args(options).args(["--", "sh", "-eu", "-c", &script]).output().expect("it starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let document = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let (before, after) = (notes.read("before"), notes.read("after"));
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(&before), lines(&after));
    assert!(before.len() > NAMES.len(), "nothing was listed: {said}");
    let differing =
        before.iter().filter(|line| !after.contains(line)).chain(after.iter().filter(|line| !before.contains(line)));
    Some((document, differing.cloned().collect::<Vec<_>>().join("\n")))
}

#[test]
fn a_disk_that_is_full_at_any_file_leaves_none_changed() {
    let line = "+x = 1  # a line of sixty-four characters, to fill the disk with it\n";
    let count = (2 << 20) / line.len();
    // Before the others, between them, after them.
    for name in ["0.py", "folder/a.py", "zz.py"] {
        let large = format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{count} @@\n{}", line.repeat(count));
        let Some((document, differing)) = on_a_disk(":", &patch(&large)) else { return };
        assert_eq!((word(&document, "status"), code(&document)), ("error", "disk_full"), "{name}: {document}");
        assert_ne!(document["applied"], true, "{name}");
        assert!(document["error"]["message"].to_string().contains(name), "{name}: {document}");
        assert_eq!(differing, "", "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_leaves_none_changed() {
    let prepare = "mount --bind folder folder && mount -o remount,bind,ro folder";
    let Some((document, differing)) = on_a_disk(prepare, &patch("")) else { return };
    assert_eq!((word(&document, "status"), code(&document)), ("error", "apply_failed"), "{document}");
    assert!(document["error"]["message"].to_string().contains("folder/m.py"), "{document}");
    assert_eq!(differing, "");
    // Without the obstacle the same patch lands.
    let Some((document, differing)) = on_a_disk(":", &patch("")) else { return };
    assert_eq!((word(&document, "status"), &document["applied"]), ("verified", &Value::Bool(true)), "{document}");
    assert!(NAMES.iter().all(|name| differing.contains(name)), "{differing}");
}
