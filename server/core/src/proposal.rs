//! A proposal: what is to change in which files, with the state each change starts from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use crate::diff::{self, LineChange, is_binary, split_lines};
use crate::hash::{ContentHash, FieldHasher};
use crate::hunk::{self, Hunk, HunkId};
use crate::limits::{MAX_FILE_BYTES, MAX_FILES};
use crate::merge::{Conflict, Merged, merge3};
use crate::overlay::{Change, Overlay};
use crate::path::WorkspacePath;

/// The whole state of one file: its bytes, their hash and its mode. A clone costs a reference count.
#[derive(Clone, PartialEq, Eq)]
pub struct FileState {
    bytes: Arc<[u8]>,
    hash: ContentHash,
    executable: bool,
}

impl FileState {
    /// Takes the bytes and hashes them.
    pub fn new(bytes: impl Into<Arc<[u8]>>, executable: bool) -> Self {
        let bytes = bytes.into();
        let hash = ContentHash::of(&bytes);
        Self { bytes, hash, executable }
    }

    /// The content.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Hash of the content.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// Whether the owner may execute it.
    pub fn executable(&self) -> bool {
        self.executable
    }

    pub(crate) fn with_mode(&self, executable: bool) -> Self {
        Self { executable, ..self.clone() }
    }
}

impl std::fmt::Debug for FileState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Contents may be long and private; the hash names them.
        f.debug_struct("FileState")
            .field("hash", &self.hash)
            .field("len", &self.bytes.len())
            .field("executable", &self.executable)
            .finish()
    }
}

/// What happens to one file. There is always a difference, of content, mode or existence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    base: Option<FileState>,
    new: Option<FileState>,
    hunks: Vec<Hunk>,
}

impl FileChange {
    /// The state it starts from; `None` where the file is created.
    pub fn base(&self) -> Option<&FileState> {
        self.base.as_ref()
    }

    /// The state it leads to; `None` where the file is deleted.
    pub fn new_state(&self) -> Option<&FileState> {
        self.new.as_ref()
    }

    /// Its parts, in order of place.
    pub fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The lines that go and come, in order; lines count from 0.
    pub fn line_changes(&self) -> Vec<LineChange> {
        hunk::placed(self.base.as_ref(), &self.hunks)
    }

    fn overlay_change(&self) -> Change {
        match &self.new {
            Some(state) => Change::Write { bytes: state.bytes.clone(), executable: Some(state.executable) },
            None => Change::Delete,
        }
    }
}

/// A change to some files, with the reason for it. Immutable; each file names the hash of its base, and the change is
/// refused on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    files: BTreeMap<WorkspacePath, FileChange>,
    reason: String,
}

/// Why there is no such proposal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProposalError {
    /// Base or new content has a NUL.
    #[error("`{0}` is not a text file (it has a NUL byte), and only text can be changed")]
    Binary(WorkspacePath),
    /// Base or new content is longer than [`MAX_FILE_BYTES`].
    #[error("`{path}` has {len} bytes, more than the {MAX_FILE_BYTES} a change may have")]
    TooLarge {
        /// The file.
        path: WorkspacePath,
        /// Its length in bytes.
        len: usize,
    },
    /// More than [`MAX_FILES`] files.
    #[error("{0} files are changed, more than the {MAX_FILES} a proposal may change")]
    TooMany(usize),
    /// Two changes whose paths some file systems take for one file.
    #[error("`{0}` and `{1}` are one file on some systems; change one of them")]
    Twins(WorkspacePath, WorkspacePath),
    /// No hunk has this id.
    #[error("the proposal has no part {0}")]
    UnknownHunk(HunkId),
}

/// A proposal cannot be moved to the files as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RebaseError {
    /// Both changed the same lines.
    #[error("`{path}` was changed in the same lines: {conflict}")]
    Conflict {
        /// The file.
        path: WorkspacePath,
        /// Where, and what both sides have.
        conflict: Conflict,
    },
    /// It was created, deleted or its mode changed on one side and something else on the other.
    #[error("`{0}` was created, deleted or changed its mode in the meantime")]
    Existence(WorkspacePath),
    /// What results is no proposal.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
}

