//! Unified diffs. Models count badly, so the counts in their headers are not looked at, and a line that is said is believed
//! only where the hunk's lines are there.

use crate::files::Refusal;

use super::{FileOp, Hunk, Op};

fn wrong(line: usize, what: &str) -> Refusal {
    Refusal(format!("line {} of the patch: {what}", line + 1))
}

/// The line that a header says, from 0, and the text behind it; none where this is no header with numbers.
pub fn header(line: &str) -> Option<(Option<usize>, Option<String>)> {
    let rest = line.strip_prefix("@@")?.trim_start().strip_prefix('-')?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let number: usize = number.parse().ok()?;
    let behind = rest.split_once("@@").map(|(_, behind)| behind.trim()).filter(|behind| !behind.is_empty());
    Some((Some(number.saturating_sub(1)), behind.map(str::to_owned)))
}

/// The path of a `---` or `+++` line; none for `/dev/null`.
fn name(line: &str) -> Option<String> {
    let name = line[4..].split('\t').next().unwrap_or_default().trim();
    if name == "/dev/null" {
        return None;
    }
    let bare = name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name);
    Some(bare.to_owned())
}

pub fn parse(lines: &[&str]) -> Result<Vec<FileOp>, Refusal> {
    let mut ops = Vec::new();
    let mut at = 0;
    let mut moved: Option<String> = None;
    while at < lines.len() {
        let line = lines[at];
        if let Some(from) = line.strip_prefix("rename from ") {
            moved = Some(from.trim().to_owned());
            at += 1;
        } else if let Some(to) = line.strip_prefix("rename to ") {
            let Some(path) = moved.take() else { return Err(wrong(at, "`rename to` has no `rename from` before it")) };
            ops.push(FileOp::Update { path, to: Some(to.trim().to_owned()), hunks: Vec::new() });
            at += 1;
        } else if line.starts_with("--- ") && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ ")) {
            let (old, new) = (name(line), name(lines[at + 1]));
            let (hunks, next) = hunks(lines, at + 2, old.is_none())?;
            file(&mut ops, old, new, hunks).map_err(|what| wrong(at, what))?;
            at = next;
        } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
            return Err(wrong(at, "it changes a binary file, and only text can be changed"));
        } else {
            at += 1;
        }
    }
    Ok(ops)
}

fn file(ops: &mut Vec<FileOp>, old: Option<String>, new: Option<String>, hunks: Vec<Hunk>) -> Result<(), &'static str> {
    match (old, new) {
        (None, None) => return Err("both names are /dev/null"),
        (Some(path), None) => ops.push(FileOp::Delete { path }),
        (None, Some(path)) => {
            // What is not added is a blank line whose `+` was forgotten.
            let lines = hunks.into_iter().flat_map(|hunk| hunk.lines).map(|line| line.text).collect();
            ops.push(FileOp::Add { path, lines });
        }
        (Some(old), Some(new)) => {
            if let Some(FileOp::Update { path, to: Some(to), hunks: open }) = ops.last_mut()
                && *path == old
                && *to == new
                && open.is_empty()
            {
                *open = hunks;
                return Ok(());
            }
            if hunks.is_empty() && old == new {
                return Err("the file has no hunk");
            }
            let to = (old != new).then_some(new);
            ops.push(FileOp::Update { path: old, to, hunks });
        }
    }
    Ok(())
}

/// Whether another file begins here.
fn is_next(lines: &[&str], at: usize) -> bool {
    let line = lines[at];
    line.starts_with("--- ") && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ "))
        || line.starts_with("diff --git ")
        || line.starts_with("Index: ")
}

fn hunks(lines: &[&str], mut at: usize, is_new: bool) -> Result<(Vec<Hunk>, usize), Refusal> {
    let mut hunks: Vec<Hunk> = Vec::new();
    while at < lines.len() && !is_next(lines, at) {
        let line = lines[at];
        if line.starts_with("@@") {
            let (stated, section) = header(line).unwrap_or((None, None));
            // What stands behind the numbers is the function that git saw, which need not be the right one.
            let anchors = if stated.is_some() { Vec::new() } else { section.into_iter().collect() };
            hunks.push(Hunk { line: at + 1, anchors, stated, ..Hunk::default() });
        } else if line.starts_with('\\') {
            // "No newline at end of file": endings are kept as they are.
        } else {
            let Some(hunk) = hunks.last_mut() else {
                return Err(wrong(at, "a line of a hunk stands before the first `@@`"));
            };
            match line.chars().next() {
                _ if is_new && line.trim().is_empty() => hunk.push(Op::Keep, "", true),
                Some(' ' | '-') if is_new => return Err(wrong(at, "each line of a new file begins with `+`")),
                None => hunk.push(Op::Keep, "", true),
                Some(' ') => hunk.push(Op::Keep, &line[1..], false),
                Some('-') => hunk.push(Op::Remove, &line[1..], false),
                Some('+') => hunk.push(Op::Add, &line[1..], false),
                // A fence or words behind the diff end it. But where more of it follows, this is one of its lines.
                Some(_) => {
                    let rest = (at + 1..lines.len()).take_while(|next| !is_next(lines, *next));
                    let goes_on = rest.map(|next| lines[next]).any(|line| line.starts_with(['@', '+', '-']));
                    if is_new && !line.starts_with("```") {
                        return Err(wrong(at, "each line of a new file begins with `+`"));
                    }
                    if goes_on {
                        let what = "each line of a hunk begins with a blank (stays), `-` (goes) or `+` (comes); this one \
                                    does not, and more follows";
                        return Err(wrong(at, what));
                    }
                    return Ok((finished(hunks), at + 1));
                }
            }
        }
        at += 1;
    }
    Ok((finished(hunks), at))
}

fn finished(mut hunks: Vec<Hunk>) -> Vec<Hunk> {
    hunks.iter_mut().for_each(Hunk::finish);
    hunks.retain(|hunk| hunk.lines.iter().any(|line| line.op != Op::Keep));
    hunks
}
