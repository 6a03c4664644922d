//! Frozen guests: kept in memory by number, and on disk by folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::guest::install::{open_checked, read_own, write_whole};
use crate::memory::{Backing, write_sparse};
use crate::run::{Frozen, Global};
use crate::wasi::Process;
use crate::worker::protocol::Failure;

/// Version of the files on disk; raised when their meaning changes.
const FORMAT: u32 = 3;

/// What `image.bin` holds: everything but the memory, which `image.mem` has.
#[derive(Serialize, Deserialize)]
struct Saved {
    format: u32,
    /// The guest, harness and program that made it.
    identity: [u8; 32],
    memory: [u8; 32],
    len: u64,
    globals: Vec<Global>,
    process: Process,
}

/// The frozen guests of one worker.
#[derive(Default)]
pub struct Images {
    kept: Mutex<Kept>,
}

/// Images on disk that stay mapped; each costs a descriptor and what of its memory was touched.
const MAPPED: usize = 16;

#[derive(Default)]
struct Kept {
    by_number: HashMap<u64, Arc<Frozen>>,
    /// Used last, last.
    by_folder: Vec<(PathBuf, Arc<Frozen>)>,
}

impl Kept {
    fn mapped(&mut self, folder: &Path) -> Option<Arc<Frozen>> {
        let at = self.by_folder.iter().position(|(known, _)| known == folder)?;
        let found = self.by_folder.remove(at);
        let frozen = Arc::clone(&found.1);
        self.by_folder.push(found);
        Some(frozen)
    }

    fn map(&mut self, folder: &Path, frozen: &Arc<Frozen>) {
        self.by_folder.retain(|(known, _)| known != folder);
        if self.by_folder.len() >= MAPPED {
            self.by_folder.remove(0);
        }
        self.by_folder.push((folder.to_owned(), Arc::clone(frozen)));
    }
}

impl Images {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an image until it is forgotten, under a number that no other has, also of a process before this one.
    pub fn keep(&self, number: u64, frozen: Arc<Frozen>) {
        self.lock().by_number.insert(number, frozen);
    }

    /// The image of that number.
    pub fn get(&self, number: u64) -> Option<Arc<Frozen>> {
        self.lock().by_number.get(&number).cloned()
    }

    /// Lets an image go; runs that use it keep it until they end.
    pub fn forget(&self, number: u64) {
        self.lock().by_number.remove(&number);
    }

    /// The image in `folder`, loaded once.
    ///
    /// # Errors
    /// [`Failure::Image`] where it is missing, damaged or made by another guest, harness or version.
    pub fn load(&self, folder: &Path, identity: &[u8; 32]) -> Result<Arc<Frozen>, Failure> {
        if let Some(frozen) = self.lock().mapped(folder) {
            return Ok(frozen);
        }
        let wrong = |what: String| Failure::Image { path: folder.to_owned(), what };
        let bytes = read_own(&folder.join("image.bin")).map_err(|error| wrong(error.to_string()))?;
        // The hash in front keeps a damaged file from being decoded at all.
        let (hash, bytes) = bytes.split_at_checked(32).ok_or_else(|| wrong("it is cut short".to_owned()))?;
        if blake3::hash(bytes).as_bytes() != hash {
            return Err(wrong("it is not what was written there".to_owned()));
        }
        let saved: Saved = postcard::from_bytes(bytes).map_err(|error| wrong(error.to_string()))?;
        if saved.format != FORMAT || saved.identity != *identity {
            return Err(wrong("another version made it".to_owned()));
        }
        let len = usize::try_from(saved.len).map_err(|error| wrong(error.to_string()))?;
        let memory = open_checked(&folder.join("image.mem"), &saved.memory, saved.len)
            .and_then(|file| Backing::from_file(file, len))
            .map_err(|error| wrong(error.to_string()))?;
        let frozen = Arc::new(Frozen { memory: Arc::new(memory), globals: saved.globals, process: saved.process });
        self.lock().map(folder, &frozen);
        Ok(frozen)
    }

    /// Writes an image into `folder`, which is made where it is missing; `image.bin` comes last.
    ///
    /// # Errors
    /// [`Failure::DiskFull`] or [`Failure::CannotWrite`]; the image in memory is as good as before.
    pub fn save(&self, folder: &Path, identity: &[u8; 32], frozen: &Arc<Frozen>) -> Result<(), Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(folder)
            .map_err(|error| Failure::CannotWrite { path: folder.to_owned(), what: error.to_string() })?;
        let memory = frozen.memory.read().map_err(|error| Failure::Other(error.to_string()))?;
        let saved = Saved {
            format: FORMAT,
            identity: *identity,
            memory: blake3::hash(&memory).into(),
            len: memory.len() as u64,
            globals: frozen.globals.clone(),
            process: frozen.process.clone(),
        };
        let bytes = postcard::to_stdvec(&saved).map_err(|error| Failure::Other(error.to_string()))?;
        write_whole(&folder.join("image.mem"), |file| write_sparse(file, &memory))?;
        write_whole(&folder.join("image.bin"), |file| {
            use std::io::Write;
            file.write_all(blake3::hash(&bytes).as_bytes())?;
            file.write_all(&bytes)
        })?;
        self.lock().map(folder, frozen);
        Ok(())
    }
}
