//! Hunks: the parts of a proposal that can be taken one by one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::diff::{LineChange, line_changes, split_lines};
use crate::hash::{ContentHash, FieldHasher, HashError};
use crate::path::WorkspacePath;
use crate::proposal::FileState;

/// The name of a hunk: a hash of its path, its place in the base and its text, so it stays the same in every part of the
/// proposal and after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HunkId(ContentHash);

/// One part of a file's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Its name.
    pub id: HunkId,
    /// What it does.
    pub kind: HunkKind,
}

/// What a hunk does to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HunkKind {
    /// Replaces lines of the base.
    Lines {
        /// First line of the base that goes, from 0; for an insertion the line it comes before.
        start: usize,
        /// How many lines of the base go.
        removed: usize,
        /// The text that comes instead: whole lines, the last of the file perhaps without an ending.
        text: Arc<[u8]>,
    },
    /// Sets whether the file is executable.
    Mode {
        /// The mode to be.
        executable: bool,
    },
    /// Creates the file, whole.
    Create(FileState),
    /// Deletes the file.
    Delete,
}

/// The hunks that turn one state of a file into another; none where they are equal.
pub(crate) fn hunks_between(path: &WorkspacePath, base: Option<&FileState>, new: Option<&FileState>) -> Vec<Hunk> {
    let kinds = match (base, new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => vec![HunkKind::Create(new.clone())],
        (Some(_), None) => vec![HunkKind::Delete],
        (Some(base), Some(new)) => {
            let mut kinds = Vec::new();
            if base.executable() != new.executable() {
                kinds.push(HunkKind::Mode { executable: new.executable() });
            }
            let new_lines = split_lines(new.bytes());
            let changes = line_changes(&split_lines(base.bytes()), &new_lines);
            kinds.extend(changes.into_iter().map(|change| HunkKind::Lines {
                start: change.base.start,
                removed: change.base.len(),
                text: new_lines[change.new].concat().into(),
            }));
            kinds
        }
    };
    kinds.into_iter().map(|kind| Hunk { id: HunkId::of(path, base, &kind), kind }).collect()
}

/// The state of a file once these hunks, in order of place, are applied to its base.
pub(crate) fn apply(base: Option<&FileState>, hunks: &[Hunk]) -> Option<FileState> {
    let mut executable = base.is_some_and(FileState::executable);
    let mut changes: Vec<(usize, usize, &[u8])> = Vec::new();
    for hunk in hunks {
        match &hunk.kind {
            HunkKind::Create(state) => return Some(state.clone()),
            HunkKind::Delete => return None,
            HunkKind::Mode { executable: wanted } => executable = *wanted,
            HunkKind::Lines { start, removed, text } => changes.push((*start, *removed, text)),
        }
    }
    let base = base?;
    if changes.is_empty() {
        return Some(base.with_mode(executable));
    }
    let lines = split_lines(base.bytes());
    let mut out = Vec::with_capacity(base.bytes().len());
    let mut at = 0;
    for (start, removed, text) in changes {
        lines[at..start].iter().for_each(|line| out.extend_from_slice(line));
        out.extend_from_slice(text);
        at = start + removed;
    }
    lines[at..].iter().for_each(|line| out.extend_from_slice(line));
    Some(FileState::new(out, executable))
}

/// The line changes that hunks make, with the places of the new lines in the content that results.
pub(crate) fn placed(base: Option<&FileState>, hunks: &[Hunk]) -> Vec<LineChange> {
    let mut changes = Vec::new();
    let mut grown = 0_usize;
    let mut shrunk = 0_usize;
    for hunk in hunks {
        match &hunk.kind {
            HunkKind::Lines { start, removed, text } => {
                let added = split_lines(text).len();
                let new_start = start + grown - shrunk;
                changes.push(LineChange { base: *start..start + removed, new: new_start..new_start + added });
                grown += added;
                shrunk += removed;
            }
            HunkKind::Create(state) if !state.bytes().is_empty() => {
                changes.push(LineChange { base: 0..0, new: 0..split_lines(state.bytes()).len() });
            }
            HunkKind::Delete => {
                let lines = base.map_or(0, |state| split_lines(state.bytes()).len());
                if lines > 0 {
                    changes.push(LineChange { base: 0..lines, new: 0..0 });
                }
            }
            HunkKind::Create(_) | HunkKind::Mode { .. } => {}
        }
    }
    changes
}

impl HunkId {
    fn of(path: &WorkspacePath, base: Option<&FileState>, kind: &HunkKind) -> Self {
        let mut hasher = FieldHasher::new("airlock hunk 1");
        hasher.field(path.as_str().as_bytes());
        match base {
            Some(base) => hasher.field(base.hash().as_bytes()),
            None => hasher.field(b""),
        };
        match kind {
            HunkKind::Lines { start, removed, text } => hasher
                .field(b"lines")
                .field(&(*start as u64).to_le_bytes())
                .field(&(*removed as u64).to_le_bytes())
                .field(text),
            HunkKind::Mode { executable } => hasher.field(b"mode").field(&[u8::from(*executable)]),
            HunkKind::Create(state) => {
                hasher.field(b"create").field(state.hash().as_bytes()).field(&[u8::from(state.executable())])
            }
            HunkKind::Delete => hasher.field(b"delete"),
        };
        Self(hasher.finish())
    }
}

impl fmt::Display for HunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HunkId({})", self.0)
    }
}

impl FromStr for HunkId {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        text.parse().map(Self)
    }
}

impl Serialize for HunkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HunkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
