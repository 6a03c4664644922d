//! Bounds on what this crate takes in; each is checked where the input enters.

/// Largest content of one file that a proposal changes, in bytes. Source files are far below; what is above is data.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;

/// Largest patch a user may hand in, in bytes.
pub const MAX_PATCH_BYTES: usize = 32 * 1024 * 1024;

/// Most files that one proposal or patch may change.
pub const MAX_FILES: usize = 5_000;

/// Longest workspace path, in bytes of UTF-8 (PATH_MAX of Linux is 4096 with its final NUL).
pub const MAX_PATH_BYTES: usize = 4095;

/// Longest component of a workspace path, in bytes of UTF-8 (NAME_MAX of Linux).
pub const MAX_NAME_BYTES: usize = 255;
