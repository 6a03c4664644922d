//! The project as a model sees it: a snapshot that never changes, and over it the overlay that has all the model's work.
//!
//! Whoever has the files gives them through [`Files`]. Secrets, what git hides and git's own files are neither listed nor
//! read nor written here, whatever the caller thinks of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use airlock_core::diff::is_binary;
use airlock_core::hash::ContentHash;
use airlock_core::limits::{MAX_FILE_BYTES, MAX_FILES};
use airlock_core::overlay::{Change, Overlay};
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal, ProposalError};
use airlock_core::protect::{Level, is_git_internal, is_secret, protection};
use airlock_core::snapshot::Snapshot;
use airlock_core::text::has_hidden;

use crate::policy::{Action, Policy, Ruling};

/// Why a path is kept from models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// It may hold keys, tokens or passwords.
    Secret,
    /// git ignores it.
    Ignored,
    /// It belongs to git.
    Git,
}

/// The files of a workspace, from whoever has them.
pub trait Files: Send + Sync {
    /// What there is, by hash and size.
    fn snapshot(&self) -> &Snapshot;

    /// The bytes of a file of the snapshot.
    ///
    /// # Errors
    /// In plain words, why it cannot be read.
    fn read(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, String>;

    /// Whether a path, of the snapshot or a new one, is kept from models. What a secret's name tells is looked at besides.
    fn hidden(&self, path: &WorkspacePath) -> Option<Hidden>;
}

/// Why something was not read or written; the text is for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl<T: Into<String>> From<T> for Refusal {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Snapshot and overlay. A clone is a fork: it costs a few reference counts, and neither sees the other's changes.
#[derive(Clone)]
pub struct Workspace {
    files: Arc<dyn Files>,
    overlay: Overlay,
    policy: Arc<Policy>,
    /// The visible files of the snapshot, which never change and cost some comparing of names.
    visible: Arc<OnceLock<Vec<(WorkspacePath, u64)>>>,
    names: Arc<Names>,
    /// The snapshot's files and folders by how forgiving file systems compare them.
    folded: Arc<OnceLock<HashMap<String, Vec<String>>>>,
}

/// What names alone say, kept from one snapshot to the next: comparing a name as all file systems do takes microseconds, and
/// there are many.
#[derive(Default)]
struct Names(Mutex<HashMap<WorkspacePath, Option<Hidden>>>);

impl Names {
    /// Most names that are kept.
    const MOST: usize = 500_000;

    fn hidden(&self, path: &WorkspacePath) -> Option<Hidden> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hidden) = known.get(path) {
            return *hidden;
        }
        let hidden = match path {
            path if is_git_internal(path) => Some(Hidden::Git),
            path if is_secret(path) => Some(Hidden::Secret),
            _ => None,
        };
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(path.clone(), hidden);
        hidden
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed: Vec<_> = self.overlay.iter().map(|(path, _)| path).collect();
        f.debug_struct("Workspace").field("changed", &changed).finish_non_exhaustive()
    }
}

/// Takes a model's text as a path. `./` in front is what shells print and means nothing.
///
/// # Errors
/// Says what is wrong with it, and what a path looks like.
pub fn path_of(text: &str) -> Result<WorkspacePath, Refusal> {
    let bare = text.strip_prefix("./").unwrap_or(text);
    let path = WorkspacePath::new(bare).map_err(|error| {
        Refusal(format!(
            "{error}. A path looks like `src/app.py`: from the root of the project, with `/`, without `..`"
        ))
    })?;
    if is_git_internal(&path) {
        return Err(Refusal(format!(
            "`{path}` belongs to git and is neither read nor changed. A path looks like `src/app.py`"
        )));
    }
    Ok(path)
}

impl Workspace {
    /// The files as they are, with nothing changed.
    pub fn new(files: Arc<dyn Files>, policy: Arc<Policy>) -> Self {
        Self::with_overlay(files, policy, Overlay::new())
    }

