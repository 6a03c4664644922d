use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use tempfile::TempDir;

use super::notes::{Cause, Hidden};
use super::walk::{Options, WalkError, walk};
use super::workspace::{Entry, Limits, SourceError, Workspace};

fn secret(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(".env"))
}

fn options() -> Options<'static> {
    Options { is_secret: &secret, ignore: &[], secrets: &[], read: &[], global_ignore: None, limits: Limits::default() }
}

/// A tree of files, each holding its own name; a name that ends with `/` is a folder.
fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }
    dir
}

fn write(dir: &TempDir, name: &str, text: &str) {
    fs::write(dir.path().join(name), text).unwrap();
}

fn names(workspace: &Workspace) -> Vec<&str> {
    workspace.entries().iter().filter(|(_, e)| **e != Entry::Folder).map(|(p, _)| p.as_str()).collect()
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

fn git_add(dir: &Path, names: &[&str]) {
    for args in [vec!["init", "-q"], [vec!["add", "-f"], names.to_vec()].concat()] {
        assert!(Command::new("git").args(args).current_dir(dir).status().unwrap().success());
    }
}

#[test]
fn hidden_files_go_in_and_caches_and_environments_stay_out() {
    let dir = tree(&[
        ".coveragerc",
        "a.py",
        "empty/",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "pkg/__pycache__/a.pyc",
        ".git/config",
        "node_modules/x/index.py",
        ".tox/x",
        "sub/.git",
        "sub/s.py",
        "conda/conda-meta/history",
        "conda/p.py",
    ]);
    let workspace = walk(dir.path(), &options()).unwrap();
    assert_eq!(names(&workspace), [".coveragerc", "a.py", "sub/s.py"]);
    assert_eq!(workspace.entries().get(&path("empty")), Some(&Entry::Folder));
    assert_eq!(workspace.entries().get(&path("env")), None);
    assert_eq!(workspace.notes().hidden("env/lib/x.py"), Some(Hidden::Generated));
    assert_eq!(workspace.notes().hidden("a.py"), None);
}

#[test]
fn of_ignored_files_only_modules_inside_packages_go_in() {
    let dir = tree(&[
        "src/pkg/__init__.py",
        "src/pkg/_version.py",
        "src/pkg/fast.so",
        "src/pkg/data.json",
        "src/pkg/gen/deep/m.py",
        "src/pkg/gen/deep/m.bin",
        "src/proto/__init__.py",
        "src/proto/x_pb2.py",
        "src/proto/x.key",
        "build/lib/pkg/a.py",
        "local/notes.py",
        "local/deep/data.txt",
        "conftest.py",
        "_generated.py",
    ]);
    write(&dir, ".gitignore", "_version.py\n*.so\n*.json\ngen/\n/src/proto\nbuild/\nlocal/\n_generated.py\n");
    let workspace = walk(dir.path(), &options()).unwrap();
    assert_eq!(
        names(&workspace),
        [
            ".gitignore",
            "_generated.py",
            "conftest.py",
            "src/pkg/__init__.py",
            "src/pkg/_version.py",
            "src/pkg/gen/deep/m.py",
            "src/proto/__init__.py",
            "src/proto/x_pb2.py",
        ]
    );
    for hidden in ["src/pkg/data.json", "build/lib/pkg/a.py", "local/notes.py", "src/pkg/gen/deep/m.bin"] {
        assert_eq!(workspace.notes().hidden(hidden), Some(Hidden::GitIgnored), "{hidden}");
    }
    let read = ["local/deep/*.txt".to_owned(), "src/pkg/data.json".to_owned()];
    let workspace = walk(dir.path(), &Options { read: &read, ..options() }).unwrap();
    let all = names(&workspace);
    assert!(all.contains(&"local/deep/data.txt") && all.contains(&"src/pkg/data.json"), "{all:?}");
    assert!(!all.contains(&"local/notes.py") && !all.contains(&"src/pkg/fast.so"), "{all:?}");
    assert!(workspace.entries().contains_key(&path("local/deep")));
}

#[test]
fn tracked_files_go_in_whatever_the_patterns_say() {
    let dir =
        tree(&["a.txt", "b.txt", "out/kept.txt", "out/other.txt", "fixtures/node_modules/x/i.py", "node_modules/y"]);
    write(&dir, ".gitignore", "*.txt\nout/\n");
    git_add(dir.path(), &["a.txt", "out/kept.txt", "fixtures/node_modules/x/i.py"]);
    let workspace = walk(dir.path(), &options()).unwrap();
    assert_eq!(names(&workspace), [".gitignore", "a.txt", "fixtures/node_modules/x/i.py", "out/kept.txt"]);
}

#[test]
fn secrets_and_configured_patterns_stay_out_even_when_tracked_or_named() {
    let dir = tree(&[".env", "pkg/.env.local", "token.txt", "big/data.bin", "a.py"]);
    git_add(dir.path(), &[".env", "token.txt"]);
    let (ignore, secrets) = (["big/".to_owned()], ["token.*".to_owned()]);
    let read = [".env".to_owned(), "token.txt".to_owned()];
    let workspace =
        walk(dir.path(), &Options { ignore: &ignore, secrets: &secrets, read: &read, ..options() }).unwrap();
    assert_eq!(names(&workspace), ["a.py"]);
    assert_eq!(workspace.notes().hidden(".env"), Some(Hidden::Secret));
    assert_eq!(workspace.notes().hidden("token.txt"), Some(Hidden::Secret));
    assert_eq!(workspace.notes().hidden("big/data.bin"), Some(Hidden::Setting));
}

#[test]
fn links_stay_links_and_those_that_lead_out_are_left_out() {
    let dir = tree(&["a/real.txt", "b/c/"]);
    let outside = tree(&["secret"]);
    let at = |name: &str| dir.path().join(name);
    symlink("real.txt", at("a/rel")).unwrap();
    symlink("../../a/real.txt", at("b/c/up")).unwrap();
    symlink(at("a"), at("b/c/abs")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("loop2", at("loop1")).unwrap();
    symlink("loop1", at("loop2")).unwrap();
    symlink(outside.path().join("secret"), at("out")).unwrap();
    symlink("../../../../../../../../etc/passwd", at("a/climb")).unwrap();
    symlink(outside.path(), at("a/hop")).unwrap();
    symlink("hop/secret", at("a/through")).unwrap();
    let workspace = walk(dir.path(), &options()).unwrap();
    let target = |name: &str| match workspace.entries().get(&path(name)) {
        Some(Entry::Link { target }) => Some(target.as_str()),
        _ => None,
    };
    assert_eq!(target("a/rel"), Some("real.txt"));
    assert_eq!(target("b/c/up"), Some("../../a/real.txt"));
    assert_eq!(target("b/c/abs"), Some("../../a"));
    assert_eq!(target("dangling"), Some("nowhere"));
    assert_eq!(target("loop1"), Some("loop2"));
    assert_eq!(names(&workspace).len(), 7, "{:?}", names(&workspace));
    assert_eq!(workspace.notes().count(Cause::LinkOut), 4);
    let said = workspace.notes().sentences();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("4 links lead out of the tree and are left out: a/climb, "), "{said:?}");
}

#[test]
fn special_files_are_left_out_and_large_ones_listed_but_not_read() {
    let dir = tree(&["a.py"]);
    assert!(Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("sock")).unwrap();
    fs::File::create(dir.path().join("large")).unwrap().set_len(100 << 20).unwrap();
    let workspace = walk(dir.path(), &options()).unwrap();
    assert_eq!(names(&workspace), ["a.py", "large"]);
    assert_eq!((workspace.notes().count(Cause::Special), workspace.notes().count(Cause::TooLarge)), (2, 1));
    assert!(matches!(workspace.read(&path("large")), Err(SourceError::TooLarge { len: 104_857_600, .. })));
    assert!(matches!(workspace.read(&path("pipe")), Err(SourceError::Missing(_))));
}

#[test]
fn a_name_that_is_not_utf8_is_noted() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tree(&["a.py", "back\\slash"]);
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), "").unwrap();
    fs::write(dir.path().join("bytes.txt"), b"\xff\xfe").unwrap();
    let workspace = walk(dir.path(), &options()).unwrap();
    assert_eq!(names(&workspace), ["a.py", "bytes.txt"]);
    assert_eq!(workspace.notes().count(Cause::Name), 2);
    assert_eq!(&*workspace.read(&path("bytes.txt")).unwrap().bytes, b"\xff\xfe");
}

