//! What is not needed yet is not begun: no worker, no look through the folders, no database.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use serde_json::json;

/// Processes whose parent this is.
fn children(pid: u32) -> Vec<String> {
    let processes =
        fs::read_dir("/proc").expect("Linux tells").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child = |process: &String| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Behind the name, which may have blanks and brackets: state, parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parent == Some(pid)
    };
    processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

/// Files that a process has open.
fn open_files(pid: u32) -> BTreeSet<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("Linux tells");
    descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).filter(|path| path.is_absolute()).collect()
}

/// Folders that are watched for being looked into.
struct Watched(OwnedFd);

impl Watched {
    fn new(folders: &[PathBuf]) -> Self {
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        for folder in folders {
            inotify::add_watch(&watch, folder, WatchFlags::OPEN).expect("watched");
        }
        Self(watch)
    }

    /// How often one of them was opened since.
    fn looks(&self) -> usize {
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        let mut looks = 0;
        while let Ok(event) = reader.next() {
            looks += usize::from(event.events().contains(ReadFlags::ISDIR));
        }
        looks
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("a folder").next().is_none()
}

#[test]
fn nothing_is_begun_before_it_is_needed() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("notes.md", "# Notes\n"),
        ("src/deep/it.py", "def f():\n    return 2\n"),
        ("tests/test_it.py", "def test_it():\n    assert 1 == 2\n"),
    ]);
    let (data, state) = (Project::empty(), Project::empty());
    let environment = [("XDG_DATA_HOME", data.path().as_os_str()), ("XDG_STATE_HOME", state.path().as_os_str())];
    let root = project.path().canonicalize().expect("there");
    let folders = ["", "src", "src/deep", "tests"].map(|folder| root.join(folder));
    let watched = Watched::new(&folders);
    let options = json!({"checkOnSave": true});
    let mut client =
        Client::begin(&Setup { folders: &[&root], options, environment: &environment, ..Setup::default() });
    let notes = client.open(&root.join("notes.md"));
    client.replace(&notes, "# More notes\n");
    client.save(&notes);
    // Answered after all of that was taken.
    assert!(client.actions(&notes, 0).is_empty() && client.lenses(&notes).is_empty());

    let pid = client.pid();
    assert_eq!(children(pid), Vec::<String>::new(), "a process was started");
    let open = open_files(pid);
    assert!(!open.iter().any(|path| path.starts_with(&root) || path.starts_with(data.path())), "{open:?}");
    assert!(!open.iter().any(|path| path.extension().is_some_and(|end| end == "db" || end == "sqlite")), "{open:?}");
    assert!(is_empty(data.path()), "something was kept");
    assert_eq!(watched.looks(), 0, "the folders were looked through");

    // All of that shows once it is needed.
    let tests = client.open(&root.join("tests/test_it.py"));
    client.command("airlock.checkTests", json!([]));
    let mut started = 0;
    client.wait("it fails", |client| {
        started = started.max(children(pid).len());
        client.shown.get(&tests).is_some_and(|found| !found.is_empty())
    });
    assert!(started > 0 && watched.looks() > 0 && !is_empty(data.path()), "{started}");
    client.end();
}
