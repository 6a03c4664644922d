//! What can go wrong with a guest's installation, each with a stable code and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a guest could not be installed, listed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("there is no guest called {0:?}; `airlock guest list` shows them")]
    UnknownGuest(String),
    #[error("no folder for caches: neither XDG_CACHE_HOME nor HOME is set to an absolute path")]
    NoCacheFolder,
    #[error("{} cannot be written: {source}; choose another folder with XDG_CACHE_HOME", .path.display())]
    CacheNotWritable { path: PathBuf, source: io::Error },
    #[error("{} belongs to another user; what lies there is not trusted", .0.display())]
    CacheForeign(PathBuf),
    #[error("{} is a link or no file at all; the cache holds plain files and folders only: remove it", .0.display())]
    CacheOdd(PathBuf),
    #[error("the disk that holds {} is full{}", .path.display(), needs(*.needed))]
    DiskFull { path: PathBuf, needed: Option<u64> },
    #[error("python3 was not found on PATH; install Python 3 with pip, or give the wheel with --from FILE")]
    NoPython,
    #[error("{} has no pip; install it (on Debian: apt install python3-pip), or give the wheel with --from FILE", .0.display())]
    NoPip(PathBuf),
    #[error(
        "the package index could not be reached: {0}; check network, proxy and pip's index, or give the wheel with --from FILE"
    )]
    Network(String),
    #[error("pip found no {0}; check network and pip's index, or give the wheel with --from FILE")]
    NotInIndex(String),
    #[error("pip failed: {0}")]
    Pip(String),
    #[error(
        "{file} is not the file that was pinned: its SHA-256 is {found}, expected {expected}; nothing was installed"
    )]
    Hash { file: String, expected: String, found: String },
    #[error("pip refused a file whose hash is not the pinned one: {0}; nothing was installed")]
    HashByPip(String),
    #[error("{} does not exist; --from takes the wheel, or a folder with the wheels", .0.display())]
    FromMissing(PathBuf),
    #[error("{} holds no {wheel}; --from takes the wheel, or a folder with the wheels", .path.display())]
    WheelMissing { path: PathBuf, wheel: String },
    #[error("{file} cannot be unpacked: {message}; nothing was installed")]
    BadWheel { file: String, message: String },
    #[error("compiling the guest failed: {0}")]
    Compile(String),
    #[error("cancelled; nothing was installed")]
    Cancelled,
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn needs(needed: Option<u64>) -> String {
    match needed {
        Some(bytes) => format!(": {} MB are needed", bytes.div_ceil(1_000_000)),
        None => "; make room and try again".to_owned(),
    }
}

impl InstallError {
    /// Names the case.
    #[cfg(test)]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownGuest(_) => "unknown_guest",
            Self::NoCacheFolder | Self::CacheNotWritable { .. } => "cache_not_writable",
            Self::CacheForeign(_) => "cache_foreign",
            Self::CacheOdd(_) => "cache_odd",
            Self::DiskFull { .. } => "disk_full",
            Self::NoPython => "no_python",
            Self::NoPip(_) => "no_pip",
            Self::Network(_) => "network",
            Self::NotInIndex(_) => "not_in_index",
            Self::Pip(_) => "pip_failed",
            Self::Hash { .. } | Self::HashByPip(_) => "guest_hash",
            Self::FromMissing(_) | Self::WheelMissing { .. } => "wheel_missing",
            Self::BadWheel { .. } => "bad_wheel",
            Self::Compile(_) => "guest_compile",
            Self::Cancelled => "cancelled",
            Self::Io { .. } => "io",
        }
    }

    /// The error a failed write or rename below the cache stands for.
    pub fn writing(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, needed: None },
            io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists => Self::CacheNotWritable { path, source },
            _ => Self::Io { path, source },
        }
    }

    /// The error of a compilation; a full disk below it is still a full disk.
    pub fn compiling(path: &Path, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(one) = cause {
            if let Some(io) = one.downcast_ref::<io::Error>() {
                match io.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        return Self::DiskFull { path: path.to_owned(), needed: None };
                    }
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                        let source = io::Error::new(io.kind(), io.to_string());
                        return Self::CacheNotWritable { path: path.to_owned(), source };
                    }
                    _ => {}
                }
            }
            cause = one.source();
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(one) = cause {
            text.push_str(": ");
            text.push_str(&one.to_string());
            cause = one.source();
        }
        Self::Compile(text)
    }
}
