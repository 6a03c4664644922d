//! A candidate's changes, laid over a mount before the run.

use std::sync::Arc;

use super::build::plain;
use super::error::FsError;
use super::node::{Access, Content, Kind, Node, NodeId, ROOT, inode};
use super::store::Child;
use super::{Digest, START, Vfs};

/// One changed path of an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The whole new file.
    Write {
        bytes: Arc<Vec<u8>>,
        executable: bool,
    },
    Delete,
}

/// Seconds in a year: the span that the times of overlaid files are spread over.
const YEAR: u64 = 365 * 24 * 60 * 60;

impl Vfs {
    /// Lays a change over the tree, as if the source had been so from the start: no trace, no quota, read-only mounts
    /// included. Folders above a new file are made. What the guest has open stays what it was.
    ///
    /// A written file bears a date of the year before [`START`] that its content decides: a compiled module that the
    /// guest kept from another content of the same length must not pass for this one's.
    ///
    /// # Errors
    /// `Invalid` (a path that is not absolute and plain), `NotDir` (a file or link in the way), `IsDir` (a folder
    /// there), `NotFound` (nothing to delete), or what the source said.
    pub fn apply_overlay(&mut self, path: &str, change: Change) -> Result<(), FsError> {
        let names = plain(path)?;
        let (name, above) = names.split_last().ok_or(FsError::IsDir)?;
        let mut at = ROOT;
        for name in above {
            at = match self.child_untraced(at, name)? {
                Some(id) if self.node(id).is_dir() => id,
                Some(_) => return Err(FsError::NotDir),
                None if matches!(change, Change::Delete) => return Err(FsError::NotFound),
                None => self.overlay_node(at, name, Kind::Dir { parent: at, bottom: None }, 0, START)?,
            };
        }
        let old = self.child_untraced(at, name)?;
        if old.is_some_and(|id| self.node(id).is_dir()) {
            return Err(FsError::IsDir);
        }
        match change {
            Change::Delete => {
                let old = old.ok_or(FsError::NotFound)?;
                self.detach(at, name, old);
            }
            Change::Write { bytes, executable } => {
                let spread = Digest::of(&bytes).0.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                let time = START - (1 + spread % YEAR) * 1_000_000_000;
                self.used.bytes = self.used.bytes.saturating_add(bytes.len() as u64);
                // Told apart from what was here before, by content too.
                let birth = (spread >> 32) as u32 | 1;
                self.overlay_node(at, name, Kind::File(Content::Memory { bytes, executable }), birth, time)?;
                if let Some(old) = old {
                    self.drop_link(old);
                }
            }
        }
        // An interpreter that kept this folder's listing in memory looks at its time to know that it is stale.
        let node = self.store.get_mut(at);
        node.mtime = node.mtime.max(self.now) + 1_000;
        node.ctime = node.mtime;
        Ok(())
    }

    fn overlay_node(&mut self, dir: NodeId, name: &str, kind: Kind, birth: u32, time: u64) -> Result<NodeId, FsError> {
        let access = match self.node(dir).access {
            // Outside of the mounts nothing of a project lies.
            Access::System => return Err(FsError::Access),
            access => access,
        };
        let ino = inode(self.node(dir).ino, name, birth);
        let id = self.store.insert(Node::new(ino, kind, access, time)).ok_or(FsError::TooManyNodes)?;
        self.store.set_child(dir, name, Child::Node(id));
        Ok(id)
    }
}
