//! Wheels: hashing them, and unpacking what is wanted of them within bounds.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::InstallError;
use super::manifest::Installed;

/// Largest wheel, largest sum of unpacked files, most files.
const MAX_WHEEL: u64 = 1 << 30;
const MAX_UNPACKED: u64 = 2 << 30;
const MAX_FILES: usize = 50_000;
const CHUNK: usize = 1 << 20;
/// Files flushed at once.
const FLUSHERS: usize = 16;

/// Called after each chunk with the bytes done in it; `false` stops the work.
pub type Tick<'a> = &'a mut dyn FnMut(u64) -> bool;

/// The SHA-256 of a file in lower-case hexadecimal, and its length.
///
/// # Errors
/// The file cannot be read or is larger than a wheel may be; or the tick said to stop.
pub fn sha256(path: &Path, tick: Tick<'_>) -> Result<(String, u64), InstallError> {
    let failed = |source| InstallError::Io { path: path.to_owned(), source };
    let meta = fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > MAX_WHEEL {
        return Err(InstallError::BadWheel {
            file: shown(path),
            message: "it is no file of a wheel's size".to_owned(),
        });
    }
    let mut file = File::open(path).map_err(failed)?.take(MAX_WHEEL);
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut len = 0;
    loop {
        let n = file.read(&mut chunk).map_err(failed)?;
        if n == 0 {
            return Ok((hex(&hasher.finalize()), len));
        }
        hasher.update(&chunk[..n]);
        len += n as u64;
        if !tick(n as u64) {
            return Err(InstallError::Cancelled);
        }
    }
}

/// Unpacks a wheel below `into`. `place` says where each of its files goes (relative, with `/`), or that it is not wanted.
/// Each file is written for its owner alone and listed with its hash; [`sync`] flushes them.
///
/// # Errors
/// A file that is no wheel, holds a link, a path that leaves it or one twice, or more than the bounds; a failed write; or
/// the tick said to stop.
pub fn unpack(
    wheel: &Path,
    into: &Path,
    place: &dyn Fn(&str) -> Option<String>,
    tick: Tick<'_>,
) -> Result<Vec<Installed>, InstallError> {
    let bad = |message: &str| InstallError::BadWheel { file: shown(wheel), message: message.to_owned() };
    let damaged = |e: ZipError| bad(&e.to_string());
    let file = File::open(wheel).map_err(|source| InstallError::Io { path: wheel.to_owned(), source })?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.len() > MAX_FILES {
        return Err(bad("it holds too many files"));
    }
    let mut installed: Vec<Installed> = Vec::new();
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(damaged)?.into_owned();
        if entry.is_symlink() || !plain(&name) {
            return Err(bad(&format!(
                "it holds {:?}, which is no plain path",
                name.chars().take(80).collect::<String>()
            )));
        }
        let Some(target) = place(&name) else { continue };
        if installed.iter().any(|i| i.path == target) {
            return Err(bad(&format!("it holds {name} twice")));
        }
        let (len, sha256) = write(entry, &into.join(&target), left, tick).map_err(|e| match e {
            Failed::Read(e) => bad(&e.to_string()),
            Failed::TooLarge => bad("it unpacks to more than 2 GiB"),
            Failed::Write(e) => InstallError::writing(&into.join(&target), e),
            Failed::Cancelled => InstallError::Cancelled,
        })?;
        left -= len;
        installed.push(Installed { path: target, len, sha256 });
    }
    Ok(installed)
}

enum Failed {
    Read(io::Error),
    Write(io::Error),
    TooLarge,
    Cancelled,
}

fn write(mut from: impl Read, to: &Path, left: u64, tick: Tick<'_>) -> Result<(u64, String), Failed> {
    if let Some(folder) = to.parent() {
        private_folders(folder).map_err(Failed::Write)?;
    }
    let mut file = private_file(to).map_err(Failed::Write)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut len = 0;
    loop {
        // The reader checks the entry's CRC at its end, but nothing says in advance how long a lying entry is.
        let n = fill(&mut from, &mut chunk).map_err(Failed::Read)?;
        if n == 0 {
            break;
        }
        len += n as u64;
        if len > left {
            return Err(Failed::TooLarge);
        }
        hasher.update(&chunk[..n]);
        file.write_all(&chunk[..n]).map_err(Failed::Write)?;
        if !tick(n as u64) {
            return Err(Failed::Cancelled);
        }
    }
    Ok((len, hex(&hasher.finalize())))
}

