//! From a guest's download to something that starts: trim, compile, keep, check.
//!
//! The folder holds the download's files (module, library, runner). Beside them this module keeps `guest.cwasm` (native
//! code), `initial.mem` (the data segments) and, written last, `guest.bin`, which says what the other two must hash to:
//! a folder without it, or whose files differ from it, is compiled again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::Description;
use crate::engine::{self, Compiled};
use crate::memory::{Backing, PAGE, write_sparse};
use crate::prepare::{self, Shape};
use crate::worker::protocol::Failure;

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

fn code_file(folder: &Path) -> PathBuf {
    folder.join("guest.cwasm")
}

fn memory_file(folder: &Path) -> PathBuf {
    folder.join("initial.mem")
}

fn made_file(folder: &Path) -> PathBuf {
    folder.join("guest.bin")
}

/// Names what native code depends on besides the module: code made for another processor is made again, not run.
fn engine_name(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{} {:016x}", std::env::consts::ARCH, hasher.finish())
}

/// Whether `folder` holds a guest compiled by this version for this processor. Cheap; contents are checked by [`load`].
pub fn is_compiled(engine: &Engine, folder: &Path) -> bool {
    read_made(folder).is_ok_and(|made| made.format == FORMAT && made.engine == engine_name(engine))
}

fn read_made(folder: &Path) -> io::Result<Made> {
    let bytes = fs::read(made_file(folder))?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Compiles the guest in `folder`; takes about ten seconds on two cores, and all of them.
///
/// # Errors
/// [`Failure`], with the file that is wrong or cannot be written.
pub fn compile(engine: &Engine, folder: &Path, description: &Description) -> Result<(), Failure> {
    let damaged = |what: String| Failure::GuestDamaged { folder: folder.to_owned(), what };
    let path = folder.join(&description.module);
    let module = fs::read(&path).map_err(|error| damaged(format!("{}: {error}", path.display())))?;
    let prepared = prepare::prepare(&module, &description.kept()).map_err(|error| damaged(error.to_string()))?;
    drop(module);
    let code = engine::compile(engine, &prepared).map_err(|error| damaged(format!("{error:#}")))?;
    let minimum = minimum_of(&prepared.module).map_err(damaged)?;
    let memory = engine::initial_memory(&prepared, minimum).map_err(damaged)?;

    // What a crash leaves behind is a folder without `guest.bin`.
    let made = made_file(folder);
    if made.exists() {
        fs::remove_file(&made).map_err(|error| cannot_write(&made, &error))?;
    }
    write_whole(&code_file(folder), |file| file.write_all(&code))?;
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

/// Loads the compiled guest in `folder`, after comparing its files with the hashes written when they were made.
///
/// # Errors
/// [`Failure::GuestDamaged`] where anything is missing, foreign or changed.
pub fn load(engine: &Engine, folder: &Path) -> Result<Compiled, Failure> {
    let damaged = |what: &dyn std::fmt::Display| Failure::GuestDamaged { folder: folder.to_owned(), what: what.to_string() };
    let made = read_made(folder).map_err(|error| damaged(&error))?;
    if made.format != FORMAT || made.engine != engine_name(engine) {
        return Err(damaged(&"it was compiled by another version or for another processor"));
    }
    let (code, memory) = std::thread::scope(|scope| {
        let code = scope.spawn(|| open_checked(&code_file(folder), &made.code));
        let memory = open_checked(&memory_file(folder), &made.memory);
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

/// Opens a file of ours and compares its content: owner first, so that nobody else's file is ever mapped.
pub(crate) fn open_checked(path: &Path, hash: &[u8; 32]) -> io::Result<File> {
    let mut file = File::open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let meta = file.metadata()?;
        if meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} belongs to another user or can be written by one", path.display()),
            ));
        }
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
        if let wasmparser::Payload::MemorySection(reader) = payload.map_err(|error| error.to_string())? {
            for memory in reader {
                let pages = memory.map_err(|error| error.to_string())?.initial;
                return usize::try_from(pages).map(|pages| pages * PAGE).map_err(|error| error.to_string());
            }
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
    let made = read_made(folder)
        .map_err(|error| Failure::GuestDamaged { folder: folder.to_owned(), what: error.to_string() })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&made.code).update(&made.memory).update(&made.format.to_le_bytes());
    hasher.update(super::files::harness_hash().as_bytes()).update(description.turn.as_bytes());
    Ok(hasher.finalize().into())
}
