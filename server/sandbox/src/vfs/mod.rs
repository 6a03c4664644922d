//! The guest's file system, in memory: read-only sources below, a throw-away layer of the guest's own above.
//!
//! Nothing here knows the host. A path is resolved in this tree and nowhere else, so `..`, absolute paths and links
//! lead to other guest files at most. A [`Vfs`] is cheap to clone: what was there at the last [`Vfs::freeze`] is shared
//! by all forks, and file contents are copied only when written.

mod build;
mod error;
mod file;
mod node;
mod ops;
mod overlay;
mod path;
mod source;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod trace;
mod tree;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use build::{Builder, Mount};
pub use error::FsError;
pub use file::{Stat, Times};
pub use node::{Access, Device, FileType, NodeId, Origin, ROOT};
pub use ops::OpenOptions;
pub use overlay::Change;
pub use path::{Follow, MAX_NAME, MAX_PATH};
pub use source::{Bottom, EntryKind, Source, SourceEntry, SourceError};
pub use trace::{Digest, Listed, MAX_FACTS, MountTrace, Seen, Trace};
pub use tree::DirEntry;

use node::{IdMap, Node};
use store::Store;
use trace::Recorder;

/// The date at which every guest's clock starts and which every file of a source bears: 2026-01-01T00:00:00Z, in
/// nanoseconds since 1970.
pub const START: u64 = 1_767_225_600_000_000_000;

/// Failures of a source kept for the report.
const MAX_FAULTS: usize = 32;

/// What the guest may add to the tree. Live amounts: what is removed is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsLimits {
    /// Files, folders and links.
    pub nodes: u64,
    /// Bytes in all files together.
    pub bytes: u64,
    /// Bytes in one file.
    pub file_bytes: u64,
}

impl Default for FsLimits {
    fn default() -> Self {
        Self { nodes: 200_000, bytes: 256 << 20, file_bytes: 256 << 20 }
    }
}

/// What the guest has added to the tree and not removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsUsage {
    pub nodes: u64,
    pub bytes: u64,
}

/// A source that failed in the middle of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub mount: u32,
    pub path: Arc<str>,
    pub error: SourceError,
}

/// The tree. `Clone` forks it; serialised, it keeps all but the sources and their contents (see
/// [`set_bottom`](Self::set_bottom)).
#[derive(Clone, Serialize, Deserialize)]
pub struct Vfs {
    store: Store,
    mounts: Arc<[Mount]>,
    #[serde(skip)]
    bottom: Option<Arc<Bottom>>,
    recorder: Recorder,
    /// Open descriptors by node: a removed file lives until the last is closed.
    opens: IdMap<NodeId, u32>,
    limits: FsLimits,
    used: FsUsage,
    /// The time that changes are stamped with, in nanoseconds since 1970.
    now: u64,
    faults: Vec<Fault>,
}

impl Vfs {
    /// An empty tree to be filled: a root folder, nothing else.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What lies below the mounts from now on. Needed after deserialising: until then what is not yet known of the
    /// mounts is an I/O error. What is known already stays so: whether it holds for these files is for
    /// [`base_trace`](Self::base_trace) to say.
    pub fn set_bottom(&mut self, bottom: Arc<Bottom>) {
        self.bottom = Some(bottom);
    }

    /// Shares everything as it is now with all forks made from here on.
    pub fn freeze(&mut self) {
        self.store.freeze();
        self.recorder.freeze();
    }

    /// A builder that adds to this tree: further mounts of a started guest.
    pub fn extend(self) -> Builder {
        Builder::from(self)
    }

    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The mount a guest path lies in and the rest of the path, by the text alone.
    pub fn mount_of<'p>(&self, path: &'p str) -> Option<(&Mount, &'p str)> {
        let below = |mount: &Mount| {
            let rest = path.strip_prefix(mount.guest_path.trim_end_matches('/'))?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
        };
        let found = self.mounts.iter().filter_map(|mount| Some((mount, below(mount)?)));
        found.max_by_key(|(mount, _)| mount.guest_path.len())
    }

    pub fn limits(&self) -> FsLimits {
        self.limits
    }

    pub fn set_limits(&mut self, limits: FsLimits) {
        self.limits = limits;
    }

    pub fn used(&self) -> FsUsage {
        self.used
    }

    /// Sets the time that changes are stamped with, in nanoseconds since 1970.
    pub fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    /// What the image saw: everything up to the last [`freeze`](Self::freeze).
    pub fn base_trace(&self) -> &Arc<Trace> {
        &self.recorder.base
    }

    /// What was seen since the last [`freeze`](Self::freeze). What the image had seen already is not seen again.
    pub fn run_trace(&self) -> &Trace {
        &self.recorder.run
    }

    /// Both traces together. Copies the image's: milliseconds for thousands of facts.
    pub fn trace(&self) -> Trace {
        self.recorder.whole()
    }

    /// Failures of the source, the first 32. After any but a refusal (`Denied`, `TooLarge`) the run depended on more
    /// than its trace tells, and the trace says so ([`Trace::incomplete`]).
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Nodes in the table: a measure of its memory.
    pub fn known_nodes(&self) -> usize {
        self.store.len()
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.store.get(id)
    }

    pub(crate) fn has(&self, id: NodeId) -> bool {
        self.store.has(id)
    }

    /// Counts an open descriptor.
    pub fn open(&mut self, id: NodeId) {
        *self.opens.entry(id).or_insert(0) += 1;
    }

    /// Counts a closed descriptor; a removed node that nobody has open is forgotten.
    pub fn close(&mut self, id: NodeId) {
        if let Some(count) = self.opens.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.opens.remove(&id);
                self.forget_if_unused(id);
            }
        }
    }

    fn fault(&mut self, origin: &Origin, error: SourceError) -> FsError {
        let mapped = FsError::from(&error);
        // A refusal is a rule about the path or its length, which the trace has. Anything else is an accident.
        if !matches!(error, SourceError::Denied | SourceError::TooLarge) {
            self.recorder.give_up();
        }
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { mount: origin.mount, path: origin.path.clone(), error });
        }
        mapped
    }
}
