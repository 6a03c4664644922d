//! What can go wrong in the file system, in POSIX's terms.

/// Why an operation of the [`Vfs`](super::Vfs) was refused. Every variant has one WASI errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FsError {
    #[error("no such file or folder")]
    NotFound,
    #[error("a file or folder of that name exists")]
    Exists,
    #[error("a part of the path is not a folder")]
    NotDir,
    #[error("the path is a folder")]
    IsDir,
    #[error("the folder is not empty")]
    NotEmpty,
    #[error("too many symbolic links on the way")]
    Loop,
    #[error("the path has more than 4096 bytes, or a part of it more than 255")]
    NameTooLong,
    #[error("the place is mounted read-only")]
    ReadOnly,
    #[error("access is denied")]
    Access,
    #[error("a mount point cannot be moved or removed")]
    Busy,
    #[error("the arguments make no sense together")]
    Invalid,
    #[error("the operation is not permitted on this kind of file")]
    NotPermitted,
    #[error("a hard link cannot cross mounts")]
    CrossMount,
    #[error("the number of files is at its limit")]
    TooManyNodes,
    #[error("the bytes written are at their limit")]
    NoSpace,
    #[error("the file would be larger than the limit")]
    FileTooBig,
    #[error("the project's file is larger than the limit")]
    SourceTooLarge,
    #[error("the file below could not be read")]
    Io,
}
