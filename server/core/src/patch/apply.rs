//! Applies a patch to the files as they are.

use std::collections::BTreeMap;

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
    files: BTreeMap<WorkspacePath, (Option<FileState>, Option<FileState>)>,
}

impl<F: FnMut(&WorkspacePath) -> Result<Option<FileState>, String>> Tree<F> {
    fn get(&mut self, path: &WorkspacePath) -> Result<Option<FileState>, PatchError> {
        if let Some((_, now)) = self.files.get(path) {
            return Ok(now.clone());
        }
        let base = (self.read)(path).map_err(|why| PatchError::Unreadable { path: path.clone(), why })?;
        self.files.insert(path.clone(), (base.clone(), base.clone()));
        Ok(base)
    }

    fn existing(&mut self, path: &WorkspacePath) -> Result<FileState, PatchError> {
        self.get(path)?.ok_or_else(|| PatchError::Missing(path.clone()))
    }

    /// Sets a file that was looked at before.
    fn set(&mut self, path: &WorkspacePath, state: Option<FileState>) {
        if let Some((_, now)) = self.files.get_mut(path) {
            *now = state;
        }
    }

    fn create(&mut self, path: &WorkspacePath, state: FileState) -> Result<(), PatchError> {
        match self.get(path)? {
            Some(_) => Err(PatchError::Exists(path.clone())),
            None => {
                self.set(path, Some(state));
                Ok(())
            }
        }
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
        let mut tree = Tree { read, files: BTreeMap::new() };
        let mut budget = MAX_COMPARISONS;
        let mut notes = Vec::new();
        for file in &self.files {
            apply_file(&mut tree, file, &mut budget, &mut notes)?;
        }
        let files = tree.files.into_iter().map(|(path, (base, now))| (path, base, now));
        let proposal = Proposal::new(reason, files)?;
        if proposal.is_empty() {
            return Err(PatchError::Empty("it leaves every file as it is"));
        }
        Ok(Applied { proposal, notes })
    }
}

fn apply_file<F: FnMut(&WorkspacePath) -> Result<Option<FileState>, String>>(
    tree: &mut Tree<F>,
    file: &FilePatch,
    budget: &mut usize,
    notes: &mut Vec<String>,
) -> Result<(), PatchError> {
    let mut patched = |path: &WorkspacePath, state: &FileState| {
        let bytes = apply_hunks(path, state.bytes(), &file.hunks, budget, notes)?;
        Ok::<_, PatchError>(FileState::new(bytes, file.executable.unwrap_or(state.executable())))
    };
    match &file.action {
        Action::Modify(path) => {
            // A plain diff of a new file names it twice; its one hunk has no old lines.
            let fresh = file.hunks.iter().all(|hunk| hunk.old_start == 0) && tree.get(path)?.is_none();
            if fresh && !file.hunks.is_empty() {
                let state = patched(path, &FileState::new(*b"", false))?;
                return tree.create(path, state);
            }
            let state = tree.existing(path)?;
            let new = patched(path, &state)?;
            tree.set(path, Some(new));
        }
        Action::Create(path) => {
            let new = patched(path, &FileState::new(*b"", false))?;
            tree.create(path, new)?;
        }
        Action::Delete(path) => {
            let state = tree.existing(path)?;
            if !patched(path, &state)?.bytes().is_empty() {
                return Err(PatchError::Remains(path.clone()));
            }
            tree.set(path, None);
        }
        Action::Rename { from, to } => {
            let state = tree.existing(from)?;
            let new = patched(from, &state)?;
            tree.set(from, None);
            tree.create(to, new)?;
        }
        Action::Copy { from, to } => {
            let state = tree.existing(from)?;
            let new = patched(from, &state)?;
            tree.create(to, new)?;
        }
    }
    Ok(())
}

fn apply_hunks(
    path: &WorkspacePath,
    bytes: &[u8],
    hunks: &[PatchHunk],
    budget: &mut usize,
    notes: &mut Vec<String>,
) -> Result<Vec<u8>, PatchError> {
    let lines = split_lines(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    // How far the last hunk lay from where it said; the next is expected as far off.
    let mut drift = 0_isize;
    let mut done = 0;
    for hunk in hunks {
        let old: Vec<_> = hunk.old().collect();
        let mismatch = |what: String| PatchError::Mismatch { path: path.clone(), hunk: hunk.number, line: hunk.line, what };
        if old.is_empty() && !lines.is_empty() {
            let what = "it has no lines of context, so nothing shows where it belongs; make the patch with context".to_owned();
            return Err(mismatch(what));
        }
        let stated = if old.is_empty() { 0 } else { hunk.old_start - 1 };
        let expected = stated.checked_add_signed(drift).unwrap_or(0);
        let at = place(&lines, &old, done, expected, budget).map_err(mismatch)?;
        if at != expected {
            drift += at as isize - expected as isize;
            let (said, found) = (stated + 1, at + 1);
            notes.push(format!("`{path}`: hunk {} was found at line {found} instead of {said}", hunk.number));
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
            Err(format!("not at line {} as it says, but at lines {first} and {second}, so its place is unclear", expected + 1))
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
