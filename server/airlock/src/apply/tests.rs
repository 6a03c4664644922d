use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::*;

fn tree(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

/// A change of `base` (none: a new file) to `new` (none: deleted).
fn change(name: &str, base: Option<&str>, new: Option<&str>) -> Change {
    Change {
        path: path(name),
        base: base.map(|b| ContentHash::of(b.as_bytes())),
        new: new.map(|n| NewFile { bytes: n.as_bytes().into(), executable: None }),
    }
}

/// Every path below a folder with its content.
fn content(root: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(root).unwrap().display().to_string();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
                all.push((name, "<folder>".into()));
            } else if kind.is_symlink() {
                all.push((name, "<link>".into()));
            } else {
                all.push((name, fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn refusal(result: Result<Landed, ApplyError>) -> Refusal {
    match result.unwrap_err() {
        ApplyError::Refused { why, .. } => why,
        other => panic!("{other}"),
    }
}

fn land_changes(root: &Path, changes: &[Change]) -> Result<Landed, ApplyError> {
    land_with(root, changes, &mut |_, _| Ok(()))
}

#[test]
fn changes_land_byte_for_byte() {
    let dir = tree(&[("a.py", "old\r\n"), ("pkg/b.py", "b"), ("gone.py", "x")]);
    fs::set_permissions(dir.path().join("a.py"), fs::Permissions::from_mode(0o640)).unwrap();
    let mut script = change("new/deep/run.sh", None, Some("#!/bin/sh\n"));
    script.new.as_mut().unwrap().executable = Some(true);
    let changes = [
        change("a.py", Some("old\r\n"), Some("\u{feff}new\r\nmixed\nno end")),
        change("gone.py", Some("x"), None),
        script,
        change("pkg/empty.py", None, Some("")),
    ];
    let landed = land_changes(dir.path(), &changes).unwrap();
    assert_eq!(landed.written, [path("a.py"), path("new/deep/run.sh"), path("pkg/empty.py")]);
    assert_eq!((landed.deleted, landed.leftovers), (vec![path("gone.py")], vec![]));
    assert_eq!(
        content(dir.path()),
        [
            ("a.py", "\u{feff}new\r\nmixed\nno end"),
            ("new", "<folder>"),
            ("new/deep", "<folder>"),
            ("new/deep/run.sh", "#!/bin/sh\n"),
            ("pkg", "<folder>"),
            ("pkg/b.py", "b"),
            ("pkg/empty.py", ""),
        ]
        .map(|(n, t)| (n.to_owned(), t.to_owned()))
    );
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("a.py"), mode("new/deep/run.sh") & 0o100, mode("pkg/empty.py") & 0o111), (0o640, 0o100, 0));
}

/// The mode of a file that a proposal changes, after it has landed.
fn landed_mode(before: u32, was: bool, is: bool) -> u32 {
    let dir = tree(&[("a.sh", "a")]);
    fs::set_permissions(dir.path().join("a.sh"), fs::Permissions::from_mode(before)).unwrap();
    let files = vec![(path("a.sh"), Some(FileState::new(*b"a", was)), Some(FileState::new(*b"b", is)))];
    land_changes(dir.path(), &changes_of(&Proposal::new("", files).unwrap())).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("a.sh")).unwrap(), "b");
    fs::metadata(dir.path().join("a.sh")).unwrap().mode() & 0o7777
}

#[test]
fn a_changed_file_keeps_its_mode_to_the_bit() {
    for mode in [0o400, 0o600, 0o604, 0o644, 0o660, 0o666, 0o700, 0o711, 0o744, 0o754, 0o755, 0o777, 0o2755, 0o4744] {
        let executable = mode & 0o100 != 0;
        assert_eq!(landed_mode(mode, executable, executable), mode, "{mode:o}");
    }
    // Unless it is the mode that changes: whoever may read may execute from then on, or nobody may.
    for (before, after) in [(0o644, 0o755), (0o640, 0o750), (0o600, 0o700)] {
        assert_eq!(landed_mode(before, false, true), after, "{before:o}");
        assert_eq!(landed_mode(after, true, false), before, "{after:o}");
    }
}

#[test]
fn a_new_file_gets_the_usual_mode_and_a_private_one_stays_private() {
    let dir = tree(&[("secret.py", "old")]);
    let usual = |name: &str, mode: u32| {
        use std::os::unix::fs::OpenOptionsExt;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(dir.path().join(name)).unwrap();
        file.metadata().unwrap().mode() & 0o777
    };
    let (plain, script) = (usual("plain", 0o666), usual("script", 0o777));
    fs::set_permissions(dir.path().join("secret.py"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut run = change("run.sh", None, Some("#!/bin/sh\n"));
    run.new.as_mut().unwrap().executable = Some(true);
    let changes = [change("secret.py", Some("old"), Some("new")), change("new.py", None, Some("n")), run];
    land_changes(dir.path(), &changes).unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("secret.py"), mode("new.py"), mode("run.sh")), (0o600, plain, script));
}