#[test]
fn what_changed_since_the_walk_is_not_read() {
    let dir = tree(&["same", "longer", "rewritten", "gone", "linked", "folder/inner"]);
    let at = |name: &str| dir.path().join(name);
    let workspace = walk(dir.path(), &options()).unwrap();
    write(&dir, "longer", "more than it was");
    fs::remove_file(at("rewritten")).unwrap();
    write(&dir, "rewritten", "rewritten");
    fs::remove_file(at("gone")).unwrap();
    let outside = tree(&["linked", "inner"]);
    fs::remove_file(at("linked")).unwrap();
    symlink(outside.path().join("linked"), at("linked")).unwrap();
    fs::rename(at("folder"), at("moved")).unwrap();
    symlink(outside.path(), at("folder")).unwrap();
    let content = workspace.read(&path("same")).unwrap();
    assert_eq!((&*content.bytes, content.hash.to_string()), (&b"same"[..], ContentHash::of(b"same").to_string()));
    for name in ["longer", "rewritten", "gone", "linked", "folder/inner"] {
        let error = workspace.read(&path(name)).unwrap_err();
        assert!(matches!(error, SourceError::Changed(_)), "{name}: {error:?}");
    }
}

#[test]
fn the_bounds_hold() {
    let dir = tree(&["a", "b", "c/d/e/f"]);
    let limits = Limits { entries: 3, ..Limits::default() };
    assert!(matches!(walk(dir.path(), &Options { limits, ..options() }), Err(WalkError::TooMany { max: 3, .. })));
    let limits = Limits { depth: 3, ..Limits::default() };
    let workspace = walk(dir.path(), &Options { limits, ..options() }).unwrap();
    assert_eq!((names(&workspace), workspace.notes().count(Cause::Depth)), (vec!["a", "b"], 1));
    assert!(matches!(walk(&dir.path().join("none"), &options()), Err(WalkError::Unreadable { .. })));
}

