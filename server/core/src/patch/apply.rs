//! Applies a patch to the files as they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::split_lines;
use crate::limits::MAX_FILE_BYTES;
use crate::path::WorkspacePath;
use crate::proposal::{FileState, Proposal, ProposalError};
use crate::text::{clipped, visible_bytes};

use super::{Action, Applied, FilePatch, Op, Patch, PatchError, PatchHunk};

/// Most comparisons of lines in the search for moved hunks, over a whole patch; a patch that needs more is made to.
const MAX_COMPARISONS: usize = 200_000_000;

/// Files before the patch and as it leaves them.
struct Tree<F> {
    read: F,
    base: BTreeMap<WorkspacePath, Option<FileState>>,
    now: BTreeMap<WorkspacePath, Option<FileState>>,
}

impl<F: FnMut(&WorkspacePath) -> Result<Option<FileState>, String>> Tree<F> {
    fn get(&mut self, path: &WorkspacePath) -> Result<Option<FileState>, PatchError> {
        if let Some(now) = self.now.get(path) {
            return Ok(now.clone());
        }
        let base = (self.read)(path).map_err(|why| PatchError::Unreadable { path: path.clone(), why })?;
        self.base.insert(path.clone(), base.clone());
        self.now.insert(path.clone(), base.clone());
        Ok(base)
    }

    fn existing(&mut self, path: &WorkspacePath) -> Result<FileState, PatchError> {
        self.get(path)?.ok_or_else(|| PatchError::Missing(path.clone()))
    }
}

impl Patch {
    /// Applies all of the patch or nothing. `read` gives a file as it is, `None` where there is none, or says in plain words
    /// why it cannot be changed (a link, unreadable). A patch that touches a file twice finds its own earlier change.
    pub fn apply(
        &self,
        reason: impl Into<String>,
        read: impl FnMut(&WorkspacePath) -> Result<Option<FileState>, String>,
    ) -> Result<Applied, PatchError> {
        let mut tree = Tree { read, base: BTreeMap::new(), now: BTreeMap::new() };
        let mut work = Work { budget: MAX_COMPARISONS, notes: Vec::new() };
        for part in self.files.chunk_by(|one, other| one.part == other.part) {
            apply_part(&mut tree, part, &mut work)?;
        }
        let Tree { base, mut now, .. } = tree;
        let files = base.into_iter().map(|(path, base)| {
            let new = now.remove(&path).flatten();
            (path, base, new)
        });
        let proposal = Proposal::new(reason, files)?;
        if proposal.is_empty() {
            return Err(PatchError::Empty("it leaves every file as it is"));
        }
        Ok(Applied { proposal, notes: work.notes })
    }
}

/// What is used up and gathered on the way.
struct Work {
    budget: usize,
    notes: Vec<String>,
}

/// Applies one patch of a series. Its renames and copies start from the files before it, in whatever order it lists them:
/// so two files can change places, and a copy does not get what its origin is changed to.
fn apply_part<F: FnMut(&WorkspacePath) -> Result<Option<FileState>, String>>(
    tree: &mut Tree<F>,
    part: &[FilePatch],
    work: &mut Work,
) -> Result<(), PatchError> {
    let mut origins = BTreeMap::new();
    let mut leaving = BTreeSet::new();
    for file in part {
        if let Action::Rename { from, .. } | Action::Copy { from, .. } = &file.action {
            origins.insert(from, tree.existing(from)?);
        }
        if let Action::Rename { from: path, .. } | Action::Delete(path) = &file.action {
            leaving.insert(path);
        }
    }
    let mut created = BTreeSet::new();
    for file in part {
        let mut patched = |path: &WorkspacePath, state: &FileState| {
            let bytes = apply_hunks(path, state.bytes(), &file.hunks, work)?;
            Ok::<_, PatchError>(FileState::new(bytes, file.executable.unwrap_or(state.executable())))
        };
        let empty = FileState::new(*b"", false);
        let (path, new) = match &file.action {
            Action::Modify(path) => match tree.get(path)? {
                Some(state) => {
                    let new = patched(path, &state)?;
                    tree.now.insert(path.clone(), Some(new));
                    continue;
                }
                // A plain diff of a new file names it twice; its one hunk has no old lines.
                None if !file.hunks.is_empty() && file.hunks.iter().all(|hunk| hunk.old_start == 0) => {
                    (path, patched(path, &empty)?)
                }
                None => return Err(PatchError::Missing(path.clone())),
            },
            Action::Create(path) => (path, patched(path, &empty)?),
            Action::Delete(path) => {
                let state = tree.existing(path)?;
                if !created.contains(path) {
                    if !patched(path, &state)?.bytes().is_empty() {
                        return Err(PatchError::Remains(path.clone()));
                    }
                    tree.now.insert(path.clone(), None);
                }
                continue;
            }
            Action::Rename { from, to } | Action::Copy { from, to } => {
                let new = patched(from, &origins[from])?;
                if matches!(file.action, Action::Rename { .. }) && !created.contains(from) {
                    tree.now.insert(from.clone(), None);
                }
                (to, new)
            }
        };
        if tree.get(path)?.is_some() && (!leaving.contains(path) || created.contains(path)) {
            return Err(PatchError::Exists(path.clone()));
        }
        tree.now.insert(path.clone(), Some(new));
        created.insert(path.clone());
    }
    Ok(())
}