impl Proposal {
    /// Takes the states before and after of each file. Files that do not differ are left out; an empty proposal is fine.
    pub fn new(
        reason: impl Into<String>,
        files: impl IntoIterator<Item = (WorkspacePath, Option<FileState>, Option<FileState>)>,
    ) -> Result<Self, ProposalError> {
        let mut changes = BTreeMap::new();
        for (path, base, new) in files {
            for state in [&base, &new].into_iter().flatten() {
                if state.bytes.len() > MAX_FILE_BYTES {
                    return Err(ProposalError::TooLarge { path, len: state.bytes.len() });
                }
            }
            if base == new {
                continue;
            }
            if [&base, &new].into_iter().flatten().any(|state| is_binary(&state.bytes)) {
                return Err(ProposalError::Binary(path));
            }
            let hunks = hunk::hunks_between(&path, base.as_ref(), new.as_ref());
            changes.insert(path, FileChange { base, new, hunks });
        }
        if changes.len() > MAX_FILES {
            return Err(ProposalError::TooMany(changes.len()));
        }
        let mut folded: BTreeMap<Vec<String>, &WorkspacePath> = BTreeMap::new();
        for (path, change) in &changes {
            // A rename that changes only the case is a deletion and a creation, and is fine.
            if change.new.is_some()
                && let Some(twin) = folded.insert(path.folded_components(), path)
            {
                return Err(ProposalError::Twins(twin.clone(), path.clone()));
            }
        }
        Ok(Self { files: changes, reason: reason.into() })
    }

