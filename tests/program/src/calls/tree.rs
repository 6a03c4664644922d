//! A folder as it is at one moment, to be compared with a later one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// One entry: what would tell that something touched it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    /// Seconds and nanoseconds; of files only, as a folder's says no more than its entries do.
    modified: Option<(i64, i64)>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Folder,
    File(blake3::Hash),
    /// Not readable by who runs the test.
    Closed(u64),
    Link(PathBuf),
    Special,
}

/// Every entry of a folder with kind, mode, time and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: PathBuf,
    entries: BTreeMap<PathBuf, Entry>,
}

impl Tree {
    /// Reads the folder. Links are not followed, FIFOs and the like not opened.
    ///
    /// # Panics
    /// Where the folder itself cannot be listed.
    pub fn of(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        while let Some(folder) = open.pop() {
            let Ok(listing) = fs::read_dir(&folder) else { continue };
            for found in listing {
                let path = found.expect("an entry can be read").path();
                let entry = Entry::of(&path);
                if entry.content == Content::Folder {
                    open.push(path.clone());
                }
                entries.insert(path.strip_prefix(root).expect("beneath the root").to_owned(), entry);
            }
        }
        Self { root: root.to_owned(), entries }
    }

    /// Paths that are new, gone or different now.
    pub fn changed(&self) -> Vec<String> {
        let now = Self::of(&self.root);
        let paths = self.entries.keys().chain(now.entries.keys().filter(|path| !self.entries.contains_key(*path)));
        paths
            .filter(|path| self.entries.get(*path) != now.entries.get(*path))
            .map(|path| path.display().to_string())
            .collect()
    }

    /// Says that no byte, mode, time or name is different.
    ///
    /// # Panics
    /// Where something is.
    pub fn assert_untouched(&self, after: &str) {
        assert_eq!(self.changed(), Vec::<String>::new(), "{after} changed these of {}", self.root.display());
    }
}

impl Entry {
    fn of(path: &Path) -> Self {
        let meta = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let kind = meta.file_type();
        let content = if kind.is_dir() {
            Content::Folder
        } else if kind.is_symlink() {
            Content::Link(fs::read_link(path).expect("a link can be read"))
        } else if kind.is_file() {
            match fs::read(path) {
                Ok(bytes) => Content::File(blake3::hash(&bytes)),
                Err(_) => Content::Closed(meta.len()),
            }
        } else {
            Content::Special
        };
        let modified = kind.is_file().then(|| (meta.mtime(), meta.mtime_nsec()));
        Self { mode: meta.permissions().mode(), modified, content }
    }
}
