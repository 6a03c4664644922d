//! Names in folders: finding, listing, adding, taking away.

use std::sync::Arc;

use super::error::FsError;
use super::node::{Access, Content, FileType, Kind, Node, NodeId, Origin, inode};
use super::source::{EntryKind, Listing, SourceEntry, SourceError};
use super::store::Child;
use super::{START, Vfs};

/// One name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DirEntry {
    pub name: Box<str>,
    pub ino: u64,
    pub file_type: FileType,
}

impl Vfs {
    /// The node of a name in a folder, asked of the source where it is not known yet.
    pub(crate) fn child(&mut self, dir: NodeId, name: &str) -> Result<Option<NodeId>, FsError> {
        match self.store.child(dir, name) {
            Some(Child::Node(id)) => Ok(Some(id)),
            Some(Child::Gone) => Ok(None),
            Some(Child::Unseen(id)) => {
                // The overlay that brought it here kept what it was in the source.
                if let Some(entry) = self.bottom_entry(dir, name)? {
                    self.saw(dir, &entry);
                }
                self.store.set_child(dir, name, Child::Node(id));
                Ok(Some(id))
            }
            None => match self.bottom_entry(dir, name)? {
                Some(entry) => {
                    self.saw(dir, &entry);
                    let id = self.bring_up(dir, &entry)?;
                    self.store.set_child(dir, name, Child::Node(id));
                    Ok(Some(id))
                }
                None => {
                    if let Some(origin) = self.bottom_of(dir)
                        && self.recorder.missed(origin.mount, &origin.child(name).path)
                    {
                        self.store.set_child(dir, name, Child::Gone);
                    }
                    Ok(None)
                }
            },
        }
    }

    /// As [`child`](Self::child), but leaves no trace: for overlays.
    pub(crate) fn child_untraced(&mut self, dir: NodeId, name: &str) -> Result<Option<NodeId>, FsError> {
        match self.store.child(dir, name) {
            Some(Child::Node(id) | Child::Unseen(id)) => Ok(Some(id)),
            Some(Child::Gone) => Ok(None),
            None => {
                let Some(entry) = self.bottom_entry(dir, name)? else { return Ok(None) };
                let id = self.bring_up(dir, &entry)?;
                self.store.set_child(dir, name, Child::Unseen(id));
                Ok(Some(id))
            }
        }
    }

    fn bottom_of(&self, dir: NodeId) -> Option<Origin> {
        match &self.node(dir).kind {
            Kind::Dir { bottom, .. } => bottom.clone(),
            _ => None,
        }
    }

    fn bottom_listing(&mut self, origin: &Origin) -> Result<Arc<Listing>, FsError> {
        let Some(bottom) = &self.bottom else {
            return Err(self.fault(origin, SourceError::Other("no source is set".into())));
        };
        bottom.clone().list(origin).map_err(|error| self.fault(origin, error))
    }

    fn bottom_entry(&mut self, dir: NodeId, name: &str) -> Result<Option<SourceEntry>, FsError> {
        match self.bottom_of(dir) {
            Some(origin) => Ok(self.bottom_listing(&origin)?.get(name).cloned()),
            None => Ok(None),
        }
    }

    fn saw(&mut self, dir: NodeId, entry: &SourceEntry) {
        if let Some(origin) = self.bottom_of(dir) {
            self.recorder.seen(origin.mount, &origin.child(&entry.name).path, entry.seen());
        }
    }

    /// Makes a node of what a source says.
    fn bring_up(&mut self, dir: NodeId, entry: &SourceEntry) -> Result<NodeId, FsError> {
        let Some(origin) = self.bottom_of(dir) else { return Err(FsError::NotFound) };
        let origin = origin.child(&entry.name);
        let kind = match &entry.kind {
            EntryKind::Dir => Kind::Dir { parent: dir, bottom: Some(origin) },
            EntryKind::File { len, executable } => {
                Kind::File(Content::Source { origin, len: *len, executable: *executable })
            }
            EntryKind::Link { target } => Kind::Link(target.as_str().into()),
        };
        let parent = self.node(dir);
        let node = Node::new(inode(parent.ino, &entry.name, 0), kind, parent.access, START);
        self.store.insert(node).ok_or(FsError::TooManyNodes)
    }

