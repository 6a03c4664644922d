//! The errors of WASI preview 1 that this host gives.

use crate::vfs::FsError;

/// An `errno` of preview 1; the number is the discriminant. 0, success, is `Ok`.
///
/// Numbers: <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[repr(u16)]
pub enum Errno {
    #[error("permission denied")]
    Access = 2,
    #[error("bad file descriptor")]
    BadDescriptor = 8,
    #[error("device or resource busy")]
    Busy = 10,
    #[error("operation cancelled")]
    Canceled = 11,
    #[error("file exists")]
    Exists = 20,
    #[error("bad address")]
    Fault = 21,
    #[error("file too large")]
    FileTooBig = 22,
    #[error("illegal byte sequence")]
    IllegalSequence = 25,
    #[error("invalid argument")]
    Invalid = 28,
    #[error("input/output error")]
    Io = 29,
    #[error("is a folder")]
    IsDir = 31,
    #[error("too many levels of symbolic links")]
    Loop = 32,
    #[error("too many open files")]
    TooManyOpen = 33,
    #[error("name too long")]
    NameTooLong = 37,
    #[error("no such file or folder")]
    NotFound = 44,
    #[error("not enough memory")]
    NoMemory = 48,
    #[error("no space left on device")]
    NoSpace = 51,
    #[error("function not implemented")]
    NotImplemented = 52,
    #[error("not a folder")]
    NotDir = 54,
    #[error("folder not empty")]
    NotEmpty = 55,
    #[error("not a socket")]
    NotSocket = 57,
    #[error("not supported")]
    NotSupported = 58,
    #[error("value too large")]
    Overflow = 61,
    #[error("operation not permitted")]
    NotPermitted = 63,
    #[error("read-only file system")]
    ReadOnly = 69,
    #[error("invalid seek")]
    IllegalSeek = 70,
    #[error("cross-device link")]
    CrossDevice = 75,
    #[error("capabilities insufficient")]
    NotCapable = 76,
}

impl Errno {
    /// What the guest's call returns.
    pub fn code(self) -> u32 {
        u32::from(self as u16)
    }
}

impl From<FsError> for Errno {
    fn from(error: FsError) -> Self {
        match error {
            FsError::NotFound => Self::NotFound,
            FsError::Exists => Self::Exists,
            FsError::NotDir => Self::NotDir,
            FsError::IsDir => Self::IsDir,
            FsError::NotEmpty => Self::NotEmpty,
            FsError::Loop => Self::Loop,
            FsError::NameTooLong => Self::NameTooLong,
            FsError::ReadOnly => Self::ReadOnly,
            FsError::Access => Self::Access,
            FsError::Busy => Self::Busy,
            FsError::Invalid => Self::Invalid,
            FsError::NotPermitted => Self::NotPermitted,
            FsError::CrossMount => Self::CrossDevice,
            FsError::TooManyNodes | FsError::NoSpace => Self::NoSpace,
            FsError::FileTooBig | FsError::SourceTooLarge => Self::FileTooBig,
            FsError::Io => Self::Io,
        }
    }
}
