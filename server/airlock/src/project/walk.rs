//! Walking a tree into a [`Workspace`].
//!
//! What goes in: regular files, folders, and links that stay inside, hidden ones too. What stays out: `.git`; secrets;
//! what git ignores, except tracked files, Python modules inside packages (a generated `_version.py` is imported like any
//! other) and what the user's setting `read` names; environments and caches; FIFOs, sockets, devices. Ignore files for
//! other tools (`.ignore`) mean nothing here: a test run has to see what the project has.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use airlock_core::path::WorkspacePath;

use super::beneath::{EntryType, Folder, Named};
use super::git_index::Tracked;
use super::ignores::{Patterns, Rules};
use super::links;
use super::notes::{Cause, Hidden, Notes};
use super::workspace::{Entry, Limits, Workspace};
use crate::apply::is_temporary;

/// Folders that are made by tools and hold nothing of the project, unless git tracks something in them.
const GENERATED: &[&str] = &[
    "__pycache__",
    "node_modules",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".eggs",
    ".ipynb_checkpoints",
    ".pytype",
    ".hg",
    ".svn",
];

/// What a walk needs to know.
pub struct Options<'a> {
    /// Whether a path (relative, with `/`) is a secret.
    pub is_secret: &'a dyn Fn(&str) -> bool,
    /// The setting `ignore`.
    pub ignore: &'a [String],
    /// The setting `secrets`.
    pub secrets: &'a [String],
    /// The setting `read`.
    pub read: &'a [String],
    /// The user's global ignore file; [`global_ignore_file`] finds it.
    pub global_ignore: Option<PathBuf>,
    pub limits: Limits,
}

/// The file git's `core.excludesFile` names, or its default place.
pub fn global_ignore_file() -> Option<PathBuf> {
    ignore::gitignore::gitconfig_excludes_path()
}

/// Why a tree could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path} holds more than {max} files; name a smaller folder with --root, or leave folders out with the setting `ignore`"
    )]
    TooMany { path: PathBuf, max: usize },
}

/// Walks the tree at `root`.
///
/// # Errors
/// The root cannot be opened, or holds more than the limit; anything below that cannot be read is a note.
pub fn walk(root: &Path, options: &Options<'_>) -> Result<Workspace, WalkError> {
    let unreadable = |source| WalkError::Unreadable { path: root.to_owned(), source };
    let path = root.canonicalize().map_err(unreadable)?;
    let top = Folder::open_root(&path).map_err(unreadable)?;
    let mut notes = Notes::default();
    let patterns = |lines: &[String], notes: &mut Notes| {
        let (patterns, warnings) = Patterns::new(lines);
        notes.warnings.extend(warnings);
        patterns
    };
    let mut walker = Walker {
        ignore: patterns(options.ignore, &mut notes),
        secrets: patterns(options.secrets, &mut notes),
        read: patterns(options.read, &mut notes),
        options,
        top: &path,
        tracked: None,
        rules: Rules::at_top(&path, options.global_ignore.as_deref()),
        entries: BTreeMap::new(),
        notes,
    };
    walker.folder(&top, "", 0, Mode::Normal).map_err(|stop| match stop {
        Stop::TooMany => WalkError::TooMany { path: path.clone(), max: options.limits.entries },
        Stop::Io(source) => unreadable(source),
    })?;
    let Walker { entries, notes, .. } = walker;
    Ok(Workspace { path, root: top, entries, limits: options.limits, notes, open: BTreeMap::new() })
}

/// How a folder's content is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    /// Git ignores the folder: only what is tracked or named by the user, and with `modules` Python's source files.
    Ignored {
        modules: bool,
    },
}

enum Stop {
    TooMany,
    Io(io::Error),
}

struct Walker<'a> {
    options: &'a Options<'a>,
    ignore: Patterns,
    secrets: Patterns,
    read: Patterns,
    top: &'a Path,
    /// Read only when something ignored is met.
    tracked: Option<Tracked>,
    rules: Rules,
    entries: BTreeMap<WorkspacePath, Entry>,
    notes: Notes,
}

