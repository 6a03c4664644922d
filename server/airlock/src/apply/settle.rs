//! A landing that was cut off: how the files stand, and the rest of it.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use airlock_core::check::CheckedProposal;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileChange, FileState, Proposal};

use super::{ApplyError, Landed, land_part};
use crate::project::beneath::{Folder, split};

/// How one file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    Before,
    After,
    /// Somebody has changed it since, or it cannot be read.
    Neither,
}

/// How each file of a proposal stands.
///
/// # Errors
/// The root cannot be opened.
pub fn look(root: &Path, proposal: &Proposal) -> Result<Vec<(WorkspacePath, Now)>, ApplyError> {
    let top = open(root)?;
    Ok(proposal.files().map(|(path, change)| (path.clone(), now(&top, path, change))).collect())
}

/// Lands the files that are not yet as after, whole or not at all.
///
/// # Errors
/// As for [`super::land`].
pub fn finish(root: &Path, checked: &CheckedProposal, rest: &BTreeSet<WorkspacePath>) -> Result<Landed, ApplyError> {
    land_part(root, checked, rest)
}

fn open(root: &Path) -> Result<Folder, ApplyError> {
    Folder::open_root(root).map_err(|source| ApplyError::Root { path: root.to_owned(), source })
}

fn now(top: &Folder, path: &WorkspacePath, change: &FileChange) -> Now {
    let sides = [change.base(), change.new_state()];
    let longest = sides.into_iter().flatten().map(|state| state.bytes().len() as u64).max().unwrap_or(0);
    let found = split(path.as_str())
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
        .and_then(|(folder, name)| top.folder(folder).and_then(|folder| read(&folder, name, longest)));
    let found = match found {
        Ok(found) => Some(found),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => None,
        Err(_) => return Now::Neither,
    };
    let is = |state: Option<&FileState>| match (state, &found) {
        (None, None) => true,
        (Some(state), Some((bytes, _))) => state.bytes().as_ref() == bytes.as_slice(),
        _ => false,
    };
    match (is(change.base()), is(change.new_state())) {
        (true, false) => Now::Before,
        (false, true) => Now::After,
        (false, false) => Now::Neither,
        // Only the mode changes.
        (true, true) => {
            let executable = found.is_some_and(|(_, executable)| executable);
            let wanted = change.new_state().is_some_and(FileState::executable);
            if executable == wanted { Now::After } else { Now::Before }
        }
    }
}

/// A file's bytes, one more than `longest` at most, and whether its owner may execute it.
fn read(folder: &Folder, name: &str, longest: u64) -> io::Result<(Vec<u8>, bool)> {
    let (file, status) = folder.open_file(name)?;
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes)?;
    Ok((bytes, status.mode & 0o100 != 0))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    fn path(text: &str) -> WorkspacePath {
        text.parse().unwrap()
    }

    fn state(text: &str) -> Option<FileState> {
        Some(FileState::new(text.as_bytes(), false))
    }

    /// One file changes, one is made in a new folder, one goes.
    fn proposal() -> Proposal {
        let files = vec![
            (path("src/a.py"), state("a = 1\n"), state("a = 2\n")),
            (path("new/b.py"), None, state("b = 1\n")),
            (path("old.py"), state("c = 1\n"), None),
        ];
        Proposal::new("", files).unwrap()
    }

    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/a.py"), "a = 1\n").unwrap();
        fs::write(dir.path().join("old.py"), "c = 1\n").unwrap();
        dir
    }

    fn standing(dir: &Path) -> Vec<Now> {
        look(dir, &proposal()).unwrap().into_iter().map(|(_, now)| now).collect()
    }

    #[test]
    fn each_file_is_compared_with_both_sides() {
        use Now::{After, Before, Neither};
        let dir = project();
        // In order of path: new/b.py, old.py, src/a.py.
        assert_eq!(standing(dir.path()), [Before, Before, Before]);
        fs::write(dir.path().join("src/a.py"), "a = 2\n").unwrap();
        assert_eq!(standing(dir.path()), [Before, Before, After]);
        fs::remove_file(dir.path().join("old.py")).unwrap();
        fs::create_dir(dir.path().join("new")).unwrap();
        fs::write(dir.path().join("new/b.py"), "b = 1\n").unwrap();
        assert_eq!(standing(dir.path()), [After, After, After]);
        fs::write(dir.path().join("src/a.py"), "a = 2\n# and more\n").unwrap();
        fs::remove_file(dir.path().join("new/b.py")).unwrap();
        std::os::unix::fs::symlink("../src/a.py", dir.path().join("new/b.py")).unwrap();
        fs::write(dir.path().join("old.py"), "").unwrap();
        assert_eq!(standing(dir.path()), [Neither, Neither, Neither]);
    }

    #[test]
    fn a_change_of_mode_alone_is_told_by_the_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = project();
        let files = vec![(path("old.py"), state("c = 1\n"), Some(FileState::new(b"c = 1\n".as_slice(), true)))];
        let proposal = Proposal::new("", files).unwrap();
        let standing = || look(dir.path(), &proposal).unwrap()[0].1;
        fs::set_permissions(dir.path().join("old.py"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(standing(), Now::Before);
        fs::set_permissions(dir.path().join("old.py"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(standing(), Now::After);
    }
}
