//! What stands above the hunks: names and modes.

use crate::path::WorkspacePath;
use crate::protect::{Level, protection};

use super::{Action, FilePatch, PatchError, PatchHunk};

/// Pairs of prefixes that git writes before old and new names: the usual one, the same reversed, and those of
/// `diff.mnemonicPrefix` (commit, index, work tree, object, and the two of `--no-index`).
const PREFIXES: [(&str, &str); 8] =
    [("a/", "b/"), ("b/", "a/"), ("i/", "w/"), ("c/", "i/"), ("c/", "w/"), ("o/", "w/"), ("w/", "i/"), ("1/", "2/")];

/// How the lines between `diff --git` and the names begin.
const EXTENDED: [&str; 11] = [
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
];

/// What is said of a name that goes on in the next line.
pub(super) const STRANGE: &str =
    "the header of a file is broken off before it; a name with a line break in it has to be quoted";

/// A name in a `---`, `+++` or `diff --git` line, before its prefix is taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    DevNull,
    Text(String),
}

/// The header of one file while it is read.
#[derive(Debug)]
pub(super) struct Header {
    /// Line of the patch where it starts.
    line: usize,
    /// Whether it starts with `diff --git`.
    git: bool,
    /// Names of the `diff --git` line, where they can be told apart.
    git_names: Option<(String, String)>,
    /// Names of the `---` and `+++` lines.
    names: Option<(Name, Name)>,
    from: Option<String>,
    to: Option<String>,
    copy: bool,
    created: bool,
    deleted: bool,
    executable: Option<bool>,
    /// Whether a `new mode` line was there.
    mode_changes: bool,
    /// Whether a line was there that is none of git's: where others follow it, a name was broken in two.
    strange: bool,
}

impl Header {
    pub(super) fn plain(line: usize) -> Self {
        Self {
            line,
            git: false,
            git_names: None,
            names: None,
            from: None,
            to: None,
            copy: false,
            created: false,
            deleted: false,
            executable: None,
            mode_changes: false,
            strange: false,
        }
    }

    /// From what follows `diff --git `.
    pub(super) fn git(line: usize, names: &[u8]) -> Result<Self, PatchError> {
        Ok(Self { git: true, git_names: git_names(line, names)?, ..Self::plain(line) })
    }

    pub(super) fn is_git(&self) -> bool {
        self.git
    }

    pub(super) fn has_names(&self) -> bool {
        self.names.is_some()
    }

    pub(super) fn set_names(&mut self, old: Name, new: Name) {
        self.names = Some((old, new));
    }

    /// Takes one of git's extended header lines. Others may follow the header, never stand in it: they are the rest of a
    /// name whose line break is not quoted, and the name before it is cut.
    pub(super) fn extended(&mut self, line: usize, text: &[u8]) -> Result<(), PatchError> {
        let rest = |prefix: &str| text.strip_prefix(prefix.as_bytes());
        let known = EXTENDED.iter().any(|prefix| rest(prefix).is_some());
        if known && self.strange {
            return Err(PatchError::Malformed { line, what: STRANGE.to_owned() });
        }
        self.strange |= !known;
        if let Some(mode) = rest("new file mode ") {
            self.created = true;
            self.executable = Some(read_mode(line, mode)?);
        } else if let Some(mode) = rest("deleted file mode ") {
            self.deleted = true;
            read_mode(line, mode)?;
        } else if let Some(mode) = rest("old mode ") {
            read_mode(line, mode)?;
        } else if let Some(mode) = rest("new mode ") {
            self.mode_changes = true;
            self.executable = Some(read_mode(line, mode)?);
        } else if let Some(name) = rest("rename from ").or_else(|| rest("copy from ")) {
            self.copy = text.starts_with(b"copy");
            self.from = Some(whole_name(line, name)?);
        } else if let Some(name) = rest("rename to ").or_else(|| rest("copy to ")) {
            self.to = Some(whole_name(line, name)?);
        } else if let Some(index) = rest("index ")
            && let Some(space) = index.iter().position(|byte| *byte == b' ')
        {
            read_mode(line, &index[space + 1..])?;
        }
        Ok(())
    }

