//! Applies a patch to the overlay, all of it or nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use airlock_core::path::WorkspacePath;
use airlock_core::text::clipped;

use crate::document::Document;
use crate::files::{Refusal, Workspace, path_of};
use crate::outward::{MARK, Outward};
use crate::place::{self, Effort, Found, How, Miss};

use super::{FileOp, Hunk, Op};

/// Most hunks of one file, and most anchors of one hunk.
const MAX_HUNKS: usize = 2_000;
const MAX_ANCHORS: usize = 16;

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
    let mut taken = Taken::default();
    let mut blocks = None;
    let mut edits: Edits = Vec::new();
    let mut done = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let fail = |what: String| format!("hunk {} (line {} of the patch): {what}", index + 1, hunk.line);
        let old: Vec<&str> =
            hunk.lines.iter().filter(|line| line.op != Op::Add).map(|line| line.text.as_str()).collect();
        let search = Search { lines: &lines, hunk, old: &old, taken: &taken, done };
        let found = search.locate(&mut blocks, &mut effort).map_err(&fail)?;
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
        taken.add(found.at..done);
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

/// Lines that hunks have, which no two share.
#[derive(Default)]
struct Taken(BTreeMap<usize, usize>);

impl Taken {
    fn add(&mut self, lines: Range<usize>) {
        if !lines.is_empty() {
            self.0.insert(lines.start, lines.end);
        }
    }

    fn is_free(&self, lines: Range<usize>) -> bool {
        self.0.range(..lines.end).next_back().is_none_or(|(_, end)| *end <= lines.start)
    }
}

/// The lines of a file as blocks see them.
struct Blocks<'l> {
    bare: Vec<&'l str>,
    indentation: Vec<usize>,
}

impl<'l> Blocks<'l> {
    fn of(lines: &[&'l str]) -> Self {
        let indentation = lines.iter().map(|line| line.len() - line.trim_start().len()).collect();
        Self { bare: lines.iter().map(|line| line.trim()).collect(), indentation }
    }

    fn is_anchor(&self, at: usize, anchor: &str) -> bool {
        let line = self.bare[at];
        !anchor.is_empty() && (line == anchor || line.starts_with(anchor) && anchor.len() >= 4)
    }

    /// The first line that an anchor may be.
    fn first(&self, anchor: &str) -> Option<usize> {
        (0..self.bare.len()).find(|at| self.is_anchor(*at, anchor))
    }

    /// Whether what follows a line is indented more.
    fn opens(&self, at: usize) -> bool {
        let next = (at + 1..self.bare.len()).find(|at| !self.bare[*at].is_empty());
        next.is_some_and(|next| self.indentation[next] > self.indentation[at])
    }

    /// For each line the nearest one from it upwards that an anchor may be and whose block it is in: all lines between are
    /// indented more, but for those that close a bracket.
    fn enclosing(&self, anchor: &str) -> Vec<Option<usize>> {
        let mut open: Vec<usize> = Vec::new();
        let each = (0..self.bare.len()).map(|at| {
            let line = self.bare[at];
            if !line.is_empty() {
                while !line.starts_with([')', ']', '}'])
                    && open.last().is_some_and(|above| self.indentation[*above] >= self.indentation[at])
                {
                    open.pop();
                }
                if self.is_anchor(at, anchor) {
                    open.push(at);
                }
            }
            open.last().copied()
        });
        each.collect()
    }
}

/// The search for the place of a hunk that meets none of the others.
struct Search<'a, 'l> {
    lines: &'a [&'l str],
    hunk: &'a Hunk,
    old: &'a [&'a str],
    taken: &'a Taken,
    /// The end of the hunk before it.
    done: usize,
}