#[test]
fn what_may_not_land_is_refused_and_nothing_changes() {
    let dir = tree(&[("a.py", "a"), ("Case.py", "c"), ("caf\u{e9}.py", "e"), (".git/config", "g"), ("pkg/b.py", "b")]);
    let outside = tree(&[("o.py", "o")]);
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink("a.py", dir.path().join("link.py")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    let before = |d: &TempDir| {
        fs::remove_file(d.path().join("pipe")).ok();
        content(d.path())
    };
    let good = || change("pkg/b.py", Some("b"), Some("changed"));
    let cases = [
        (change("a.py", Some("other"), Some("n")), Refusal::Changed),
        (change("a.py", None, Some("n")), Refusal::Exists),
        (change("none.py", Some("x"), Some("n")), Refusal::Missing),
        (change("none/x.py", Some("x"), None), Refusal::Missing),
        (change("out/o.py", Some("o"), Some("n")), Refusal::NotPlain),
        (change("out/new.py", None, Some("n")), Refusal::NotPlain),
        (change("link.py", Some("a"), Some("n")), Refusal::NotPlain),
        (change("a.py/below.py", None, Some("n")), Refusal::NotPlain),
        (change("pipe", Some(""), Some("n")), Refusal::NotPlain),
        (change("case.py", None, Some("n")), Refusal::Collision("Case.py".into())),
        (change("PKG/n.py", None, Some("n")), Refusal::Collision("pkg".into())),
        (change("cafe\u{301}.py", None, Some("n")), Refusal::Collision("caf\u{e9}.py".into())),
        (change(".git/config", Some("g"), Some("n")), Refusal::Git),
        (change("sub/.GIT/hooks/x", None, Some("n")), Refusal::Git),
        (change("pkg/b.py", Some("b"), Some("n")), Refusal::Twice),
        (change("pkg/B.py", None, Some("n")), Refusal::Collision("pkg/b.py".into())),
        (change("pkg/b.py/c.py", None, Some("n")), Refusal::Collision("pkg/b.py".into())),
    ];
    for (bad, why) in cases {
        let name = bad.path.to_string();
        assert_eq!(refusal(land_changes(dir.path(), &[good(), bad])), why, "{name}");
    }
    let now = before(&dir);
    assert_eq!(now.iter().find(|(n, _)| n == "pkg/b.py").unwrap().1, "b");
    assert!(!now.iter().any(|(n, _)| n.contains(".airlock-") || n.contains("sub") || n == "PKG"), "{now:?}");
    assert_eq!(content(outside.path()), [("o.py".to_owned(), "o".to_owned())]);
}

#[test]
fn whichever_step_fails_all_files_are_as_they_were() {
    let changes = [
        change("a.py", Some("a"), Some("A")),
        change("new/dir/n.py", None, Some("n")),
        change("d.py", Some("d"), None),
        change("z.py", Some("z"), Some("Z")),
    ];
    for moment in [Moment::Staged, Moment::Compared, Moment::Swapped] {
        for failing in 0..changes.len() {
            let dir = tree(&[("a.py", "a"), ("d.py", "d"), ("z.py", "z")]);
            let before = content(dir.path());
            let mut hook = |now: Moment, at: &WorkspacePath| {
                if now == moment && *at == changes[failing].path {
                    return Err(io::Error::from(io::ErrorKind::StorageFull));
                }
                Ok(())
            };
            let error = land_with(dir.path(), &changes, &mut hook).unwrap_err();
            assert!(
                matches!(&error, ApplyError::Failed { source, .. } if source.kind() == io::ErrorKind::StorageFull),
                "{error}"
            );
            assert!(error.to_string().contains(changes[failing].path.as_str()), "{error}");
            assert_eq!(content(dir.path()), before, "{moment:?} {failing}");
        }
    }
}

#[test]
fn all_is_written_and_compared_before_the_first_swap() {
    let dir = tree(&[("a.py", "a"), ("pkg/b.py", "b")]);
    let mut moments = Vec::new();
    let mut hook = |now: Moment, _: &WorkspacePath| {
        moments.push(now);
        Ok(())
    };
    let changes = [change("a.py", Some("a"), Some("A")), change("pkg/b.py", Some("b"), Some("B"))];
    land_with(dir.path(), &changes, &mut hook).unwrap();
    use Moment::{Compared, Staged, Swapped};
    assert_eq!(moments, [Staged, Staged, Compared, Compared, Swapped, Swapped]);
}

#[test]
fn a_path_swapped_for_a_link_lets_no_byte_out() {
    for moment in [Moment::Staged, Moment::Compared] {
        let dir = tree(&[("pkg/b.py", "b"), ("a.py", "a")]);
        let outside = tree(&[("b.py", "b")]);
        let mut hook = |now: Moment, at: &WorkspacePath| {
            if now == moment && at.as_str() == "pkg/b.py" {
                fs::rename(dir.path().join("pkg"), dir.path().join("moved"))?;
                symlink(outside.path(), dir.path().join("pkg"))?;
            }
            Ok(())
        };
        let changes = [change("a.py", Some("a"), Some("A")), change("pkg/b.py", Some("b"), Some("B"))];
        let result = land_with(dir.path(), &changes, &mut hook);
        assert_eq!(content(outside.path()), [("b.py".to_owned(), "b".to_owned())], "{moment:?}");
        if moment == Moment::Staged {
            assert_eq!(refusal(result), Refusal::Moved);
            assert_eq!(fs::read_to_string(dir.path().join("a.py")).unwrap(), "a");
            assert_eq!(fs::read_to_string(dir.path().join("moved/b.py")).unwrap(), "b");
        }
    }
    // The file itself becomes a link.
    let dir = tree(&[("a.py", "a")]);
    let outside = tree(&[("a.py", "a")]);
    let mut hook = |now: Moment, _: &WorkspacePath| {
        if now == Moment::Compared {
            fs::remove_file(dir.path().join("a.py"))?;
            symlink(outside.path().join("a.py"), dir.path().join("a.py"))?;
        }
        Ok(())
    };
    let result = land_with(dir.path(), &[change("a.py", Some("a"), Some("A"))], &mut hook);
    assert_eq!(refusal(result), Refusal::NotPlain);
    assert_eq!(content(outside.path()), [("a.py".to_owned(), "a".to_owned())]);
    assert_eq!(content(dir.path()), [("a.py".to_owned(), "<link>".to_owned())]);
}

#[test]
fn a_write_right_before_the_swap_is_not_lost() {
    for (base, new) in [(Some("a"), Some("A")), (Some("a"), None)] {
        let dir = tree(&[("a.py", "a"), ("b.py", "b")]);
        let mut hook = |now: Moment, at: &WorkspacePath| {
            if now == Moment::Compared && at.as_str() == "a.py" {
                fs::write(dir.path().join("a.py"), "the user's")?;
            }
            Ok(())
        };
        let changes = [change("b.py", Some("b"), Some("B")), change("a.py", base, new)];
        assert_eq!(refusal(land_with(dir.path(), &changes, &mut hook)), Refusal::Changed);
        let expected = [("a.py", "the user's"), ("b.py", "b")].map(|(n, t)| (n.to_owned(), t.to_owned()));
        assert_eq!(content(dir.path()), expected);
    }
    // A file that appears under a new file's name is not written over.
    let dir = tree(&[]);
    let mut hook = |now: Moment, _: &WorkspacePath| match now {
        Moment::Compared => fs::write(dir.path().join("n.py"), "the user's"),
        _ => Ok(()),
    };
    assert_eq!(refusal(land_with(dir.path(), &[change("n.py", None, Some("n"))], &mut hook)), Refusal::Exists);
    assert_eq!(content(dir.path()), [("n.py".to_owned(), "the user's".to_owned())]);
}

#[test]
fn what_cannot_be_undone_is_said() {
    let dir = tree(&[("a.py", "a"), ("b.py", "b")]);
    let mut hook = |now: Moment, at: &WorkspacePath| match (now, at.as_str()) {
        (Moment::Swapped, "a.py") => fs::write(dir.path().join("a.py"), "again"),
        (Moment::Swapped, "b.py") => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    };
    let changes = [change("a.py", Some("a"), Some("A")), change("b.py", Some("b"), Some("B"))];
    let error = land_with(dir.path(), &changes, &mut hook).unwrap_err();
    assert!(matches!(error, ApplyError::Stuck { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("a.py was not restored: it was changed again meanwhile; its old content is in .airlock-"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(dir.path().join("a.py")).unwrap(), "again");
    assert_eq!(fs::read_to_string(dir.path().join("b.py")).unwrap(), "b");
}

#[test]
fn without_an_exchange_of_names_a_copy_is_the_way_back() {
    let dir = tree(&[("a.py", "old"), ("new", "new")]);
    fs::set_permissions(dir.path().join("a.py"), fs::Permissions::from_mode(0o604)).unwrap();
    let folder = Folder::open_root(dir.path()).unwrap();
    let copy = stage::copy_aside(&folder, "a.py", "new").unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("a.py")).unwrap(), "new");
    assert_eq!(fs::read_to_string(dir.path().join(&copy)).unwrap(), "old");
    assert_eq!(fs::metadata(dir.path().join(copy)).unwrap().mode() & 0o777, 0o604);
}
