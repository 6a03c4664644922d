//! From a guest's download to something that starts: trim, compile, keep, check.
//!
//! The folder holds the download's files (module, library, runner). Beside them this module keeps `guest.cwasm` (native
//! code), `initial.mem` (the data segments) and, written last, `guest.bin`, which says what the other two must hash to:
//! a folder without it, or whose files differ from it, is compiled again. `guest-whole.cwasm` and `guest-whole.bin` are the
//! same for the module with every function, `guest-counted.*` for the one that counts its work, each made when a run first
//! needs it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;

use super::Description;
use crate::engine::{self, Compiled, Engines};
use crate::memory::{Backing, PAGE, write_sparse};
use crate::prepare::{self, Shape};
use crate::worker::protocol::{Build, Failure};

/// Largest of the small files, in bytes: events and traces of a very large project are in one.
const MAX_ABOUT: u64 = 512 << 20;

/// Largest native code, in bytes: several times that of the whole module.
const MAX_CODE: u64 = 2 << 30;

/// Version of the files this module keeps; raised when their meaning changes.
const FORMAT: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Made {
    format: u32,
    /// Tells apart engine versions and processors.
    engine: String,
    code: [u8; 32],
    memory: [u8; 32],
    minimum: u64,
    shape: Shape,
}

fn code_file(folder: &Path, build: Build) -> PathBuf {
    folder.join(format!("guest{}.cwasm", suffix(build)))
}

fn suffix(build: Build) -> &'static str {
    match (build.whole, build.counted) {
        (false, false) => "",
        (true, false) => "-whole",
        (false, true) => "-counted",
        (true, true) => "-whole-counted",
    }
}

fn memory_file(folder: &Path) -> PathBuf {
    folder.join("initial.mem")
}

fn made_file(folder: &Path, build: Build) -> PathBuf {
    folder.join(format!("guest{}.bin", suffix(build)))
}

/// Names what native code depends on besides the module: code made for another processor is made again, not run.
fn engine_name(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{} {:016x}", std::env::consts::ARCH, hasher.finish())
}

/// Whether `folder` seems to hold a build; [`load`] finds out.
pub(crate) fn is_there(folder: &Path, build: Build) -> bool {
    made_file(folder, build).exists()
}

fn read_made(folder: &Path, build: Build) -> io::Result<Made> {
    let bytes = read_own(&made_file(folder, build))?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Compiles the guest in `folder`; takes all processors, for some ten seconds on two, and ten times that for the whole.
///
/// # Errors
/// [`Failure`], with the file that is wrong or cannot be written.
pub fn compile(engines: &Engines, folder: &Path, description: &Description, build: Build) -> Result<(), Failure> {
    let damaged = |what: String| Failure::GuestDamaged { folder: folder.to_owned(), what };
    let engine = engines.of(build).map_err(|error| Failure::Other(format!("{error:#}")))?;
    let path = folder.join(&description.module);
    let module = fs::read(&path).map_err(|error| damaged(format!("{}: {error}", path.display())))?;
    // Another module's functions lie elsewhere: the ranges would keep the wrong ones.
    if hex(&Sha256::digest(&module)) != description.module_sha256 {
        return Err(damaged(format!("{} is not the file that was installed", path.display())));
    }
    let kept = if build.whole { Vec::new() } else { description.kept() };
    let prepared = prepare::prepare(&module, &kept).map_err(|error| damaged(error.to_string()))?;
    drop(module);
    let code = engine::compile(engine, &prepared).map_err(|error| damaged(format!("{error:#}")))?;
    let minimum = minimum_of(&prepared.module).map_err(damaged)?;
    let memory = engine::initial_memory(&prepared, minimum).map_err(damaged)?;

    // What a crash leaves behind is a folder without `guest.bin`.
    let made = made_file(folder, build);
    match fs::remove_file(&made) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot_write(&made, &error)),
        _ => {}
    }
    write_whole(&code_file(folder, build), |file| file.write_all(&code))?;
    // The same bytes for all builds, replaced in one step: whoever has the old file mapped keeps it.
    write_whole(&memory_file(folder), |file| write_sparse(file, &memory))?;
    let about = Made {
        format: FORMAT,
        engine: engine_name(engine),
        code: blake3::hash(&code).into(),
        memory: blake3::hash(&memory).into(),
        minimum: minimum as u64,
        shape: prepared.shape,
    };
    let bytes = postcard::to_stdvec(&about).map_err(|error| Failure::Other(error.to_string()))?;
    write_whole(&made, |file| file.write_all(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loads the compiled guest in `folder`, after comparing its files with the hashes written when they were made.
///
/// # Errors
/// [`Failure::GuestDamaged`] where anything is missing, foreign or changed.
pub fn load(engines: &Engines, folder: &Path, build: Build) -> Result<Compiled, Failure> {
    let damaged =
        |what: &dyn std::fmt::Display| Failure::GuestDamaged { folder: folder.to_owned(), what: what.to_string() };
    let engine = engines.of(build).map_err(|error| Failure::Other(format!("{error:#}")))?;
    let made = read_made(folder, build).map_err(|error| damaged(&error))?;
    if made.format != FORMAT || made.engine != engine_name(engine) {
        return Err(damaged(&"it was compiled by another version or for another processor"));
    }
    let (code, memory) = std::thread::scope(|scope| {
        let code = scope.spawn(|| open_checked(&code_file(folder, build), &made.code, MAX_CODE));
        let memory = open_checked(&memory_file(folder), &made.memory, made.minimum);
        (code.join(), memory)
    });
    let code = code.map_err(|_| damaged(&"the check of its code failed"))?.map_err(|error| damaged(&error))?;
    let memory = memory.map_err(|error| damaged(&error))?;
    let minimum = usize::try_from(made.minimum).map_err(|error| damaged(&error))?;
    let initial = Backing::from_file(memory, minimum).map_err(|error| damaged(&error))?;
    // SAFETY: the file is the user's own, in a folder only the user can write, and its bytes hash to what this program
    // wrote beside it.
    unsafe { engine::load(engine, code, made.shape, initial) }.map_err(|error| damaged(&error))
}

/// Opens a file of ours: nobody else's is ever read as one, and nothing that could make us wait.
fn open_own(path: &Path) -> io::Result<File> {
    let file = without_following(File::options().read(true)).open(path).map_err(|error| not_plain(path, error))?;
    if !file.metadata()?.is_file() {
        return Err(not_plain(path, io::ErrorKind::InvalidData.into()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let foreign =
            |meta: &fs::Metadata| meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0;
        let folder = path.parent().map(fs::metadata).transpose()?;
        if foreign(&file.metadata()?) || folder.as_ref().is_some_and(foreign) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} or its folder belongs to another user or can be written by one", path.display()),
            ));
        }
    }
    Ok(file)
}

