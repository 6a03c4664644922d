//! The tree as it is before the guest starts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::FsError;
use super::node::{Access, Content, Device, IdMap, Kind, Node, NodeId, Origin, ROOT, inode};
use super::path::{MAX_NAME, MAX_PATH};
use super::source::{Bottom, Source};
use super::store::{Child, Store};
use super::trace::Recorder;
use super::{FsLimits, FsUsage, START, Vfs};

/// A place of the tree that a [`Source`] lies below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute, without `.`, `..` or a slash at the end (but for `/` itself).
    pub guest_path: String,
    /// The number the source and the trace know it by.
    pub id: u32,
    /// The guest may write here, into its own layer. Otherwise every change is `EROFS`.
    pub writable_upper: bool,
}

/// Fills a tree. Folders above what is added are made, as parts of the system: the guest cannot change them.
pub struct Builder {
    vfs: Vfs,
    mounts: Vec<Mount>,
    error: Option<FsError>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let ino = inode(0, "/", 0);
        let mut root = Node::new(ino, Kind::Dir { parent: ROOT, bottom: None }, Access::System, START);
        root.pinned = true;
        let vfs = Vfs {
            store: Store::new(root),
            mounts: Arc::from([]),
            bottom: None,
            recorder: Recorder::default(),
            opens: IdMap::default(),
            limits: FsLimits::default(),
            used: FsUsage::default(),
            now: START,
            faults: Vec::new(),
        };
        Self { vfs, mounts: Vec::new(), error: None }
    }

    /// Goes on with a tree that exists, to add to it what lies outside everything it has.
    pub(crate) fn from(vfs: Vfs) -> Self {
        let mounts = vfs.mounts.to_vec();
        Self { vfs, mounts, error: None }
    }

    /// What every guest finds: `/tmp` and `/home/airlock`, writable and empty, and `/dev` with `null`, `zero`,
    /// `random`, `urandom`, `stdin`, `stdout` and `stderr`.
    #[must_use]
    pub fn standard(self) -> Self {
        let devices = [
            ("null", Device::Null),
            ("zero", Device::Zero),
            ("random", Device::Random),
            ("urandom", Device::Random),
            ("stdin", Device::Stdin),
            ("stdout", Device::Stdout),
            ("stderr", Device::Stderr),
        ];
        let with_folders = self.dir("/tmp").dir("/home/airlock");
        devices
            .into_iter()
            .fold(with_folders, |builder, (name, device)| builder.device(&format!("/dev/{name}"), device))
    }

    /// A folder the guest may write in.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.put(path, |parent| Kind::Dir { parent, bottom: None }, Access::Writable)
    }

    /// A folder of the system's, which the guest cannot change.
    #[must_use]
    pub fn system_dir(self, path: &str) -> Self {
        self.put(path, |parent| Kind::Dir { parent, bottom: None }, Access::System)
    }

    /// A file of the system's, which the guest cannot change.
    #[must_use]
    pub fn file(self, path: &str, bytes: Vec<u8>) -> Self {
        let content = Content::Memory { bytes: Arc::new(bytes), executable: false };
        self.put(path, |_| Kind::File(content), Access::System)
    }

    /// A program of the system's: nothing in it, but executable.
    #[must_use]
    pub fn program(self, path: &str) -> Self {
        let content = Content::Memory { bytes: Arc::default(), executable: true };
        self.put(path, |_| Kind::File(content), Access::System)
    }

    /// A symbolic link of the system's; its target is a guest path.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.put(path, |_| Kind::Link(target.into()), Access::System)
    }

    /// A character device; anyone may write to it.
    #[must_use]
    pub fn device(self, path: &str, device: Device) -> Self {
        self.put(path, |_| Kind::Device(device), Access::System)
    }

    /// A source's place.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        let access = if mount.writable_upper { Access::Writable } else { Access::ReadOnly };
        let bottom = Some(Origin { mount: mount.id, path: "".into() });
        if self.mounts.iter().any(|other| other.id == mount.id || other.guest_path == mount.guest_path) {
            self.error.get_or_insert(FsError::Exists);
        }
        let path = mount.guest_path.clone();
        self.mounts.push(mount);
        if path == "/" {
            let root = self.vfs.store.get_mut(ROOT);
            root.kind = Kind::Dir { parent: ROOT, bottom };
            root.access = access;
            return self;
        }
        self.put(&path, |parent| Kind::Dir { parent, bottom }, access)
    }

    /// What lies below the mounts.
    #[must_use]
    pub fn source(mut self, source: Arc<dyn Source>) -> Self {
        self.vfs.set_bottom(Arc::new(Bottom::new(source)));
        self
    }

    #[must_use]
    pub fn limits(mut self, limits: FsLimits) -> Self {
        self.vfs.limits = limits;
        self
    }

    /// The tree, frozen.
    ///
    /// # Errors
    /// The first thing that could not be added: `Invalid` (a path that is not absolute and plain), `Exists` (two
    /// things, mounts or mount numbers in one place), `NotDir`, `NameTooLong`.
    pub fn build(mut self) -> Result<Vfs, FsError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.vfs.mounts = self.mounts.into();
        self.vfs.freeze();
        Ok(self.vfs)
    }

    fn put(mut self, path: &str, kind: impl FnOnce(NodeId) -> Kind, access: Access) -> Self {
        if let Err(error) = self.try_put(path, kind, access) {
            self.error.get_or_insert(error);
        }
        self
    }

    fn try_put(&mut self, path: &str, kind: impl FnOnce(NodeId) -> Kind, access: Access) -> Result<(), FsError> {
        let names = plain(path)?;
        let Some((name, above)) = names.split_last() else { return Err(FsError::Exists) };
        let mut at = ROOT;
        for name in above {
            at = match self.vfs.store.child(at, name) {
                Some(Child::Node(id)) if self.vfs.node(id).is_dir() => id,
                Some(_) => return Err(FsError::NotDir),
                None => self.insert(at, name, Kind::Dir { parent: at, bottom: None }, Access::System)?,
            };
        }
        match self.vfs.store.child(at, name) {
            None => {
                self.insert(at, name, kind(at), access)?;
            }
            // A folder made on the way to something below it gets its own properties now.
            Some(Child::Node(id)) => {
                let kind = kind(at);
                let node = self.vfs.store.get_mut(id);
                let plain = matches!(node.kind, Kind::Dir { bottom: None, .. }) && node.access == Access::System;
                if !plain || !matches!(kind, Kind::Dir { .. }) {
                    return Err(FsError::Exists);
                }
                node.kind = kind;
                node.access = access;
            }
            Some(_) => return Err(FsError::Exists),
        }
        Ok(())
    }

    fn insert(&mut self, dir: NodeId, name: &str, kind: Kind, access: Access) -> Result<NodeId, FsError> {
        let mut node = Node::new(inode(self.vfs.node(dir).ino, name, 0), kind, access, START);
        node.pinned = true;
        let id = self.vfs.store.insert(node).ok_or(FsError::TooManyNodes)?;
        self.vfs.store.set_child(dir, name, Child::Node(id));
        Ok(id)
    }
}

/// The names of an absolute path without `.`, `..`, empty names or NUL.
pub(crate) fn plain(path: &str) -> Result<Vec<&str>, FsError> {
    let rest = path.strip_prefix('/').ok_or(FsError::Invalid)?;
    if path.len() > MAX_PATH {
        return Err(FsError::NameTooLong);
    }
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = rest.split('/').collect();
    for name in &names {
        if matches!(*name, "" | "." | "..") || name.contains('\0') {
            return Err(FsError::Invalid);
        }
        if name.len() > MAX_NAME {
            return Err(FsError::NameTooLong);
        }
    }
    Ok(names)
}
