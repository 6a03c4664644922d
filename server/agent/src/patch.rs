//! Patches as models write them: V4A, which OpenAI's models are trained on, and unified diffs without trust in their counts.
//!
//! Both become the same operations ([`FileOp`]); where a hunk belongs is found by its lines (see [`crate::place`]), and what
//! changes are the lines that go and come: context stays as the file has it.

mod apply;
mod unified;
mod v4a;

use airlock_core::limits::{MAX_FILES, MAX_PATCH_BYTES};

use crate::files::Refusal;

pub use apply::{apply, hunk_edits, keys_stay, no_mark};

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    Add { path: String, lines: Vec<String> },
    Delete { path: String },
    Update { path: String, to: Option<String>, hunks: Vec<Hunk> },
}

/// Lines that go and come, with what is around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hunk {
    /// Line of the patch it begins at, from 1.
    pub line: usize,
    /// Lines further up that say where it is: a class, then a function.
    pub anchors: Vec<String>,
    /// Line of the file it says it begins at, from 0; believed where its lines are there.
    pub stated: Option<usize>,
    pub lines: Vec<HunkLine>,
    /// It is at the end of the file.
    pub at_end: bool,
    /// How many of its last lines are empty, without even the blank of a line that stays.
    pub(crate) bare: usize,
}

impl Hunk {
    fn push(&mut self, op: Op, text: &str, is_bare: bool) {
        self.bare = if is_bare { self.bare + 1 } else { 0 };
        self.lines.push(HunkLine { op, text: text.to_owned() });
    }

    /// Empty lines before the next mark are the patch's own, not the file's.
    fn finish(&mut self) {
        self.lines.truncate(self.lines.len() - std::mem::take(&mut self.bare));
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HunkLine {
    pub op: Op,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Keep,
    Remove,
    Add,
}

/// Reads a patch of either kind.
///
/// # Errors
/// What is wrong, at which line of the patch, and what a patch looks like.
pub fn parse(text: &str) -> Result<Vec<FileOp>, Refusal> {
    if text.len() > MAX_PATCH_BYTES {
        return Err(Refusal(format!("the patch has {} bytes, more than {MAX_PATCH_BYTES}", text.len())));
    }
    let text = crate::document::with_plain_endings(text);
    let lines: Vec<&str> = text.lines().collect();
    // Whichever comes first: the lines of a patch may hold another.
    let first = |starts: &[&str]| lines.iter().position(|line| starts.iter().any(|start| line.starts_with(start)));
    let marks = ["*** Begin Patch", "*** Update File:", "*** Add File:", "*** Delete File:"];
    let is_v4a = match (first(&marks), first(&["diff --git ", "--- ", "Index: "])) {
        (Some(mark), Some(header)) => mark < header,
        (mark, _) => mark.is_some(),
    };
    let ops = if is_v4a {
        v4a::parse(&lines)?
    } else if lines.iter().any(|line| line.starts_with("+++ ") || line.starts_with("rename to ")) {
        unified::parse(&lines)?
    } else {
        return Err(Refusal(format!("this is no patch. {}", v4a::FORM)));
    };
    if ops.is_empty() {
        return Err(Refusal(format!("the patch changes nothing. {}", v4a::FORM)));
    }
    if ops.len() > MAX_FILES {
        return Err(Refusal(format!("the patch has {} files, more than {MAX_FILES}", ops.len())));
    }
    Ok(ops)
}

#[cfg(test)]
mod tests;
