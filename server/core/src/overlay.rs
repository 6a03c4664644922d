//! An overlay: changed paths over a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::hash::ContentHash;
use crate::path::WorkspacePath;
use crate::snapshot::{Entry, Snapshot, TreeError};

/// What an overlay does to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file has these bytes; `executable: None` keeps the mode that lies below (plain for a new file).
    Write {
        /// Its whole content.
        bytes: Arc<[u8]>,
        /// Its mode, where it is set.
        executable: Option<bool>,
    },
    /// The file is not there.
    Delete,
}

/// Changes over a snapshot. A fork is a clone and costs a reference count; the first write after it copies the map of
/// changed paths (never the contents), which is as long as the proposal, not as the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay(Arc<BTreeMap<WorkspacePath, Change>>);

impl Overlay {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the content of a file and keeps its mode.
    pub fn write(&mut self, path: WorkspacePath, bytes: impl Into<Arc<[u8]>>) {
        self.set(path, Change::Write { bytes: bytes.into(), executable: None });
    }

    /// Removes a file.
    pub fn delete(&mut self, path: WorkspacePath) {
        self.set(path, Change::Delete);
    }

    /// Sets what happens to a path.
    pub fn set(&mut self, path: WorkspacePath, change: Change) {
        Arc::make_mut(&mut self.0).insert(path, change);
    }

    /// Lets a path be as the snapshot has it.
    pub fn reset(&mut self, path: &WorkspacePath) -> Option<Change> {
        Arc::make_mut(&mut self.0).remove(path)
    }

    /// What happens to this path.
    pub fn get(&self, path: &WorkspacePath) -> Option<&Change> {
        self.0.get(path)
    }

    /// All changes, in order of path.
    pub fn iter(&self) -> impl Iterator<Item = (&WorkspacePath, &Change)> {
        self.0.iter()
    }

    /// How many paths change.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names the overlay by all that it does: paths, kinds of changes, modes and contents.
    pub fn hash(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"airlock overlay 1");
        for (path, change) in self.iter() {
            hasher.update(&(path.as_str().len() as u64).to_le_bytes()).update(path.as_str().as_bytes());
            match change {
                Change::Write { bytes, executable } => {
                    let mode = match executable {
                        None => 1,
                        Some(false) => 2,
                        Some(true) => 3,
                    };
                    hasher.update(&[mode]).update(ContentHash::of(bytes).as_bytes());
                }
                Change::Delete => {
                    hasher.update(&[0]);
                }
            }
        }
        ContentHash::from_bytes(hasher.finalize().into())
    }

    /// The snapshot that results; refused where a file would lie beneath a file.
    pub fn over(&self, base: &Snapshot) -> Result<Snapshot, TreeError> {
        if self.is_empty() {
            return Ok(base.clone());
        }
        let mut entries = base.entries().clone();
        for (path, change) in self.iter() {
            match change {
                Change::Write { bytes, executable } => {
                    let below = base.get(path).is_some_and(|entry| entry.executable);
                    let entry = Entry {
                        hash: ContentHash::of(bytes),
                        len: bytes.len() as u64,
                        executable: executable.unwrap_or(below),
                    };
                    entries.insert(path.clone(), entry);
                }
                Change::Delete => {
                    entries.remove(path);
                }
            }
        }
        Snapshot::new(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    #[test]
    fn a_hash_names_all_that_an_overlay_does() {
        let write = |bytes: &[u8], executable| Change::Write { bytes: bytes.into(), executable };
        let of = |changes: &[(&str, Change)]| {
            let mut overlay = Overlay::new();
            changes.iter().for_each(|(name, change)| overlay.set(path(name), change.clone()));
            overlay.hash()
        };
        let all = [
            of(&[]),
            of(&[("a", write(b"x", None))]),
            of(&[("a", write(b"x", Some(true)))]),
            of(&[("a", write(b"x", Some(false)))]),
            of(&[("a", write(b"y", None))]),
            of(&[("a", Change::Delete)]),
            of(&[("b", Change::Delete)]),
            of(&[("a", Change::Delete), ("b", Change::Delete)]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().map(|hash| *hash.as_bytes()).collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(
            of(&[("a", Change::Delete), ("b", Change::Delete)]),
            of(&[("b", Change::Delete), ("a", Change::Delete)])
        );
    }

    #[test]
    fn a_fork_does_not_touch_its_origin() {
        let mut origin = Overlay::new();
        origin.write(path("a"), *b"1");
        let mut fork = origin.clone();
        fork.write(path("a"), *b"2");
        fork.delete(path("b"));
        assert_eq!(origin.len(), 1);
        assert_eq!(origin.get(&path("a")), Some(&Change::Write { bytes: (*b"1").into(), executable: None }));
        assert_eq!(fork.len(), 2);
        fork.reset(&path("b"));
        assert_eq!(fork.get(&path("b")), None);
    }

    #[test]
    fn the_tree_that_results() {
        let mut first = Overlay::new();
        first.set(path("run"), Change::Write { bytes: (*b"x").into(), executable: Some(true) });
        first.write(path("gone"), *b"y");
        let base = first.over(&Snapshot::empty()).unwrap();

        let mut second = Overlay::new();
        second.write(path("run"), *b"longer");
        second.delete(path("gone"));
        let result = second.over(&base).unwrap();
        assert_eq!(result.len(), 1);
        let run = result.get(&path("run")).unwrap();
        assert!(run.executable, "the mode below is kept");
        assert_eq!(run.len, 6);

        let mut clash = Overlay::new();
        clash.write(path("run/x"), *b"");
        assert!(clash.over(&base).is_err());
        clash.delete(path("run"));
        assert!(clash.over(&base).is_ok());
    }
}
