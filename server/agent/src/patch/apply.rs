//! Applies a patch to the overlay, all of it or nothing.

use std::ops::Range;

use airlock_core::path::WorkspacePath;
use airlock_core::text::clipped;

use crate::document::Document;
use crate::files::{Refusal, Workspace, path_of};
use crate::outward::{MARK, Outward};
use crate::place::{self, Effort, Found, How, Miss};

use super::{FileOp, Hunk, Op};

/// Most hunks of one file.
const MAX_HUNKS: usize = 2_000;

/// What was done, in a line for each file, and the paths that changed.
#[derive(Debug)]
pub struct Applied {
    pub notes: Vec<String>,
    pub changed: Vec<WorkspacePath>,
}

/// Applies the operations in their order; later ones find what earlier ones did.
///
/// # Errors
/// The first thing that does not fit; then nothing was changed.
pub fn apply(workspace: &mut Workspace, outward: &Outward, ops: &[FileOp]) -> Result<Applied, Refusal> {
    let mut fork = workspace.clone();
    let mut done = Applied { notes: Vec::new(), changed: Vec::new() };
    for op in ops {
        one(&mut fork, outward, op, &mut done)?;
    }
    workspace.take_overlay(fork);
    done.changed.sort_unstable();
    done.changed.dedup();
    Ok(done)
}

fn one(fork: &mut Workspace, outward: &Outward, op: &FileOp, done: &mut Applied) -> Result<(), Refusal> {
    match op {
        FileOp::Add { path, lines } => {
            let path = path_of(path)?;
            fork.may_change(&path)?;
            if fork.contains(&path) {
                return Err(Refusal(format!("`{path}` exists already; use `*** Update File:` to change it")));
            }
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            no_mark(&text)?;
            fork.write(&path, text.into_bytes())?;
            done.notes.push(format!("created `{path}` ({} lines)", lines.len()));
            done.changed.push(path);
        }
        FileOp::Delete { path } => {
            let path = path_of(path)?;
            fork.delete(&path)?;
            done.notes.push(format!("deleted `{path}`"));
            done.changed.push(path);
        }
        FileOp::Update { path, to, hunks } => {
            let path = path_of(path)?;
            fork.may_change(&path)?;
            let document = Document::new(&path, &fork.read(&path)?)?;
            let (edits, notes) =
                hunk_edits(&document, outward, hunks).map_err(|what| Refusal(format!("`{path}`: {what}")))?;
            fork.write(&path, document.replaced(&edits))?;
            let count = hunks.len();
            done.notes.push(format!("changed `{path}` ({count} {})", if count == 1 { "place" } else { "places" }));
            done.notes.extend(notes);
            done.changed.push(path.clone());
            if let Some(to) = to {
                let to = path_of(to)?;
                fork.rename(&path, &to)?;
                done.notes.push(format!("moved `{path}` to `{to}`"));
                done.changed.push(to);
            }
        }
    }
    Ok(())
}

/// Refuses text that has the mark of a hidden key: it would take the key's place.
pub fn no_mark(text: &str) -> Result<(), Refusal> {
    if text.contains(MARK) {
        return Err(Refusal(format!(
            "`{MARK}` stands for a key that is not shown; leave lines that have it as they are"
        )));
    }
    Ok(())
}

type Edits = Vec<(Range<usize>, String)>;

