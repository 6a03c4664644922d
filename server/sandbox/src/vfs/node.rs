//! Files, folders, links and devices of the tree.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A node's place in the table. Numbers of removed nodes are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub(crate) u32);

/// The root folder: always the first node.
pub const ROOT: NodeId = NodeId(0);

/// Hash maps keyed by node numbers and by hashes: dense or well mixed keys that a guest cannot choose, so one
/// multiplication will do.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// Where in a source a node came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub mount: u32,
    pub path: Arc<str>,
}

impl Origin {
    pub(crate) fn child(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.into() } else { format!("{}/{name}", self.path).into() };
        Self { mount: self.mount, path }
    }
}

/// Who may change a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// The guest may.
    Writable,
    /// Part of a read-only mount: `EROFS`.
    ReadOnly,
    /// Part of the system, as for an ordinary user of a Linux machine: `EACCES`.
    System,
}

/// What a character device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    /// Reads as empty, swallows what is written.
    Null,
    /// Reads as zeros.
    Zero,
    /// Reads from the process's random stream.
    Random,
    Stdin,
    Stdout,
    Stderr,
}

/// A file's bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Content {
    /// Still in the source; never kept here, never written to an image.
    Source { origin: Origin, len: u64, executable: bool },
    /// Written by the guest or an overlay. Copied on write when a fork shares it.
    Memory {
        #[serde(with = "bytes")]
        bytes: Arc<Vec<u8>>,
        executable: bool,
    },
}

impl Content {
    pub(crate) fn empty() -> Self {
        Self::Memory { bytes: Arc::default(), executable: false }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Source { len, .. } => *len,
            Self::Memory { bytes, .. } => bytes.len() as u64,
        }
    }
}

/// Bytes as bytes, where the format knows them.
mod bytes {
    use std::fmt;
    use std::sync::Arc;

    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<u8>>, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                // The hint is the input's word: believed up to a page.
                let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096));
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes).map(Arc::new)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A folder. Its names are in the store, and below them in the source at `bottom`.
    Dir {
        parent: NodeId,
        bottom: Option<Origin>,
    },
    File(Content),
    Link(Arc<str>),
    Device(Device),
}

/// A node's kind, as the guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileType {
    Device,
    Dir,
    File,
    Link,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) ino: u64,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    /// Names that lead here. 0: removed, and kept only while it is open.
    pub(crate) nlink: u32,
    /// A mount point or a folder above one: cannot be moved or removed.
    pub(crate) pinned: bool,
    /// Counts against the guest's quota.
    pub(crate) counted: bool,
    /// Times in nanoseconds since 1970.
    pub(crate) atime: u64,
    pub(crate) mtime: u64,
    pub(crate) ctime: u64,
}

impl Node {
    pub(crate) fn new(ino: u64, kind: Kind, access: Access, time: u64) -> Self {
        Self { ino, kind, access, nlink: 1, pinned: false, counted: false, atime: time, mtime: time, ctime: time }
    }

    pub(crate) fn file_type(&self) -> FileType {
        match self.kind {
            Kind::Dir { .. } => FileType::Dir,
            Kind::File(_) => FileType::File,
            Kind::Link(_) => FileType::Link,
            Kind::Device(_) => FileType::Device,
        }
    }

    pub(crate) fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Dir { .. })
    }

    /// Bytes the node takes of the quota.
    pub(crate) fn held(&self) -> u64 {
        match &self.kind {
            Kind::File(Content::Memory { bytes, .. }) => bytes.len() as u64,
            Kind::Link(target) if self.counted => target.len() as u64,
            _ => 0,
        }
    }
}

/// The inode number of a node: a function of the path it was made under and, for what the guest made, of the how
/// manieth it was, so that a file put in another's place is told apart from it. 0 is for what was there at the start.
///
/// FNV-1a, then the finisher of SplitMix64: stable across versions and machines, and nothing rests on its strength.
pub(crate) fn inode(parent: u64, name: &str, birth: u32) -> u64 {
    let mut hash = parent ^ 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes().chain(birth.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    hash.max(1)
}
