//! Landing whole-file changes on the user's disk: all of them, or none and a word on why.
//!
//! Invariants: no byte is written outside the root, and none through a link; a file is replaced only if its content is the
//! one the change was made for, compared right before the swap and once more after it; what a file's name shows is
//! always the whole old content or the whole new one; on any failure what had been swapped is swapped back.
//!
//! Each change is first written out in full beside its target (temporary file, mode of the target, flushed), so that a
//! full disk is met before anything shows. Then all targets are compared once more, and only then are names swapped, one
//! right after the other, with nothing read or flushed in between. Where the system can exchange two names in one step, the
//! old file itself is the way back; elsewhere a copy is.
//!
//! A process killed between two swaps leaves some files changed, each whole, and temporaries beside them as
//! `.airlock-….tmp`. The intention is in the session's log by then, so the next to come compares the files with both sides
//! ([`settle`]); temporaries are removed by it or by the next landing ([`leftovers`]).

mod check;
pub mod leftovers;
pub mod settle;
mod stage;
#[cfg(all(test, unix))]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use airlock_core::check::CheckedProposal;
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileChange, FileState, Proposal};

use crate::project::beneath::Folder;
use stage::Staged;
pub use stage::is_temporary;

/// One file's change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Relative to the root.
    pub path: WorkspacePath,
    /// Hash of the content it was made for; `None` where there was no file.
    pub base: Option<ContentHash>,
    /// The new content; `None` deletes the file.
    pub new: Option<NewFile>,
}

/// A file's new content, byte for byte.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub bytes: Arc<[u8]>,
    /// Whether its owner may execute it; `None` keeps what it was (a new file is not executable).
    pub executable: Option<bool>,
}

/// What landed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// Files written, in the order of the changes.
    pub written: Vec<WorkspacePath>,
    pub deleted: Vec<WorkspacePath>,
    /// Old files that could not be removed from beside the new ones, in words.
    pub leftovers: Vec<String>,
    /// Temporaries of earlier landings that were killed, removed before this one began.
    pub swept: Vec<String>,
}

/// Why a change may not land.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it changed on disk since the change was made for it")]
    Changed,
    #[error("it is no longer there")]
    Missing,
    #[error("there is a file of that name now")]
    Exists,
    #[error("it, or a folder above it, is a link or no plain file or folder")]
    NotPlain,
    #[error("it changes more than once")]
    Twice,
    #[error("{0} is the same name on some systems")]
    Collision(String),
    #[error("git's own files are never changed")]
    Git,
    #[error("a folder above it was moved meanwhile")]
    Moved,
}

/// Why nothing landed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{path} was not changed: {why}; nothing was applied")]
    Refused { path: WorkspacePath, why: Refusal },
    #[error("{path} could not be written: {source}; nothing was applied")]
    Failed { path: WorkspacePath, source: io::Error },
    #[error("{path} could not be written: {cause}; going back failed too: {}", .left.join("; "))]
    Stuck {
        path: WorkspacePath,
        cause: String,
        /// What could not be undone, each with its place and what to do.
        left: Vec<String>,
    },
    #[error("{path} cannot be opened: {source}")]
    Root { path: std::path::PathBuf, source: io::Error },
}

/// A moment between two steps at which a test may step in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Checked, and written out beside the target.
    Staged,
    /// Compared with the base for the last time before the swap.
    Compared,
    /// Swapped in.
    Swapped,
}

type Hook<'a> = &'a mut dyn FnMut(Moment, &WorkspacePath) -> io::Result<()>;

/// Lands a checked proposal below `root`, whole or not at all. Nothing else in this program writes to a project. What
/// killed landings left in `folders` and in those of the proposal is removed first.
///
/// # Errors
/// A change that may not land, or a write that failed; then the files are as they were, unless the error is
/// [`ApplyError::Stuck`], which says where they are not.
pub fn land<'p>(
    root: &Path,
    checked: &CheckedProposal,
    folders: impl IntoIterator<Item = &'p str>,
) -> Result<Landed, ApplyError> {
    let changes = changes_of(checked.proposal());
    let mut all: Vec<&str> = folders.into_iter().collect();
    all.extend(changes.iter().map(|change| change.path.as_str().rsplit_once('/').map_or("", |(above, _)| above)));
    let swept = leftovers::sweep(root, all);
    let landed = land_with(root, &changes, &mut |_, _| Ok(()))?;
    Ok(Landed { swept, ..landed })
}

