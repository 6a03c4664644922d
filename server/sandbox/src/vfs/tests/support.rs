//! A source made of text, and short ways to look at a tree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::vfs::{
    EntryKind, FileType, Follow, FsError, Mount, NodeId, OpenOptions, ROOT, Source, SourceEntry, SourceError, Vfs,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Dir,
    File(Vec<u8>),
    Link(String),
    /// A file that may not be read.
    Secret,
    /// A file whose length is not what its folder says.
    Changed,
}

/// Mount 1 of a tree in memory. Counts what it is asked.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) items: BTreeMap<String, Item>,
    pub(crate) lists: AtomicUsize,
    pub(crate) reads: AtomicUsize,
}

impl Clone for Fake {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), ..Self::default() }
    }
}

impl Fake {
    /// `path=content` a file, `path/` a folder, `path->target` a link. Folders above are made.
    pub(crate) fn new(lines: &[&str]) -> Self {
        let mut fake = Self::default();
        for line in lines {
            if let Some((path, target)) = line.split_once("->") {
                fake.put(path, Item::Link(target.to_owned()));
            } else if let Some((path, content)) = line.split_once('=') {
                fake.put(path, Item::File(content.as_bytes().to_vec()));
            } else {
                fake.put(line.trim_end_matches('/'), Item::Dir);
            }
        }
        fake
    }

    pub(crate) fn put(&mut self, path: &str, item: Item) {
        for (at, _) in path.match_indices('/') {
            self.items.entry(path[..at].to_owned()).or_insert(Item::Dir);
        }
        self.items.insert(path.to_owned(), item);
    }

    pub(crate) fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.items.retain(|key, _| key != path && !key.starts_with(&below));
    }
}

impl Source for Fake {
    fn list(&self, mount: u32, dir: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        if mount != 1 || (!dir.is_empty() && self.items.get(dir) != Some(&Item::Dir)) {
            return Err(SourceError::NotFound);
        }
        let child = |path: &String, item: &Item| {
            let name = if dir.is_empty() { path.as_str() } else { path.strip_prefix(dir)?.strip_prefix('/')? };
            let kind = match item {
                Item::Dir => EntryKind::Dir,
                Item::File(bytes) => EntryKind::File { len: bytes.len() as u64, executable: false },
                Item::Link(target) => EntryKind::Link { target: target.clone() },
                Item::Secret => EntryKind::File { len: 5, executable: false },
                Item::Changed => EntryKind::File { len: 1_000, executable: false },
            };
            (!name.contains('/')).then(|| SourceEntry { name: name.to_owned(), kind })
        };
        // Reversed: the order of a source shall not matter.
        Ok(self.items.iter().rev().filter_map(|(path, item)| child(path, item)).collect())
    }

    fn read(&self, _mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match self.items.get(path) {
            Some(Item::File(bytes)) => Ok(bytes.as_slice().into()),
            Some(Item::Secret) => Err(SourceError::Denied),
            Some(Item::Changed) => Ok(Arc::from(*b"short")),
            _ => Err(SourceError::NotFound),
        }
    }
}

pub(crate) fn mount(guest_path: &str, id: u32, writable_upper: bool) -> Mount {
    Mount { guest_path: guest_path.to_owned(), id, writable_upper }
}

/// `/w`, writable, over the source; `/tmp`, `/home/airlock`, `/dev`.
pub(crate) fn tree(lines: &[&str]) -> Vfs {
    over(Arc::new(Fake::new(lines)), true)
}

/// As [`tree`], but `/w` is read-only.
pub(crate) fn read_only(lines: &[&str]) -> Vfs {
    over(Arc::new(Fake::new(lines)), false)
}

pub(crate) fn over(source: Arc<Fake>, writable: bool) -> Vfs {
    Vfs::builder().standard().mount(mount("/w", 1, writable)).source(source).build().unwrap()
}

/// Short forms: paths from the root.
impl Vfs {
    pub(crate) fn at(&mut self, path: &str) -> Result<NodeId, FsError> {
        self.lookup(ROOT, path, Follow::Yes)
    }

    pub(crate) fn text(&mut self, path: &str) -> Result<String, FsError> {
        let node = self.at(path)?;
        self.read_all(node).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn put(&mut self, path: &str, content: &str) -> Result<NodeId, FsError> {
        let options = OpenOptions { write: true, create: true, truncate: true, follow: true, ..OpenOptions::default() };
        let node = self.open_path(ROOT, path, options)?;
        self.write(node, 0, content.as_bytes())?;
        Ok(node)
    }

    pub(crate) fn names(&mut self, path: &str) -> Result<Vec<String>, FsError> {
        let node = self.at(path)?;
        Ok(self.read_dir(node)?.into_iter().map(|entry| entry.name.into()).collect())
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), FsError> {
        self.make_dir(ROOT, path)
    }

    pub(crate) fn rm(&mut self, path: &str) -> Result<(), FsError> {
        self.unlink(ROOT, path)
    }

    pub(crate) fn rmdir(&mut self, path: &str) -> Result<(), FsError> {
        self.remove_dir(ROOT, path)
    }

    pub(crate) fn mv(&mut self, old: &str, new: &str) -> Result<(), FsError> {
        self.rename(ROOT, old, ROOT, new)
    }

    pub(crate) fn ln(&mut self, old: &str, new: &str) -> Result<(), FsError> {
        self.link(ROOT, old, false, ROOT, new)
    }

    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Result<(), FsError> {
        self.make_link(target, ROOT, path)
    }

    /// Everything below a folder, one line a name.
    pub(crate) fn dump(&mut self, path: &str) -> Vec<String> {
        let dir = self.at(path).unwrap();
        let mut lines = Vec::new();
        self.dump_into(dir, path.trim_end_matches('/'), &mut lines);
        lines
    }

    fn dump_into(&mut self, dir: NodeId, prefix: &str, lines: &mut Vec<String>) {
        for entry in self.read_dir(dir).unwrap() {
            let path = format!("{prefix}/{}", entry.name);
            let node = self.lookup(dir, &entry.name, Follow::Never).unwrap();
            assert_eq!((entry.ino, entry.file_type), (self.stat(node).ino, self.stat(node).file_type), "{path}");
            match entry.file_type {
                FileType::Dir => {
                    lines.push(format!("{path}/"));
                    self.dump_into(node, &path, lines);
                }
                FileType::File => {
                    let bytes = self.read_all(node).unwrap();
                    lines.push(format!("{path}={}", String::from_utf8_lossy(&bytes)));
                }
                FileType::Link => {
                    let target = self.read_link(dir, &entry.name).unwrap();
                    lines.push(format!("{path}->{target}"));
                }
                FileType::Device => lines.push(format!("{path}!")),
            }
        }
    }
}
