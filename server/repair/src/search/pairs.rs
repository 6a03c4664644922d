//! Two edits at once, where no single one gets any test further.
//!
//! Most faults of two places are the same slip made twice (the multi-hunk faults with one pattern of HERCULES, Saha et
//! al., ICSE 2019), so edits that replace the same by the same come first; then any two of one function. Pairs are made
//! of single edits that were tried, the best first, and cost no memory until their turn.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::prepare::{Prepared, text_hash};
use crate::{
    outcome::{AppliedEdit, Mark},
    source::{Source, unit_hash},
    verifier::Site,
};

/// Single edits that are remembered: among more than these no pair would ever have its turn.
const MAX_SINGLES: usize = 4_000;

/// What is remembered of a single edit that was tried; not the text it gave.
struct Single {
    source: Arc<Source>,
    range: Range<usize>,
    replacement: String,
    /// Within one statement, so that it goes with any other such edit elsewhere.
    header: bool,
    edit: AppliedEdit,
    site: Site,
    size: u32,
    marks: Vec<Mark>,
    kind: u64,
    scope: Option<usize>,
    /// File and function.
    function: Option<u64>,
    file: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Pairs {
    singles: Vec<Single>,
    by_kind: HashMap<(u64, u64), Vec<usize>>,
    by_function: HashMap<u64, Vec<usize>>,
    same: Cursor,
    any: Cursor,
    seen: HashSet<[u8; 16]>,
}

/// The later single of the next pair, and which of the earlier ones it meets.
#[derive(Default)]
struct Cursor {
    later: usize,
    earlier: usize,
}

impl Pairs {
    /// Takes note of a single edit that was tried.
    pub(super) fn add(&mut self, prepared: &Prepared) {
        let file = number(&[prepared.path.as_bytes()]);
        let function =
            prepared.function.map(|scope| number(&[prepared.path.as_bytes(), &(scope as u64).to_le_bytes()]));
        let index = self.singles.len();
        let (Some(edit), Some(site)) = (prepared.edits.first(), prepared.sites.first()) else {
            return;
        };
        if index >= MAX_SINGLES {
            return;
        }
        self.by_kind.entry((file, prepared.kind)).or_default().push(index);
        if let Some(function) = function {
            self.by_function.entry(function).or_default().push(index);
        }
        self.singles.push(Single {
            source: prepared.source.clone(),
            range: prepared.range.clone(),
            replacement: inserted(prepared.source.text(), &prepared.text, &prepared.range).to_owned(),
            header: prepared.header,
            edit: edit.clone(),
            site: site.clone(),
            size: prepared.size,
            marks: prepared.marks.clone(),
            kind: prepared.kind,
            scope: prepared.function,
            function,
            file,
        });
    }

    /// The next pair of one kind; none until more singles are known.
    pub(super) fn next_of_one_kind(&mut self) -> Option<Prepared> {
        loop {
            let (later, earlier) = {
                let single = self.singles.get(self.same.later)?;
                let list = self.by_kind.get(&(single.file, single.kind))?;
                advance(&mut self.same, list)?
            };
            if let Some(earlier) = earlier
                && let Some(pair) = self.join(earlier, later)
            {
                return Some(pair);
            }
        }
    }

    /// The next pair within one function.
    pub(super) fn next_of_one_function(&mut self) -> Option<Prepared> {
        loop {
            let single = self.singles.get(self.any.later)?;
            let Some(list) = single.function.and_then(|function| self.by_function.get(&function)) else {
                self.any = Cursor { later: self.any.later + 1, earlier: 0 };
                continue;
            };
            let (later, earlier) = advance(&mut self.any, list)?;
            if let Some(earlier) = earlier
                && let Some(pair) = self.join(earlier, later)
            {
                return Some(pair);
            }
        }
    }

    fn join(&mut self, first: usize, second: usize) -> Option<Prepared> {
        let (one, other) = (&self.singles[first], &self.singles[second]);
        let (front, back) = if one.range.start <= other.range.start { (one, other) } else { (other, one) };
        // Edits that touch would be one edit.
        if front.range.end >= back.range.start || front.edit.path != back.edit.path {
            return None;
        }
        let source = front.source.clone();
        let text = source.text();
        let whole = [
            &text[..front.range.start],
            &front.replacement,
            &text[front.range.end..back.range.start],
            &back.replacement,
            &text[back.range.end..],
        ]
        .concat();
        if !self.seen.insert(text_hash(&whole)) {
            return None;
        }
        // Each is valid by itself; both are where they change different statements, each only within.
        let apart = front.header && back.header && front.site.first_line != back.site.first_line;
        if !apart {
            let function = front.scope.filter(|_| front.scope == back.scope)?;
            let range = &source.scopes()[function].range;
            let grown = whole.len() as i64 - text.len() as i64;
            let end = usize::try_from(range.end.max(back.range.end) as i64 + grown).ok()?;
            let unit = whole.get(range.start.min(front.range.start)..end)?;
            let by_itself = unit_hash(&text[range.clone()]).is_some();
            if by_itself && unit_hash(unit).is_none() {
                return None;
            }
        }
        let mut marks = one.marks.clone();
        marks.extend(other.marks.iter().filter(|mark| !one.marks.contains(mark)));
        Some(Prepared {
            path: front.edit.path.clone(),
            text: whole.into(),
            edits: vec![front.edit.clone(), back.edit.clone()],
            sites: vec![front.site.clone(), back.site.clone()],
            size: one.size + other.size,
            marks,
            range: front.range.start..back.range.end,
            header: false,
            kind: one.kind,
            function: front.scope,
            source,
        })
    }
}

/// Moves on, and says which two meet; no earlier one where the later one has met all before it.
fn advance(cursor: &mut Cursor, list: &[usize]) -> Option<(usize, Option<usize>)> {
    let later = cursor.later;
    match list.get(cursor.earlier).copied().filter(|earlier| *earlier < later) {
        Some(earlier) => {
            cursor.earlier += 1;
            Some((later, Some(earlier)))
        }
        None => {
            *cursor = Cursor { later: later + 1, earlier: 0 };
            Some((later, None))
        }
    }
}

/// What stands for the replaced bytes in an edited text.
fn inserted<'t>(before: &str, after: &'t str, range: &std::ops::Range<usize>) -> &'t str {
    &after[range.start..after.len() - (before.len() - range.end)]
}

fn number(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}
