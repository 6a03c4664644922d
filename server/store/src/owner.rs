//! Who is at work on a session: whoever holds the lock on its file. The system frees it when the process dies, however that
//! comes about, so there is nothing to clean up and no number of a process to mistake for another's.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::private;

/// Held while a session is worked on.
#[derive(Debug)]
pub(crate) struct Owner {
    path: PathBuf,
    /// Held for its lock.
    file: File,
}

impl Owner {
    /// Takes a session.
    ///
    /// # Errors
    /// [`StoreError::Owned`] where another process, or another writer of this one, has it.
    pub(crate) fn take(folder: &Path, id: &str) -> Result<Self, StoreError> {
        let live = folder.join("live");
        private::folder(&live)?;
        let path = live.join(format!("{id}.lock"));
        loop {
            let mut file = private::lock_file(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Owned { id: id.to_owned(), pid: pid(&mut file) });
                }
                Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, &error)),
            }
            // The one before may have removed the file between our opening and locking it.
            if !is_same_file(&file, &path) {
                continue;
            }
            // Only to be told to people; an empty file locks as well.
            let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
            return Ok(Self { path, file });
        }
    }
}

/// Whether somebody has a session.
pub(crate) fn is_taken(folder: &Path, id: &str) -> bool {
    // Where there is no file, nobody has locked it, and none is made: that could be in the way of who is just taking it.
    let file = private::options().open(folder.join("live").join(format!("{id}.lock")));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Drop for Owner {
    fn drop(&mut self) {
        // While it is still locked, so that nobody else's is removed. One that stays is taken over by the next.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => open.ino() == there.ino() && open.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    // There, a file that is open cannot be removed.
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_next_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Owner::take(dir.path(), "bado-kemi").unwrap();
        let other = Owner::take(dir.path(), "bado-kemu").unwrap();
        match Owner::take(dir.path(), "bado-kemi") {
            Err(StoreError::Owned { id, pid }) => {
                assert_eq!((id.as_str(), pid), ("bado-kemi", Some(std::process::id())));
            }
            got => panic!("{got:?}"),
        }
        drop(first);
        drop(Owner::take(dir.path(), "bado-kemi").unwrap());
        drop(other);
        assert_eq!(fs::read_dir(dir.path().join("live")).unwrap().count(), 0, "nothing is left behind");
    }
}
