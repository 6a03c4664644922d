//! Folders and files that are the user's alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// Makes a folder for its owner alone, or checks and tightens one that is there.
pub(crate) fn folder(path: &Path) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::io(path, &error);
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
        Ok(()) => return Ok(()),
    }
    // A link is not followed: whoever made it could lead us anywhere.
    let meta = fs::symlink_metadata(path).map_err(failed)?;
    if !meta.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Options that make a file for its owner alone.
pub(crate) fn options() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file to lock, made where it is missing.
pub(crate) fn lock_file(path: &Path) -> Result<File, StoreError> {
    options().create(true).truncate(false).open(path).map_err(|error| StoreError::io(path, &error))
}

/// Whether nothing can be written in a folder: its disk is mounted like that, or its mode forbids it.
pub(crate) fn is_read_only(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let access = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK);
        matches!(access, Err(Errno::ROFS | Errno::ACCESS | Errno::PERM))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        false
    }
}

/// Between two tries of a lock.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Locks a file for this process alone. Whoever has it may have been stopped (Ctrl-Z) and hold it for ever, so the wait has
/// an end.
pub(crate) fn lock(file: &File, path: &Path, patience: Duration) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(path, &error)),
            Err(TryLockError::WouldBlock) if started.elapsed() >= patience => {
                return Err(StoreError::Busy(path.to_owned()));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
        }
    }
}

/// Room that a session needs at least, in bytes: SQLite's shared memory, its journal and the first events.
const ROOM: u64 = 1 << 20;

/// Whether there is no room left where a file lies; false where the system does not say.
pub(crate) fn is_full(path: &Path) -> bool {
    #[cfg(unix)]
    {
        let folder = path.parent().unwrap_or(path);
        rustix::fs::statvfs(folder)
            .is_ok_and(|stat| stat.f_blocks > 0 && stat.f_bavail.saturating_mul(stat.f_frsize) < ROOM)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Writes a file whole: beside its place, flushed, then renamed, then the folder flushed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = options().create(true).truncate(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder_of(path)
    };
    write().map_err(|error| StoreError::io(path, &error))
}

/// Makes a change of names durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