    /// What the header and its hunks come to.
    pub(super) fn finish(self, hunks: Vec<PatchHunk>, part: usize) -> Result<FilePatch, PatchError> {
        let malformed = |what: &str| PatchError::Malformed { line: self.line, what: what.to_owned() };
        let path = |text: &str| self.path(text);
        let action = match (&self.from, &self.to) {
            (Some(from), Some(to)) if self.copy => Action::Copy { from: path(from)?, to: path(to)? },
            (Some(from), Some(to)) => Action::Rename { from: path(from)?, to: path(to)? },
            (None, None) => self.plain_action()?,
            _ => return Err(malformed("the file is renamed, but only one of its names is given")),
        };
        let says_something = match action {
            Action::Modify(_) => !hunks.is_empty() || self.mode_changes,
            _ => true,
        };
        if !says_something {
            return Err(malformed("the file is named, but no change of it follows"));
        }
        Ok(FilePatch { action, executable: self.executable, hunks, part })
    }

    fn plain_action(&self) -> Result<Action, PatchError> {
        let malformed = |what: &str| PatchError::Malformed { line: self.line, what: what.to_owned() };
        let (old, new) = match (&self.names, &self.git_names) {
            (Some(names), _) => names.clone(),
            (None, Some((old, new))) => (Name::Text(old.clone()), Name::Text(new.clone())),
            (None, None) => return Err(malformed("the names of the file cannot be told apart")),
        };
        let text = |name| match name {
            Name::DevNull => None,
            Name::Text(name) => Some(name),
        };
        let (old, new) = self.strip(text(old), text(new));
        let created = self.created || old.is_none();
        let deleted = self.deleted || new.is_none();
        match (created, deleted, old, new) {
            (_, _, None, None) => Err(malformed("both names of the file are /dev/null")),
            (true, true, ..) => Err(malformed("the file is created and deleted at once")),
            (true, _, _, Some(new)) => Ok(Action::Create(self.path(&new)?)),
            (_, true, Some(old), _) => Ok(Action::Delete(self.path(&old)?)),
            // `diff -u a.orig a`: the new name is the file's. Two names in git's form are a rename that it does not say.
            (_, _, Some(old), Some(new)) if self.git && old != new => {
                self.path(&old)?;
                self.path(&new)?;
                Err(malformed("the names of the file differ, and no rename is said"))
            }
            (_, _, _, Some(new)) => Ok(Action::Modify(self.path(&new)?)),
            (_, _, Some(old), None) => Ok(Action::Delete(self.path(&old)?)),
        }
    }

    /// The pair of prefixes to take off, told by the `diff --git` line where there is one.
    fn prefixes(&self, old: Option<&str>, new: Option<&str>) -> Option<(&'static str, &'static str)> {
        let fits = |pairs: &[(&'static str, &'static str)], old: Option<&str>, new: Option<&str>| {
            pairs
                .iter()
                .copied()
                .find(|(a, b)| old.is_none_or(|old| old.starts_with(a)) && new.is_none_or(|new| new.starts_with(b)))
        };
        match (&self.git_names, old, new) {
            (Some((old, new)), ..) => fits(&PREFIXES, Some(old), Some(new)),
            (None, Some(_), Some(_)) => fits(&PREFIXES, old, new),
            // One name alone may well lie in a folder called `w`.
            (None, ..) => fits(&PREFIXES[..1], old, new),
        }
    }

    /// Both names without their prefixes.
    fn strip(&self, old: Option<String>, new: Option<String>) -> (Option<String>, Option<String>) {
        let cut = |name: Option<String>, prefix: &str| {
            name.map(|name| name.strip_prefix(prefix).map(str::to_owned).unwrap_or(name))
        };
        if let Some((a, b)) = self.prefixes(old.as_deref(), new.as_deref()) {
            return (cut(old, a), cut(new, b));
        }
        // `diff -ru old new`: two folders side by side.
        if let (false, Some((a, old_rest)), Some((b, new_rest))) = (
            self.git,
            old.as_deref().and_then(|old| old.split_once('/')),
            new.as_deref().and_then(|new| new.split_once('/')),
        ) && a != b
            && old_rest == new_rest
            && !a.is_empty()
            && !b.is_empty()
        {
            return (Some(old_rest.to_owned()), Some(new_rest.to_owned()));
        }
        (old, new)
    }

    fn path(&self, text: &str) -> Result<WorkspacePath, PatchError> {
        let path = WorkspacePath::new(text).map_err(|error| PatchError::Path { line: self.line, error })?;
        match protection(&path) {
            Some(protected) if protected.level == Level::Never => {
                Err(PatchError::Protected { path, why: protected.why })
            }
            _ => Ok(path),
        }
    }
}

