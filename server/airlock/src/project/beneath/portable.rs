//! The side of [`super`] for systems other than Unix: paths, each component's type looked at before its use.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{EntryType, Named, Stamp, Status};

/// A folder that was no link when it was opened.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn open_root(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path })
    }

    pub fn folder(&self, path: &str) -> io::Result<Self> {
        if path.is_empty() {
            return Ok(Self { path: self.path.clone() });
        }
        self.folder_by_parts(path)
    }

    pub fn folder_by_parts(&self, path: &str) -> io::Result<Self> {
        super::split(path).ok_or(io::ErrorKind::InvalidInput)?;
        let mut here = Self { path: self.path.clone() };
        for part in path.split('/') {
            here = here.child(OsStr::new(part))?;
        }
        Ok(here)
    }

    pub fn child(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path })
    }

    pub fn identity(&self) -> io::Result<(u64, u64)> {
        if fs::symlink_metadata(&self.path)?.is_dir() { Ok((0, 0)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub fn entries(&self) -> io::Result<Vec<Named>> {
        fs::read_dir(&self.path)?
            .map(|entry| {
                let entry = entry?;
                Ok(Named { name: entry.file_name(), kind: kind_of(entry.file_type()?) })
            })
            .collect()
    }

    pub fn status(&self, name: impl AsRef<OsStr>) -> io::Result<Status> {
        Ok(status_of(&fs::symlink_metadata(self.path.join(name.as_ref()))?))
    }

    pub fn readable(&self, _name: impl AsRef<OsStr>) -> bool {
        true
    }

    pub fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(fs::read_link(self.path.join(name))?.into_os_string())
    }

    pub fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<(File, Status)> {
        let path = self.path.join(name.as_ref());
        if self.status(name)?.kind != EntryType::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        let status = status_of(&file.metadata()?);
        Ok((file, status))
    }

    pub fn create_new(&self, name: &str, _mode: u32) -> io::Result<File> {
        File::options().write(true).create_new(true).open(self.path.join(name))
    }

    pub fn make_folder(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), self.path.join(to))?;
        fs::remove_file(self.path.join(from))
    }

    pub fn exchange(&self, _one: &str, _other: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    pub fn mode(_file: &File) -> io::Result<u32> {
        Ok(0)
    }

    pub fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    pub fn lock_shared(&self) {}

    /// Never: a folder has no lock here, so nobody can know that it is not in use.
    pub fn try_lock_exclusive(&self) -> bool {
        false
    }

    pub fn is_mine(&self, _name: impl AsRef<OsStr>) -> bool {
        false
    }

    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Stamp, type and mode of an open file.
pub fn status_of_file(file: &File) -> io::Result<Status> {
    Ok(status_of(&file.metadata()?))
}

fn kind_of(kind: fs::FileType) -> EntryType {
    if kind.is_symlink() {
        EntryType::Link
    } else if kind.is_dir() {
        EntryType::Folder
    } else if kind.is_file() {
        EntryType::File
    } else {
        EntryType::Special
    }
}

fn status_of(meta: &Metadata) -> Status {
    let since = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Status {
        kind: kind_of(meta.file_type()),
        mode: 0,
        stamp: Stamp {
            len: meta.len(),
            modified_ns: since.map_or(0, |d| i128::try_from(d.as_nanos()).unwrap_or(0)),
            changed_ns: 0,
            inode: 0,
            device: 0,
        },
    }
}