/// What the folder being listed is to Python.
#[derive(Clone, Copy)]
struct Surroundings {
    /// It has a module that git does not ignore, so an ignored one beside it can be imported too.
    modules: bool,
    /// It is a package that git does not ignore.
    package: bool,
}

impl Walker<'_> {
    fn folder(&mut self, folder: &Folder, path: &str, depth: usize, mode: Mode) -> Result<(), Stop> {
        let listed = match folder.entries() {
            // Sorted, so that notes and a bound that is hit are the same on every file system.
            Ok(mut listed) => {
                listed.sort_by(|a, b| a.name.cmp(&b.name));
                listed
            }
            Err(e) if depth == 0 => return Err(Stop::Io(e)),
            Err(_) => {
                self.notes.add(Cause::Unreadable, path);
                return Ok(());
            }
        };
        // An environment inside the project, whatever its name. Its root has no module of the project's.
        if depth > 0 && listed.iter().any(|n| n.name == "pyvenv.cfg" || n.name == "conda-meta") {
            self.notes.hide(path, Hidden::Generated);
            self.forget(path);
            return Ok(());
        }
        let entered = listed.iter().any(|n| n.name == ".gitignore" && n.kind == EntryType::File)
            && self.rules.enter(folder, path);
        let around = self.surroundings(&listed, path, mode);
        for named in listed {
            let Some(name) = named.name.to_str().map(str::to_owned) else {
                self.notes.add(Cause::Name, &join(path, &named.name.to_string_lossy()));
                continue;
            };
            // Git's own folder, and the file that stands for it in work trees and submodules; and what a landing that was
            // killed left, which the next one removes.
            if name == ".git" || (named.kind == EntryType::File && is_temporary(&name)) {
                continue;
            }
            self.entry(folder, &join(path, &name), &name, named.kind, depth, mode, around)?;
        }
        if entered {
            self.rules.leave();
        }
        Ok(())
    }

    fn surroundings(&self, listed: &[Named], path: &str, mode: Mode) -> Surroundings {
        if let Mode::Ignored { modules } = mode {
            return Surroundings { modules, package: modules };
        }
        let kept = |name: &str| !self.rules.ignored(&join(path, name), false);
        let mut around = Surroundings { modules: false, package: false };
        for named in listed.iter().filter(|n| n.kind == EntryType::File) {
            let Some(name) = named.name.to_str() else { continue };
            if name == "__init__.py" && kept(name) {
                return Surroundings { modules: true, package: true };
            }
            around.modules = around.modules || (name.ends_with(".py") && kept(name));
        }
        around
    }

    #[allow(clippy::too_many_arguments, reason = "one call site; a struct would only name the same things twice")]
    fn entry(
        &mut self,
        folder: &Folder,
        path: &str,
        name: &str,
        kind: EntryType,
        depth: usize,
        mode: Mode,
        around: Surroundings,
    ) -> Result<(), Stop> {
        let is_folder = kind == EntryType::Folder;
        if (self.options.is_secret)(path) || self.secrets.matches(path, is_folder) {
            self.notes.hide(path, Hidden::Secret);
            return Ok(());
        }
        if self.ignore.matches(path, is_folder) {
            self.notes.hide(path, Hidden::Setting);
            return Ok(());
        }
        let Ok(key) = WorkspacePath::new(path) else {
            self.notes.add(Cause::Name, path);
            return Ok(());
        };
        let ignored = mode != Mode::Normal || self.rules.ignored(path, is_folder);
        match kind {
            EntryType::Folder => {
                let generated = GENERATED.contains(&name) && !self.tracked().any_beneath(path);
                if generated {
                    self.notes.hide(path, Hidden::Generated);
                    return Ok(());
                }
                self.subfolder(folder, &key, name, depth, ignored, around)
            }
            EntryType::Special => {
                self.notes.add(Cause::Special, path);
                Ok(())
            }
            EntryType::Link | EntryType::File => {
                if ignored && !self.wanted(path, name, around) {
                    // Inside an ignored folder that is said of the folder already.
                    if mode == Mode::Normal {
                        self.notes.hide(path, Hidden::GitIgnored);
                    }
                    return Ok(());
                }
                if ignored && !self.tracked().contains(path) {
                    self.notes.ignore(path);
                }
                if kind == EntryType::Link { self.link(folder, key, name) } else { self.file(folder, key, name) }
            }
        }
    }

    /// Whether a file that git ignores goes in all the same.
    fn wanted(&mut self, path: &str, name: &str, around: Surroundings) -> bool {
        let module = name.ends_with(".py") || name.ends_with(".pyi") || name == "py.typed";
        (around.modules && module) || self.read.matches(path, false) || self.tracked().contains(path)
    }

    fn subfolder(
        &mut self,
        folder: &Folder,
        key: &WorkspacePath,
        name: &str,
        depth: usize,
        ignored: bool,
        around: Surroundings,
    ) -> Result<(), Stop> {
        let path = key.as_str();
        if depth + 1 >= self.options.limits.depth {
            self.notes.add(Cause::Depth, path);
            return Ok(());
        }
        let child = folder.child(name.as_ref());
        let mode = if !ignored {
            Mode::Normal
        } else {
            // A package beside packages, or part of one, can be imported although git ignores it.
            let package =
                child.as_ref().is_ok_and(|c| c.status("__init__.py").is_ok_and(|s| s.kind == EntryType::File));
            let modules = around.package || package;
            let read = self.read.matches(path, true) || self.read.may_match_beneath(path);
            if !modules && !read && !self.tracked().any_beneath(path) {
                self.notes.hide(path, Hidden::GitIgnored);
                return Ok(());
            }
            Mode::Ignored { modules }
        };
        let child = match child {
            Ok(child) => child,
            Err(_) => {
                self.notes.add(Cause::Unreadable, path);
                return Ok(());
            }
        };
        self.insert(key.clone(), Entry::Folder)?;
        let before = self.entries.len();
        self.folder(&child, path, depth + 1, mode)?;
        if ignored {
            self.notes.hide(path, Hidden::GitIgnored);
            if self.entries.len() == before {
                self.entries.remove(key);
            }
        }
        Ok(())
    }

    fn file(&mut self, folder: &Folder, key: WorkspacePath, name: &str) -> Result<(), Stop> {
        let Ok(status) = folder.status(name) else {
            self.notes.add(Cause::Unreadable, key.as_str());
            return Ok(());
        };
        if status.kind != EntryType::File {
            // Swapped for something else since it was listed.
            self.notes.add(Cause::Special, key.as_str());
            return Ok(());
        }
        if status.stamp.len > self.options.limits.file_bytes {
            self.notes.add(Cause::TooLarge, key.as_str());
        }
        // Asking the system for each file would double the walk; most are readable to all.
        if cfg!(unix) && status.mode & 0o004 == 0 && !folder.readable(name) {
            self.notes.add(Cause::Unreadable, key.as_str());
        }
        self.insert(key, Entry::File { stamp: status.stamp, executable: status.mode & 0o100 != 0 })
    }

    fn link(&mut self, folder: &Folder, key: WorkspacePath, name: &str) -> Result<(), Stop> {
        let target = folder.read_link(name.as_ref()).ok();
        match target.and_then(|target| links::inside(self.top, key.as_str(), &target)) {
            Some(target) => self.insert(key, Entry::Link { target }),
            None => {
                self.notes.add(Cause::LinkOut, key.as_str());
                Ok(())
            }
        }
    }

    fn tracked(&mut self) -> &Tracked {
        self.tracked.get_or_insert_with(|| Tracked::read(self.top))
    }

    fn insert(&mut self, key: WorkspacePath, entry: Entry) -> Result<(), Stop> {
        if self.entries.len() >= self.options.limits.entries {
            return Err(Stop::TooMany);
        }
        self.entries.insert(key, entry);
        Ok(())
    }

    fn forget(&mut self, path: &str) {
        if let Ok(key) = WorkspacePath::new(path) {
            self.entries.remove(&key);
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
