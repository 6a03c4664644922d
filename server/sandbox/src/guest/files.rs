//! What the worker itself serves to guests: the standard library, the test runner, the harness. All of it is part of
//! the installed guest; nothing of the user's is here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zip::ZipArchive;

use crate::vfs::{EntryKind, SourceEntry, SourceError};

/// The harness, by path; embedded, so that program and harness are always of one version.
static HARNESS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/harness.rs"));

/// Largest file served, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Hash of the embedded harness: images made with another one are of no use.
pub fn harness_hash() -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for (path, content) in HARNESS {
        hasher.update(path.as_bytes()).update(&[0]).update(&(content.len() as u64).to_le_bytes()).update(content);
    }
    hasher.finalize()
}

/// A tree of named files: a folder is whatever a path passes through.
#[derive(Debug, Default)]
struct Tree<T> {
    files: BTreeMap<String, T>,
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl<T> Tree<T> {
    fn insert(&mut self, path: &str, value: T) {
        let mut parent = path;
        loop {
            let (above, name) = parent.rsplit_once('/').unwrap_or(("", parent));
            let new = self.folders.entry(above.to_owned()).or_default().insert(name.to_owned());
            if !new || above.is_empty() {
                break;
            }
            parent = above;
        }
        self.files.insert(path.to_owned(), value);
    }

    fn list(&self, folder: &str, len: impl Fn(&T) -> u64) -> Result<Vec<SourceEntry>, SourceError> {
        let names = self.folders.get(folder).ok_or(SourceError::NotFound)?;
        Ok(names
            .iter()
            .map(|name| {
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                let kind = match self.files.get(&path) {
                    Some(value) => EntryKind::File { len: len(value), executable: false },
                    None => EntryKind::Dir,
                };
                SourceEntry { name: name.clone(), kind }
            })
            .collect())
    }
}

/// The embedded harness as a tree.
pub struct Harness(Tree<&'static [u8]>);

impl Default for Harness {
    fn default() -> Self {
        let mut tree = Tree { files: BTreeMap::new(), folders: BTreeMap::new() };
        for (path, content) in HARNESS {
            tree.insert(path, *content);
        }
        Self(tree)
    }
}

impl Harness {
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.0.list(folder, |content| content.len() as u64)
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.0.files.get(path).map(|content| Arc::from(*content)).ok_or(SourceError::NotFound)
    }
}

/// A zip archive served as a folder: only what a guest reads is ever unpacked.
pub struct Archive {
    tree: Tree<(usize, u64)>,
    archive: Mutex<ZipArchive<BufReader<File>>>,
}

impl Archive {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// Where the file cannot be opened or is not a zip archive.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
        let mut tree = Tree { files: BTreeMap::new(), folders: BTreeMap::new() };
        // The directory at the archive's end has it all; going to each entry would cost a start 20 ms.
        let directory = archive.metadata();
        for index in 0..directory.len() {
            let entry = directory.entry(index).map_err(|error| error.to_string())?;
            let name = entry.name().map_err(|error| error.to_string())?;
            let plain = !name.split('/').any(|part| matches!(part, "" | "." | ".."));
            if entry.is_file() && plain {
                tree.insert(&name, (index, entry.size()));
            }
        }
        Ok(Self { tree, archive: Mutex::new(archive) })
    }

    pub(crate) fn list(&self, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.tree.list(folder, |(_, len)| *len)
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        let (index, len) = *self.tree.files.get(path).ok_or(SourceError::NotFound)?;
        if len > MAX_FILE {
            return Err(SourceError::TooLarge);
        }
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = archive.by_index(index).map_err(|error| SourceError::Other(error.to_string()))?;
        let mut content = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        entry.take(MAX_FILE).read_to_end(&mut content).map_err(|error| SourceError::Other(error.to_string()))?;
        Ok(content.into())
    }
}

/// A folder of the installed guest.
pub struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(root)
    }

    fn host(&self, path: &str) -> Result<PathBuf, SourceError> {
        if path.split('/').any(|part| part == "..") || path.starts_with('/') {
            return Err(SourceError::Denied);
        }
        Ok(self.0.join(path))
    }

    pub(crate) fn list(&self, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.host(folder)?).map_err(|error| from_io(&error))? {
            let entry = entry.map_err(|error| from_io(&error))?;
            let meta = entry.metadata().map_err(|error| from_io(&error))?;
            let kind = if meta.is_dir() {
                EntryKind::Dir
            } else if meta.is_file() {
                EntryKind::File { len: meta.len(), executable: false }
            } else {
                continue;
            };
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(SourceEntry { name, kind });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        let host = self.host(path)?;
        let meta = std::fs::symlink_metadata(&host).map_err(|error| from_io(&error))?;
        if !meta.is_file() {
            return Err(SourceError::Denied);
        }
        if meta.len() > MAX_FILE {
            return Err(SourceError::TooLarge);
        }
        std::fs::read(host).map(Into::into).map_err(|error| from_io(&error))
    }
}

fn from_io(error: &std::io::Error) -> SourceError {
    match error.kind() {
        std::io::ErrorKind::NotFound => SourceError::NotFound,
        std::io::ErrorKind::PermissionDenied => SourceError::Denied,
        _ => SourceError::Other(error.to_string()),
    }
}
