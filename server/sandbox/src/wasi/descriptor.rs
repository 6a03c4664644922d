//! The descriptor table.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::errno::Errno;
use super::process::Stream;
use crate::vfs::{Device, DirEntry, NodeId, ROOT, Vfs};

/// Rights of preview 1, as bits. Only reading, writing and listing are enforced: what else there is to refuse is
/// refused by the kind of the node and by who may change it.
pub(crate) mod rights {
    pub(crate) const READ: u64 = 1 << 1;
    pub(crate) const SEEK: u64 = 1 << 2;
    pub(crate) const TELL: u64 = 1 << 5;
    pub(crate) const WRITE: u64 = 1 << 6;
    pub(crate) const READDIR: u64 = 1 << 14;
    /// All thirty.
    pub(crate) const ALL: u64 = (1 << 30) - 1;
    const DATASYNC: u64 = 1;
    const ADVISE: u64 = 1 << 7;
    const ALLOCATE: u64 = 1 << 8;
    const SET_SIZE: u64 = 1 << 22;
    const SYNC: u64 = 1 << 4;
    const SET_FLAGS: u64 = 1 << 3;
    const FILESTAT: u64 = 1 << 21;
    const SET_TIMES: u64 = 1 << 23;
    const POLL: u64 = 1 << 27;

    const ANY: u64 = SET_FLAGS | SYNC | DATASYNC | FILESTAT | SET_TIMES | POLL;
    /// What makes sense for a file. Of it a read-only descriptor lacks [`CHANGE`].
    pub(crate) const FILE: u64 = ANY | READ | WRITE | SEEK | TELL | ADVISE | ALLOCATE | SET_SIZE;
    pub(crate) const CHANGE: u64 = WRITE | ALLOCATE | SET_SIZE;
    /// What makes sense for a folder: the path operations, listing, and what any descriptor has.
    pub(crate) const DIR: u64 = ANY | READDIR | ((1 << 22) - (1 << 9)) | (1 << 24) | (1 << 25) | (1 << 26);
    /// Seek and tell are there although both fail: without them wasi-libc takes a character device for a terminal.
    pub(crate) const STREAM: u64 = SET_FLAGS | FILESTAT | POLL | SEEK | TELL;
}

/// Flags of a descriptor, as bits.
pub(crate) mod flags {
    pub(crate) const APPEND: u16 = 1;
    /// Append, dsync, nonblock, rsync, sync. All but the first mean nothing for files in memory, and are kept.
    pub(crate) const ALL: u16 = 31;
}

/// The names an open folder gives, from the first `fd_readdir` with cookie 0 on: a cookie is a place in it, so what is
/// made or removed meanwhile never makes a name come twice or be left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) entries: Arc<[DirEntry]>,
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Handle {
    Stdin,
    Output(Stream),
    File {
        node: NodeId,
        offset: u64,
        /// A source file's bytes, from the first read on.
        #[serde(skip)]
        cache: Option<Arc<[u8]>>,
    },
    Dir {
        node: NodeId,
        preopen: bool,
        listing: Option<Listing>,
    },
    Device {
        node: NodeId,
        device: Device,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Descriptor {
    pub(crate) handle: Handle,
    pub(crate) flags: u16,
    pub(crate) rights: u64,
    pub(crate) inheriting: u64,
}

impl Descriptor {
    /// The node it keeps alive.
    pub(crate) fn node(&self) -> Option<NodeId> {
        match self.handle {
            Handle::Stdin | Handle::Output(_) => None,
            Handle::File { node, .. } | Handle::Dir { node, .. } | Handle::Device { node, .. } => Some(node),
        }
    }

    pub(crate) fn need(&self, right: u64) -> Result<(), Errno> {
        if self.rights & right == right { Ok(()) } else { Err(Errno::BadDescriptor) }
    }

    pub(crate) fn listing_bytes(&self) -> u64 {
        match &self.handle {
            Handle::Dir { listing: Some(listing), .. } => listing.bytes,
            _ => 0,
        }
    }
}

/// Open descriptors by number. A new one gets the lowest free number, as POSIX has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    open: usize,
    /// Bytes of the listings they keep.
    pub(crate) listing_bytes: u64,
}

impl Descriptors {
    pub(crate) fn new() -> Self {
        let stream = |handle, rights| Descriptor { handle, flags: 0, rights, inheriting: 0 };
        let root = Handle::Dir { node: ROOT, preopen: true, listing: None };
        let slots = vec![
            Some(stream(Handle::Stdin, rights::STREAM | rights::READ)),
            Some(stream(Handle::Output(Stream::Stdout), rights::STREAM | rights::WRITE)),
            Some(stream(Handle::Output(Stream::Stderr), rights::STREAM | rights::WRITE)),
            Some(Descriptor { handle: root, flags: 0, rights: rights::DIR, inheriting: rights::ALL }),
        ];
        let open = slots.len();
        Self { slots, open, listing_bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.open
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BadDescriptor)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadDescriptor)
    }

    /// The caller has checked the quota.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> u32 {
        self.open += 1;
        match self.slots.iter().position(Option::is_none) {
            Some(free) => {
                self.slots[free] = Some(descriptor);
                free as u32
            }
            None => {
                self.slots.push(Some(descriptor));
                (self.slots.len() - 1) as u32
            }
        }
    }

    pub(crate) fn take(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.slots.get_mut(fd as usize).ok_or(Errno::BadDescriptor)?;
        let descriptor = slot.take().ok_or(Errno::BadDescriptor)?;
        self.open -= 1;
        Ok(descriptor)
    }

    /// Puts a descriptor at a number that [`take`](Self::take) has emptied.
    pub(crate) fn put(&mut self, fd: u32, descriptor: Descriptor) {
        if let Some(slot @ None) = self.slots.get_mut(fd as usize) {
            *slot = Some(descriptor);
            self.open += 1;
        }
    }

    /// Whether every node named is one of the tree's.
    pub(crate) fn fit(&self, vfs: &Vfs) -> bool {
        self.slots.iter().flatten().filter_map(Descriptor::node).all(|node| vfs.has(node))
    }
}