/// The edits that hunks make, in order of place, and what there is to say about where they were found.
///
/// # Errors
/// A hunk has no place, or more than one; says which, and shows what is there.
pub fn hunk_edits(document: &Document, outward: &Outward, hunks: &[Hunk]) -> Result<(Edits, Vec<String>), String> {
    // Compared is what the model was shown, so that a hidden key does not keep the lines around it from being found.
    let shown = outward.redacted(document.text());
    let mut lines: Vec<&str> = shown.split('\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    if hunks.len() > MAX_HUNKS {
        return Err(format!("{} hunks are more than {MAX_HUNKS}; make several patches", hunks.len()));
    }
    let mut effort = Effort::default();
    let mut notes = Vec::new();
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut edits: Edits = Vec::new();
    let mut done = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let fail = |what: String| format!("hunk {} (line {} of the patch): {what}", index + 1, hunk.line);
        let old: Vec<&str> =
            hunk.lines.iter().filter(|line| line.op != Op::Add).map(|line| line.text.as_str()).collect();
        let found = locate(&lines, hunk, &old, &taken, done, &mut effort).map_err(&fail)?;
        match found.how {
            How::Exact | How::Ends => {}
            How::Indent => notes.push(format!(
                "hunk {} was found at line {} with another indentation, and its lines were indented alike",
                index + 1,
                found.at + 1
            )),
            How::Similar => notes.push(format!(
                "hunk {} was found at line {}, whose lines are not quite those of the patch; look at the result",
                index + 1,
                found.at + 1
            )),
        }
        done = found.at + old.len();
        taken.push(found.at..done);
        for (range, new) in changes(hunk, &found) {
            let new: Vec<String> = new;
            no_mark(&new.concat()).map_err(|refusal| fail(refusal.0))?;
            edits.push(document.line_edit(range, &new));
        }
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    if edits.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
        return Err("two hunks change the same lines; make them one".to_owned());
    }
    keys_stay(document, outward, &edits)?;
    Ok((edits, notes))
}

/// Refuses edits, in order of place, by which a part of a hidden key would go, or after which it would not be known for one:
/// the next look at the file would show it.
///
/// # Errors
/// They would do so.
pub fn keys_stay(document: &Document, outward: &Outward, edits: &[(Range<usize>, String)]) -> Result<(), String> {
    let text = document.text();
    let mut keys = outward.places(text).into_iter().peekable();
    if keys.peek().is_none() {
        return Ok(());
    }
    let why = || format!("it would change a part of what is shown as `{MARK}`, or what makes it known; leave it whole");
    let mut now = String::with_capacity(text.len());
    let mut kept: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let end = text.len();
    let last = (end..end, String::new());
    for (range, new) in edits.iter().chain([&last]) {
        while let Some(key) = keys.next_if(|key| key.end <= range.start) {
            kept.push(now.len() + (key.start - at)..now.len() + (key.end - at));
        }
        while let Some(key) = keys.next_if(|key| key.start < range.end) {
            if key.start < range.start || key.end > range.end {
                return Err(why());
            }
        }
        if range.is_empty() && keys.peek().is_some_and(|key| key.start < range.start) {
            return Err(why());
        }
        now.push_str(&text[at..range.start]);
        now.push_str(new);
        at = range.end;
    }
    let known = outward.places(&now);
    let is_known = |key: &Range<usize>| {
        let behind = known.partition_point(|place| place.start <= key.start);
        behind > 0 && known[behind - 1].end >= key.end
    };
    if kept.iter().all(is_known) { Ok(()) } else { Err(why()) }
}

/// The runs of lines that go and come, by their place in the file.
fn changes(hunk: &Hunk, found: &Found) -> Vec<(Range<usize>, Vec<String>)> {
    let mut runs: Vec<(Range<usize>, Vec<String>)> = Vec::new();
    let mut at = found.at;
    let mut open = false;
    for line in &hunk.lines {
        if line.op == Op::Keep {
            open = false;
            at += 1;
            continue;
        }
        if !open {
            runs.push((at..at, Vec::new()));
            open = true;
        }
        let Some(run) = runs.last_mut() else { continue };
        if line.op == Op::Remove {
            at += 1;
            run.0.end = at;
        } else {
            run.1.push(found.shift.line(&line.text));
        }
    }
    runs
}

