//! Paths inside a workspace: relative, with `/`, and unable to leave it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::limits::{MAX_NAME_BYTES, MAX_PATH_BYTES};

/// A validated path of a file or folder inside the workspace, relative to its root, with `/` between components.
///
/// It has no empty component, no `.` or `..`, no NUL, no backslash and no drive, so that joining it to a root stays
/// beneath that root on every system (links are the business of whoever opens the file). Ordered by bytes; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkspacePath(Arc<str>);

/// Why a text is no path inside the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// Nothing, or nothing between two slashes.
    #[error("the path `{0}` is empty or has an empty part")]
    Empty(String),
    /// Starts at the root of the file system or at a drive.
    #[error("the path `{0}` is absolute; name it relative to the root of the workspace")]
    Absolute(String),
    /// Has a `.` or `..` component.
    #[error("the path `{0}` has a `.` or `..` part; name the file from the root of the workspace")]
    Dots(String),
    /// Has a NUL or a backslash, which some system reads as a separator.
    #[error("the path `{0}` has a character that cannot be in a path here (NUL or backslash)")]
    Character(String),
    /// Longer than [`MAX_PATH_BYTES`], or a component longer than [`MAX_NAME_BYTES`].
    #[error("the path `{0}…` is too long ({MAX_PATH_BYTES} bytes, {MAX_NAME_BYTES} for each part)")]
    TooLong(String),
}

impl PathError {
    /// Whether the path points, or may point, out of the workspace.
    pub fn leaves_workspace(&self) -> bool {
        matches!(self, Self::Absolute(_) | Self::Dots(_) | Self::Character(_))
    }
}

impl WorkspacePath {
    /// Checks a text and takes it as a path; nothing is normalised, so that one file has one name.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let shown = || text.escape_debug().to_string();
        if text.len() > MAX_PATH_BYTES || text.split('/').any(|part| part.len() > MAX_NAME_BYTES) {
            return Err(PathError::TooLong(text.chars().take(60).flat_map(char::escape_debug).collect()));
        }
        if text.is_empty() {
            return Err(PathError::Empty(String::new()));
        }
        let bytes = text.as_bytes();
        let drive = bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
        if bytes[0] == b'/' || bytes[0] == b'\\' || drive {
            return Err(PathError::Absolute(shown()));
        }
        if text.contains(['\0', '\\']) {
            return Err(PathError::Character(shown()));
        }
        for part in text.split('/') {
            match part {
                "" => return Err(PathError::Empty(shown())),
                "." | ".." => return Err(PathError::Dots(shown())),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components, at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder it lies in; `None` directly beneath the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// The text after the last dot of the file name, unless the name starts with that dot.
    pub fn extension(&self) -> Option<&str> {
        match self.file_name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => Some(extension),
            _ => None,
        }
    }

    /// A path beneath this one.
    pub fn join(&self, relative: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{relative}", self.0))
    }

    /// Whether it lies in `folder`, at any depth, or is `folder` itself. Compares components: `ws-evil` is not in `ws`.
    pub fn is_beneath(&self, folder: &Self) -> bool {
        self.strip_prefix(folder).is_some() || self == folder
    }

    /// The rest after `folder/`.
    pub fn strip_prefix(&self, folder: &Self) -> Option<&str> {
        self.0.strip_prefix(&*folder.0)?.strip_prefix('/')
    }

    /// Its components as [`fold_name`] gives them.
    pub fn folded_components(&self) -> Vec<String> {
        self.components().map(fold_name).collect()
    }

    /// Whether some file system may take both for the same file.
    pub fn same_file_as(&self, other: &Self) -> bool {
        self == other || self.folded_components() == other.folded_components()
    }
}

/// A name as the most forgiving file systems compare it: case and normal form folded, the characters that HFS+ ignores
/// left out, and what NTFS drops or aliases (dots and spaces at the end, stream names, the short name of `.git`) undone.
///
/// For comparison only: two names that fold to one *may* be the same file. The rules for `.git` follow git's
/// `is_hfs_dotgit` and `is_ntfs_dotgit`.
pub fn fold_name(name: &str) -> String {
    let folded: String = name
        .nfd()
        .filter(|c| !is_ignored_by_hfs(*c))
        // Upper first: it joins letters that have two lower forms (ſ and s, ς and σ).
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .nfc()
        .collect();
    let stream = folded.find(':').map_or(folded.as_str(), |colon| &folded[..colon]);
    let trimmed = stream.trim_end_matches(['.', ' ']);
    match trimmed {
        // A name of dots and spaces alone is no twin of anything.
        "" => folded,
        "git~1" => ".git".to_owned(),
        _ => trimmed.to_owned(),
    }
}

/// Code points that HFS+ leaves out when it compares names.
fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl AsRef<str> for WorkspacePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for WorkspacePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl Serialize for WorkspacePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WorkspacePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_inside_are_taken() {
        for good in ["a", "a/b.py", ".env", "..a/b..", "a b/ü", "1:x", "...", "a/~"] {
            assert_eq!(WorkspacePath::new(good).unwrap().as_str(), good);
        }
        let long = "a/".repeat(3000);
        for bad in
            ["", "/", "/etc", "a//b", "a/", "./a", "a/../b", "..", "a/.", "a\\b", "\\\\host\\x", "C:", "c:x/y", "a\0"]
        {
            assert!(WorkspacePath::new(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(WorkspacePath::new(&long), Err(PathError::TooLong(_))));
        assert!(matches!(WorkspacePath::new(&"n".repeat(256)), Err(PathError::TooLong(_))));
        assert!(serde_json::from_str::<WorkspacePath>("\"../x\"").is_err());
    }

    #[test]
    fn beneath_compares_whole_components() {
        let path = |text| WorkspacePath::new(text).unwrap();
        assert!(path("ws/a").is_beneath(&path("ws")));
        assert!(path("ws").is_beneath(&path("ws")));
        assert!(!path("ws-evil/a").is_beneath(&path("ws")));
        assert_eq!(path("ws/a/b").strip_prefix(&path("ws")), Some("a/b"));
        assert_eq!(path("a/b.tar.gz").extension(), Some("gz"));
        assert_eq!(path(".env").extension(), None);
        assert_eq!(path("a").parent(), None);
    }

    #[test]
    fn twins_fold_to_one_name() {
        for twin in
            [".GIT", ".Git", ".git.", ".git ", ".git. .", ".g\u{200c}it", "GIT~1", ".git::$INDEX_ALLOCATION", ".gıt"]
        {
            assert_eq!(fold_name(twin), ".git", "{twin:?}");
        }
        assert_eq!(fold_name(".v\u{17f}code"), ".vscode");
        assert_eq!(fold_name("\u{212a}eys"), "keys");
        // The same é, composed and decomposed.
        assert_eq!(fold_name("caf\u{e9}"), fold_name("CAFE\u{301}"));
        assert_ne!(fold_name("git"), fold_name(".git"));
        assert_eq!(fold_name(".. ."), ".. .");
    }
}