#[test]
fn the_executable_bit_is_kept() {
    let dir = tree(&["run.sh", "plain"]);
    fs::set_permissions(dir.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let workspace = walk(dir.path(), &options()).unwrap();
    let executable = |name| matches!(workspace.entries().get(&path(name)), Some(Entry::File { executable: true, .. }));
    assert!(executable("run.sh") && !executable("plain"));
}

#[test]
fn ten_thousand_files_are_walked_quickly() {
    let dir = tempfile::tempdir().unwrap();
    for folder in 0..100 {
        let at = dir.path().join(format!("p{}/q{folder}", folder % 10));
        fs::create_dir_all(&at).unwrap();
        for file in 0..100 {
            fs::write(at.join(format!("m{file}.py")), "").unwrap();
        }
    }
    write(&dir, ".gitignore", "*.pyc\nbuild/\n/dist\n*.egg-info\n.venv\n");
    let best = (0..5)
        .map(|_| {
            let start = std::time::Instant::now();
            assert_eq!(walk(dir.path(), &options()).unwrap().files(), 10_001);
            start.elapsed()
        })
        .min()
        .unwrap();
    // Without optimisation the same walk is several times slower; the bound is for what users run.
    let bound = if cfg!(debug_assertions) { 1_000 } else { 100 };
    assert!(best.as_millis() <= bound, "{best:?}");
}