/// Reads until the chunk is full or the entry ends; the unpacker gives a few kilobytes at a time.
fn fill(from: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < chunk.len() {
        match from.read(&mut chunk[full..])? {
            0 => break,
            n => full += n,
        }
    }
    Ok(full)
}

/// Makes a folder and those above it, for their owner alone.
///
/// # Errors
/// One cannot be made.
pub fn private_folders(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a new file for its owner alone.
///
/// # Errors
/// It is there, or cannot be made.
pub fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Flushes these files and every folder at or below `root`, so that all is on the disk before it becomes visible.
///
/// # Errors
/// One cannot be opened or flushed.
pub fn sync(root: &Path, files: &[Installed]) -> io::Result<()> {
    // A flush is mostly waiting, and the file system answers many in one go.
    let flush = |files: &[Installed]| {
        files.iter().try_for_each(|f| File::options().write(true).open(root.join(&f.path))?.sync_all())
    };
    std::thread::scope(|scope| {
        let share = files.len().div_ceil(FLUSHERS).max(1);
        let threads: Vec<_> = files.chunks(share).map(|files| scope.spawn(move || flush(files))).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("a flush panicked"))))
    })?;
    // Folders cannot be opened for that elsewhere.
    let mut open: Vec<PathBuf> = if cfg!(unix) { vec![root.to_owned()] } else { Vec::new() };
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}

/// A relative path that stays where it is put, on any system.
fn plain(name: &str) -> bool {
    name.len() <= 1024
        && !name.contains(['\\', ':', '\0'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !name.chars().any(char::is_control)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest_install::tests::wheel;

    #[test]
    fn what_is_wanted_is_unpacked_with_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let at = wheel(&dir.path().join("a.whl"), &[("a/b.py", b"text"), ("a/c.txt", b""), ("x/y", b"no")]);
        let place = |name: &str| name.strip_prefix("a/").map(|n| format!("out/{n}"));
        let mut done = 0;
        let files = unpack(&at, dir.path(), &place, &mut |n| {
            done += n;
            true
        })
        .unwrap();
        assert_eq!(files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["out/b.py", "out/c.txt"]);
        assert_eq!((done, fs::read(dir.path().join("out/b.py")).unwrap()), (4, b"text".to_vec()));
        assert_eq!(files[0].sha256, sha256(&dir.path().join("out/b.py"), &mut |_| true).unwrap().0);
        assert_eq!(files[0].sha256, "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1");
        sync(dir.path(), &files).unwrap();
        assert!(sync(&dir.path().join("out"), &files).is_err());
    }

    #[test]
    fn a_wheel_that_would_leave_its_place_is_refused() {
        let keep = |name: &str| Some(name.to_owned());
        for name in ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", "a//b", "./a"] {
            let dir = tempfile::tempdir().unwrap();
            let at = wheel(&dir.path().join("bad.whl"), &[(name, b"x")]);
            let error = unpack(&at, &dir.path().join("into"), &keep, &mut |_| true).unwrap_err();
            assert_eq!(error.code(), "bad_wheel", "{name}: {error}");
            assert!(!dir.path().join("x").exists());
        }
    }

    #[test]
    fn a_damaged_wheel_and_a_cancelled_one_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = wheel(&dir.path().join("a.whl"), &[("a", &[7; 5000])]);
        let bytes = fs::read(&at).unwrap();
        let keep = |name: &str| Some(name.to_owned());
        for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&at, &bytes[..cut]).unwrap();
            assert_eq!(
                unpack(&at, &dir.path().join("i"), &keep, &mut |_| true).unwrap_err().code(),
                "bad_wheel",
                "{cut}"
            );
        }
        fs::write(&at, &bytes).unwrap();
        assert_eq!(unpack(&at, &dir.path().join("j"), &keep, &mut |_| false).unwrap_err().code(), "cancelled");
        assert_eq!(sha256(&at, &mut |_| false).unwrap_err().code(), "cancelled");
    }
}
