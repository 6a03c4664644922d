//! The Unix side of [`super`]: descriptors of folders and the `…at` calls.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;

use super::{EntryType, Named, Stamp, Status};

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
}

/// How often, and at what distance, a lock that is held for moments is tried.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the root itself. Links in the path to it are the user's own and are followed.
    pub fn open_root(path: &Path) -> io::Result<Self> {
        let fd = fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd })
    }

    /// Opens a folder beneath this one; `""` is this one.
    pub fn folder(&self, path: &str) -> io::Result<Self> {
        if path.is_empty() {
            return Ok(Self { fd: self.fd.try_clone()? });
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match super::split(path) {
                None => return Err(io::ErrorKind::InvalidInput.into()),
                Some(_) => match fs::openat2(&self.fd, path, FOLDER, Mode::empty(), resolve) {
                    Ok(fd) => return Ok(Self { fd }),
                    // Kernels before 5.6, and filters that refuse what they do not know. `EAGAIN` is a rename that ran
                    // into the look-up; going step by step cannot meet it.
                    Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
                    Err(e) => return Err(plain(e)),
                },
            }
        }
        self.folder_by_parts(path)
    }

    /// The same, component by component.
    pub fn folder_by_parts(&self, path: &str) -> io::Result<Self> {
        super::split(path).ok_or(io::ErrorKind::InvalidInput)?;
        let mut here = Self { fd: self.fd.try_clone()? };
        for part in path.split('/') {
            here = here.child(OsStr::new(part))?;
        }
        Ok(here)
    }

    /// Opens a folder directly in this one.
    pub fn child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self { fd: fs::openat(&self.fd, name, FOLDER, Mode::empty()).map_err(plain)? })
    }

    /// What tells this folder from any other: device and inode.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let stamp = status_of(&fs::fstat(&self.fd)?).stamp;
        Ok((stamp.device, stamp.inode))
    }

    /// Every name in this folder but `.` and `..`, in the system's order.
    pub fn entries(&self) -> io::Result<Vec<Named>> {
        let mut all = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => kind_of(FileType::from_raw_mode(stat.st_mode)),
                    Err(_) => EntryType::Special,
                },
                known => kind_of(known),
            };
            all.push(Named { name: OsString::from_vec(name.to_bytes().to_vec()), kind });
        }
        Ok(all)
    }

    /// Stamp, type and mode of a name in this folder, links not followed.
    pub fn status(&self, name: impl AsRef<OsStr>) -> io::Result<Status> {
        Ok(status_of(&fs::statat(&self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Whether the process may read a name in this folder.
    pub fn readable(&self, name: impl AsRef<OsStr>) -> bool {
        fs::accessat(&self.fd, name.as_ref(), fs::Access::READ_OK, AtFlags::EACCESS).is_ok()
    }

    /// The target of a link in this folder.
    pub fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(OsString::from_vec(fs::readlinkat(&self.fd, name, Vec::new())?.into_bytes()))
    }

    /// Opens a regular file in this folder for reading. Anything else is an error; a FIFO does not block.
    pub fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<(File, Status)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name.as_ref(), flags, Mode::empty()).map_err(plain)?;
        let status = status_of(&fs::fstat(&fd)?);
        if status.kind != EntryType::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((File::from(fd), status))
    }

    /// Makes a new file in this folder; one that is there, or a link, is an error.
    pub fn create_new(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::from_raw_mode(mode as RawMode))?;
        Ok(File::from(fd))
    }

    /// Makes a folder with the user's usual mode.
    pub fn make_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o777))?)
    }

    /// Renames within this folder, over what is there.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Renames within this folder, unless the new name is taken.
    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::fs::RenameFlags;
            match fs::renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
                Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
                done => return Ok(done?),
            }
        }
        // A hard link is the older way to take a name only if it is free.
        fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
        Ok(fs::unlinkat(&self.fd, from, AtFlags::empty())?)
    }

    /// Swaps two names of this folder in one step; `Unsupported` where the file system cannot.
    pub fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::fs::RenameFlags;
            match fs::renameat_with(&self.fd, one, &self.fd, other, RenameFlags::EXCHANGE) {
                Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
                done => Ok(done?),
            }
        }
        #[cfg(not(any(target_os = "linux", target_os = "macos")))]
        {
            let _ = (one, other);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Removes a file.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// An open file's permission bits.
    pub fn mode(file: &File) -> io::Result<u32> {
        Ok(status_of(&fs::fstat(file)?).mode)
    }

    /// Sets an open file's permission bits.
    pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(file, Mode::from_raw_mode((mode & 0o7777) as RawMode))?)
    }

    /// Takes a shared lock on this folder until it is closed. It only holds off [`Folder::try_lock_exclusive`], which is
    /// over in moments; so a system without locks, or a stranger who keeps one, is no reason to stop.
    pub fn lock_shared(&self) {
        for _ in 0..LOCK_TRIES {
            match fs::flock(&self.fd, FlockOperation::NonBlockingLockShared) {
                Err(Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
                Err(Errno::INTR) => {}
                _ => return,
            }
        }
    }

    /// Takes this folder's lock for oneself until it is closed, if nobody has it.
    pub fn try_lock_exclusive(&self) -> bool {
        fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Whether a name in this folder, links not followed, belongs to the user who runs this.
    pub fn is_mine(&self, name: impl AsRef<OsStr>) -> bool {
        let stat = fs::statat(&self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| stat.st_uid == rustix::process::geteuid().as_raw())
    }

    /// Waits until the folder's names are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.fd)?)
    }
}

/// Stamp, type and mode of an open file.
pub fn status_of_file(file: &File) -> io::Result<Status> {
    Ok(status_of(&fs::fstat(file)?))
}

/// A link where none may be, or a socket, is one thing to callers: not what the path was said to be.
fn plain(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::NXIO => io::Error::new(io::ErrorKind::InvalidInput, "not a plain file or folder"),
        other => other.into(),
    }
}

fn kind_of(kind: FileType) -> EntryType {
    match kind {
        FileType::RegularFile => EntryType::File,
        FileType::Directory => EntryType::Folder,
        FileType::Symlink => EntryType::Link,
        _ => EntryType::Special,
    }
}

// The fields' widths differ from system to system.
#[allow(clippy::unnecessary_cast, reason = "the casts are needed on some systems")]
fn status_of(stat: &Stat) -> Status {
    let ns = |seconds: i128, nanoseconds: i128| seconds * 1_000_000_000 + nanoseconds;
    Status {
        kind: kind_of(FileType::from_raw_mode(stat.st_mode as RawMode)),
        mode: stat.st_mode as u32 & 0o7777,
        stamp: Stamp {
            len: stat.st_size as u64,
            modified_ns: ns(stat.st_mtime as i128, stat.st_mtime_nsec as i128),
            changed_ns: ns(stat.st_ctime as i128, stat.st_ctime_nsec as i128),
            inode: stat.st_ino as u64,
            device: stat.st_dev as u64,
        },
    }
}
