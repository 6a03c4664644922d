//! Operations on names: open, make, remove, rename, link. The errors are Linux's where POSIX leaves a choice.

use super::Vfs;
use super::error::FsError;
use super::node::{Content, Kind, NodeId};
use super::path::{Follow, Last, MAX_PATH, Walk};
use super::store::Child;

/// How a path is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Bytes or length will be changed.
    pub write: bool,
    pub create: bool,
    pub exclusive: bool,
    pub truncate: bool,
    /// Only a folder will do.
    pub directory: bool,
    /// Follow a link at the end of the path.
    pub follow: bool,
}

/// The name an operation is about, where `.`, `..` and `/` are not names.
fn name<'w>(walk: &'w Walk<'_>, otherwise: FsError) -> Result<&'w str, FsError> {
    match &walk.last {
        Last::Name(name) => Ok(name),
        Last::Dot | Last::DotDot | Last::Root => Err(otherwise),
    }
}

impl Vfs {
    /// Finds or makes what a path leads to. The caller counts the descriptor with [`Vfs::open`].
    ///
    /// # Errors
    /// Those of open(2).
    pub fn open_path(&mut self, dir: NodeId, path: &str, options: OpenOptions) -> Result<NodeId, FsError> {
        let make = options.create && options.exclusive;
        let follow = match (make, options.follow) {
            (true, _) => Follow::Never,
            (false, true) => Follow::Yes,
            (false, false) => Follow::No,
        };
        let walk = self.walk(dir, path, follow)?;
        let Some(id) = walk.node else {
            if !options.create {
                return Err(FsError::NotFound);
            }
            if walk.slash {
                return Err(FsError::IsDir);
            }
            if options.directory {
                return Err(FsError::Invalid);
            }
            let name = name(&walk, FsError::IsDir)?;
            return self.add(walk.parent, name, Kind::File(Content::empty()));
        };
        if make {
            return Err(FsError::Exists);
        }
        match self.node(id).kind {
            Kind::Dir { .. } if options.directory && !options.truncate => {}
            Kind::Dir { .. } if options.write || options.truncate || options.create => return Err(FsError::IsDir),
            Kind::Dir { .. } => {}
            _ if options.directory => return Err(FsError::NotDir),
            Kind::Link(_) => return Err(FsError::Loop),
            Kind::Device(_) => {}
            Kind::File(_) => {
                if options.write || options.truncate {
                    self.check_writable(id)?;
                }
                if options.truncate {
                    self.set_len(id, 0)?;
                }
            }
        }
        Ok(id)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// Those of mkdir(2).
    pub fn make_dir(&mut self, dir: NodeId, path: &str) -> Result<(), FsError> {
        let walk = self.walk(dir, path, Follow::Never)?;
        let name = name(&walk, FsError::Exists)?;
        if walk.node.is_some() {
            return Err(FsError::Exists);
        }
        self.add(walk.parent, name, Kind::Dir { parent: walk.parent, bottom: None }).map(drop)
    }

    /// Makes a symbolic link. Any target will do: it means something only inside the guest's tree.
    ///
    /// # Errors
    /// Those of symlink(2).
    pub fn make_link(&mut self, target: &str, dir: NodeId, path: &str) -> Result<(), FsError> {
        if target.is_empty() {
            return Err(FsError::NotFound);
        }
        if target.len() > MAX_PATH {
            return Err(FsError::NameTooLong);
        }
        if target.contains('\0') {
            return Err(FsError::Invalid);
        }
        let walk = self.walk(dir, path, Follow::Never)?;
        let name = name(&walk, FsError::Exists)?;
        if walk.node.is_some() {
            return Err(FsError::Exists);
        }
        if walk.slash {
            return Err(FsError::NotFound);
        }
        self.add(walk.parent, name, Kind::Link(target.into())).map(drop)
    }

    /// A link's target.
    ///
    /// # Errors
    /// `Invalid` where the path is no link.
    pub fn read_link(&mut self, dir: NodeId, path: &str) -> Result<std::sync::Arc<str>, FsError> {
        let id = self.lookup(dir, path, Follow::No)?;
        match &self.node(id).kind {
            Kind::Link(target) => Ok(target.clone()),
            _ => Err(FsError::Invalid),
        }
    }

    /// Removes a name that is not a folder's. What is open stays usable.
    ///
    /// # Errors
    /// Those of unlink(2).
    pub fn unlink(&mut self, dir: NodeId, path: &str) -> Result<(), FsError> {
        let walk = self.walk(dir, path, Follow::Never)?;
        let name = name(&walk, FsError::IsDir)?;
        let id = walk.node.ok_or(FsError::NotFound)?;
        if self.node(id).is_dir() {
            return Err(FsError::IsDir);
        }
        if walk.slash {
            return Err(FsError::NotDir);
        }
        self.check_room(walk.parent)?;
        if self.node(id).pinned {
            return Err(FsError::Busy);
        }
        self.detach(walk.parent, name, id);
        Ok(())
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Those of rmdir(2).
    pub fn remove_dir(&mut self, dir: NodeId, path: &str) -> Result<(), FsError> {
        let walk = self.walk(dir, path, Follow::Never)?;
        let name = match &walk.last {
            Last::Name(name) => name,
            Last::Dot => return Err(FsError::Invalid),
            Last::DotDot => return Err(FsError::NotEmpty),
            Last::Root => return Err(FsError::Busy),
        };
        let id = walk.node.ok_or(FsError::NotFound)?;
        if !self.node(id).is_dir() {
            return Err(FsError::NotDir);
        }
        if self.node(id).pinned {
            return Err(FsError::Busy);
        }
        self.check_room(walk.parent)?;
        self.check_empty(id)?;
        self.detach(walk.parent, name, id);
        Ok(())
    }

    fn check_empty(&mut self, dir: NodeId) -> Result<(), FsError> {
        if self.read_dir(dir)?.is_empty() { Ok(()) } else { Err(FsError::NotEmpty) }
    }

    /// Moves a name, over what is there where POSIX allows it. A folder takes along what lies below it, in the source
    /// too.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn rename(&mut self, from: NodeId, old: &str, to: NodeId, new: &str) -> Result<(), FsError> {
        let old = self.walk(from, old, Follow::Never)?;
        let new = self.walk(to, new, Follow::Never)?;
        let old_name = name(&old, FsError::Busy)?;
        let new_name = name(&new, FsError::Busy)?;
        let id = old.node.ok_or(FsError::NotFound)?;
        let is_dir = self.node(id).is_dir();
        if !is_dir && (old.slash || new.slash) {
            return Err(FsError::NotDir);
        }
        self.check_room(old.parent)?;
        self.check_room(new.parent)?;
        if self.node(id).pinned || new.node.is_some_and(|node| self.node(node).pinned) {
            return Err(FsError::Busy);
        }
        if new.node == Some(id) {
            return Ok(());
        }
        if is_dir && self.is_above(id, new.parent) {
            return Err(FsError::Invalid);
        }
        if let Some(over) = new.node {
            match (is_dir, self.node(over).is_dir()) {
                (true, false) => return Err(FsError::NotDir),
                (false, true) => return Err(FsError::IsDir),
                (true, true) => self.check_empty(over)?,
                (false, false) => {}
            }
            self.detach(new.parent, new_name, over);
        }
        self.store.set_child(new.parent, new_name, Child::Node(id));
        self.touch(new.parent);
        let now = self.now;
        let node = self.store.get_mut(id);
        node.ctime = now;
        if let Kind::Dir { parent, .. } = &mut node.kind {
            *parent = new.parent;
        }
        self.detach_name(old.parent, old_name);
        Ok(())
    }

    /// Makes a hard link. A link to a symbolic link is one too, unless `follow`.
    ///
    /// # Errors
    /// Those of link(2): `NotPermitted` for a folder, `CrossMount` for a file that the guest may not write.
    pub fn link(&mut self, from: NodeId, old: &str, follow: bool, to: NodeId, new: &str) -> Result<(), FsError> {
        let id = self.lookup(from, old, if follow { Follow::Yes } else { Follow::No })?;
        let new = self.walk(to, new, Follow::Never)?;
        let new_name = name(&new, FsError::Exists)?;
        if self.node(id).is_dir() {
            return Err(FsError::NotPermitted);
        }
        if new.node.is_some() {
            return Err(FsError::Exists);
        }
        if new.slash {
            return Err(FsError::NotFound);
        }
        self.check_room(new.parent)?;
        if self.check_writable(id).is_err() {
            return Err(FsError::CrossMount);
        }
        // Each name takes memory, so each counts.
        if self.used.nodes >= self.limits.nodes {
            return Err(FsError::TooManyNodes);
        }
        let now = self.now;
        let node = self.store.get_mut(id);
        node.nlink = node.nlink.checked_add(1).ok_or(FsError::TooManyNodes)?;
        node.ctime = now;
        self.used.nodes += 1;
        self.store.set_child(new.parent, new_name, Child::Node(id));
        self.touch(new.parent);
        Ok(())
    }
}