    /// The names of a folder, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// `NotDir`, or what the source said.
    pub fn read_dir(&mut self, dir: NodeId) -> Result<Vec<DirEntry>, FsError> {
        if !self.node(dir).is_dir() {
            return Err(FsError::NotDir);
        }
        if self.node(dir).nlink == 0 {
            return Ok(Vec::new());
        }
        let listing = match self.bottom_of(dir) {
            Some(origin) => {
                let listing = self.bottom_listing(&origin)?;
                self.recorder.listed(origin.mount, &origin.path, listing.listed());
                Some(listing)
            }
            None => None,
        };
        let parent = self.node(dir).ino;
        let mut known = self.store.children(dir).into_iter().peekable();
        let mut names = Vec::new();
        let add_known = |names: &mut Vec<DirEntry>, name: &str, child: Child| {
            if let Child::Node(id) | Child::Unseen(id) = child {
                let node = self.store.get(id);
                names.push(DirEntry { name: name.into(), ino: node.ino, file_type: node.file_type() });
            }
        };
        // Two sorted sequences, merged; what is known hides what lies below.
        for entry in listing.as_deref().map_or(&[][..], Listing::entries) {
            while let Some((name, child)) = known.next_if(|(name, _)| *name < entry.name.as_str()) {
                add_known(&mut names, name, child);
            }
            match known.next_if(|(name, _)| *name == entry.name.as_str()) {
                Some((name, child)) => add_known(&mut names, name, child),
                None => names.push(DirEntry {
                    name: entry.name.as_str().into(),
                    ino: inode(parent, &entry.name, 0),
                    file_type: match entry.kind {
                        EntryKind::Dir => FileType::Dir,
                        EntryKind::File { .. } => FileType::File,
                        EntryKind::Link { .. } => FileType::Link,
                    },
                }),
            }
        }
        for (name, child) in known {
            add_known(&mut names, name, child);
        }
        Ok(names)
    }

    pub(crate) fn check_writable(&self, id: NodeId) -> Result<(), FsError> {
        match self.node(id).access {
            Access::Writable => Ok(()),
            Access::ReadOnly => Err(FsError::ReadOnly),
            Access::System => Err(FsError::Access),
        }
    }

    /// Whether a name can be added to a folder.
    pub(crate) fn check_room(&self, dir: NodeId) -> Result<(), FsError> {
        let node = self.node(dir);
        if !node.is_dir() {
            return Err(FsError::NotDir);
        }
        if node.nlink == 0 {
            return Err(FsError::NotFound);
        }
        self.check_writable(dir)
    }

    /// A new node of the guest's, counted against its quota.
    pub(crate) fn add(&mut self, dir: NodeId, name: &str, kind: Kind) -> Result<NodeId, FsError> {
        self.check_room(dir)?;
        if self.used.nodes >= self.limits.nodes {
            return Err(FsError::TooManyNodes);
        }
        let birth = self.store.birth();
        let ino = inode(self.node(dir).ino, name, birth);
        let mut node = Node::new(ino, kind, Access::Writable, self.now);
        node.counted = true;
        let held = node.held();
        if self.used.bytes.saturating_add(held) > self.limits.bytes {
            return Err(FsError::NoSpace);
        }
        let id = self.store.insert(node).ok_or(FsError::TooManyNodes)?;
        self.used.nodes += 1;
        self.used.bytes += held;
        self.store.set_child(dir, name, Child::Node(id));
        self.touch(dir);
        Ok(id)
    }

    /// A folder changed: its times say so.
    pub(crate) fn touch(&mut self, dir: NodeId) {
        let now = self.now;
        let node = self.store.get_mut(dir);
        node.mtime = now;
        node.ctime = now;
    }

    /// Takes a name away, and the node with it where that was its last.
    pub(crate) fn detach(&mut self, dir: NodeId, name: &str, id: NodeId) {
        self.detach_name(dir, name);
        self.drop_link(id);
    }

    pub(crate) fn detach_name(&mut self, dir: NodeId, name: &str) {
        // Only what lies below needs a mark: marks for every name that came and went would grow without bound. A
        // source that fails now leaves one.
        let hides = self.bottom_entry(dir, name).map_or(true, |entry| entry.is_some());
        self.store.remove_child(dir, name, hides);
        self.touch(dir);
    }

    pub(crate) fn drop_link(&mut self, id: NodeId) {
        let now = self.now;
        let node = self.store.get_mut(id);
        node.nlink = node.nlink.saturating_sub(1);
        node.ctime = now;
        if node.nlink > 0 {
            // Each further name was counted as a node.
            self.used.nodes = self.used.nodes.saturating_sub(1);
            return;
        }
        if let Kind::Dir { parent, .. } = &mut node.kind {
            // The number of the folder above may be given to another node while this one is still open.
            *parent = id;
        }
        self.forget_if_unused(id);
    }

    pub(crate) fn forget_if_unused(&mut self, id: NodeId) {
        let node = self.node(id);
        if node.nlink > 0 || self.opens.contains_key(&id) {
            return;
        }
        let (held, counted) = (node.held(), u64::from(node.counted));
        self.used.bytes = self.used.bytes.saturating_sub(held);
        self.used.nodes = self.used.nodes.saturating_sub(counted);
        self.store.release(id);
    }
}
