//! Three-way merge of lines, on bytes: the one operation behind rebase, undo and redo.
//!
//! The algorithm is diff3's (Khanna, Kunal, Pierce: *A Formal Investigation of Diff3*, 2007) over two histogram diffs,
//! with git's caution: changes of the two sides that touch, even without overlap, are one region. A region where only one
//! side differs takes that side; where both made the same text it takes that; anything else is a conflict. Laws, tested as
//! properties: `merge3(b, x, b) = x`, `merge3(b, b, y) = y`, `merge3(b, x, x) = x`, and swapping the sides changes nothing.

use std::fmt;
use std::ops::Range;

use crate::diff::{LineChange, line_changes, split_lines};

/// What a merge gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Both changes, together.
    Clean(Vec<u8>),
    /// They meet in some lines.
    Conflict(Conflict),
}

impl Merged {
    /// The merged bytes, where there is no conflict.
    pub fn clean(self) -> Option<Vec<u8>> {
        match self {
            Self::Clean(bytes) => Some(bytes),
            Self::Conflict(_) => None,
        }
    }
}

/// The regions where two changes meet; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// In order of place.
    pub regions: Vec<ConflictRegion>,
}

/// One region where two changes meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictRegion {
    /// Its lines in the base, from 0; empty where both insert.
    pub lines: Range<usize>,
    /// What the base has there.
    pub base: Vec<u8>,
    /// What our side has there.
    pub ours: Vec<u8>,
    /// What their side has there.
    pub theirs: Vec<u8>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, region) in self.regions.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match region.lines.len() {
                0 => write!(f, "{separator}after line {}", region.lines.start)?,
                1 => write!(f, "{separator}line {}", region.lines.start + 1)?,
                _ => write!(f, "{separator}lines {} to {}", region.lines.start + 1, region.lines.end)?,
            }
        }
        Ok(())
    }
}

/// One side of the merge: its lines and how they differ from the base.
struct Side<'a> {
    lines: Vec<&'a [u8]>,
    changes: Vec<LineChange>,
}

impl<'a> Side<'a> {
    fn new(base: &[&[u8]], bytes: &'a [u8]) -> Self {
        let lines = split_lines(bytes);
        let changes = line_changes(base, &lines);
        Self { lines, changes }
    }

    /// What this side has in place of `region`, given its changes that lie in it.
    fn text(&self, base: &[&[u8]], region: &Range<usize>, changes: &[LineChange]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = region.start;
        for change in changes {
            base[at..change.base.start].iter().for_each(|line| out.extend_from_slice(line));
            self.lines[change.new.clone()].iter().for_each(|line| out.extend_from_slice(line));
            at = change.base.end;
        }
        base[at..region.end].iter().for_each(|line| out.extend_from_slice(line));
        out
    }
}

/// Merges the changes `base → ours` and `base → theirs`.
pub fn merge3(base: &[u8], ours: &[u8], theirs: &[u8]) -> Merged {
    let base = split_lines(base);
    let ours = Side::new(&base, ours);
    let theirs = Side::new(&base, theirs);
    let mut out = Vec::new();
    let mut regions = Vec::new();
    let (mut at, mut i, mut j) = (0, 0, 0);
    loop {
        let (first_i, first_j) = (i, j);
        let start = match (ours.changes.get(i), theirs.changes.get(j)) {
            (Some(a), Some(b)) => a.base.start.min(b.base.start),
            (Some(a), None) => a.base.start,
            (None, Some(b)) => b.base.start,
            (None, None) => break,
        };
        // The region grows as long as a change of either side begins within it or where it ends.
        let mut end = start;
        loop {
            if let Some(change) = ours.changes.get(i).filter(|change| change.base.start <= end) {
                end = end.max(change.base.end);
                i += 1;
            } else if let Some(change) = theirs.changes.get(j).filter(|change| change.base.start <= end) {
                end = end.max(change.base.end);
                j += 1;
            } else {
                break;
            }
        }
        let region = start..end;
        base[at..start].iter().for_each(|line| out.extend_from_slice(line));
        at = end;
        let our_text = ours.text(&base, &region, &ours.changes[first_i..i]);
        let their_text = theirs.text(&base, &region, &theirs.changes[first_j..j]);
        if first_j == j || our_text == their_text {
            out.extend_from_slice(&our_text);
        } else if first_i == i {
            out.extend_from_slice(&their_text);
        } else {
            regions.push(ConflictRegion {
                base: base[region.clone()].concat(),
                lines: region,
                ours: our_text,
                theirs: their_text,
            });
        }
    }
    base[at..].iter().for_each(|line| out.extend_from_slice(line));
    if regions.is_empty() { Merged::Clean(out) } else { Merged::Conflict(Conflict { regions }) }
}

/// Takes a change back from what is there now: `merge3(new, now, base)`.
pub fn undo(base: &[u8], new: &[u8], now: &[u8]) -> Merged {
    merge3(new, now, base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_apart_are_joined_and_changes_that_touch_are_not() {
        let base = b"a\nb\nc\nd\ne\n";
        let merged = merge3(base, b"A\nb\nc\nd\ne\n", b"a\nb\nc\nd\nE\n");
        assert_eq!(merged, Merged::Clean(b"A\nb\nc\nd\nE\n".to_vec()));

        let Merged::Conflict(conflict) = merge3(base, b"a\nB\nc\nd\ne\n", b"a\nb\nC\nd\ne\n") else {
            panic!("touching")
        };
        let region = &conflict.regions[0];
        assert_eq!(region.lines, 1..3);
        assert_eq!((&region.ours[..], &region.theirs[..]), (&b"B\nc\n"[..], &b"b\nC\n"[..]));
        assert_eq!(conflict.to_string(), "lines 2 to 3");
    }

    #[test]
    fn a_region_that_touches_is_only_a_conflict_where_both_sides_differ() {
        // Ours changes two neighbours of a line, theirs nothing near.
        let merged = merge3(b"1\n2\n3\n4\n5\n6\n", b"x\n2\ny\n4\n5\n6\n", b"1\n2\n3\n4\n5\n6\nz\n");
        assert_eq!(merged.clean().unwrap(), b"x\n2\ny\n4\n5\n6\nz\n");
    }

    #[test]
    fn endings_and_the_missing_last_one_are_content() {
        assert_eq!(merge3(b"a\nb", b"a\nb\n", b"A\nb").clean(), None, "the lines touch");
        assert_eq!(merge3(b"a\nx\nb", b"a\nx\nb\n", b"A\nx\nb").clean().unwrap(), b"A\nx\nb\n");
        assert_eq!(merge3(b"a\r\nx\r\nb\r\n", b"a\nx\r\nb\r\n", b"a\r\nx\r\nB\r\n").clean().unwrap(), b"a\nx\r\nB\r\n");
    }

    #[test]
    fn undo_keeps_what_came_later() {
        let undone = undo(b"a\nb\nc\nd\n", b"A\nb\nc\nd\n", b"A\nb\nc\nD\n");
        assert_eq!(undone.clean().unwrap(), b"a\nb\nc\nD\n");
    }
}
