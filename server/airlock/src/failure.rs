//! Work that could not be done, in the words and codes of the JSON documents.

use std::fmt;

use airlock_core::report::Reason;
use airlock_core::status::{ErrorCode, Status};
use airlock_sandbox::suite::SuiteError;
use airlock_sandbox::worker::client::WorkerError;
use airlock_sandbox::worker::protocol::Failure as WorkerFailure;

use crate::config::ConfigError;
use crate::guest_install::InstallError;
use crate::project::environment::EnvironmentError;
use crate::project::root::RootError;
use crate::project::walk::WalkError;

/// Why a command has no result.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub code: ErrorCode,
    /// What happened, and to what.
    pub message: String,
    /// What to do, where the message does not say it.
    pub hint: Option<String>,
    /// For `not_testable`: why.
    pub reason: Option<Reason>,
}

impl Failure {
    /// An error with exit code 2.
    pub fn error(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status: Status::Error, code, message: message.into(), hint: None, reason: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The user stopped the work.
    pub fn cancelled() -> Self {
        Self { status: Status::Cancelled, ..Self::error(ErrorCode::Internal, "cancelled") }
    }

    /// The sandbox cannot run what was asked for.
    pub fn not_testable(message: impl Into<String>, reason: Reason) -> Self {
        Self { status: Status::NotTestable, reason: Some(reason), ..Self::error(ErrorCode::Internal, message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        let code = match &error {
            RootError::Missing(_) => ErrorCode::PathNotFound,
            RootError::Unreadable { .. } => ErrorCode::NotReadable,
            RootError::Special(_)
            | RootError::RootNotFolder(_)
            | RootError::Outside { .. }
            | RootError::TwoProjects { .. }
            | RootError::TooBroad(_) => ErrorCode::Usage,
            RootError::NotPython(_) | RootError::NotATest(_) => ErrorCode::NotPython,
        };
        Self::error(code, error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = match &error {
            ConfigError::BadFlag { .. } => ErrorCode::Usage,
            _ => ErrorCode::ConfigInvalid,
        };
        Self::error(code, error.to_string())
    }
}

impl From<EnvironmentError> for Failure {
    fn from(error: EnvironmentError) -> Self {
        Self::error(ErrorCode::ConfigInvalid, error.to_string())
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        let code = match &error {
            WalkError::Unreadable { .. } => ErrorCode::NotReadable,
            WalkError::TooMany { .. } => ErrorCode::WorkspaceTooLarge,
        };
        Self::error(code, error.to_string())
    }
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        let code = match &error {
            InstallError::UnknownGuest(_) => ErrorCode::GuestUnknown,
            InstallError::NoCacheFolder | InstallError::CacheNotWritable { .. } => ErrorCode::CacheNotWritable,
            InstallError::CacheForeign(_) | InstallError::CacheOdd(_) => ErrorCode::CacheUnsafe,
            InstallError::DiskFull { .. } => ErrorCode::DiskFull,
            InstallError::NoPython | InstallError::NoPip(_) => ErrorCode::NoPip,
            InstallError::Network(_) | InstallError::NotInIndex(_) | InstallError::Pip(_) => ErrorCode::GuestDownload,
            InstallError::Hash { .. } | InstallError::HashByPip(_) => ErrorCode::GuestHash,
            InstallError::FromMissing(_) | InstallError::WheelMissing { .. } => ErrorCode::PathNotFound,
            InstallError::BadWheel { .. } => ErrorCode::GuestDamaged,
            InstallError::Compile(_) => ErrorCode::GuestFailed,
            InstallError::Cancelled => return Self::cancelled(),
            InstallError::Io { .. } => ErrorCode::NotReadable,
        };
        let failure = Self::error(code, error.to_string());
        if code == ErrorCode::DiskFull { failure.hint(MORE_ROOM) } else { failure }
    }
}

const MORE_ROOM: &str = "make room there, or choose another folder with XDG_CACHE_HOME";

const MORE_MEMORY: &str =
    "free some memory, lower the setting jobs, or raise the limit on memory (`ulimit -v`) that this shell has";

/// What ended the worker, by its last words and the signal in them, and what to do about it.
fn lost(words: &str) -> (ErrorCode, Option<&'static str>) {
    let told = [
        ("memory allocation of", ErrorCode::OutOfMemory, MORE_MEMORY),
        (
            "SIGXFSZ",
            ErrorCode::DiskFull,
            "it wrote a file larger than this shell's limit (`ulimit -f`): raise it, or give --no-cache",
        ),
        (
            "overflowed its stack",
            ErrorCode::WorkerLost,
            "if this shell limits the stack (`ulimit -s`), raise that; 8192 is usual",
        ),
        ("SIGXCPU", ErrorCode::WorkerLost, "it used up the processor time that this shell allows (`ulimit -t`)"),
        (
            "no sign of life",
            ErrorCode::WorkerLost,
            "it was stopped, or the machine has too much to do: run the command again when it has less, or with a lower \
             setting jobs; nothing was changed",
        ),
        (
            "SIGKILL",
            ErrorCode::WorkerLost,
            "the system ends processes like that when memory runs out: run the command again with more of it free, or a \
             lower setting jobs; nothing was changed",
        ),
    ];
    let known = told.into_iter().find(|(mark, ..)| words.contains(mark));
    known.map_or((ErrorCode::WorkerLost, Some("run the command again; nothing was changed")), |(_, code, hint)| {
        (code, Some(hint))
    })
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Self {
        let (code, hint) = match &error {
            WorkerError::Failed(WorkerFailure::GuestDamaged { .. }) => {
                (ErrorCode::GuestDamaged, Some("type `airlock guest install python` to make it again"))
            }
            WorkerError::Failed(WorkerFailure::DiskFull { .. }) => (ErrorCode::DiskFull, Some(MORE_ROOM)),
            WorkerError::Failed(WorkerFailure::CannotWrite { .. }) => {
                (ErrorCode::CacheNotWritable, Some("choose another folder with XDG_CACHE_HOME"))
            }
            WorkerError::Failed(
                WorkerFailure::Image { .. } | WorkerFailure::NoImage { .. } | WorkerFailure::Other(_),
            ) => (ErrorCode::GuestFailed, None),
            WorkerError::Failed(WorkerFailure::OutOfMemory(_)) => (ErrorCode::OutOfMemory, Some(MORE_MEMORY)),
            WorkerError::Lost(words) => lost(words),
            WorkerError::Start(_) => (ErrorCode::WorkerStart, None),
        };
        let failure = Self::error(code, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        let message = error.to_string();
        match error {
            SuiteError::Worker(error) => error.into(),
            SuiteError::Project { place, .. } => {
                let failure = Self::error(ErrorCode::CollectionFailed, message);
                match place {
                    Some(place) => failure.hint(format!("look at {} line {}", place.path, place.line)),
                    None => failure.hint("run `python -m pytest --collect-only` in the project to see it there"),
                }
            }
            SuiteError::NotTestable { reason, .. } => Self::not_testable(message, reason),
            SuiteError::Harness(_) => Self::error(ErrorCode::GuestFailed, message),
            SuiteError::Limit(_) => Self::error(ErrorCode::Timeout, message)
                .hint("raise the limit in your own configuration file, or leave the slow part out"),
            SuiteError::Cancelled => Self::cancelled(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_worker_has_a_code_and_a_way_out() {
        let cases = [
            (" (signal: 6 (SIGABRT)): memory allocation of 34 bytes failed", ErrorCode::OutOfMemory, "ulimit -v"),
            (" (signal: 25 (SIGXFSZ))", ErrorCode::DiskFull, "ulimit -f"),
            (" (signal: 6 (SIGABRT)): thread 'main' has overflowed its stack", ErrorCode::WorkerLost, "ulimit -s"),
            (" (signal: 9 (SIGKILL))", ErrorCode::WorkerLost, "memory"),
            (": it gave no sign of life for 20 s and was ended", ErrorCode::WorkerLost, "too much to do"),
            (" (exit status: 70): a guest that was stopped went on", ErrorCode::WorkerLost, "again"),
        ];
        for (words, code, hint) in cases {
            let failure = Failure::from(WorkerError::Lost(words.to_owned()));
            assert_eq!(failure.code, code, "{words}");
            assert!(failure.hint.as_ref().is_some_and(|told| told.contains(hint)), "{failure:?}");
            assert!(failure.message.contains(words.trim()), "{}", failure.message);
        }
        let memory = WorkerError::Failed(WorkerFailure::OutOfMemory("cannot map".to_owned()));
        assert_eq!(Failure::from(memory).code, ErrorCode::OutOfMemory);
    }
}
