//! What can go wrong, in words for the user.

use std::path::{Path, PathBuf};

use airlock_core::session::{FoldError, UnknownEvent};
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::private;

/// Why the store could not do something. It can be cloned, since one commit answers for many events.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    #[error("sessions cannot be kept in {}: {why}", .path.display())]
    Unavailable { path: PathBuf, why: String },
    #[error("sessions cannot be kept in {}: it is on a network disk ({kind}), where a database is not safe", .path.display())]
    Network { path: PathBuf, kind: String },
    #[error("{} belongs to somebody else, so no session is kept there", .0.display())]
    Foreign(PathBuf),
    #[error(
        "the sessions in {} were written by a newer Airlock (schema {found}, this one knows {known}); use the newer one",
        .path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("an older Airlock has the sessions in {} open; end it first", .0.display())]
    OlderInUse(PathBuf),
    #[error("the sessions' database {} is damaged ({why}){}", .path.display(), aside(.put_aside.as_deref()))]
    Damaged { path: PathBuf, put_aside: Option<PathBuf>, why: String },
    #[error("other processes have kept the sessions in {} busy for too long; try again", .0.display())]
    Busy(PathBuf),
    #[error("the disk of {} is full", .0.display())]
    DiskFull(PathBuf),
    #[error("session {0} was written to by somebody else meanwhile")]
    Conflict(String),
    #[error("session {id} is at work in another process{}", .pid.map_or_else(String::new, |pid| format!(" (number {pid})")))]
    Owned { id: String, pid: Option<u32> },
    #[error("there is no session {0}")]
    NotFound(String),
    #[error("{word} is the beginning of several sessions: {}", .ids.join(", "))]
    Ambiguous { word: String, ids: Vec<String> },
    #[error("session {id} cannot be read: {source}")]
    Unknown { id: String, source: UnknownEvent },
    #[error("session {id} cannot be read: {why}")]
    Unreadable { id: String, why: String },
    #[error("session {id}: {source}")]
    Illegal { id: String, source: FoldError },
    #[error("{what} of {len} bytes is more than the {max} that are kept")]
    TooLarge { what: &'static str, len: usize, max: usize },
    #[error("the content {0} is not kept, or no longer what it was")]
    NoContent(String),
    #[error("the sessions' database has been closed")]
    Closed,
    #[error("the sessions' database {} failed: {why}", .path.display())]
    Failed { path: PathBuf, why: String },
}

fn aside(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!(
            "; it was put aside as {}, where `sqlite3 FILE .recover` may still read it, and a new one was begun",
            path.display()
        ),
        None => "; when no Airlock has it open, the next one to start puts it aside".to_owned(),
    }
}

impl StoreError {
    /// SQLite's words in ours.
    pub(crate) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::DiskFull) => Self::DiskFull(path),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, put_aside: None, why },
            // For want of room for its shared memory SQLite names no cause.
            Some(ErrorCode::SystemIoFailure) if private::is_full(&path) => Self::DiskFull(path),
            Some(ErrorCode::ReadOnly) => Self::Unavailable { path, why: "it is read-only".to_owned() },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Unavailable { path, why },
            _ => Self::Failed { path, why },
        }
    }

    /// Whether trying again may help.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }

    /// A failure of the file system.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull(path.to_owned()),
            _ => Self::Unavailable { path: path.to_owned(), why: error.to_string() },
        }
    }
}
