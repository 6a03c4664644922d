//! The snapshot of a tree on disk: what is there, and each file's bytes when somebody first asks for them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;

use super::beneath::{EntryType, Folder, Stamp, split, status_of_file};
use super::notes::Notes;

/// Bounds of a walk.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most files, folders and links.
    pub entries: usize,
    /// Largest file that can be read, in bytes.
    pub file_bytes: u64,
    /// Deepest nesting of folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, file_bytes: 64 << 20, depth: 128 }
    }
}

/// One thing in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Folder,
    File {
        stamp: Stamp,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A link whose target, relative to the link's folder, stays in the tree.
    Link {
        target: String,
    },
}

/// A file's bytes with their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub bytes: Arc<[u8]>,
    pub hash: ContentHash,
}

/// Why a file of the snapshot could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0} is not in the snapshot")]
    Missing(String),
    #[error("{path} is too large: {len} bytes, at most {max}")]
    TooLarge { path: String, len: u64, max: u64 },
    /// The snapshot no longer speaks of what is on disk; take a new one.
    #[error("{0} changed on disk while Airlock was working; run the command again")]
    Changed(String),
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: io::Error },
}

/// A walked tree. Reading is lazy: until a file is asked for, only its stamp is known.
#[derive(Debug)]
pub struct Workspace {
    pub(super) path: PathBuf,
    pub(super) root: Folder,
    pub(super) entries: BTreeMap<WorkspacePath, Entry>,
    pub(super) limits: Limits,
    pub(super) notes: Notes,
    /// Texts that an editor has open: what it shows stands for what is on the disk.
    pub(super) open: BTreeMap<WorkspacePath, Content>,
}

impl Workspace {
    /// The tree's root on disk.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in the tree, sorted by path.
    pub fn entries(&self) -> &BTreeMap<WorkspacePath, Entry> {
        &self.entries
    }

    /// What was left out and why.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Whether there is a name of this path on the disk now, links not followed. The snapshot need not have it.
    pub fn is_on_disk(&self, path: &str) -> bool {
        let Some((folder, name)) = split(path) else { return false };
        self.root.folder(folder).and_then(|folder| folder.status(name)).is_ok()
    }

    /// Lays an editor's text over a file of the snapshot. One that the snapshot does not have, since it is hidden or not
    /// saved yet, stays out.
    pub fn lay(&mut self, path: &WorkspacePath, bytes: Arc<[u8]>) {
        if let Some(Entry::File { stamp, .. }) = self.entries.get_mut(path) {
            stamp.len = bytes.len() as u64;
            self.open.insert(path.clone(), Content { hash: ContentHash::of(&bytes), bytes });
        }
    }

    /// Number of regular files.
    #[cfg(test)]
    pub fn files(&self) -> usize {
        self.entries.values().filter(|e| matches!(e, Entry::File { .. })).count()
    }

    /// Reads and hashes a file as it was when the tree was walked.
    ///
    /// # Errors
    /// The file is not in the snapshot or too large; it is no longer the same (length, times, inode), also where it
    /// changes during the read, or has become a link; the system refuses.
    pub fn read(&self, path: &WorkspacePath) -> Result<Content, SourceError> {
        let Some(Entry::File { stamp, .. }) = self.entries.get(path) else {
            return Err(SourceError::Missing(path.to_string()));
        };
        if let Some(open) = self.open.get(path) {
            return Ok(open.clone());
        }
        if stamp.len > self.limits.file_bytes {
            return Err(SourceError::TooLarge { path: path.to_string(), len: stamp.len, max: self.limits.file_bytes });
        }
        let changed = || SourceError::Changed(path.to_string());
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::PermissionDenied => SourceError::Unreadable { path: path.to_string(), source: e },
            // Gone, or something else than a file now.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => changed(),
            _ => SourceError::Unreadable { path: path.to_string(), source: e },
        };
        let (folder, name) = split(path.as_str()).ok_or_else(changed)?;
        let (file, before) = self.root.folder(folder).and_then(|f| f.open_file(name)).map_err(failed)?;
        if before.stamp != *stamp {
            return Err(changed());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.len).unwrap_or(0));
        // One byte more, so that growth during the read shows.
        (&file).take(stamp.len + 1).read_to_end(&mut bytes).map_err(failed)?;
        let after = status_of_file(&file).map_err(failed)?;
        if after.stamp != *stamp || bytes.len() as u64 != stamp.len || after.kind != EntryType::File {
            return Err(changed());
        }
        Ok(Content { hash: ContentHash::of(&bytes), bytes: bytes.into() })
    }
}
