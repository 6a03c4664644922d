//! A patch from a user: read a unified or git diff and apply it to the files as they are, exactly or not at all.
//!
//! Lenient about what surrounds a diff (mails of `git format-patch`, `svn` and `hg` headers, several patches in a row, the
//! prefixes `a/` and `b/` or none), strict about what it says: counts have to hold, and context has to match byte for byte
//! where the hunk says, or at the one other place where it does. There is no fuzz. The formats are POSIX `diff -u` and
//! git's extension of it (gitformat-diff, "Generating patch text with -p").

mod apply;
mod header;
mod parse;

use thiserror::Error;

use crate::limits::MAX_PATCH_BYTES;
use crate::path::{PathError, WorkspacePath};
use crate::proposal::{Proposal, ProposalError};
use crate::status::ErrorCode;

pub use parse::parse;

/// A patch that was read: well-formed, inside the workspace, of text; not yet compared with any file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    files: Vec<FilePatch>,
}

/// A patch that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The change it makes, from the files as they are.
    pub proposal: Proposal,
    /// What the user should know: hunks found at another place than they name.
    pub notes: Vec<String>,
}

/// The part of a patch that concerns one file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FilePatch {
    action: Action,
    /// Mode it sets, where it sets one.
    executable: Option<bool>,
    hunks: Vec<PatchHunk>,
    /// Which patch of a series of mails it belongs to. Within one, renames and copies start from the files before it.
    part: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Modify(WorkspacePath),
    Create(WorkspacePath),
    Delete(WorkspacePath),
    Rename { from: WorkspacePath, to: WorkspacePath },
    Copy { from: WorkspacePath, to: WorkspacePath },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PatchHunk {
    /// Which of the file's hunks, from 1.
    number: usize,
    /// Line of its header in the patch, from 1.
    line: usize,
    /// Line of the old file it starts at, from 1; with no old lines the line before it, perhaps 0.
    old_start: usize,
    lines: Vec<HunkLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HunkLine {
    op: Op,
    /// With its ending; without one only where the file ends.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Context,
    Remove,
    Add,
}

impl PatchHunk {
    /// The lines the file should have: context and what goes.
    fn old(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| line.op != Op::Add).map(|line| &line.text[..])
    }

    /// The hunk that takes this one back, and in `drift` what the hunks up to it add.
    fn reversed(&self, drift: &mut isize) -> Self {
        let swapped = |op| match op {
            Op::Context => Op::Context,
            Op::Remove => Op::Add,
            Op::Add => Op::Remove,
        };
        let lines: Vec<HunkLine> =
            self.lines.iter().map(|line| HunkLine { op: swapped(line.op), text: line.text.clone() }).collect();
        let old = self.old().count();
        let new = lines.iter().filter(|line| line.op != Op::Add).count();
        // Without lines on one side, the start there is the line before.
        let first = self.old_start + usize::from(old == 0) - usize::from(new == 0 && self.old_start > 0);
        let old_start = first.saturating_add_signed(*drift).max(usize::from(new > 0));
        *drift += new.cast_signed() - old.cast_signed();
        Self { number: self.number, line: self.line, old_start, lines }
    }
}

impl Patch {
    /// The patch that takes this one back; none for a copy, of which no patch says how. What it does to modes is not taken
    /// back.
    pub fn reversed(&self) -> Option<Self> {
        let file = |file: &FilePatch| {
            let action = match file.action.clone() {
                Action::Modify(path) => Action::Modify(path),
                Action::Create(path) => Action::Delete(path),
                Action::Delete(path) => Action::Create(path),
                Action::Rename { from, to } => Action::Rename { from: to, to: from },
                Action::Copy { .. } => return None,
            };
            // A hunk starts as much later in the new file as those before it add.
            let mut drift = 0_isize;
            let hunks = file.hunks.iter().map(|hunk| hunk.reversed(&mut drift)).collect();
            Some(FilePatch { action, executable: None, hunks, part: file.part })
        };
        Some(Self { files: self.files.iter().rev().map(file).collect::<Option<_>>()? })
    }

    /// The paths that the patch names, each once, in order.
    pub fn paths(&self) -> Vec<&WorkspacePath> {
        let mut paths = Vec::new();
        for file in &self.files {
            match &file.action {
                Action::Modify(path) | Action::Create(path) | Action::Delete(path) => paths.push(path),
                Action::Rename { from, to } | Action::Copy { from, to } => paths.extend([from, to]),
            }
        }
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

/// Why a patch is refused. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The text is no well-formed diff.
    #[error("line {line} of the patch: {what}")]
    Malformed {
        /// Line of the patch.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// There is no diff in it.
    #[error("the patch has no change in it: {0}")]
    Empty(&'static str),
    /// Longer than [`MAX_PATCH_BYTES`], or with more files than a proposal may have.
    #[error("the patch is too large: {0}; at most {MAX_PATCH_BYTES} bytes and {max} files", max = crate::limits::MAX_FILES)]
    TooLarge(String),
    /// A path that leaves the workspace.
    #[error("line {line} of the patch: {error}")]
    Path {
        /// Line of the patch.
        line: usize,
        /// What is wrong with the path.
        error: PathError,
    },
    /// Files of git's own, secrets, Airlock's configuration.
    #[error("the patch changes `{path}`, which no patch may: {why}")]
    Protected {
        /// The file.
        path: WorkspacePath,
        /// What it is.
        why: &'static str,
    },
    /// A binary patch.
    #[error("line {line} of the patch: it changes a binary file, and only text can be changed")]
    Binary {
        /// Line of the patch.
        line: usize,
    },
    /// A symbolic link, a submodule or another kind of file.
    #[error("line {line} of the patch: it makes or changes {what}, and only plain files can be changed")]
    Kind {
        /// Line of the patch.
        line: usize,
        /// What kind.
        what: &'static str,
    },
    /// The file is not there.
    #[error("the patch changes `{0}`, and there is no such file")]
    Missing(WorkspacePath),
    /// The file is there already.
    #[error("the patch creates `{0}`, and there is such a file already")]
    Exists(WorkspacePath),
    /// The file cannot be read.
    #[error("`{path}` cannot be changed: {why}")]
    Unreadable {
        /// The file.
        path: WorkspacePath,
        /// Why.
        why: String,
    },
    /// A hunk does not fit the file.
    #[error("`{path}`: hunk {hunk} (line {line} of the patch) does not fit: {what}")]
    Mismatch {
        /// The file.
        path: WorkspacePath,
        /// Which of its hunks, from 1.
        hunk: usize,
        /// Line of the hunk in the patch.
        line: usize,
        /// What was expected and what is there.
        what: String,
    },
    /// The file that goes has more in it than the patch says.
    #[error(
        "the patch deletes `{0}` but does not show all of its content, so it may have been made for another version"
    )]
    Remains(WorkspacePath),
    /// What results is no proposal.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
}

impl PatchError {
    /// The code of the JSON document.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed { .. }
            | Self::Empty(_)
            | Self::TooLarge(_)
            | Self::Binary { .. }
            | Self::Kind { .. }
            | Self::Proposal(_) => ErrorCode::PatchInvalid,
            Self::Path { error, .. } if error.leaves_workspace() => ErrorCode::PatchOutside,
            Self::Path { .. } => ErrorCode::PatchInvalid,
            Self::Protected { .. } => ErrorCode::PatchProtected,
            Self::Unreadable { .. } => ErrorCode::NotReadable,
            Self::Missing(_) | Self::Exists(_) | Self::Mismatch { .. } | Self::Remains(_) => ErrorCode::PatchMismatch,
        }
    }
}

#[cfg(test)]
mod tests;
