//! What guests see of this machine: the workspace's snapshot, the environment's packages, sources of editable installs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_core::path::WorkspacePath;
use airlock_sandbox::vfs::{EntryKind, Source, SourceEntry, SourceError, Trace};
use airlock_sandbox::worker::protocol::MountSpec;
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::project::beneath::EntryType;
use crate::project::environment::{EnvironmentLayout, HostDir};
use crate::project::host_tree::{HostTree, IsHidden, Visible};
use crate::project::workspace::{Entry, SourceError as ReadError, Workspace};

/// Where the workspace is in the guest.
pub const WORKSPACE: &str = "/workspace";

/// Source of the workspace; those of the environment and of editable installs follow, from these numbers.
const WORKSPACE_SOURCE: u32 = FIRST_REMOTE;
const ENVIRONMENT_SOURCES: u32 = 32;
const EDITABLE_SOURCES: u32 = 64;
/// Far more `site-packages` than an environment has; the editable ones are bounded where they are found.
const MOST_PACKAGES: usize = (EDITABLE_SOURCES - ENVIRONMENT_SOURCES) as usize;

/// Everything a guest can see of this machine, read-only.
pub struct Files {
    workspace: Arc<Workspace>,
    /// Names in each folder of the workspace.
    folders: BTreeMap<String, Vec<SourceEntry>>,
    trees: BTreeMap<u32, HostTree>,
}

/// Where each source is mounted.
#[derive(Clone, Debug, Default)]
pub struct Mounts {
    pub workspace: Vec<MountSpec>,
    pub environment: Vec<MountSpec>,
    pub editable: Vec<MountSpec>,
}

impl Files {
    /// Opens the folders of an environment; `hides` says what is kept from the guest in a working copy outside the
    /// repository. What cannot be opened is told in the third value.
    pub fn open(
        workspace: Arc<Workspace>,
        environment: Option<&EnvironmentLayout>,
        hides: &dyn Fn(&Path) -> Result<IsHidden, String>,
    ) -> (Self, Mounts, Vec<String>) {
        let mut folders: BTreeMap<String, Vec<SourceEntry>> = BTreeMap::new();
        folders.insert(String::new(), Vec::new());
        for (path, entry) in workspace.entries() {
            let (above, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
            let kind = match entry {
                Entry::Folder => {
                    folders.entry(path.to_string()).or_default();
                    EntryKind::Dir
                }
                Entry::File { stamp, executable } => EntryKind::File { len: stamp.len, executable: *executable },
                Entry::Link { target } => EntryKind::Link { target: target.clone() },
            };
            folders.entry(above.to_owned()).or_default().push(SourceEntry { name: name.to_owned(), kind });
        }
        let mut mounts = Mounts {
            workspace: vec![MountSpec { at: WORKSPACE.to_owned(), source: WORKSPACE_SOURCE, writable: true }],
            ..Mounts::default()
        };
        let (mut trees, mut notes) = (BTreeMap::new(), Vec::new());
        if let Some(layout) = environment {
            let mut open = |dirs: &[HostDir], first: u32, links: &[PathBuf], packages: bool| {
                let mut made = Vec::new();
                for (source, dir) in (first..).zip(dirs) {
                    let visible =
                        if packages { Ok(Visible::Everything) } else { hides(&dir.host).map(Visible::Sources) };
                    let opened = visible.and_then(|visible| {
                        HostTree::open(&dir.host, links, visible).map_err(|error| error.to_string())
                    });
                    match opened {
                        Ok(tree) => {
                            trees.insert(source, tree);
                            made.push(MountSpec { at: dir.guest.clone(), source, writable: false });
                        }
                        Err(error) => notes.push(format!("{} cannot be read: {error}", dir.host.display())),
                    }
                }
                made
            };
            let packages = &layout.site_packages[..layout.site_packages.len().min(MOST_PACKAGES)];
            mounts.environment = open(packages, ENVIRONMENT_SOURCES, &layout.link_roots, true);
            mounts.editable = open(&layout.editable, EDITABLE_SOURCES, &[], false);
        }
        (Self { workspace, folders, trees }, mounts, notes)
    }

    /// A file of the workspace.
    ///
    /// # Errors
    /// As [`Workspace::read`].
    pub fn workspace_file(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, ReadError> {
        self.workspace.read(path).map(|content| content.bytes)
    }

    /// The workspace's snapshot.
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}

/// Paths of the workspace that a run looked for and did not find.
pub fn missed(trace: &Trace) -> impl Iterator<Item = &str> {
    trace.mounts.get(&WORKSPACE_SOURCE).into_iter().flat_map(|facts| facts.missed.iter().map(AsRef::as_ref))
}

impl Source for Files {
    fn list(&self, mount: u32, dir: &str) -> Result<Vec<SourceEntry>, SourceError> {
        if mount == WORKSPACE_SOURCE {
            return self.folders.get(dir).cloned().ok_or(SourceError::NotFound);
        }
        let tree = self.trees.get(&mount).ok_or(SourceError::NotFound)?;
        let names = tree.list(dir).map_err(|error| from_io(&error))?;
        let mut entries = Vec::with_capacity(names.len());
        for (name, kind) in names {
            let kind = match kind {
                EntryType::Folder => EntryKind::Dir,
                EntryType::File => {
                    let inner = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
                    // Gone since the listing: as if it had never been there.
                    let Ok(status) = tree.status(&inner) else { continue };
                    EntryKind::File { len: status.stamp.len, executable: false }
                }
                EntryType::Link | EntryType::Special => continue,
            };
            entries.push(SourceEntry { name, kind });
        }
        Ok(entries)
    }

    fn read(&self, mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        if mount == WORKSPACE_SOURCE {
            let path = path.parse::<WorkspacePath>().map_err(|_| SourceError::NotFound)?;
            return self.workspace_file(&path).map_err(|error| match error {
                ReadError::Missing(_) => SourceError::NotFound,
                ReadError::TooLarge { .. } => SourceError::TooLarge,
                ReadError::Changed(_) => SourceError::Changed,
                ReadError::Unreadable { .. } => SourceError::Denied,
            });
        }
        let tree = self.trees.get(&mount).ok_or(SourceError::NotFound)?;
        tree.read(path).map(|content| content.bytes).map_err(|error| from_io(&error))
    }
}

fn from_io(error: &io::Error) -> SourceError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::NotFound,
        io::ErrorKind::PermissionDenied => SourceError::Denied,
        io::ErrorKind::FileTooLarge => SourceError::TooLarge,
        _ => SourceError::Other(error.to_string()),
    }
}
