//! The user's cache folder: who may be in it, and the lock that lets one process at a time change it.
//!
//! A compiled guest is native code, so the folder is the user's alone (0700), and one that belongs to somebody else is
//! not used at all.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::InstallError;
use crate::config::Variables;

/// How often a wait looks again whether it is over or cancelled.
const POLL: Duration = Duration::from_millis(50);

/// The folder, made and checked.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Held while the guests are changed; the system frees it if the process dies.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held for its drop")] File);

impl Cache {
    /// Where the cache is, made or not.
    ///
    /// # Errors
    /// Neither `XDG_CACHE_HOME` nor a home folder is known.
    pub fn path(variables: &Variables<'_>) -> Result<PathBuf, InstallError> {
        variables.cache_home().map(|home| home.join("airlock")).ok_or(InstallError::NoCacheFolder)
    }

    /// Makes the folder where it is missing and checks whose it is.
    ///
    /// # Errors
    /// It cannot be made or written, or belongs to another user.
    pub fn open(variables: &Variables<'_>) -> Result<Self, InstallError> {
        Self::at(Self::path(variables)?)
    }

    /// The same for a given folder.
    ///
    /// # Errors
    /// See [`Cache::open`].
    pub fn at(root: PathBuf) -> Result<Self, InstallError> {
        let writing = |e| InstallError::writing(&root, e);
        if let Some(above) = root.parent() {
            fs::create_dir_all(above).map_err(writing)?;
        }
        private_folder(&root)?;
        refuse_link(&root.join("guests"))?;
        private_folder(&root.join("guests"))?;
        // Made by the worker when it first keeps something there.
        refuse_link(&root.join("images"))?;
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            // Tells backup programs to pass over the folder (https://bford.info/cachedir/).
            fs::write(&tag, "Signature: 8a477f597d28d172789f06886806bc55\n# Made by Airlock; may be deleted.\n")
                .map_err(writing)?;
        }
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds a folder for each guest.
    pub fn guests(&self) -> PathBuf {
        self.root.join("guests")
    }

    /// Takes the lock, waiting for another process if need be; `waiting` is called once before the wait.
    ///
    /// # Errors
    /// The lock file cannot be made, or the wait was cancelled.
    pub fn lock(&self, cancelled: &dyn Fn() -> bool, waiting: &mut dyn FnMut()) -> Result<Lock, InstallError> {
        let path = self.root.join("guests.lock");
        let writing = |e| InstallError::writing(&path, e);
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            use std::os::unix::fs::OpenOptionsExt;
            // A pipe under this name would be waited for, and a link would be written through.
            options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        }
        let file = match options.open(&path) {
            Ok(file) if file.metadata().is_ok_and(|meta| meta.is_file()) => file,
            Err(error) if !is_special(&path) => return Err(writing(error)),
            _ => return Err(InstallError::CacheOdd(path)),
        };
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::Error(e)) => return Err(writing(e)),
                Err(TryLockError::WouldBlock) if cancelled() => return Err(InstallError::Cancelled),
                Err(TryLockError::WouldBlock) => {
                    if !said {
                        waiting();
                        said = true;
                    }
                    std::thread::sleep(POLL);
                }
            }
        }
    }

    /// Bytes free for the user on the cache's disk, where the system says.
    pub fn free_bytes(&self) -> Option<u64> {
        #[cfg(unix)]
        {
            let stat = rustix::fs::statvfs(&self.root).ok()?;
            Some(stat.f_bavail.saturating_mul(stat.f_frsize))
        }
        #[cfg(not(unix))]
        None
    }
}

/// Whether something lies there that is neither a file nor a folder.
fn is_special(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// What lies inside the cache is the cache's own, not somewhere else.
fn refuse_link(path: &Path) -> Result<(), InstallError> {
    if is_special(path) { Err(InstallError::CacheOdd(path.to_owned())) } else { Ok(()) }
}

/// Makes a folder for its owner alone, or checks and tightens one that is there.
fn private_folder(path: &Path) -> Result<(), InstallError> {
    let writing = |e| InstallError::writing(path, e);
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(writing(e)),
        Ok(()) => return Ok(()),
    }
    let meta = fs::metadata(path).map_err(writing)?;
    if !meta.is_dir() {
        return Err(writing(io::ErrorKind::NotADirectory.into()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(InstallError::CacheForeign(path.to_owned()));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(writing)?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    #[test]
    fn the_folder_is_the_user_s_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("deep/cache/airlock");
        let mode = |p: &Path| fs::metadata(p).unwrap().mode() & 0o777;
        Cache::at(root.clone()).unwrap();
        assert_eq!((mode(&root), mode(&root.join("guests"))), (0o700, 0o700));
        fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
        Cache::at(root.clone()).unwrap();
        assert_eq!(mode(&root), 0o700);
        // Only the superuser can give a folder away; anyone else finds one that belongs to root.
        let foreign = if chown(&root, Some(12_345), None).is_ok() { root } else { PathBuf::from("/usr") };
        assert_eq!(Cache::at(foreign).unwrap_err().code(), "cache_foreign");
    }

    #[test]
    fn links_and_pipes_in_the_cache_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (dir.path().join("airlock"), dir.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        let cache = Cache::at(root.clone()).unwrap();
        let link = |to: &Path, at: &Path| std::os::unix::fs::symlink(to, at).unwrap();
        let pipe = |at: &Path| {
            use rustix::fs::{CWD, FileType, Mode};
            rustix::fs::mknodat(CWD, at, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        };
        for name in ["images", "guests"] {
            let path = root.join(name);
            for make in [&(|at: &Path| link(&elsewhere, at)) as &dyn Fn(&Path), &pipe] {
                let _ = fs::remove_dir(&path);
                make(&path);
                assert_eq!(Cache::at(root.clone()).unwrap_err().code(), "cache_odd", "{name}");
                fs::remove_file(&path).unwrap();
            }
        }
        Cache::at(root.clone()).unwrap();
        let lock = root.join("guests.lock");
        for make in [&(|at: &Path| link(&elsewhere.join("new"), at)) as &dyn Fn(&Path), &pipe] {
            make(&lock);
            assert_eq!(cache.lock(&|| false, &mut || panic!("no wait")).unwrap_err().code(), "cache_odd");
            fs::remove_file(&lock).unwrap();
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing is written through a link");
        cache.lock(&|| false, &mut || panic!("it is free")).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(Cache::at(file.clone()).unwrap_err().code(), "cache_not_writable");
        assert_eq!(Cache::at(file.join("below/airlock")).unwrap_err().code(), "cache_not_writable");
        // A folder in which the system lets nobody make one.
        #[cfg(target_os = "linux")]
        assert_eq!(Cache::at(PathBuf::from("/proc/.cache/airlock")).unwrap_err().code(), "cache_not_writable");
        let get = |_: &str| None;
        assert_eq!(Cache::open(&Variables(&get)).unwrap_err().code(), "cache_not_writable");
        assert!(Cache::at(dir.path().join("c")).unwrap().free_bytes().is_some_and(|b| b > 0));
    }

    #[test]
    fn the_lock_is_waited_for_and_the_wait_can_be_cancelled() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("airlock")).unwrap();
        let held = cache.lock(&|| false, &mut || panic!("nobody holds it")).unwrap();
        let mut waits = 0;
        let asked = std::cell::Cell::new(0);
        let cancelled = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        assert_eq!(cache.lock(&cancelled, &mut || waits += 1).unwrap_err().code(), "cancelled");
        assert_eq!(waits, 1);
        drop(held);
        cache.lock(&|| false, &mut || panic!("it is free")).unwrap();
    }
}