/// The place of a hunk that meets none of the others.
fn locate(
    lines: &[&str],
    hunk: &Hunk,
    old: &[&str],
    taken: &[Range<usize>],
    done: usize,
    effort: &mut Effort,
) -> Result<Found, String> {
    let exactly = |at| Found { at, how: How::Exact, shift: place::Shift::None };
    if old.is_empty() {
        return match (lines.is_empty(), hunk.at_end) {
            (true, _) | (_, true) => Ok(exactly(lines.len())),
            _ => Err("it has no line that stays or goes, so nothing shows where it belongs; give some lines around it"
                .to_owned()),
        };
    }
    let free = |at: usize| taken.iter().all(|range| at + old.len() <= range.start || at >= range.end);
    if let Some(at) = hunk.stated
        && at < lines.len()
        && free(at)
        && at.checked_add(old.len()).and_then(|end| lines.get(at..end)).is_some_and(|there| there == old)
    {
        return Ok(exactly(at));
    }
    if hunk.at_end && lines.len() >= old.len() {
        let at = lines.len() - old.len();
        if let Ok(found) = place::find(lines, old, effort, |place| place == at && free(place)) {
            return Ok(found);
        }
    }
    let explained = |miss: &Miss| place::explain(miss, lines, old.len());
    // Anchors that the file does not have say nothing; those that it has are meant.
    let line_of = |anchor: &str| lines.iter().position(|line| is_anchor(line, anchor.trim()));
    let anchors: Vec<&str> =
        hunk.anchors.iter().map(|anchor| anchor.trim()).filter(|anchor| line_of(anchor).is_some()).collect();
    if let Some((last, first)) = anchors.last().and_then(|last| Some((*last, line_of(last)?))) {
        match place::find(lines, old, effort, |at| free(at) && is_within(lines, &anchors, at)) {
            Ok(found) => return Ok(found),
            Err(miss @ (Miss::Ambiguous(_) | Miss::TooLong)) => return Err(explained(&miss)),
            Err(Miss::Nowhere(_)) => {}
        }
        // What opens no block is a line before the place.
        if !opens(lines, first) {
            match place::find(lines, old, effort, |at| free(at) && at >= first) {
                Ok(found) => return Ok(found),
                Err(miss @ (Miss::Ambiguous(_) | Miss::TooLong)) => return Err(explained(&miss)),
                Err(Miss::Nowhere(_)) => {}
            }
        }
        let there = place::excerpt(lines, first, old.len() + 6);
        return Err(format!("it is not where `@@ {}` says. There is:\n{there}", clipped(last, 120)));
    }
    // The lines of a hunk before it are not to be had twice, and nothing like them is meant instead.
    if !taken.is_empty()
        && let Ok(found) = place::find(lines, old, effort, |_| true)
        && found.how == How::Exact
        && !free(found.at)
    {
        return Err(format!("its lines (from {}) are those of an earlier hunk; make them one hunk", found.at + 1));
    }
    match place::find(lines, old, effort, free) {
        Ok(found) => Ok(found),
        // Hunks come in the order of their places, so what lies before the last one is not meant.
        Err(miss @ Miss::Ambiguous(_)) if done > 0 => {
            place::find(lines, old, effort, |at| free(at) && at >= done).map_err(|_| explained(&miss))
        }
        Err(miss) => Err(explained(&miss)),
    }
}

fn is_anchor(line: &str, anchor: &str) -> bool {
    let line = line.trim();
    !anchor.is_empty() && (line == anchor || line.starts_with(anchor) && anchor.len() >= 4)
}

/// Whether what follows a line is indented more.
fn opens(lines: &[&str], at: usize) -> bool {
    let next = lines.iter().skip(at + 1).find(|line| !line.trim().is_empty());
    next.is_some_and(|next| indentation(next) > indentation(lines[at]))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line is in what the anchors open, the last of them innermost.
fn is_within(lines: &[&str], anchors: &[&str], at: usize) -> bool {
    let mut inner = at;
    for anchor in anchors.iter().rev() {
        // Upwards; `open` is the least indentation on the way, which what encloses a line stays below.
        let mut open = usize::MAX;
        let mut found = None;
        for index in (0..=inner.min(lines.len().saturating_sub(1))).rev() {
            let line = lines[index];
            if line.trim().is_empty() {
                continue;
            }
            if is_anchor(line, anchor) && (index == inner || indentation(line) < open) {
                found = Some(index);
                break;
            }
            if !line.trim_start().starts_with([')', ']', '}']) {
                open = open.min(indentation(line));
            }
        }
        match found {
            Some(index) => inner = index,
            None => return false,
        }
    }
    true
}
