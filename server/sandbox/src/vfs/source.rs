//! The read-only bottom of the tree: asked lazily, answers kept for every fork.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::FsError;
use super::node::Origin;
use super::path::MAX_NAME;
use super::trace::{Digest, Listed, Seen};

/// File contents kept in memory by one source's cache, in bytes. Beyond it the cache starts again.
const CONTENT_CACHE_BYTES: usize = 96 << 20;
/// Folders whose listing is kept. Beyond it the cache starts again.
const LISTING_CACHE_FOLDERS: usize = 50_000;

/// A place files come from: a snapshot of the project, an environment, the guest's own library.
///
/// Paths are relative to the mount's root, separated by `/`, without `.` or `..`; `""` is the root. Answers must not
/// change while a source is in use: one that finds a file changed says [`SourceError::Changed`].
pub trait Source: Send + Sync {
    /// What lies in a folder, in any order. Names that no guest path can spell (`/`, NUL, more than 255 bytes) are
    /// ignored.
    ///
    /// # Errors
    /// [`SourceError`], told to the guest as an errno.
    fn list(&self, mount: u32, dir: &str) -> Result<Vec<SourceEntry>, SourceError>;

    /// A whole file.
    ///
    /// # Errors
    /// [`SourceError`], told to the guest as an errno.
    fn read(&self, mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError>;
}

/// One name in a folder of a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    pub name: String,
    pub kind: EntryKind,
}

/// What a [`SourceEntry`] is. Anything else (FIFO, socket, device) has no place in a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A regular file; its length in bytes.
    File {
        len: u64,
        executable: bool,
    },
    Dir,
    /// A symbolic link, resolved inside the guest's tree and nowhere else.
    Link {
        target: String,
    },
}

/// Why a [`Source`] has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum SourceError {
    #[error("no such file or folder")]
    NotFound,
    #[error("access is denied")]
    Denied,
    #[error("the file is larger than the limit")]
    TooLarge,
    #[error("the file changed while it was in use")]
    Changed,
    #[error("{0}")]
    Other(String),
}

impl From<&SourceError> for FsError {
    fn from(error: &SourceError) -> Self {
        match error {
            SourceError::NotFound => Self::NotFound,
            SourceError::Denied => Self::Access,
            SourceError::TooLarge => Self::SourceTooLarge,
            SourceError::Changed | SourceError::Other(_) => Self::Io,
        }
    }
}

/// A folder's entries, sorted by name.
#[derive(Debug)]
pub(crate) struct Listing {
    entries: Box<[SourceEntry]>,
    listed: OnceLock<Listed>,
}

impl Listing {
    fn new(mut entries: Vec<SourceEntry>) -> Self {
        entries.retain(|entry| {
            let name = entry.name.as_str();
            !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME && !name.contains(['/', '\0'])
        });
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
        Self { entries: entries.into(), listed: OnceLock::new() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&SourceEntry> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.entries.get(at)
    }

    pub(crate) fn entries(&self) -> &[SourceEntry] {
        &self.entries
    }

    /// What a trace keeps of the listing: names and kinds, not lengths.
    pub(crate) fn listed(&self) -> &Listed {
        self.listed.get_or_init(|| Listed::of(&self.entries))
    }
}

impl SourceEntry {
    pub(crate) fn seen(&self) -> Seen {
        match &self.kind {
            EntryKind::File { len, executable } => Seen::File { len: *len, executable: *executable },
            EntryKind::Dir => Seen::Dir,
            EntryKind::Link { target } => Seen::Link { target: target.as_str().into() },
        }
    }
}

type ByPath<T> = HashMap<u32, HashMap<Arc<str>, T>>;

#[derive(Default)]
struct Cache {
    listings: ByPath<Arc<Listing>>,
    folders: usize,
    contents: ByPath<(Arc<[u8]>, Digest)>,
    bytes: usize,
}

/// A source and what it has answered so far. Shared by all forks of a process, and by any other that sees the same
/// files.
pub struct Bottom {
    source: Arc<dyn Source>,
    // A std Mutex: held for a map operation, never while the source is asked.
    cache: Mutex<Cache>,
}

impl Bottom {
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source, cache: Mutex::default() }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Every update of the cache is one insertion, so what a panicking thread left is whole.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self, origin: &Origin) -> Result<Arc<Listing>, SourceError> {
        let known = self.cache().listings.get(&origin.mount).and_then(|m| m.get(&origin.path)).cloned();
        if let Some(listing) = known {
            return Ok(listing);
        }
        let listing = Arc::new(Listing::new(self.source.list(origin.mount, &origin.path)?));
        let mut cache = self.cache();
        if cache.folders >= LISTING_CACHE_FOLDERS {
            cache.listings.clear();
            cache.folders = 0;
        }
        // Another thread may have asked the same meanwhile.
        let known = cache.listings.entry(origin.mount).or_default().insert(origin.path.clone(), listing.clone());
        cache.folders += usize::from(known.is_none());
        Ok(listing)
    }

    /// A file's bytes and their hash. The hash is computed once per source, not per open: the guest opens its
    /// standard library's archive for each module it imports.
    pub(crate) fn read(&self, origin: &Origin) -> Result<(Arc<[u8]>, Digest), SourceError> {
        let known = self.cache().contents.get(&origin.mount).and_then(|m| m.get(&origin.path)).cloned();
        if let Some(content) = known {
            return Ok(content);
        }
        let bytes = self.source.read(origin.mount, &origin.path)?;
        let digest = Digest::of(&bytes);
        let mut cache = self.cache();
        if cache.bytes.saturating_add(bytes.len()) > CONTENT_CACHE_BYTES {
            cache.contents.clear();
            cache.bytes = 0;
        }
        if bytes.len() <= CONTENT_CACHE_BYTES {
            let contents = cache.contents.entry(origin.mount).or_default();
            let known = contents.insert(origin.path.clone(), (bytes.clone(), digest));
            let known = known.map_or(0, |(bytes, _)| bytes.len());
            cache.bytes = cache.bytes + bytes.len() - known;
        }
        Ok((bytes, digest))
    }
}