    /// The files with changes made before, as a session has them.
    pub fn with_overlay(files: Arc<dyn Files>, policy: Arc<Policy>, overlay: Overlay) -> Self {
        Self { files, overlay, policy, visible: Arc::default(), names: Arc::default(), folded: Arc::default() }
    }

    /// The same with newer files, as after an edit of the user's. What was found out about names is kept.
    pub fn renewed(&self, files: Arc<dyn Files>) -> Self {
        let (overlay, policy) = (self.overlay.clone(), self.policy.clone());
        Self { files, overlay, policy, visible: Arc::default(), names: self.names.clone(), folded: Arc::default() }
    }

    /// All that was changed.
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// What nothing here changes.
    pub fn base(&self) -> &Snapshot {
        self.files.snapshot()
    }

    pub(crate) fn take_overlay(&mut self, from: Self) {
        self.overlay = from.overlay;
    }

    /// Why a path is kept from models.
    pub fn hidden(&self, path: &WorkspacePath) -> Option<Hidden> {
        self.names.hidden(path).or_else(|| self.files.hidden(path))
    }

    fn is_visible(&self, path: &WorkspacePath) -> Result<(), Refusal> {
        match self.hidden(path) {
            None => Ok(()),
            Some(Hidden::Secret) => Err(Refusal(format!(
                "`{path}` may hold secrets, so it is neither read nor changed here; work without it"
            ))),
            Some(Hidden::Ignored) => Err(Refusal(format!(
                "`{path}` is ignored by git, so it is neither read nor changed here; work without it"
            ))),
            Some(Hidden::Git) => Err(Refusal(format!("`{path}` belongs to git and is neither read nor changed here"))),
        }
    }

    /// Whether a file lies there, with all changes.
    pub fn contains(&self, path: &WorkspacePath) -> bool {
        match self.overlay.get(path) {
            Some(change) => matches!(change, Change::Write { .. }),
            None => self.base().contains(path),
        }
    }

    /// Whether a folder lies there, with all changes.
    pub fn contains_folder(&self, path: &WorkspacePath) -> bool {
        self.base().beneath(path).any(|(file, _)| self.contains(file))
            || self
                .overlay
                .iter()
                .any(|(file, change)| matches!(change, Change::Write { .. }) && file != path && file.is_beneath(path))
    }

    /// The files that a model may see, with all changes, and their lengths in bytes; in order of path.
    pub fn files(&self) -> Vec<(WorkspacePath, u64)> {
        let visible = self.visible.get_or_init(|| {
            let seen = self.base().iter().filter(|(path, _)| self.hidden(path).is_none());
            seen.map(|(path, entry)| (path.clone(), entry.len)).collect()
        });
        if self.overlay.is_empty() {
            return visible.clone();
        }
        let unchanged = visible.iter().filter(|(path, _)| self.overlay.get(path).is_none());
        let mut files: Vec<(WorkspacePath, u64)> = unchanged.cloned().collect();
        files.extend(self.overlay.iter().filter_map(|(path, change)| match change {
            Change::Write { bytes, .. } => Some((path.clone(), bytes.len() as u64)),
            Change::Delete => None,
        }));
        files.sort_unstable();
        files
    }

    /// The hash of a file as it is now.
    pub fn hash(&self, path: &WorkspacePath) -> Option<ContentHash> {
        match self.overlay.get(path) {
            Some(Change::Write { bytes, .. }) => Some(ContentHash::of(bytes)),
            Some(Change::Delete) => None,
            None => self.base().get(path).map(|entry| entry.hash),
        }
    }