    /// Why the change is proposed, in plain words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The changes, in order of path.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&WorkspacePath, &FileChange)> {
        self.files.iter()
    }

    /// The change of one file.
    pub fn get(&self, path: &WorkspacePath) -> Option<&FileChange> {
        self.files.get(path)
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All parts, in order of path and place.
    pub fn hunks(&self) -> impl Iterator<Item = (&WorkspacePath, &Hunk)> {
        self.files.iter().flat_map(|(path, change)| change.hunks.iter().map(move |hunk| (path, hunk)))
    }

    /// The proposal that has only these parts, named in any order. Parts keep their ids.
    pub fn take(&self, ids: &[HunkId]) -> Result<Self, ProposalError> {
        let wanted: BTreeSet<_> = ids.iter().copied().collect();
        let known: BTreeSet<_> = self.hunks().map(|(_, hunk)| hunk.id).collect();
        if let Some(unknown) = wanted.difference(&known).next() {
            return Err(ProposalError::UnknownHunk(*unknown));
        }
        let mut files = BTreeMap::new();
        for (path, change) in &self.files {
            let hunks: Vec<_> = change.hunks.iter().filter(|hunk| wanted.contains(&hunk.id)).cloned().collect();
            if !hunks.is_empty() {
                let new = hunk::apply(change.base.as_ref(), &hunks);
                files.insert(path.clone(), FileChange { base: change.base.clone(), new, hunks });
            }
        }
        Ok(Self { files, reason: self.reason.clone() })
    }

    /// The proposal without the files that `keep` refuses.
    pub fn filter(&self, keep: impl Fn(&WorkspacePath) -> bool) -> Self {
        let files = self.files.iter().filter(|(path, _)| keep(path));
        Self {
            files: files.map(|(path, change)| (path.clone(), change.clone())).collect(),
            reason: self.reason.clone(),
        }
    }

    /// The changes as an overlay over the snapshot they start from.
    pub fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::new();
        for (path, change) in &self.files {
            overlay.set(path.clone(), change.overlay_change());
        }
        overlay
    }

    /// The proposal as a diff that `git apply` takes. Bytes, since files need not be UTF-8.
    pub fn diff(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (path, change) in &self.files {
            diff::write_file(&mut out, path, change);
        }
        out
    }

    /// The hash of what changes: paths, and content and mode before and after. The reason is not part of it.
    pub fn hash(&self) -> ContentHash {
        let mut hasher = FieldHasher::new("airlock proposal 1");
        for (path, change) in &self.files {
            hasher.field(path.as_str().as_bytes());
            for state in [&change.base, &change.new] {
                match state {
                    Some(state) => hasher.field(state.hash.as_bytes()).field(&[u8::from(state.executable)]),
                    None => hasher.field(b"").field(b""),
                };
            }
        }
        hasher.finish()
    }

    /// The lines of the new contents that a test should run, from 1, by file: those that change in `.py` files, without
    /// blank lines, comments, closing brackets and keywords that no code of their own belongs to. A parser knows better
    /// (docstrings, the later lines of a statement); what it found goes into [`crate::verdict::Evidence::changed`].
    pub fn changed_python_lines(&self) -> BTreeMap<WorkspacePath, Vec<u32>> {
        let mut lines = BTreeMap::new();
        for (path, change) in &self.files {
            let Some(new) = &change.new else { continue };
            if path.extension() != Some("py") {
                continue;
            }
            let text = split_lines(&new.bytes);
            let numbers: Vec<u32> = change
                .line_changes()
                .into_iter()
                .flat_map(|change| change.new)
                .filter(|line| {
                    let code = text[*line].trim_ascii();
                    let bracket = code.iter().all(|byte| b")]},:".contains(byte));
                    !code.starts_with(b"#") && !bracket && !matches!(code, b"else:" | b"try:" | b"finally:")
                })
                .filter_map(|line| u32::try_from(line + 1).ok())
                .collect();
            if !numbers.is_empty() {
                lines.insert(path.clone(), numbers);
            }
        }
        lines
    }

    /// The same change to the files as they are now: each is `merge3(base, now, new)`. Where nothing changed meanwhile the
    /// result equals the proposal; where it differs it has to be checked again.
    pub fn rebase(&self, now: impl Fn(&WorkspacePath) -> Option<FileState>) -> Result<Self, RebaseError> {
        self.merge(|change| (change.base.as_ref(), change.new.as_ref()), now, self.reason.clone())
    }

    /// The change that takes this one back from the files as they are now: each is `merge3(new, now, base)`.
    pub fn undo(&self, now: impl Fn(&WorkspacePath) -> Option<FileState>) -> Result<Self, RebaseError> {
        self.merge(|change| (change.new.as_ref(), change.base.as_ref()), now, format!("undo: {}", self.reason))
    }

    fn merge(
        &self,
        sides: impl Fn(&FileChange) -> (Option<&FileState>, Option<&FileState>),
        now: impl Fn(&WorkspacePath) -> Option<FileState>,
        reason: String,
    ) -> Result<Self, RebaseError> {
        let mut files = Vec::new();
        for (path, change) in &self.files {
            let (from, to) = sides(change);
            let current = now(path);
            let merged = if current.as_ref() == from {
                to.cloned()
            } else if current.as_ref() == to {
                current.clone()
            } else if let (Some(from), Some(current), Some(to)) = (from, &current, to) {
                let executable = match (current.executable == from.executable, to.executable == from.executable) {
                    (true, _) => to.executable,
                    // Both flipped a bit with two values, so they agree.
                    (false, _) => current.executable,
                };
                match merge3(&from.bytes, &current.bytes, &to.bytes) {
                    Merged::Clean(bytes) => Some(FileState::new(bytes, executable)),
                    Merged::Conflict(conflict) => return Err(RebaseError::Conflict { path: path.clone(), conflict }),
                }
            } else {
                return Err(RebaseError::Existence(path.clone()));
            };
            files.push((path.clone(), current, merged));
        }
        Ok(Self::new(reason, files)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn state(text: &str) -> Option<FileState> {
        Some(FileState::new(text.as_bytes(), false))
    }

    fn one(base: Option<FileState>, new: Option<FileState>) -> Result<Proposal, ProposalError> {
        Proposal::new("test", [(path("a.py"), base, new)])
    }

    #[test]
    fn only_text_of_a_bounded_size_can_change() {
        assert_eq!(one(state("a\0"), state("b")), Err(ProposalError::Binary(path("a.py"))));
        assert_eq!(one(None, state("\0")), Err(ProposalError::Binary(path("a.py"))));
        let large = Some(FileState::new(vec![b'a'; MAX_FILE_BYTES + 1], false));
        assert!(matches!(one(None, large), Err(ProposalError::TooLarge { .. })));
        let many = (0..=MAX_FILES).map(|n| (path(&n.to_string()), None, state("a")));
        assert_eq!(Proposal::new("test", many), Err(ProposalError::TooMany(MAX_FILES + 1)));
        assert!(one(state("a"), state("a")).unwrap().is_empty());
        assert!(one(state("a\0"), state("a\0")).unwrap().is_empty(), "what does not change may be anything");
    }

    #[test]
    fn two_spellings_of_one_file_are_refused() {
        let twins = [(path("A.py"), None, state("1")), (path("a.py"), None, state("2"))];
        assert!(matches!(Proposal::new("test", twins), Err(ProposalError::Twins(..))));
        let rename = [(path("A.py"), state("1"), None), (path("a.py"), None, state("1"))];
        assert!(Proposal::new("test", rename).is_ok());
    }

    #[test]
    fn parts_of_files_that_come_go_and_change_mode() {
        let program = Some(FileState::new(*b"a\nx\n", true));
        let files = [
            (path("gone"), state("x"), None),
            (path("mode"), state("a\nb\n"), program.clone()),
            (path("new"), None, state("")),
        ];
        let whole = Proposal::new("test", files).unwrap();
        let ids: Vec<_> = whole.hunks().map(|(_, hunk)| hunk.id).collect();
        assert_eq!(ids.len(), 4, "one to delete, a mode, a line, one to create");
        let mode = whole.take(&ids[1..2]).unwrap();
        assert_eq!(mode.get(&path("mode")).unwrap().new_state(), Some(&FileState::new(*b"a\nb\n", true)));
        assert_eq!(mode.files().len(), 1);
        assert_eq!(whole.take(&ids).unwrap(), whole);
        assert_eq!(mode.take(&ids[..1]), Err(ProposalError::UnknownHunk(ids[0])));
        assert_eq!(whole.filter(|path| path.as_str() != "mode").files().len(), 2);
        let text = ids[0].to_string();
        assert_eq!(text.parse(), Ok(ids[0]));
        assert_eq!(serde_json::from_str::<HunkId>(&serde_json::to_string(&ids[0]).unwrap()).unwrap(), ids[0]);
    }

    #[test]
    fn the_hash_names_content_and_mode_and_not_the_reason() {
        let hash = |reason: &str, new: &str, executable| {
            let new = Some(FileState::new(new.as_bytes(), executable));
            Proposal::new(reason, [(path("a.py"), state("a"), new)]).unwrap().hash()
        };
        assert_eq!(hash("one", "b", false), hash("two", "b", false));
        assert_ne!(hash("one", "b", false), hash("one", "c", false));
        assert_ne!(hash("one", "b", false), hash("one", "b", true));
        assert_ne!(one(None, state("")).unwrap().hash(), one(state(""), None).unwrap().hash());
    }

    #[test]
    fn it_moves_to_the_files_as_they_are_now() {
        let proposal = one(state("1\n2\n3\n4\n5\n"), state("1\n2\n3\n4\nFIVE\n")).unwrap();
        let rebased = proposal.rebase(|_| state("one\n2\n3\n4\n5\n")).unwrap();
        assert_eq!(rebased.get(&path("a.py")).unwrap().new_state(), state("one\n2\n3\n4\nFIVE\n").as_ref());
        assert_eq!(rebased.get(&path("a.py")).unwrap().base(), state("one\n2\n3\n4\n5\n").as_ref());
        let error = proposal.rebase(|_| state("1\n2\n3\n4\nfive\n")).unwrap_err();
        assert_eq!(error.to_string(), "`a.py` was changed in the same lines: line 5");
        assert_eq!(proposal.rebase(|_| None), Err(RebaseError::Existence(path("a.py"))));
        // It is there already.
        assert!(proposal.rebase(|_| state("1\n2\n3\n4\nFIVE\n")).unwrap().is_empty());

        let undone = proposal.undo(|_| state("one\n2\n3\n4\nFIVE\n")).unwrap();
        assert_eq!(undone.get(&path("a.py")).unwrap().new_state(), state("one\n2\n3\n4\n5\n").as_ref());
        let created = one(None, state("x")).unwrap();
        assert_eq!(created.undo(|_| state("x")).unwrap().get(&path("a.py")).unwrap().new_state(), None);
        assert_eq!(created.undo(|_| state("y")), Err(RebaseError::Existence(path("a.py"))));
    }

    #[test]
    fn modes_merge() {
        let program = |text: &str| Some(FileState::new(text.as_bytes(), true));
        let proposal = one(state("a\nb\nc\n"), program("a\nb\nc\n")).unwrap();
        let rebased = proposal.rebase(|_| state("a\nb\nC\n")).unwrap();
        assert_eq!(rebased.get(&path("a.py")).unwrap().new_state(), program("a\nb\nC\n").as_ref());
        let kept = one(state("a\nb\nc\n"), state("A\nb\nc\n")).unwrap().rebase(|_| program("a\nb\nc\n")).unwrap();
        assert_eq!(kept.get(&path("a.py")).unwrap().new_state(), program("A\nb\nc\n").as_ref());
    }

    #[test]
    fn lines_that_hold_no_code_are_not_counted() {
        let new = "x = 1\n\n# c\nif x:\n    y(\n    )\nelse:\n    z\n";
        let lines = one(None, state(new)).unwrap().changed_python_lines();
        assert_eq!(lines[&path("a.py")], [1, 4, 5, 8]);
        let text = Proposal::new("test", [(path("a.txt"), None, state("x"))]).unwrap();
        assert!(text.changed_python_lines().is_empty());
    }
}
