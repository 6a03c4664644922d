//! Where a workspace's database is. A project is never written to, so its identity is what the file system says of its
//! folder: the folder's inode with the moment it was made, which a move or a new name keeps and a copy does not have.
//! Where the system knows no such moment, the device stands in for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::private;

/// Most workspaces that are looked through.
const MAX_WORKSPACES: usize = 10_000;

/// Longest description of a workspace that is read.
const MAX_DESCRIPTION: u64 = 64 << 10;

/// How long to wait for another process that gives a workspace its place, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

const DESCRIPTION: &str = "workspace.json";

/// The user's folder for Airlock's data.
#[derive(Clone, Debug)]
pub struct DataFolder {
    root: PathBuf,
}

/// One workspace's folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) folder: PathBuf,
    /// Where the workspace is, or was when it was last heard of.
    pub workspace: PathBuf,
}

/// What stays the same when a folder is moved, and differs between copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    inode: u64,
    /// Nanoseconds since 1970; none where the file system does not keep them.
    born: Option<u64>,
    /// Numbers of devices change between starts of a machine, so this one only tells two folders apart that are there.
    device: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Description {
    version: u32,
    path: String,
    identity: Option<Identity>,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let meta = fs::metadata(path).ok()?;
            let born = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let born = born.and_then(|time| u64::try_from(time.as_nanos()).ok()).filter(|nanos| *nanos > 0);
            Some(Self { inode: meta.ino(), born, device: meta.dev() })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            None
        }
    }

    /// Whether both are of one folder, as far as they say.
    fn is_same(self, other: Self) -> bool {
        self.inode == other.inode && self.born == other.born && (self.born.is_some() || self.device == other.device)
    }
}

impl DataFolder {
    /// The folder, made where it is missing and checked whose it is.
    ///
    /// # Errors
    /// It cannot be made, or belongs to somebody else.
    pub fn at(root: PathBuf) -> Result<Self, StoreError> {
        if let Some(above) = root.parent() {
            fs::create_dir_all(above).map_err(|error| StoreError::io(above, &error))?;
        }
        private::folder(&root)?;
        private::folder(&root.join("workspaces"))?;
        Ok(Self { root })
    }

    /// The workspace's place, if it has one.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn find(&self, workspace: &Path) -> Result<Option<Place>, StoreError> {
        let workspace = workspace.canonicalize().map_err(|error| StoreError::io(workspace, &error))?;
        let here = Identity::of(&workspace);
        for (place, identity) in self.described()? {
            match (here, identity) {
                (Some(here), Some(identity))
                    if here.is_same(identity)
                        && (place.workspace == workspace || !is_elsewhere(&place.workspace, here)) =>
                {
                    return Ok(Some(self.moved(place, &workspace)?));
                }
                // Without identities, the path is all there is.
                (None, _) | (_, None) if place.workspace == workspace => return Ok(Some(place)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The workspace's place, made where it has none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn place(&self, workspace: &Path) -> Result<Place, StoreError> {
        let lock = private::lock_file(&self.root.join("workspaces.lock"))?;
        private::lock(&lock, &self.root, PATIENCE)?;
        if let Some(place) = self.find(workspace)? {
            return Ok(place);
        }
        let workspace = workspace.canonicalize().map_err(|error| StoreError::io(workspace, &error))?;
        let name: String = workspace
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .take(32)
            .collect();
        let identity = Identity::of(&workspace);
        let seed = format!("{}\0{identity:?}", workspace.display());
        // The name is for people who look into the folder; the number keeps copies apart, also after a clash.
        let folder = (0..)
            .map(|number| {
                let hash = blake3::hash(format!("{seed}\0{number}").as_bytes()).to_hex();
                self.root.join("workspaces").join(format!("{name}-{}", &hash[..12]))
            })
            .find(|folder| !folder.exists())
            .unwrap_or_else(|| unreachable!("some number is free"));
        private::folder(&folder)?;
        let place = Place { folder, workspace };
        place.describe(identity)?;
        Ok(place)
    }

    /// The folder in which each workspace has one: it changes when one gets its place.
    pub fn workspaces(&self) -> PathBuf {
        self.root.join("workspaces")
    }

    /// Every workspace there is something of, by name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> Result<Vec<Place>, StoreError> {
        Ok(self.described()?.into_iter().map(|(place, _)| place).collect())
    }

    fn described(&self) -> Result<Vec<(Place, Option<Identity>)>, StoreError> {
        let folder = self.root.join("workspaces");
        let failed = |error: std::io::Error| StoreError::io(&folder, &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)?.take(MAX_WORKSPACES) {
            let folder = entry.map_err(failed)?.path();
            let file = folder.join(DESCRIPTION);
            let small = fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_DESCRIPTION);
            // One that was cut off while it was made describes nothing, and holds nothing yet.
            let Some(text) = small.then(|| fs::read_to_string(&file).ok()).flatten() else { continue };
            let Ok(description) = serde_json::from_str::<Description>(&text) else { continue };
            let place = Place { folder, workspace: PathBuf::from(description.path) };
            found.push((place, description.identity));
        }
        found.sort_by(|(a, _), (b, _)| a.folder.cmp(&b.folder));
        Ok(found)
    }

