//! Sessions as the program keeps them: where they are, what is written when, and how a landing that was cut off is settled.
//!
//! Invariant: an event is durable before what it causes begins. Where nothing can be kept, commands that only look go on
//! and say so; nothing lands.

pub mod files;
pub mod log;
pub mod proposals;
pub mod runs;
pub mod settle;
pub mod story;
pub mod time;
pub mod verifier;

use std::path::{Path, PathBuf};

use airlock_core::status::ErrorCode;
use airlock_store::{Bounds, DataFolder, Options, Place, Store, StoreError};

use crate::config::{Settings, Variables};
use crate::failure::Failure;

/// Version of the program, as sessions have it.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The user's folder for data, made where it is missing. `avoid` is the project, which is never written to.
///
/// # Errors
/// It cannot be made, or lies in the project.
pub fn data_folder(variables: &Variables<'_>, avoid: Option<&Path>) -> Result<DataFolder, StoreError> {
    let Some(home) = variables.data_home() else {
        let why = "neither XDG_DATA_HOME nor a home folder is set".to_owned();
        return Err(StoreError::Unavailable { path: PathBuf::from("the data folder"), why });
    };
    let root = home.join("airlock");
    if let Some(avoid) = avoid
        && is_beneath(&root, avoid)
    {
        let why = "it lies in the project, which is not to be written to; set XDG_DATA_HOME".to_owned();
        return Err(StoreError::Unavailable { path: root, why });
    }
    DataFolder::at(root)
}

/// Whether a path, which need not be there yet, lies beneath a folder once links are resolved.
fn is_beneath(path: &Path, folder: &Path) -> bool {
    let there = path.ancestors().find_map(|above| above.canonicalize().ok());
    there.is_some_and(|there| there.starts_with(folder))
}

/// Opens a workspace's sessions; without settings, to look at them. The second value is to be said: a damaged database was put
/// aside.
///
/// # Errors
/// Why nothing can be kept there.
pub fn open(place: &Place, settings: Option<&Settings>) -> Result<(Store, Option<StoreError>), StoreError> {
    let mut options = Options::default();
    options.to_write = settings.is_some();
    if let Some(settings) = settings {
        options.bounds = Bounds { sessions: settings.sessions_keep, bytes: settings.sessions_size_mb << 20 };
    }
    let opened = airlock_store::open(place, options)?;
    Ok((opened.store, opened.put_aside))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, hint) = match &error {
            StoreError::Newer { .. } => (ErrorCode::DatabaseNewer, None),
            StoreError::Damaged { .. } => (ErrorCode::DatabaseDamaged, None),
            StoreError::DiskFull(_) => (ErrorCode::DiskFull, Some("make room there")),
            StoreError::NotFound(_) | StoreError::Ambiguous { .. } => {
                (ErrorCode::SessionNotFound, Some("`airlock sessions list --all` names those there are"))
            }
            StoreError::Owned { .. } | StoreError::Conflict(_) => {
                (ErrorCode::SessionBusy, Some("wait for it, or end that process"))
            }
            StoreError::Unknown { .. } | StoreError::Unreadable { .. } | StoreError::NoContent(_) => {
                (ErrorCode::SessionUnreadable, None)
            }
            StoreError::Network { .. } => {
                (ErrorCode::DatabaseUnavailable, Some("name a folder on a local disk with XDG_DATA_HOME"))
            }
            StoreError::Unavailable { .. } | StoreError::Foreign(_) => {
                (ErrorCode::DatabaseUnavailable, Some("another folder can be named with XDG_DATA_HOME"))
            }
            StoreError::OlderInUse(_) | StoreError::Busy(_) => (ErrorCode::DatabaseUnavailable, None),
            StoreError::TooLarge { .. } | StoreError::Failed { .. } => (ErrorCode::DatabaseUnavailable, None),
            StoreError::Illegal { .. } | StoreError::Closed => (ErrorCode::Internal, None),
        };
        let failure = Self::error(code, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
