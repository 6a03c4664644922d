//! A snapshot: which files a workspace holds, by content hash.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hash::{ContentHash, FieldHasher};
use crate::path::WorkspacePath;

/// One file of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Hash of its bytes; the bytes come on demand from whoever stores them.
    pub hash: ContentHash,
    /// Length in bytes.
    pub len: u64,
    /// Whether its owner may execute it, the one mode bit that git keeps.
    pub executable: bool,
}

/// The files of a workspace at one moment: an immutable map from path to [`Entry`]. A clone costs a reference count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    entries: BTreeMap<WorkspacePath, Entry>,
    id: ContentHash,
}

/// Files that cannot be in one tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{file}` is a file, so `{beneath}` cannot lie beneath it")]
pub struct TreeError {
    /// The path that is a file.
    pub file: WorkspacePath,
    /// The path that would need it to be a folder.
    pub beneath: WorkspacePath,
}

impl Snapshot {
    /// Takes a map of files; refused where a path is a file and a folder at once.
    pub fn new(entries: BTreeMap<WorkspacePath, Entry>) -> Result<Self, TreeError> {
        for path in entries.keys() {
            let mut folder = path.parent();
            while let Some(file) = folder {
                if entries.contains_key(&file) {
                    return Err(TreeError { file, beneath: path.clone() });
                }
                folder = file.parent();
            }
        }
        let mut hasher = FieldHasher::new("airlock tree 1");
        for (path, entry) in &entries {
            hasher.field(path.as_str().as_bytes()).field(entry.hash.as_bytes()).field(&[u8::from(entry.executable)]);
        }
        let id = hasher.finish();
        Ok(Self(Arc::new(Inner { entries, id })))
    }

    /// A workspace without files.
    pub fn empty() -> Self {
        // An empty map has no path that could clash.
        Self::new(BTreeMap::new()).unwrap_or_else(|_| unreachable!("no paths, no clash"))
    }

    /// The hash of the whole tree: equal exactly where all paths, contents and modes are.
    pub fn id(&self) -> ContentHash {
        self.0.id
    }

    /// The file at this path.
    pub fn get(&self, path: &WorkspacePath) -> Option<&Entry> {
        self.0.entries.get(path)
    }

    /// Whether a file lies at this path.
    pub fn contains(&self, path: &WorkspacePath) -> bool {
        self.0.entries.contains_key(path)
    }

    /// Whether a folder lies at this path; there is one where a file lies beneath it.
    pub fn contains_folder(&self, path: &WorkspacePath) -> bool {
        self.beneath(path).next().is_some()
    }

    /// All files, in order of path.
    pub fn iter(&self) -> impl Iterator<Item = (&WorkspacePath, &Entry)> {
        self.0.entries.iter()
    }

    /// The files beneath a folder, at any depth, in order of path.
    pub fn beneath(&self, folder: &WorkspacePath) -> impl Iterator<Item = (&WorkspacePath, &Entry)> {
        // Names such as `a-b` sort between `a` and `a/…`, so the walk skips those and ends at the first that differs.
        let folder = folder.clone();
        self.0
            .entries
            .range::<WorkspacePath, _>((Bound::Excluded(&folder), Bound::Unbounded))
            .take_while({
                let folder = folder.clone();
                move |(path, _)| path.as_str().starts_with(folder.as_str())
            })
            .filter(move |(path, _)| path.strip_prefix(&folder).is_some())
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &BTreeMap<WorkspacePath, Entry> {
        &self.0.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn entry(text: &str) -> Entry {
        Entry { hash: ContentHash::of(text.as_bytes()), len: text.len() as u64, executable: false }
    }

    fn snapshot(paths: &[&str]) -> Result<Snapshot, TreeError> {
        Snapshot::new(paths.iter().map(|text| (path(text), entry(text))).collect())
    }

    #[test]
    fn a_path_is_a_file_or_a_folder() {
        let error = snapshot(&["a/b", "a/b/c/d"]).unwrap_err();
        assert_eq!((error.file.as_str(), error.beneath.as_str()), ("a/b", "a/b/c/d"));
        assert!(snapshot(&["a-b", "a/b", "a.b"]).is_ok());
    }

    #[test]
    fn beneath_lists_a_folder_and_nothing_beside_it() {
        let snapshot = snapshot(&["a-b/x", "a.c", "a/x", "a/y/z", "ab", "b"]).unwrap();
        let listed: Vec<_> = snapshot.beneath(&path("a")).map(|(path, _)| path.as_str()).collect();
        assert_eq!(listed, ["a/x", "a/y/z"]);
        assert!(snapshot.contains_folder(&path("a/y")));
        assert!(!snapshot.contains_folder(&path("a/x")));
    }

    #[test]
    fn the_id_changes_with_path_content_and_mode() {
        let one = snapshot(&["a"]).unwrap();
        let mut entries = one.entries().clone();
        entries.get_mut(&path("a")).unwrap().executable = true;
        assert_ne!(one.id(), Snapshot::new(entries).unwrap().id());
        assert_ne!(one.id(), snapshot(&["b"]).unwrap().id());
        assert_ne!(one.id(), Snapshot::empty().id());
        assert_eq!(one.id(), snapshot(&["a"]).unwrap().id());
    }
}
