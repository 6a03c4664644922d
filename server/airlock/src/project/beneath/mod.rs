//! Files and folders beneath one root, reached without ever following a link.
//!
//! Between a check and its use anyone may swap a folder for a link. So nothing here takes an absolute path after
//! [`Folder::open_root`]: every step starts from an open folder and refuses links. On Linux the kernel does it in one
//! call (`openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`); where that is missing, component by component with
//! `O_NOFOLLOW`. Systems other than Unix compare each component's type before its use, which leaves the gap open there.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::ffi::OsString;

#[cfg(not(unix))]
pub use portable::{Folder, status_of_file};
#[cfg(unix)]
pub use unix::{Folder, status_of_file};

/// What a directory entry is, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryType {
    File,
    Folder,
    Link,
    /// FIFO, socket, device: never opened.
    Special,
}

/// One name in a folder.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: OsString,
    pub kind: EntryType,
}

/// What tells that a file is still the one that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub len: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// Last change of content or attributes, in nanoseconds since 1970; 0 where the system has none.
    pub changed_ns: i128,
    pub inode: u64,
    pub device: u64,
}

/// A file's stamp, its type and its permission bits (0 where the system has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub kind: EntryType,
    pub stamp: Stamp,
    pub mode: u32,
}

/// Splits a relative path with `/` into folder and name; `None` unless every part is plain.
pub fn split(path: &str) -> Option<(&str, &str)> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']);
    if !path.split('/').all(plain) {
        return None;
    }
    Some(path.rsplit_once('/').unwrap_or(("", path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_split() {
        assert_eq!(split("a"), Some(("", "a")));
        assert_eq!(split("a/b/c"), Some(("a/b", "c")));
        for bad in ["", "/", "/a", "a/", "a//b", "a/../b", "..", "./a", "a\\b", "a\0"] {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_nowhere() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/f"), "text").unwrap();
        symlink(outside.path(), dir.path().join("a/out")).unwrap();
        symlink(outside.path().join("secret"), dir.path().join("a/s")).unwrap();
        symlink("b", dir.path().join("a/in")).unwrap();
        let root = Folder::open_root(dir.path()).unwrap();
        assert_eq!(std::io::read_to_string(root.folder("a/b").unwrap().open_file("f").unwrap().0).unwrap(), "text");
        for path in ["a/out", "a/in", "a/b/../b", "..", "/", "a/b/f"] {
            assert!(root.folder(path).is_err(), "{path}");
            assert!(root.folder_by_parts(path).is_err(), "{path}");
        }
        assert!(root.folder_by_parts("a/b").is_ok());
        assert!(root.folder("a").unwrap().open_file("s").is_err());
        assert_eq!(root.folder("a").unwrap().status("s").unwrap().kind, EntryType::Link);
    }
}