fn read_mode(line: usize, text: &[u8]) -> Result<bool, PatchError> {
    let text = text.trim_ascii_end();
    let mode = std::str::from_utf8(text).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
    let Some(mode) = mode else {
        return Err(PatchError::Malformed { line, what: "a mode is six octal digits".to_owned() });
    };
    let what = match mode >> 12 {
        0o10 => return Ok(mode & 0o100 != 0),
        0o12 => "a symbolic link",
        0o16 => "a submodule",
        _ => "a special file",
    };
    Err(PatchError::Kind { line, what })
}

fn utf8(line: usize, bytes: Vec<u8>) -> Result<String, PatchError> {
    String::from_utf8(bytes)
        .map_err(|_| PatchError::Malformed { line, what: "the name of the file is not UTF-8".to_owned() })
}

/// A name that fills the rest of its line, quoted or not.
fn whole_name(line: usize, bytes: &[u8]) -> Result<String, PatchError> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match unquote(line, bytes)? {
        Some((name, [])) => Ok(name),
        Some(_) => Err(PatchError::Malformed { line, what: "something follows the quoted name".to_owned() }),
        None => utf8(line, bytes.to_vec()),
    }
}

/// The name of a `---` or `+++` line: quoted, or up to a tab (a time may follow).
pub(super) fn file_name(line: usize, bytes: &[u8]) -> Result<Name, PatchError> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if let Some((name, _)) = unquote(line, bytes)? {
        return Ok(Name::Text(name));
    }
    let end = bytes.iter().position(|byte| *byte == b'\t').unwrap_or(bytes.len());
    match &bytes[..end] {
        b"/dev/null" => Ok(Name::DevNull),
        name => Ok(Name::Text(utf8(line, name.to_vec())?)),
    }
}

/// The two names of a `diff --git` line. Unquoted ones with spaces can only be told apart where they agree but for their
/// first component; where they do not, other lines of the header name the file.
fn git_names(line: usize, bytes: &[u8]) -> Result<Option<(String, String)>, PatchError> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if let Some((old, rest)) = unquote(line, bytes)? {
        let Some(rest) = rest.strip_prefix(b" ") else { return Ok(None) };
        return Ok(Some((old, whole_name(line, rest)?)));
    }
    // Only the second name may be quoted.
    if bytes.ends_with(b"\"")
        && let Some(at) = bytes.windows(2).position(|pair| pair == b" \"")
    {
        return Ok(Some((utf8(line, bytes[..at].to_vec())?, whole_name(line, &bytes[at + 1..])?)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(None) };
    let without_prefix = |name: &str| name.split_once('/').map_or(name.to_owned(), |(_, rest)| rest.to_owned());
    let spaces: Vec<_> = text.match_indices(' ').map(|(at, _)| at).collect();
    if let [at] = spaces[..] {
        return Ok(Some((text[..at].to_owned(), text[at + 1..].to_owned())));
    }
    let halves = spaces.into_iter().map(|at| (&text[..at], &text[at + 1..]));
    let same = halves.clone().find(|(old, new)| old == new);
    let found = same.or_else(|| halves.clone().find(|(old, new)| without_prefix(old) == without_prefix(new)));
    Ok(found.map(|(old, new)| (old.to_owned(), new.to_owned())))
}

/// A C-quoted name at the start, and what follows it.
fn unquote(line: usize, bytes: &[u8]) -> Result<Option<(String, &[u8])>, PatchError> {
    let Some(mut rest) = bytes.strip_prefix(b"\"") else { return Ok(None) };
    let malformed = || PatchError::Malformed { line, what: "the quoted name is damaged".to_owned() };
    let mut name = Vec::new();
    loop {
        let (&byte, later) = rest.split_first().ok_or_else(malformed)?;
        rest = later;
        match byte {
            b'"' => return Ok(Some((utf8(line, name)?, rest))),
            b'\\' => {
                let (&escape, later) = rest.split_first().ok_or_else(malformed)?;
                rest = later;
                name.push(match escape {
                    b'a' => 0x07,
                    b'b' => 0x08,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 0x0b,
                    b'f' => 0x0c,
                    b'r' => b'\r',
                    b'"' | b'\\' => escape,
                    b'0'..=b'3' => {
                        let digits = rest.get(..2).filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
                        let digits = digits.ok_or_else(malformed)?;
                        rest = &rest[2..];
                        (escape - b'0') << 6 | (digits[0] - b'0') << 3 | (digits[1] - b'0')
                    }
                    _ => return Err(malformed()),
                });
            }
            byte => name.push(byte),
        }
    }
}
