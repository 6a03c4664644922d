//! How a command ended: the words of the JSON documents, their exit codes and the codes of errors.

use serde::{Deserialize, Serialize};

/// The `status` of a JSON document; the exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every target passes with the proposal, and nothing else got worse.
    Verified,
    /// A patch without a target made nothing worse.
    NoRegression,
    /// Every test that ran passed.
    Passed,
    /// No test fails, so there is nothing to repair.
    NothingToFix,
    /// A command other than a run did what it was asked.
    Ok,
    /// No target passes.
    NotFixed,
    /// Some group of targets passes, another does not.
    PartlyFixed,
    /// A test failed.
    Failed,
    /// The proposal is kept out: it broke, hid or skipped a test, met a limit, or touches a protected file.
    Refused,
    /// The work could not be done; `error` says why.
    Error,
    /// The sandbox could not run what was asked for.
    NotTestable,
    /// The user stopped it.
    Cancelled,
}

impl Status {
    /// Every status, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Verified,
        Self::NoRegression,
        Self::Passed,
        Self::NothingToFix,
        Self::Ok,
        Self::NotFixed,
        Self::PartlyFixed,
        Self::Failed,
        Self::Refused,
        Self::Error,
        Self::NotTestable,
        Self::Cancelled,
    ];

    /// The exit code of the process. 130 is what a shell gives for an interrupt.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified | Self::NoRegression | Self::Passed | Self::NothingToFix | Self::Ok => 0,
            Self::NotFixed | Self::PartlyFixed | Self::Failed | Self::Refused => 1,
            Self::Error => 2,
            Self::NotTestable => 3,
            Self::Cancelled => 130,
        }
    }

    /// The word as the JSON document has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::NoRegression => "no_regression",
            Self::Passed => "passed",
            Self::NothingToFix => "nothing_to_fix",
            Self::Ok => "ok",
            Self::NotFixed => "not_fixed",
            Self::PartlyFixed => "partly_fixed",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Error => "error",
            Self::NotTestable => "not_testable",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares the error codes once: the variant, its word and its sentence cannot drift apart.
macro_rules! error_codes {
    ($($variant:ident = $word:literal: $sentence:literal,)*) => {
        /// The `code` of an `error` in a JSON document: stable words for programs, where `message` and `hint` are for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $sentence] #[serde(rename = $word)] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word as the JSON document has it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// One sentence on what happened, for the documentation.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

error_codes! {
    Usage = "usage": "The command line is wrong: an unknown option, a missing or a contradicting argument.",
    ConfigInvalid = "config_invalid": "A configuration file cannot be read, has an unknown key or a value of the wrong kind.",
    PathNotFound = "path_not_found": "The path on the command line does not exist.",
    NotReadable = "not_readable": "A file or folder that is needed cannot be read.",
    NotPython = "not_python": "The path belongs to no Python project.",
    TestNotFound = "test_not_found": "No test has the id that was named.",
    WorkspaceTooLarge = "workspace_too_large": "The workspace has more files or bytes than a run may take.",
    GuestUnknown = "guest_unknown": "There is no guest of that name.",
    GuestMissing = "guest_missing": "The guest is not installed.",
    GuestDamaged = "guest_damaged": "The installed guest is incomplete or was changed; it has to be installed again.",
    GuestHash = "guest_hash": "The guest that was downloaded or given is not the pinned one.",
    GuestDownload = "guest_download": "The guest could not be downloaded.",
    NoPip = "no_pip": "There is no `python3` with pip to download the guest with.",
    DiskFull = "disk_full": "The disk is full.",
    CacheNotWritable = "cache_not_writable": "The cache folder cannot be created or written.",
    CacheUnsafe = "cache_unsafe": "The cache folder belongs to someone else, others may write to it, or a link or pipe lies in it.",
    PatchInvalid = "patch_invalid": "The patch cannot be read: it is damaged, empty, too large or of a kind that is not supported.",
    PatchMismatch = "patch_mismatch": "The patch does not fit the files: what it expects is not there.",
    PatchOutside = "patch_outside": "The patch names a path outside the workspace.",
    PatchProtected = "patch_protected": "The patch touches a file that no patch may change, such as git's own or a secret.",
    ApplyConflict = "apply_conflict": "The files changed since they were checked, so nothing was written.",
    FilesChanged = "files_changed": "Files that the tests looked at changed during the call, so its result is of no use.",
    ApplyFailed = "apply_failed": "The files could not be written; what was begun was taken back.",
    DatabaseNewer = "database_newer": "The database was written by a newer version.",
    DatabaseDamaged = "database_damaged": "The database is damaged and was put aside.",
    DatabaseUnavailable = "database_unavailable": "The sessions' database cannot be opened or written, so nothing is kept and nothing may land.",
    SessionNotFound = "session_not_found": "There is no session of that id.",
    SessionBusy = "session_busy": "The session is at work in another process.",
    SessionOver = "session_over": "The session has ended, or was cut off before there was anything of it, so there is nothing to take up again.",
    SessionStale = "session_stale": "The project, a setting or a version is not what the session is about.",
    SessionUnreadable = "session_unreadable": "The session was written by a newer version, or is damaged.",
    WorkerLost = "worker_lost": "The worker process ended in the middle of a run.",
    WorkerStart = "worker_start": "The worker process could not be started.",
    GuestFailed = "guest_failed": "The guest did not start, or its harness broke.",
    CollectionFailed = "collection_failed": "The project's configuration or a plugin ended the runner before any test.",
    OutOfMemory = "out_of_memory": "The machine has not enough memory for the run.",
    Timeout = "timeout": "The work took longer than its limit.",
    NoModel = "no_model": "No model is configured, or what is configured of it cannot be used.",
    ModelFailed = "model_failed": "The model could not be asked: no answer, a refused key, an error of its provider.",
    Internal = "internal": "A fault of Airlock itself; please report it.",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_from_the_status() {
        let codes: Vec<_> = Status::ALL.iter().map(|status| (status.as_str(), status.exit_code())).collect();
        let expected = [
            ("verified", 0),
            ("no_regression", 0),
            ("passed", 0),
            ("nothing_to_fix", 0),
            ("ok", 0),
            ("not_fixed", 1),
            ("partly_fixed", 1),
            ("failed", 1),
            ("refused", 1),
            ("error", 2),
            ("not_testable", 3),
            ("cancelled", 130),
        ];
        assert_eq!(codes, expected);
        for status in Status::ALL {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }

    #[test]
    fn every_code_is_documented_and_its_word_is_stable() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            let word = code.as_str();
            assert!(seen.insert(word), "{word} twice");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{word}");
            assert!(code.describe().ends_with('.') && code.describe().len() > 15, "{word}");
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&format!("\"{word}\"")).unwrap(), *code);
        }
        for word in ["usage", "config_invalid", "guest_missing", "patch_outside", "database_newer", "internal"] {
            assert!(seen.contains(word), "{word}");
        }
    }
}
