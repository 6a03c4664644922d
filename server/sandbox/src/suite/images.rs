//! Images kept on disk between runs, each with what it saw: one is used again only while all of that is still so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::is_remote;
use crate::guest::install::{read_own, touch, write_whole};
use crate::vfs::{Source, Trace};
use crate::worker::protocol::{MountSpec, Origin, OverlayEntry};

/// Images kept for one key: the project as it was lately, for those who go back and forth.
const PER_KEY: usize = 2;

/// Bytes kept in all; the keys used longest ago go first.
const BYTES: u64 = 1 << 30;

/// Names what an image was made of, but for the files it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// An image that still holds.
pub struct Found {
    pub origin: Origin,
    pub trace: Arc<Trace>,
    pub events: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Meta {
    trace: Trace,
    events: Vec<Vec<u8>>,
}

/// The folder of images; with no folder nothing is found and nothing is kept.
pub struct Store {
    folder: Option<PathBuf>,
    identity: [u8; 32],
}

impl Store {
    pub fn new(folder: Option<PathBuf>, identity: [u8; 32]) -> Self {
        Self { folder, identity }
    }

    /// The key of what `command` makes. What came before it (the boot) follows from mounts and identity.
    pub fn key(&self, mounts: &[MountSpec], command: &str, overlay: &[OverlayEntry]) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.identity);
        for text in [format!("{mounts:?}").as_str(), command] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        for entry in overlay {
            hasher.update(entry.path.as_bytes()).update(&[0, u8::from(entry.content.is_some())]);
            hasher.update(blake3::hash(entry.content.as_deref().unwrap_or_default()).as_bytes());
        }
        Key(hasher.finalize().to_hex()[..32].to_owned())
    }

    /// An image of that key which has seen nothing but what is still so.
    pub fn find(&self, key: &Key, source: &dyn Source) -> Option<Found> {
        let folder = self.folder.as_ref()?.join(&key.0);
        let mut variants: Vec<PathBuf> =
            fs::read_dir(&folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        variants.sort();
        for variant in variants {
            let Some(meta) = read_meta(&variant) else { continue };
            if outside(&meta.trace).holds(source) {
                // Tells the clean-up that this one is in use. Without the mark it goes a little earlier.
                let _ = touch(&folder.join(".used"));
                return Some(Found { origin: Origin::Disk(variant), trace: Arc::new(meta.trace), events: meta.events });
            }
        }
        None
    }

    /// Removes an image that turned out to be of no use, so that it is not found again. Nothing outside the folder of
    /// images is touched.
    pub fn discard(&self, image: &Path) {
        if self.folder.as_ref().is_some_and(|folder| image.starts_with(folder) && image != folder) {
            // One that cannot be removed costs another attempt.
            let _ = fs::remove_dir_all(image);
        }
    }

    /// A folder that nothing was ever written to, for a new image of that key.
    pub fn new_folder(&self, key: &Key) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.join(&key.0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Newer names sort first: they are tried first.
        let age = u64::MAX - u64::try_from(now.as_micros()).unwrap_or_default();
        Some(folder.join(format!("{age:020}-{}", std::process::id())))
    }

    /// Completes an image that the worker wrote, and removes what is too much. Failures cost time, nothing else.
    pub fn remember(&self, key: &Key, folder: &Path, trace: &Trace, events: &[Vec<u8>]) {
        let meta = Meta { trace: trace.clone(), events: events.to_vec() };
        let Ok(bytes) = postcard::to_stdvec(&meta) else { return };
        let hash = blake3::hash(&bytes);
        let written = write_whole(&folder.join("meta.bin"), |file| {
            use std::io::Write;
            file.write_all(hash.as_bytes())?;
            file.write_all(&bytes)
        });
        if written.is_err() {
            let _ = fs::remove_dir_all(folder);
            return;
        }
        if let Some(all) = &self.folder {
            keep_newest(&all.join(&key.0), PER_KEY);
            drop_oldest(all, BYTES);
        }
    }
}

/// What a trace holds of the server's sources. The guest's own files are part of its identity.
pub fn outside(trace: &Trace) -> Trace {
    let mut outside = trace.clone();
    outside.mounts.retain(|mount, _| is_remote(*mount));
    outside
}

fn read_meta(variant: &Path) -> Option<Meta> {
    let bytes = read_own(&variant.join("meta.bin")).ok()?;
    let (hash, bytes) = bytes.split_at_checked(32)?;
    if blake3::hash(bytes).as_bytes() != hash {
        return None;
    }
    postcard::from_bytes(bytes).ok()
}

/// Removes all but the `keep` newest variants of a key. One that another process uses stays mapped there.
fn keep_newest(folder: &Path, keep: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut variants: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    variants.sort();
    for variant in variants.into_iter().skip(keep) {
        let _ = fs::remove_dir_all(variant);
    }
}

/// Removes keys beyond so many bytes, but never the one used last.
fn drop_oldest(folder: &Path, keep: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut keys: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let used = fs::metadata(path.join(".used")).or_else(|_| fs::metadata(&path)).ok()?.modified().ok()?;
            Some((used, path))
        })
        .collect();
    keys.sort_by(|a, b| b.cmp(a));
    let mut kept = 0;
    for (at, (_, key)) in keys.into_iter().enumerate() {
        kept += disk_bytes(&key);
        if at > 0 && kept > keep {
            let _ = fs::remove_dir_all(key);
        }
    }
}

/// What the files of a folder take on the disk. Images are sparse, so their lengths say little. Links are not followed.
pub fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        #[cfg(unix)]
        Ok(meta) => std::os::unix::fs::MetadataExt::blocks(&meta).saturating_mul(512),
        #[cfg(not(unix))]
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(of).sum()
}

/// Whether changes touch anything a trace holds.
pub fn touches(trace: &Trace, overlay: &[OverlayEntry], mounts: &[MountSpec]) -> bool {
    overlay.iter().any(|entry| {
        mounts
            .iter()
            .filter_map(|mount| {
                let rest = entry.path.strip_prefix(mount.at.trim_end_matches('/'))?;
                Some((mount, rest.strip_prefix('/')?))
            })
            .max_by_key(|(mount, _)| mount.at.len())
            .is_some_and(|(mount, path)| trace.touches(mount.source, path))
    })
}