    /// A place whose workspace is found under another path than before, with that written down.
    fn moved(&self, place: Place, workspace: &Path) -> Result<Place, StoreError> {
        let here = Identity::of(workspace);
        let there = Identity::of(&place.workspace);
        // The same folder can have two paths at once; then the first one stays.
        let both = here.zip(there).is_some_and(|(here, there)| here.is_same(there));
        let found = Place { workspace: workspace.to_owned(), ..place.clone() };
        if place.workspace != workspace && !both {
            found.describe(here)?;
        }
        Ok(found)
    }
}

/// Whether the path that a workspace had still leads to a folder that looks like it but is on another device: the one is a
/// copy of the other then, as a file system's own snapshots are.
fn is_elsewhere(path: &Path, here: Identity) -> bool {
    Identity::of(path).is_some_and(|there| there.is_same(here) && there.device != here.device)
}

impl Place {
    fn describe(&self, identity: Option<Identity>) -> Result<(), StoreError> {
        let path = self.workspace.to_string_lossy().into_owned();
        let description = Description { version: 1, path, identity };
        let text = serde_json::to_string(&description)
            .map_err(|error| StoreError::Unavailable { path: self.folder.clone(), why: error.to_string() })?;
        private::write_whole(&self.folder.join(DESCRIPTION), text.as_bytes())
    }

    /// The folder that holds the database.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.join("sessions.db")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn setting() -> (tempfile::TempDir, DataFolder, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataFolder::at(dir.path().join("data/airlock")).unwrap();
        let project = dir.path().join("shop");
        fs::create_dir(&project).unwrap();
        (dir, data, project)
    }

    #[test]
    fn a_workspace_is_found_again_after_a_move() {
        let (dir, data, project) = setting();
        assert_eq!(data.find(&project).unwrap(), None);
        let place = data.place(&project).unwrap();
        assert_eq!(data.place(&project).unwrap(), place);
        let moved = dir.path().join("deep/other name");
        fs::create_dir(dir.path().join("deep")).unwrap();
        fs::rename(&project, &moved).unwrap();
        let found = data.find(&moved).unwrap().expect("found again");
        assert_eq!(found.folder, place.folder);
        assert_eq!(found.workspace, moved.canonicalize().unwrap());
        assert_eq!(data.all().unwrap(), [found], "the new path is written down");
    }

    #[test]
    fn copies_and_successors_have_sessions_of_their_own() {
        let (dir, data, project) = setting();
        let first = data.place(&project).unwrap();
        let copies: Vec<Place> = ["copy", "copy two"]
            .map(|name| {
                let copy = dir.path().join(name);
                fs::create_dir(&copy).unwrap();
                data.place(&copy).unwrap()
            })
            .into();
        assert_ne!(copies[0].folder, copies[1].folder);
        assert!(copies.iter().all(|copy| copy.folder != first.folder));
        // Another folder comes to lie where the first one was.
        let moved = dir.path().join("moved");
        fs::rename(&project, &moved).unwrap();
        fs::create_dir(&project).unwrap();
        let successor = data.place(&project).unwrap();
        assert_ne!(successor.folder, first.folder);
        assert_eq!(data.place(&moved).unwrap().folder, first.folder, "and the first is still known");
        assert_eq!(data.place(&project).unwrap().folder, successor.folder);
    }

    #[test]
    fn a_link_leads_to_the_folder_s_own_sessions() {
        let (dir, data, project) = setting();
        let place = data.place(&project).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&project, &link).unwrap();
        assert_eq!(data.place(&link).unwrap(), place);
    }

    #[test]
    fn folders_and_files_are_the_user_s_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, data, project) = setting();
        let place = data.place(&project).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for folder in [dir.path().join("data/airlock"), place.folder.clone()] {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
        assert_eq!(mode(&place.folder.join(DESCRIPTION)), 0o600);
        fs::set_permissions(dir.path().join("data/airlock"), fs::Permissions::from_mode(0o777)).unwrap();
        DataFolder::at(dir.path().join("data/airlock")).unwrap();
        assert_eq!(mode(&dir.path().join("data/airlock")), 0o700, "tightened");
    }

    #[test]
    fn half_a_description_is_passed_over() {
        let (_dir, data, project) = setting();
        let place = data.place(&project).unwrap();
        fs::write(place.folder.join(DESCRIPTION), "{\"version\":1,\"pa").unwrap();
        assert_eq!(data.find(&project).unwrap(), None);
        assert_ne!(data.place(&project).unwrap().folder, place.folder);
    }
}