    /// The bytes of a file, with all changes.
    ///
    /// # Errors
    /// It is hidden, not there, a folder, too long or unreadable.
    pub fn read(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, Refusal> {
        self.is_visible(path)?;
        match self.overlay.get(path) {
            Some(Change::Write { bytes, .. }) => return Ok(bytes.clone()),
            Some(Change::Delete) => {
                return Err(Refusal(format!("there is no file `{path}`: it was deleted in this task")));
            }
            None => {}
        }
        let Some(entry) = self.base().get(path) else { return Err(self.missing(path)) };
        if entry.len > MAX_FILE_BYTES as u64 {
            return Err(Refusal(format!("`{path}` has {} bytes, which is too long to be read here", entry.len)));
        }
        self.files.read(path).map_err(|why| Refusal(format!("`{path}` cannot be read: {why}")))
    }

    /// Says that a file is not there, and which one may be meant.
    fn missing(&self, path: &WorkspacePath) -> Refusal {
        if self.contains_folder(path) {
            return Refusal(format!("`{path}` is a folder; `list` shows what is in it"));
        }
        let name = path.file_name();
        let near: BTreeSet<String> = self
            .files()
            .into_iter()
            .filter(|(file, _)| file.file_name().eq_ignore_ascii_case(name) || file.same_file_as(path))
            .map(|(file, _)| format!("`{file}`"))
            .take(3)
            .collect();
        let near: Vec<String> = near.into_iter().collect();
        match near.is_empty() {
            true => Refusal(format!("there is no file `{path}`; `list` shows what there is")),
            false => Refusal(format!("there is no file `{path}`; of that name there is {}", near.join(", "))),
        }
    }

    /// Whether this path may be changed at all.
    ///
    /// # Errors
    /// It is hidden, never lands, or the policy denies it.
    pub fn may_change(&self, path: &WorkspacePath) -> Result<(), Refusal> {
        self.is_visible(path)?;
        let action = match protection(path) {
            Some(found) if found.level == Level::Never => {
                return Err(Refusal(format!("`{path}` is never changed: {}", found.why)));
            }
            Some(_) => Action::ChangeProtected,
            None => Action::Change,
        };
        // What has to be asked is asked where it would land: on the copy it harms nobody.
        match self.policy.decide(action, Some(path)) {
            Ruling::Allow | Ruling::Ask => Ok(()),
            Ruling::Deny => Err(Refusal(format!("`{path}` may not be changed: the user's policy denies it"))),
        }
    }

    /// Sets the whole content of a file.
    ///
    /// # Errors
    /// It may not be changed, could not be proposed, or its place is taken by a folder, a file or a name that some systems
    /// take for the same.
    pub fn write(&mut self, path: &WorkspacePath, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.may_change(path)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Refusal(format!(
                "`{path}` would have {} bytes, more than the {MAX_FILE_BYTES} a file may have",
                bytes.len()
            )));
        }
        if is_binary(&bytes) {
            return Err(Refusal(format!("`{path}` would have a NUL byte, and only text can be written")));
        }
        if !self.contains(path) {
            self.may_lie_at(path)?;
        }
        self.is_proposable(path)?;
        if self.overlay.get(path).is_none() && self.overlay.len() >= MAX_FILES {
            return Err(Refusal(format!("{MAX_FILES} files are changed already, and no more may be")));
        }
        let unchanged = self.base().get(path).is_some_and(|entry| entry.hash == ContentHash::of(&bytes));
        let keeps_mode = !matches!(self.overlay.get(path), Some(Change::Write { executable: Some(_), .. }));
        if unchanged && keeps_mode {
            self.overlay.reset(path);
            return Ok(());
        }
        let executable = match self.overlay.get(path) {
            Some(Change::Write { executable, .. }) => *executable,
            _ => None,
        };
        self.overlay.set(path.clone(), Change::Write { bytes: bytes.into(), executable });
        Ok(())
    }

    /// Whether a change of what the snapshot has there can be proposed, which has its text.
    fn is_proposable(&self, path: &WorkspacePath) -> Result<(), Refusal> {
        let Some(entry) = self.base().get(path).filter(|_| self.overlay.get(path).is_none()) else { return Ok(()) };
        if entry.len > MAX_FILE_BYTES as u64 {
            let len = entry.len;
            return Err(Refusal(format!("`{path}` has {len} bytes, which is too long to be changed or deleted here")));
        }
        let bytes = self.files.read(path).map_err(|why| Refusal(format!("`{path}` cannot be read: {why}")))?;
        if is_binary(&bytes) {
            return Err(Refusal(format!("`{path}` is not a text file, so it is neither changed nor deleted here")));
        }
        Ok(())
    }

    /// Whether a new file can lie there.
    fn may_lie_at(&self, path: &WorkspacePath) -> Result<(), Refusal> {
        if self.contains_folder(path) {
            return Err(Refusal(format!("`{path}` is a folder, so no file can have its place")));
        }
        let mut folder = path.parent();
        while let Some(above) = folder {
            if self.contains(&above) {
                return Err(Refusal(format!("`{above}` is a file, so `{path}` cannot lie beneath it")));
            }
            folder = above.parent();
        }
        if has_hidden(path.as_str()) {
            return Err(Refusal("a new path has invisible or control characters; leave them out".to_owned()));
        }
        for twin in self.twins(path) {
            let there = self.contains(&twin) || self.contains_folder(&twin);
            if there && !path.is_beneath(&twin) {
                return Err(Refusal(format!("`{path}` and `{twin}` are in one place on some systems; use `{twin}`")));
            }
        }
        Ok(())
    }

    /// Files and folders that some systems take for this path or for one that it is beneath, though their names differ.
    fn twins(&self, path: &WorkspacePath) -> Vec<WorkspacePath> {
        let index = self.folded.get_or_init(|| {
            let mut index: HashMap<String, Vec<String>> = HashMap::new();
            let mut seen: HashSet<String> = HashSet::new();
            for (file, _) in self.base().iter() {
                let mut folded = String::new();
                let mut at = 0;
                for (name, fold) in file.components().zip(file.folded_components()) {
                    at += name.len() + usize::from(at > 0);
                    folded.push_str(if folded.is_empty() { "" } else { "/" });
                    folded.push_str(&fold);
                    let own = &file.as_str()[..at];
                    if !seen.contains(own) {
                        seen.insert(own.to_owned());
                        index.entry(folded.clone()).or_default().push(own.to_owned());
                    }
                }
            }
            index
        });
        let mut twins = Vec::new();
        let folds = path.folded_components();
        let mut own = Some(path.clone());
        for upto in (1..=folds.len()).rev() {
            let Some(at) = own else { break };
            let known = index.get(&folds[..upto].join("/")).into_iter().flatten();
            let others: Vec<&String> = known.filter(|other| *other != at.as_str()).collect();
            // Where both are there already, both may be meant.
            if !(self.contains(&at) || self.base().beneath(&at).next().is_some()) {
                twins.extend(others.into_iter().filter_map(|other| WorkspacePath::new(other).ok()));
            }
            own = at.parent();
        }
        let overlaid = self.overlay.iter().filter(|(_, change)| matches!(change, Change::Write { .. }));
        for (file, _) in overlaid.filter(|(file, _)| *file != path) {
            // Comparing names as file systems do is costly, and for most names letters are all there is to fold.
            if is_plain(file) && is_plain(path) {
                let differ = file.as_str().bytes().zip(path.as_str().bytes()).find(|(one, other)| one != other);
                if differ.is_none_or(|(one, other)| !one.eq_ignore_ascii_case(&other)) {
                    continue;
                }
            }
            let theirs = file.folded_components();
            let shared = theirs.iter().zip(&folds).take_while(|(one, other)| one == other).count();
            let same = file.components().zip(path.components()).take_while(|(one, other)| one == other).count();
            let own = path.components().take(shared).collect::<Vec<_>>().join("/");
            let known = || WorkspacePath::new(&own).is_ok_and(|own| self.base().beneath(&own).next().is_some());
            if same < shared && (shared == folds.len() || !known()) {
                let twin = file.components().take(shared).collect::<Vec<_>>().join("/");
                twins.extend(WorkspacePath::new(&twin).ok());
            }
        }
        twins
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// It is not there or may not be changed.
    pub fn delete(&mut self, path: &WorkspacePath) -> Result<(), Refusal> {
        self.may_change(path)?;
        if !self.contains(path) {
            return Err(self.missing(path));
        }
        self.is_proposable(path)?;
        if self.base().contains(path) {
            self.overlay.delete(path.clone());
        } else {
            self.overlay.reset(path);
        }
        Ok(())
    }

    /// Gives a file another path, with its mode.
    ///
    /// # Errors
    /// As [`Self::write`] and [`Self::delete`]; nothing is overwritten.
    pub fn rename(&mut self, from: &WorkspacePath, to: &WorkspacePath) -> Result<(), Refusal> {
        let bytes = self.read(from)?;
        self.may_change(from)?;
        self.may_change(to)?;
        if from == to {
            return Err(Refusal(format!("`{from}` has this path already")));
        }
        if self.contains(to) {
            return Err(Refusal(format!("`{to}` exists already; delete it first, or choose another path")));
        }
        let executable = self.executable(from);
        let mut fork = self.clone();
        fork.delete(from)?;
        fork.write(to, bytes.to_vec())?;
        if executable && let Some(Change::Write { bytes, .. }) = fork.overlay.get(to).cloned() {
            fork.overlay.set(to.clone(), Change::Write { bytes, executable: Some(true) });
        }
        self.overlay = fork.overlay;
        Ok(())
    }

    fn executable(&self, path: &WorkspacePath) -> bool {
        let below = self.base().get(path).is_some_and(|entry| entry.executable);
        match self.overlay.get(path) {
            Some(Change::Write { executable, .. }) => executable.unwrap_or(below),
            _ => below,
        }
    }

    /// All changes as a proposal, from the files as the snapshot has them.
    ///
    /// # Errors
    /// A base cannot be read, or what results is no proposal.
    pub fn proposal(&self, reason: &str) -> Result<Proposal, Refusal> {
        let mut states = Vec::new();
        for (path, change) in self.overlay.iter() {
            let base = match self.base().get(path) {
                Some(entry) => {
                    let bytes =
                        self.files.read(path).map_err(|why| Refusal(format!("`{path}` cannot be read: {why}")))?;
                    Some(FileState::new(bytes, entry.executable))
                }
                None => None,
            };
            let new = match change {
                Change::Write { bytes, .. } => Some(FileState::new(bytes.clone(), self.executable(path))),
                Change::Delete => None,
            };
            states.push((path.clone(), base, new));
        }
        Proposal::new(reason, states).map_err(|error: ProposalError| Refusal(error.to_string()))
    }
}