impl<'l> Search<'_, 'l> {
    fn free(&self, at: usize) -> bool {
        at.checked_add(self.old.len()).is_some_and(|end| self.taken.is_free(at..end))
    }

    fn find(&self, effort: &mut Effort, allowed: impl Fn(usize) -> bool) -> Result<Found, Miss> {
        let lines = self.hunk.lines.iter().filter(|line| line.op != Op::Add);
        let goes: Vec<bool> = lines.map(|line| line.op == Op::Remove).collect();
        place::find_firm(self.lines, self.old, |at| goes[at], effort, allowed)
    }

    fn explained(&self, miss: &Miss) -> String {
        place::explain(miss, self.lines, self.old.len())
    }

    fn locate(&self, blocks: &mut Option<Blocks<'l>>, effort: &mut Effort) -> Result<Found, String> {
        let (lines, hunk, old) = (self.lines, self.hunk, self.old);
        let exactly = |at| Found { at, how: How::Exact, shift: place::Shift::None };
        if old.is_empty() {
            return match (lines.is_empty(), hunk.at_end) {
                (true, _) | (_, true) => Ok(exactly(lines.len())),
                _ => Err(
                    "it has no line that stays or goes, so nothing shows where it belongs; give some lines around it"
                        .to_owned(),
                ),
            };
        }
        if let Some(at) = hunk.stated
            && self.free(at)
            && lines.get(at..).and_then(|there| there.get(..old.len())).is_some_and(|there| there == old)
        {
            return Ok(exactly(at));
        }
        if hunk.at_end && lines.len() >= old.len() {
            let at = lines.len() - old.len();
            if let Ok(found) = self.find(effort, |place| place == at && self.free(place)) {
                return Ok(found);
            }
        }
        if !hunk.anchors.is_empty()
            && let Some(found) = self.anchored(blocks.get_or_insert_with(|| Blocks::of(lines)), effort)?
        {
            return Ok(found);
        }
        // The lines of a hunk before it are not to be had twice, and nothing like them is meant instead.
        if self.done > 0
            && let Ok(found) = self.find(effort, |_| true)
            && found.how == How::Exact
            && !self.free(found.at)
        {
            return Err(format!("its lines (from {}) are those of an earlier hunk; make them one hunk", found.at + 1));
        }
        match self.find(effort, |at| self.free(at)) {
            Ok(found) => Ok(found),
            // Hunks come in the order of their places, so what lies before the last one is not meant.
            Err(miss @ Miss::Ambiguous(_)) if self.done > 0 => {
                self.find(effort, |at| self.free(at) && at >= self.done).map_err(|_| self.explained(&miss))
            }
            Err(miss) => Err(self.explained(&miss)),
        }
    }

    /// The place that the hunk's anchors tell; none where the file has none of them, which says nothing. Those that it has are
    /// meant.
    fn anchored(&self, blocks: &Blocks<'l>, effort: &mut Effort) -> Result<Option<Found>, String> {
        if self.hunk.anchors.len() > MAX_ANCHORS {
            return Err(format!("it has more than {MAX_ANCHORS} `@@` lines; give only those that are needed"));
        }
        let spend = |effort: &mut Effort, anchor: &str| {
            let cost = self.lines.len().saturating_mul(2 + anchor.len() / 64);
            effort.spend(cost).map_err(|miss| self.explained(&miss))
        };
        // For each line the one that opens the blocks it is in, the outermost that was looked at.
        let mut within: Option<Vec<Option<usize>>> = None;
        let mut innermost = None;
        for anchor in self.hunk.anchors.iter().rev().map(|anchor| anchor.trim()) {
            spend(effort, anchor)?;
            let Some(first) = blocks.first(anchor) else { continue };
            innermost = innermost.or(Some((anchor, first)));
            let enclosing = blocks.enclosing(anchor);
            within = Some(match within {
                None => enclosing,
                Some(inner) => inner.into_iter().map(|at| enclosing.get(at?).copied().flatten()).collect(),
            });
        }
        let (Some((last, first)), Some(within)) = (innermost, within) else { return Ok(None) };
        match self.find(effort, |at| self.free(at) && within.get(at).is_some_and(Option::is_some)) {
            Ok(found) => return Ok(Some(found)),
            Err(miss @ (Miss::Ambiguous(_) | Miss::TooLong)) => return Err(self.explained(&miss)),
            Err(Miss::Nowhere(_)) => {}
        }
        // What opens no block is a line before the place.
        if !blocks.opens(first) {
            match self.find(effort, |at| self.free(at) && at >= first) {
                Ok(found) => return Ok(Some(found)),
                Err(miss @ (Miss::Ambiguous(_) | Miss::TooLong)) => return Err(self.explained(&miss)),
                Err(Miss::Nowhere(_)) => {}
            }
        }
        let there = place::excerpt(self.lines, first, self.old.len() + 6);
        Err(format!("it is not where `@@ {}` says. There is:\n{there}", clipped(last, 120)))
    }
}
