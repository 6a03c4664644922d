//! The paths git tracks, read from its index without running git.
//!
//! A tracked file is part of the project even where a pattern in `.gitignore` matches it, as git itself sees it. The
//! format is git's `Documentation/gitformat-index.txt`, versions 2 to 4.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest index read: some 1.5 million files.
const MAX_BYTES: u64 = 256 << 20;
/// Most paths kept.
const MAX_PATHS: usize = 2_000_000;

/// Tracked paths, relative to the top of the work tree, sorted by bytes.
#[derive(Debug, Default)]
pub struct Tracked(Vec<String>);

impl Tracked {
    /// What the repository at `top` tracks; nothing where there is no index or it cannot be understood, which only means
    /// that ignore patterns are taken at their word.
    pub fn read(top: &Path) -> Self {
        let Some(file) = git_folder(top).map(|git| git.join("index")) else { return Self::default() };
        let Some(bytes) = read_bounded(&file, MAX_BYTES) else { return Self::default() };
        // The hash's length is said in the repository's configuration; only one of the two gives a consistent file.
        let mut paths = parse(&bytes, 20).or_else(|| parse(&bytes, 32)).unwrap_or_default();
        paths.sort_unstable();
        paths.dedup();
        Self(paths)
    }

    /// Whether this file is tracked.
    pub fn contains(&self, path: &str) -> bool {
        self.0.binary_search_by(|p| p.as_str().cmp(path)).is_ok()
    }

    /// Whether a file beneath this folder is tracked.
    pub fn any_beneath(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        let at = self.0.partition_point(|p| p.as_str() < prefix.as_str());
        self.0.get(at).is_some_and(|p| p.starts_with(&prefix))
    }
}

/// The folder that holds the index: `.git`, or what a `.git` file (work trees, submodules) points at.
fn git_folder(top: &Path) -> Option<PathBuf> {
    let dot = top.join(".git");
    if std::fs::symlink_metadata(&dot).ok()?.is_dir() {
        return Some(dot);
    }
    let text = String::from_utf8(read_bounded(&dot, 4096)?).ok()?;
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}

fn read_bounded(path: &Path, max: u64) -> Option<Vec<u8>> {
    let meta = std::fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > max {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn parse(bytes: &[u8], hash: usize) -> Option<Vec<String>> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.get(..4)? != b"DIRC" {
        return None;
    }
    let version = number(4)?;
    let count = usize::try_from(number(8)?).ok()?;
    if !(2..=4).contains(&version) || count > MAX_PATHS {
        return None;
    }
    let mut paths = Vec::with_capacity(count.min(bytes.len() / 62));
    let mut previous: Vec<u8> = Vec::new();
    let mut at = 12;
    for _ in 0..count {
        let start = at;
        // Ten 32-bit numbers of stat data, the hash, 16 bits of flags.
        at += 40 + hash;
        let flags = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        at += 2;
        if flags & 0x4000 != 0 {
            at += 2;
        }
        if version == 4 {
            let (drop, used) = offset_number(bytes.get(at..)?)?;
            at += used;
            previous.truncate(previous.len().checked_sub(drop)?);
        } else {
            previous.clear();
        }
        let rest = bytes.get(at..)?;
        let end = rest.iter().take(1 << 16).position(|b| *b == 0)?;
        previous.extend_from_slice(&rest[..end]);
        at += end;
        // Version 4 ends a name with one NUL; before, with one to eight, so that an entry is a multiple of eight.
        at = if version == 4 { at + 1 } else { start + (at - start) / 8 * 8 + 8 };
        // The bits below say how long the name is; a wrong hash length shows here first.
        let said = usize::from(flags & 0x0fff);
        if said != 0x0fff && said != previous.len() {
            return None;
        }
        if let Ok(path) = std::str::from_utf8(&previous) {
            paths.push(path.to_owned());
        }
    }
    Some(paths)
}

/// Git's "offset encoding" of a number, with the bytes it took.
fn offset_number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index > 0 {
            value = value.checked_add(1)?;
        }
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn git(dir: &Path, args: &[&str]) {
        let done = Command::new("git").args(args).current_dir(dir).output().expect("git is needed by this test");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn every_version_of_git_s_own_index_is_read() {
        for version in ["2", "3", "4"] {
            let dir = tempfile::tempdir().unwrap();
            git(dir.path(), &["init", "-q"]);
            std::fs::create_dir_all(dir.path().join("pkg/deep")).unwrap();
            let names =
                ["a.py", "pkg/__init__.py", "pkg/b.py", "pkg/deep/longer_name.py", "pkg/deep/longer_nome.py", "z"];
            for name in names {
                std::fs::write(dir.path().join(name), name).unwrap();
            }
            git(dir.path(), &["add", "."]);
            if version == "3" {
                // What makes git write an extended entry.
                std::fs::write(dir.path().join("later"), "").unwrap();
                git(dir.path(), &["add", "-N", "later"]);
            }
            git(dir.path(), &["update-index", "--index-version", version]);
            let tracked = Tracked::read(dir.path());
            for name in names {
                assert!(tracked.contains(name), "version {version}: {name} in {tracked:?}");
            }
            assert!(!tracked.contains("pkg") && tracked.any_beneath("pkg") && tracked.any_beneath("pkg/deep"));
            assert!(!tracked.any_beneath("pk") && !tracked.any_beneath("z"));
        }
    }

    #[test]
    fn a_damaged_index_tracks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        let mut long = b"DIRC\0\0\0\x02\xff\xff\xff\xff".to_vec();
        long.extend([7; 100]);
        let mut cut = b"DIRC\0\0\0\x02\0\0\0\x02".to_vec();
        cut.extend([1; 70]);
        for bytes in [&b""[..], b"DIRC", &long, &cut] {
            std::fs::write(dir.path().join(".git/index"), bytes).unwrap();
            assert!(Tracked::read(dir.path()).0.is_empty());
        }
        assert!(Tracked::read(&dir.path().join("missing")).0.is_empty());
    }
}