/// Whether nothing of a name but the case of its letters is folded.
fn is_plain(path: &WorkspacePath) -> bool {
    path.as_str().is_ascii()
        && !path.as_str().contains([':', '~'])
        && !path.components().any(|name| name.ends_with(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{InMemory, path, text_of, workspace};

    fn listed(workspace: &Workspace) -> Vec<String> {
        workspace.files().into_iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn what_is_kept_from_models_is_neither_listed_nor_read_nor_written() {
        let mut workspace = workspace(&[
            ("a.py", "a"),
            (".env", "k"),
            ("sub/.git/config", "k"),
            ("ignored/b.py", "k"),
            ("deploy/id_rsa", "k"),
        ]);
        assert_eq!(listed(&workspace), ["a.py"]);
        for (name, why) in [
            (".env", "may hold secrets"),
            ("deploy/id_rsa", "may hold secrets"),
            ("ignored/b.py", "ignored by git"),
            ("sub/.git/config", "belongs to git"),
            (".env.local", "may hold secrets"),
            ("ignored/new.py", "ignored by git"),
        ] {
            let path = path(name);
            for error in [
                workspace.read(&path).unwrap_err(),
                workspace.write(&path, b"x".to_vec()).unwrap_err(),
                workspace.delete(&path).unwrap_err(),
                workspace.rename(&path, &self::path("free.py")).unwrap_err(),
                workspace.rename(&self::path("a.py"), &path).unwrap_err(),
            ] {
                assert!(error.0.contains(why), "{name}: {error}");
            }
        }
        assert!(workspace.overlay().is_empty());
    }

    #[test]
    fn a_fork_is_its_own() {
        let origin = workspace(&[("a.py", "a")]);
        let mut fork = origin.clone();
        fork.write(&path("b.py"), b"b".to_vec()).unwrap();
        fork.delete(&path("a.py")).unwrap();
        assert_eq!(listed(&fork), ["b.py"]);
        assert_eq!(listed(&origin), ["a.py"]);
        assert_eq!(text_of(&origin, "a.py"), "a");
        let again = Workspace::with_overlay(origin.files.clone(), origin.policy.clone(), fork.overlay().clone());
        assert_eq!(listed(&again), ["b.py"], "as a session takes it up");
        let newer = InMemory::new([("c.py".to_owned(), b"c".to_vec()), (".env".to_owned(), b"k".to_vec())]);
        assert_eq!(listed(&fork.renewed(Arc::new(newer))), ["b.py", "c.py"], "as after an edit of the user's");
    }

    #[test]
    fn modes_go_along_and_what_is_as_before_is_no_change() {
        let files = InMemory::with_executable("run.sh", b"#!/bin/sh\n");
        let mut workspace = Workspace::new(Arc::new(files), Arc::default());
        workspace.rename(&path("run.sh"), &path("bin/go.sh")).unwrap();
        let proposal = workspace.proposal("why").unwrap();
        assert!(proposal.get(&path("bin/go.sh")).unwrap().new_state().unwrap().executable());
        workspace.write(&path("bin/go.sh"), b"#!/bin/sh\necho\n".to_vec()).unwrap();
        let proposal = workspace.proposal("why").unwrap();
        assert!(proposal.get(&path("bin/go.sh")).unwrap().new_state().unwrap().executable(), "kept by a write");
        workspace.write(&path("bin/go.sh"), b"#!/bin/sh\n".to_vec()).unwrap();
        workspace.rename(&path("bin/go.sh"), &path("run.sh")).unwrap();
        assert!(workspace.proposal("why").unwrap().is_empty());
    }

    #[test]
    fn what_could_not_be_proposed_is_neither_overwritten_nor_deleted() {
        let files = InMemory::new([("a.bin".to_owned(), b"a\0b".to_vec()), ("a.py".to_owned(), b"a".to_vec())]);
        let mut workspace = Workspace::new(Arc::new(files), Arc::default());
        for refused in [workspace.delete(&path("a.bin")), workspace.write(&path("a.bin"), b"text".to_vec())] {
            assert!(refused.unwrap_err().0.contains("not a text file"));
        }
        workspace.delete(&path("a.py")).unwrap();
        assert_eq!(workspace.proposal("why").unwrap().files().len(), 1);
    }

    #[test]
    fn a_folder_has_no_twin_either() {
        let mut workspace =
            workspace(&[("secure/a.py", "a"), ("src/a.py", "a"), ("both/a.py", "a"), ("Both/a.py", "a")]);
        for name in ["Secure/b.py", "SECURE/deep/b.py", "src/A.PY", "SRC/a.py"] {
            let error = workspace.write(&path(name), b"x".to_vec()).unwrap_err().0;
            assert!(error.contains("are in one place on some systems"), "{name}: {error}");
        }
        for name in ["secure/b.py", "Both/b.py", "both/c.py", "new/a.py"] {
            workspace.write(&path(name), b"x".to_vec()).unwrap();
        }
        for name in ["New/b.py", "new/A.py"] {
            assert!(workspace.write(&path(name), b"x".to_vec()).is_err(), "{name}");
        }
        workspace.delete(&path("src/a.py")).unwrap();
        workspace.write(&path("SRC/a.py"), b"x".to_vec()).unwrap();
    }

    #[test]
    fn bounds_are_those_of_a_proposal() {
        let mut workspace = workspace(&[]);
        let long = vec![b'x'; MAX_FILE_BYTES + 1];
        assert!(workspace.write(&path("a.py"), long).unwrap_err().0.contains("more than the"));
        assert_eq!(path_of("./src/a.py").unwrap(), path("src/a.py"));
        for bad in ["", "/a", "../a", "a\\b", "a\0b", "C:/x", ".git", "a/.git/b", "a//b", "././a"] {
            assert!(path_of(bad).unwrap_err().0.contains("A path looks like `src/app.py`"), "{bad}");
        }
    }
}