/// Neither a link is followed nor a pipe waited for.
fn without_following(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    options
}

fn not_plain(path: &Path, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotFound {
        return error;
    }
    io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a plain file", path.display()))
}

/// Marks a file as used now; it is made where it is missing.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    let file = without_following(File::options().write(true).create(true).truncate(false)).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(not_plain(path, io::ErrorKind::InvalidData.into()));
    }
    file.set_modified(std::time::SystemTime::now())
}

/// Reads a file of ours that says what others must hash to.
pub(crate) fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    let file = open_own(path)?;
    let len = file.metadata()?.len();
    if len > MAX_ABOUT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is too large", path.display())));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    file.take(MAX_ABOUT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file of ours and compares its content. One that is longer than it can be is not read: a file with holes costs
/// nothing to make and hours to hash.
pub(crate) fn open_checked(path: &Path, hash: &[u8; 32], most: u64) -> io::Result<File> {
    let mut file = open_own(path)?;
    if file.metadata()?.len() > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is longer than what was written there", path.display()),
        ));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut file)?;
    if hasher.finalize() != blake3::Hash::from(*hash) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is not what was written there", path.display()),
        ));
    }
    Ok(file)
}

fn minimum_of(module: &[u8]) -> Result<usize, String> {
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::MemorySection(reader) = payload.map_err(|error| error.to_string())?
            && let Some(memory) = reader.into_iter().next()
        {
            let pages = memory.map_err(|error| error.to_string())?.initial;
            return usize::try_from(pages).map(|pages| pages * PAGE).map_err(|error| error.to_string());
        }
    }
    Err("the module has no memory".to_owned())
}

/// Writes a file whole: under another name first, flushed to disk, then renamed.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Failure> {
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let written = (|| {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial)?;
        fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    written.map_err(|error| {
        // The partial file is of no use to anyone; a failure to remove it changes nothing.
        let _ = fs::remove_file(&partial);
        cannot_write(path, &error)
    })
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        Failure::DiskFull { path: path.to_owned() }
    } else {
        Failure::CannotWrite { path: path.to_owned(), what: error.to_string() }
    }
}

/// Names everything an image depends on besides the files it read: the guest's code, the harness, this format.
///
/// # Errors
/// [`Failure::GuestDamaged`] where the guest was never compiled.
pub fn identity(folder: &Path, description: &Description) -> Result<[u8; 32], Failure> {
    let made = read_made(folder, Build::default())
        .map_err(|error| Failure::GuestDamaged { folder: folder.to_owned(), what: error.to_string() })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&made.code).update(&made.memory).update(&made.format.to_le_bytes());
    // What an image holds of this program's own is laid out as this version has it.
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(super::files::harness_hash().as_bytes()).update(format!("{:?}", description.start).as_bytes());
    Ok(hasher.finalize().into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_the_right_length_are_read() {
        let folder = std::env::temp_dir().join(format!("airlock-own-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&folder).expect("made");
        let path = |name: &str| folder.join(name);
        write_whole(&path("good"), |file| file.write_all(b"content")).expect("written");
        let hash: [u8; 32] = blake3::hash(b"content").into();
        open_checked(&path("good"), &hash, 7).expect("what was written");
        // With holes: a tebibyte would take longer to hash than any test may.
        let grown = write_whole(&path("grown"), |file| file.set_len(1 << 40));
        grown.expect("grown");
        let error = open_checked(&path("grown"), &hash, 7).expect_err("too long");
        assert!(error.to_string().contains("longer than"), "{error}");
        std::os::unix::fs::symlink(path("good"), path("link")).expect("linked");
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
        for name in ["link", "pipe"] {
            let error = open_checked(&path(name), &hash, 7).expect_err(name);
            assert!(error.to_string().contains("not a plain file"), "{error}");
            touch(&path(name)).expect_err(name);
            read_own(&path(name)).expect_err(name);
        }
        touch(&path("used")).expect("made");
        touch(&path("used")).expect("marked again");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