/// Lands these files of a checked proposal, whole or not at all; the others are somebody else's to land.
///
/// # Errors
/// As for [`land`].
pub fn land_part(root: &Path, checked: &CheckedProposal, part: &BTreeSet<WorkspacePath>) -> Result<Landed, ApplyError> {
    land_with(root, &changes_of_part(checked.proposal(), part), &mut |_, _| Ok(()))
}

/// Whether that would land now: everything is done but the swap, and taken back.
///
/// # Errors
/// Why it would not.
pub fn rehearse(root: &Path, checked: &CheckedProposal, part: &BTreeSet<WorkspacePath>) -> Result<(), ApplyError> {
    let changes = changes_of_part(checked.proposal(), part);
    let Some(last) = changes.last().map(|change| change.path.clone()) else { return Ok(()) };
    let mut reached = false;
    let end = |moment: Moment, path: &WorkspacePath| {
        if moment == Moment::Compared && *path == last {
            reached = true;
            // All have been compared: the next step would be the first that shows.
            return Err(io::Error::other("that would be all"));
        }
        Ok(())
    };
    let mut end = end;
    match land_with(root, &changes, &mut end) {
        Err(ApplyError::Failed { .. }) if reached => Ok(()),
        other => other.map(|_| ()),
    }
}

fn changes_of_part(proposal: &Proposal, part: &BTreeSet<WorkspacePath>) -> Vec<Change> {
    let mut changes = changes_of(proposal);
    changes.retain(|change| part.contains(&change.path));
    changes
}

fn changes_of(proposal: &Proposal) -> Vec<Change> {
    let change = |(path, change): (&WorkspacePath, &FileChange)| Change {
        path: path.clone(),
        base: change.base().map(FileState::hash),
        new: change.new_state().map(|state| NewFile {
            bytes: Arc::clone(state.bytes()),
            // A change of content says nothing about the mode: 0744 stays 0744.
            executable: match change.base() {
                Some(base) if base.executable() == state.executable() => None,
                _ => Some(state.executable()),
            },
        }),
    };
    proposal.files().map(change).collect()
}

fn land_with(root: &Path, changes: &[Change], hook: Hook<'_>) -> Result<Landed, ApplyError> {
    let top = Folder::open_root(root).map_err(|source| ApplyError::Root { path: root.to_owned(), source })?;
    let refused = |path: &WorkspacePath, why| ApplyError::Refused { path: path.clone(), why };
    check::among_themselves(changes).map_err(|(path, why)| refused(&path, why))?;
    let mut staged: Vec<Staged<'_>> = Vec::new();
    let mut swap_all = || -> Result<(), (WorkspacePath, Trouble)> {
        for change in changes {
            let at = |trouble| (change.path.clone(), trouble);
            staged.push(Staged::new(&top, change));
            let last = staged.len() - 1;
            staged[last].write_out().map_err(at)?;
            hook(Moment::Staged, &change.path).map_err(|e| at(e.into()))?;
        }
        for one in &staged {
            one.compare(&top, hook).map_err(|trouble| (one.path().clone(), trouble))?;
        }
        // From here to the last swap nothing is read, hashed or flushed: whoever is killed in between leaves half of the
        // files new, so it has to be short.
        for one in &mut staged {
            one.swap(hook).map_err(|trouble| (one.path().clone(), trouble))?;
        }
        let mut synced = BTreeSet::new();
        for one in &staged {
            let settled = one.confirm().and_then(|()| Ok(one.sync(&mut synced)?));
            settled.map_err(|trouble| (one.path().clone(), trouble))?;
        }
        Ok(())
    };
    if let Err((path, trouble)) = swap_all() {
        // Last first, so that a folder made for one file is empty again when its turn comes.
        let left: Vec<String> = staged.iter_mut().rev().flat_map(Staged::undo).collect();
        return Err(match trouble {
            trouble if !left.is_empty() => ApplyError::Stuck { path, cause: trouble.to_string(), left },
            Trouble::Refused(why) => ApplyError::Refused { path, why },
            Trouble::Io(source) => ApplyError::Failed { path, source },
        });
    }
    let mut landed = Landed::default();
    for one in &mut staged {
        landed.leftovers.extend(one.finish());
        let list = if one.deletes() { &mut landed.deleted } else { &mut landed.written };
        list.push(one.path().clone());
    }
    let mut synced = BTreeSet::new();
    for one in &staged {
        // All has landed; an old file whose removal is lost with the power is one more leftover for the next landing.
        let _ = one.sync(&mut synced);
    }
    Ok(landed)
}

/// What went wrong with one change.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What `beneath` says of a link, and what the system says of a file where a folder should be.
            io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory => Self::Refused(Refusal::NotPlain),
            _ => Self::Io(error),
        }
    }
}