fn apply_hunks(
    path: &WorkspacePath,
    bytes: &[u8],
    hunks: &[PatchHunk],
    work: &mut Work,
) -> Result<Vec<u8>, PatchError> {
    let lines = split_lines(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    // How far the last hunk lay from where it said; the next is expected as far off.
    let mut drift = 0_isize;
    let mut done = 0;
    for hunk in hunks {
        let old: Vec<_> = hunk.old().collect();
        let mismatch =
            |what: String| PatchError::Mismatch { path: path.clone(), hunk: hunk.number, line: hunk.line, what };
        if old.is_empty() && !lines.is_empty() {
            let what =
                "it has no lines of context, so nothing shows where it belongs; make the patch with context".to_owned();
            return Err(mismatch(what));
        }
        let stated = if old.is_empty() { 0 } else { hunk.old_start - 1 };
        let expected = stated.checked_add_signed(drift).unwrap_or(0);
        let at = place(&lines, &old, done, expected, &mut work.budget).map_err(mismatch)?;
        if at != expected {
            drift += at as isize - expected as isize;
            let (said, found) = (stated + 1, at + 1);
            work.notes.push(format!("`{path}`: hunk {} was found at line {found} instead of {said}", hunk.number));
        }
        lines[done..at].iter().for_each(|line| out.extend_from_slice(line));
        for line in hunk.lines.iter().filter(|line| line.op != Op::Remove) {
            if out.last().is_some_and(|byte| *byte != b'\n') {
                return Err(mismatch("a line without an ending would not be the last of the file".to_owned()));
            }
            out.extend_from_slice(&line.text);
        }
        done = at + old.len();
        if out.last().is_some_and(|byte| *byte != b'\n') && done < lines.len() {
            return Err(mismatch("a line without an ending would not be the last of the file".to_owned()));
        }
        if out.len() > MAX_FILE_BYTES {
            return Err(ProposalError::TooLarge { path: path.clone(), len: out.len() }.into());
        }
    }
    lines[done..].iter().for_each(|line| out.extend_from_slice(line));
    Ok(out)
}

/// Where the old lines are: at `expected`, or at the one other place from `done` on; else what is there instead.
fn place(lines: &[&[u8]], old: &[&[u8]], done: usize, expected: usize, budget: &mut usize) -> Result<usize, String> {
    let fits = |at: usize| lines.get(at..at + old.len()).is_some_and(|there| there == old);
    if expected >= done && fits(expected) {
        return Ok(expected);
    }
    let mut found = Vec::new();
    for at in done..(lines.len() + 1).saturating_sub(old.len()) {
        let compared = 1 + old.iter().zip(&lines[at..]).take_while(|(old, there)| old == there).count();
        *budget = budget.checked_sub(compared).ok_or("the search for its place takes too long")?;
        if compared > old.len() {
            found.push(at);
            if found.len() > 1 {
                break;
            }
        }
    }
    match found[..] {
        [at] => Ok(at),
        [first, second] => {
            let (first, second) = (first + 1, second + 1);
            Err(format!(
                "not at line {} as it says, but at lines {first} and {second}, so its place is unclear",
                expected + 1
            ))
        }
        _ => Err(difference(lines, old, expected)),
    }
}

/// The first line that differs, in words.
fn difference(lines: &[&[u8]], old: &[&[u8]], expected: usize) -> String {
    let differs = |index: &usize| lines.get(expected + index).copied() != Some(old[*index]);
    let Some(index) = (0..old.len()).find(differs) else {
        return "it overlaps the hunk before it".to_owned();
    };
    let number = expected + index + 1;
    let wanted = quote(old[index]);
    let Some(there) = lines.get(expected + index) else {
        return format!("line {number} should be {wanted}, but the file ends after line {}", lines.len());
    };
    let hint = if there.trim_ascii_end() == old[index].trim_ascii_end() {
        " (they differ in the ending of the line or in blanks before it)"
    } else if there.trim_ascii() == old[index].trim_ascii() {
        " (they differ in indentation)"
    } else {
        ""
    };
    format!("line {number} should be {wanted}, but is {}{hint}", quote(there))
}

fn quote(line: &[u8]) -> String {
    let (text, ending) = match line.strip_suffix(b"\n") {
        Some(text) => match text.strip_suffix(b"\r") {
            Some(text) => (text, " with CRLF"),
            None => (text, ""),
        },
        None => (line, " without an ending"),
    };
    format!("`{}`{ending}", clipped(&visible_bytes(text), 80))
}
