//! V4A. The grammar is that of OpenAI's guide to `apply_patch` and of the tool in their Codex, whose leniency it shares: text
//! around the patch, blanks after the marks, an empty line in place of an empty line of context.

use crate::files::Refusal;

use super::{FileOp, Hunk, Op, unified};

/// What a patch looks like, for who wrote another.
pub const FORM: &str = "\
A patch looks like this:
*** Begin Patch
*** Update File: src/app.py
@@ def total(self):
     amount = 0
-    return amount
+    return amount + 1
*** Add File: src/new.py
+first line
*** Delete File: src/old.py
*** End Patch";

fn wrong(line: usize, what: &str) -> Refusal {
    Refusal(format!("line {} of the patch: {what}. {FORM}", line + 1))
}

pub fn parse(lines: &[&str]) -> Result<Vec<FileOp>, Refusal> {
    let begin = lines.iter().position(|line| line.trim_end() == "*** Begin Patch");
    let first = begin.map_or(0, |at| at + 1);
    let Some(end) = lines.iter().rposition(|line| line.trim_end() == "*** End Patch") else {
        return Err(wrong(lines.len(), "it has no `*** End Patch`, so it may be cut off; send it whole"));
    };
    let mut ops = Vec::new();
    let mut at = first;
    while at < end {
        let line = lines[at];
        if let Some(path) = mark(line, "Add File") {
            let (op, next) = added(path, lines, at + 1, end)?;
            ops.push(op);
            at = next;
        } else if let Some(path) = mark(line, "Delete File") {
            ops.push(FileOp::Delete { path: path.to_owned() });
            at += 1;
        } else if let Some(path) = mark(line, "Update File") {
            let (op, next) = updated(path, lines, at + 1, end)?;
            ops.push(op);
            at = next;
        } else if line.trim().is_empty() || begin.is_none() && ops.is_empty() {
            at += 1;
        } else {
            return Err(wrong(at, "here `*** Update File: …`, `*** Add File: …` or `*** Delete File: …` is expected"));
        }
    }
    Ok(ops)
}

/// The path behind `*** Add File:` and its like.
fn mark<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let rest = line.trim_start().strip_prefix("***")?.trim_start().strip_prefix(word)?;
    Some(rest.trim_start().strip_prefix(':')?.trim())
}

fn is_mark(line: &str) -> bool {
    ["Add File", "Delete File", "Update File"].iter().any(|word| line.starts_with("***") && mark(line, word).is_some())
}

fn added(path: &str, lines: &[&str], mut at: usize, end: usize) -> Result<(FileOp, usize), Refusal> {
    let mut text = Vec::new();
    let behind = lines[at..end].iter().position(|line| is_mark(line)).map_or(end, |more| at + more);
    let last = lines[at..behind].iter().rposition(|line| line.starts_with('+')).map_or(at, |more| at + more);
    while at < behind {
        match lines[at].strip_prefix('+') {
            Some(line) => text.push(line.to_owned()),
            // A blank line before the next file, or one whose `+` was forgotten.
            None if lines[at].trim().is_empty() => {
                if at < last {
                    text.push(String::new());
                }
            }
            None => return Err(wrong(at, "each line of a new file begins with `+`")),
        }
        at += 1;
    }
    Ok((FileOp::Add { path: path.to_owned(), lines: text }, at))
}

fn updated(path: &str, lines: &[&str], mut at: usize, end: usize) -> Result<(FileOp, usize), Refusal> {
    let mut to = None;
    if let Some(target) = lines.get(at).and_then(|line| mark(line, "Move to")) {
        to = Some(target.to_owned());
        at += 1;
    }
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut open = Hunk { line: at + 1, ..Hunk::default() };
    while at < end && !is_mark(lines[at]) {
        let line = lines[at];
        if line.trim_end() == "*** End of File" {
            open.at_end = true;
        } else if let Some(rest) = line.strip_prefix("@@") {
            // Several marks in a row name a class, then a function in it.
            if !open.lines.is_empty() {
                hunks.push(std::mem::take(&mut open));
            }
            open.line = at + 1;
            match unified::header(line) {
                Some((stated, anchor)) => {
                    open.stated = stated;
                    open.anchors.extend(anchor);
                }
                None if rest.trim().is_empty() => {}
                None => open.anchors.push(rest.trim().trim_end_matches("@@").trim_end().to_owned()),
            }
        } else {
            let (op, text) = match line.chars().next() {
                None => (Op::Keep, ""),
                Some(' ') => (Op::Keep, &line[1..]),
                Some('-') => (Op::Remove, &line[1..]),
                Some('+') => (Op::Add, &line[1..]),
                Some(_) => {
                    let what = "within a file each line begins with a blank (stays), `-` (goes), `+` (comes) or `@@`";
                    return Err(wrong(at, what));
                }
            };
            open.push(op, text, line.is_empty());
        }
        at += 1;
    }
    if !open.lines.is_empty() {
        hunks.push(open);
    }
    hunks.iter_mut().for_each(Hunk::finish);
    hunks.retain(|hunk| hunk.lines.iter().any(|line| line.op != Op::Keep));
    if hunks.is_empty() && to.is_none() {
        return Err(wrong(at.min(end), "the file above has no line that goes or comes"));
    }
    Ok((FileOp::Update { path: path.to_owned(), to, hunks }, at))
}
