//! The diff of a proposal, applied by the real `git apply`, gives the new bytes; and what git writes, we apply.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use airlock_core::patch;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal};
use proptest::prelude::*;

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("airlock-git-apply-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// git with no configuration but its own, so that the user's cannot change the outcome.
fn git(root: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(input);
    assert!(output.status.success(), "{arguments:?}: {}\n{shown}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

type Case = (&'static str, Option<(&'static [u8], bool)>, Option<(&'static [u8], bool)>);

fn write(root: &Path, path: &str, state: &FileState) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, &state.bytes()[..]).unwrap();
    let mode = if state.executable() { 0o755 } else { 0o644 };
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

fn read(root: &Path, path: &str) -> Option<FileState> {
    let file = root.join(path);
    let bytes = fs::read(&file).ok()?;
    Some(FileState::new(bytes, fs::metadata(&file).unwrap().permissions().mode() & 0o100 != 0))
}

fn state(state: Option<(&[u8], bool)>) -> Option<FileState> {
    state.map(|(bytes, executable)| FileState::new(bytes, executable))
}

fn check(root: &Path, cases: &[(&str, Option<FileState>, Option<FileState>)]) {
    for (path, base, _) in cases {
        let _ = fs::remove_file(root.join(path));
        if let Some(base) = base {
            write(root, path, base);
        }
    }
    let files = cases.iter().map(|(path, base, new)| (WorkspacePath::new(path).unwrap(), base.clone(), new.clone()));
    let proposal = Proposal::new("test", files).unwrap();
    let diff = proposal.diff();
    if diff.is_empty() {
        return;
    }
    git(root, &["apply", "--whitespace=nowarn", "-"], &diff);
    for (path, _, new) in cases {
        assert_eq!(&read(root, path), new, "{path}\n{}", String::from_utf8_lossy(&diff));
    }
}

const CASES: &[Case] = &[
    ("plain.py", Some((b"a\nb\nc\n", false)), Some((b"a\nB\nc\n", false))),
    (
        "far.py",
        Some((b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", false)),
        Some((b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n13\n", false)),
    ),
    ("new.py", None, Some((b"x\ny\n", false))),
    ("new_program", None, Some((b"#!/bin/sh\n", true))),
    ("new_without_end", None, Some((b"x", false))),
    ("new_empty", None, Some((b"", false))),
    ("gone.py", Some((b"x\ny\n", false)), None),
    ("gone_empty", Some((b"", false)), None),
    ("gone_without_end", Some((b"x", true)), None),
    ("emptied", Some((b"x\n", false)), Some((b"", false))),
    ("filled", Some((b"", false)), Some((b"x\n", false))),
    ("mode", Some((b"x\n", false)), Some((b"x\n", true))),
    ("mode_and_text", Some((b"x\n", true)), Some((b"y\n", false))),
    ("end_lost", Some((b"a\nb\n", false)), Some((b"a\nb", false))),
    ("end_won", Some((b"a\nb", false)), Some((b"a\nb\n", false))),
    ("end_changed", Some((b"a\nb", false)), Some((b"a\nc", false))),
    ("end_kept", Some((b"a\nb\nc", false)), Some((b"A\nb\nc", false))),
    ("crlf", Some((b"a\r\nb\r\nc\r\n", false)), Some((b"a\r\nB\r\nc\r\n", false))),
    ("mixed", Some((b"a\nb\r\nc\n", false)), Some((b"a\r\nb\nc\n", false))),
    ("bom", Some((b"\xef\xbb\xbfa\nb\n", false)), Some((b"\xef\xbb\xbfa\nB\n", false))),
    ("latin1", Some((b"caf\xe9\n\xff\xfe\n", false)), Some((b"caf\xe9s\n\xff\xfe\n", false))),
    ("astral", Some(("𝒳\n👍\n".as_bytes(), false)), Some(("𝒳\n👎\n".as_bytes(), false))),
    ("diff_like", Some((b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n", false)), Some((b"-- a/x\n+++ b/x\n@@ -2 +1 @@\n", false))),
    ("deep/er/file.py", None, Some((b"x\n", false))),
    ("with space.py", Some((b"a\n", false)), Some((b"b\n", false))),
    ("new with space.py", None, Some((b"b\n", false))),
    ("sp ace/new_empty", None, Some((b"", true))),
    ("mode of space", Some((b"x\n", false)), Some((b"x\n", true))),
    ("quo\"te.py", Some((b"a\n", false)), Some((b"b\n", false))),
    ("tab\tname.py", Some((b"a\n", false)), Some((b"b\n", false))),
    ("line\nname.py", None, Some((b"b\n", false))),
    ("umläut.py", Some((b"a\n", false)), Some((b"b\n", true))),
    ("漢字/👍.py", Some((b"a\n", false)), None),
    ("b/a/x.py", Some((b"a\n", false)), Some((b"b\n", false))),
];

#[test]
fn git_takes_each_diff() {
    let folder = Folder::new("each");
    for (path, base, new) in CASES {
        check(&folder.0, &[(path, state(*base), state(*new))]);
    }
}

#[test]
fn git_takes_all_in_one() {
    let folder = Folder::new("all");
    let cases: Vec<_> = CASES.iter().map(|(path, base, new)| (*path, state(*base), state(*new))).collect();
    check(&folder.0, &cases);
}

#[test]
fn what_git_writes_is_applied() {
    let folder = Folder::new("reads");
    let root = &folder.0;
    git(root, &["init", "-q"], b"");
    git(root, &["config", "user.email", "a@b"], b"");
    git(root, &["config", "user.name", "A"], b"");
    for (path, base, _) in CASES {
        if let Some(base) = state(*base) {
            write(root, path, &base);
        }
    }
    write(root, "old name.py", &FileState::new(*b"1\n2\n3\n4\n5\n6\n7\n8\n", false));
    git(root, &["add", "-A"], b"");
    git(root, &["commit", "-q", "-m", "base"], b"");
    for (path, _, new) in CASES {
        match state(*new) {
            Some(new) => write(root, path, &new),
            None => fs::remove_file(root.join(path)).unwrap(),
        }
    }
    fs::remove_file(root.join("old name.py")).unwrap();
    write(root, "new näme.py", &FileState::new(*b"1\n2\n3\n4\n5\n6\n7\n9\n", false));
    git(root, &["add", "-A"], b"");
    git(root, &["commit", "-q", "-m", "new\n\nbody"], b"");

    let forms: [&[&str]; 6] = [
        &["diff", "HEAD~1", "HEAD"],
        &["diff", "-U0", "--inter-hunk-context=1", "HEAD~1", "HEAD", "--", "plain.py", "crlf", "end_lost"],
        &["diff", "--no-prefix", "HEAD~1", "HEAD"],
        &["-c", "diff.mnemonicPrefix=true", "diff", "HEAD~1", "HEAD"],
        &["diff", "-M", "-C", "--find-copies-harder", "HEAD~1", "HEAD"],
        &["format-patch", "--stdout", "-M", "HEAD~1..HEAD"],
    ];
    for form in forms {
        let diff = git(root, form, b"");
        let base = |path: &WorkspacePath| {
            let spec = format!("HEAD~1:{path}");
            let listed = git(root, &["ls-tree", "-z", "HEAD~1", "--", path.as_str()], b"");
            Ok((!listed.is_empty())
                .then(|| FileState::new(git(root, &["show", &spec], b""), listed.starts_with(b"100755"))))
        };
        let applied = patch::parse(&diff)
            .and_then(|patch| patch.apply("test", base))
            .unwrap_or_else(|error| panic!("{form:?}: {error}\n{}", String::from_utf8_lossy(&diff)));
        assert!(applied.notes.is_empty(), "{:?}", applied.notes);
        assert!(applied.proposal.files().len() >= 3);
        for (path, change) in applied.proposal.files() {
            assert_eq!(change.new_state(), read(root, path.as_str()).as_ref(), "{form:?}: {path}");
        }
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        prop::sample::select(vec![&b"a"[..], b"b", b"", b"  x", b"+", b"-- ", b"\\ ", b"\xff", "👍".as_bytes()]),
        prop::sample::select(vec![&b"\n"[..], b"\n", b"\r\n"]),
    );
    (prop::collection::vec(line, 0..20), any::<bool>()).prop_map(|(lines, ended)| {
        let mut bytes: Vec<u8> = lines.into_iter().flat_map(|(word, ending)| [word, ending].concat()).collect();
        if !ended {
            bytes.pop();
        }
        bytes
    })
}

#[test]
fn git_takes_any_diff() {
    let folder = Folder::new("any");
    // A process for each case costs; many files in one diff do not.
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let pair =
        || (prop::option::weighted(0.9, (text(), any::<bool>())), prop::option::weighted(0.9, (text(), any::<bool>())));
    proptest!(config, |(pairs in prop::collection::vec(pair(), 30))| {
        let own = |state: Option<(Vec<u8>, bool)>| state.map(|(bytes, executable)| FileState::new(bytes, executable));
        let names: Vec<_> = (0..pairs.len()).map(|index| format!("f{index}")).collect();
        let cases: Vec<_> = pairs.into_iter().zip(&names).map(|((base, new), name)| (name.as_str(), own(base), own(new))).collect();
        check(&folder.0, &cases);
    });
}
