//! What an installed guest consists of, written beside it, and whether that is still so.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::InstallError;
use super::pins::Pin;
use super::wheel;

/// Name of the manifest in a guest's folder.
pub const NAME: &str = "installed.json";
const MAX_BYTES: u64 = 32 << 20;
/// Names the state in which all files were last found to have their hashes: whatever is written to a file or put in its
/// place afterwards changes it. Bytes that change without a write, on a failing disk, are found by a deep check only.
const SEEN: &str = "installed.seen";

/// One file of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Relative to the guest's folder, with `/`.
    pub path: String,
    pub len: u64,
    pub sha256: String,
}

/// Everything an installation wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    pub guest: String,
    pub version: String,
    /// SHA-256 of each wheel, in the order of the pins.
    pub wheels: Vec<String>,
    pub files: Vec<Installed>,
}

impl Manifest {
    /// Writes it into the guest's folder.
    ///
    /// # Errors
    /// The write fails.
    pub fn write(&self, folder: &Path) -> Result<(), InstallError> {
        let path = folder.join(NAME);
        let writing = |e| InstallError::writing(&path, e);
        let text = serde_json::to_string(self).map_err(|e| writing(e.into()))?;
        let mut file = wheel::private_file(&path).map_err(writing)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(writing)
    }

    /// Reads it; an error is a few words on what is wrong.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(NAME);
        let meta = fs::metadata(&path).map_err(|_| format!("{NAME} is missing"))?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return Err(format!("{NAME} is no file of its usual size"));
        }
        let text = fs::read(&path).map_err(|e| format!("{NAME}: {e}"))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| format!("{NAME} cannot be understood"))?;
        if manifest.format == 1 { Ok(manifest) } else { Err(format!("{NAME} is of another version of Airlock")) }
    }

    /// Whether it speaks of these pins.
    pub fn fits(&self, pins: &[Pin]) -> bool {
        self.wheels.iter().map(String::as_str).eq(pins.iter().map(|p| p.sha256.as_str()))
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.len).sum()
    }

    /// Looks whether each file is there, regular, the user's own, and what was installed. A matter of milliseconds: hashes
    /// are compared where the system says that something was written since they last were, and with `deep`; see [`SEEN`].
    ///
    /// # Errors
    /// A few words on the first file that differs.
    pub fn check(&self, folder: &Path, deep: bool) -> Result<(), String> {
        let mut seen = Sha256::new();
        for file in &self.files {
            let path = folder.join(&file.path);
            let meta = fs::symlink_metadata(&path).map_err(|_| format!("{} is missing", file.path))?;
            if !meta.is_file() || meta.len() != file.len {
                return Err(format!("{} has another size", file.path));
            }
            #[cfg(unix)]
            if std::os::unix::fs::MetadataExt::uid(&meta) != rustix::process::geteuid().as_raw() {
                return Err(format!("{} belongs to another user", file.path));
            }
            seen.update(format!("{}\0{}\0{}\n", file.path, file.sha256, stamp(&meta)));
        }
        let seen = wheel::hex(&seen.finalize());
        if !deep && fs::read(folder.join(SEEN)).is_ok_and(|known| known == seen.as_bytes()) {
            return Ok(());
        }
        for file in &self.files {
            if !wheel::sha256(&folder.join(&file.path), &mut |_| true).is_ok_and(|(hash, _)| hash == file.sha256) {
                return Err(format!("{} has another content", file.path));
            }
        }
        // Where it cannot be written, the next look takes a second again.
        let _ = remember(folder, &seen);
        Ok(())
    }
}

/// What the system says of a file that a write to it, or another file in its place, would change.
fn stamp(meta: &fs::Metadata) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (mtime, ctime) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
        format!("{} {} {} {mtime:?} {ctime:?}", meta.dev(), meta.ino(), meta.len())
    }
    #[cfg(not(unix))]
    format!("{} {:?}", meta.len(), meta.modified().ok())
}

fn remember(folder: &Path, seen: &str) -> std::io::Result<()> {
    let partial = folder.join(format!("{SEEN}.{}", std::process::id()));
    wheel::private_file(&partial)?.write_all(seen.as_bytes())?;
    fs::rename(&partial, folder.join(SEEN))
}
