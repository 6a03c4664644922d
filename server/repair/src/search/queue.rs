//! Suspects × operators, in the order they are tried.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{Options, guard};
use crate::{
    localise::Suspect,
    operators::{Edit, OPERATORS, Place},
    outcome::{AppliedEdit, Counts, Mark},
    source::{Fragment, ScopeKind, Source, tokens_changed},
    verifier::Site,
};

/// One edit, not yet made.
struct Item {
    suspect: usize,
    edit: Edit,
    marks: Vec<Mark>,
    /// Place times operator; larger is tried earlier.
    priority: u64,
    /// Seeded, equal for the edits of one statement.
    tie: u64,
}

/// One edit, made and found valid.
pub(super) struct Prepared {
    /// Its place in the order, from 0.
    pub(super) rank: u64,
    pub(super) path: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) edit: AppliedEdit,
    pub(super) site: Site,
    pub(super) size: u32,
    pub(super) marks: Vec<Mark>,
}

/// All edits of one group of failing tests.
pub(super) struct Queue {
    suspects: Vec<Suspect>,
    items: Vec<Item>,
    next: usize,
    given: u64,
    /// Statement and meaning of what was given out already; the original is among them.
    seen: HashSet<(usize, [u8; 16])>,
    /// Statements that were begun, and whether they can be parsed by themselves.
    opened: HashMap<usize, bool>,
    operators: BTreeSet<&'static str>,
}

impl Queue {
    pub(super) fn new(mut suspects: Vec<Suspect>, test_literals: &BTreeSet<String>, options: &Options) -> Self {
        suspects.truncate(options.max_places);
        let mut items = Vec::new();
        let mut operators = BTreeSet::new();
        for (index, suspect) in suspects.iter().enumerate() {
            let Some(place) = Place::new(&suspect.source, suspect.statement) else {
                continue;
            };
            let tie = tie_of(options.seed, &place);
            for operator in OPERATORS {
                for edit in operator.edits(&place) {
                    operators.insert(operator.name());
                    let before = &suspect.source.text()[edit.range.clone()];
                    items.push(Item {
                        suspect: index,
                        marks: guard::marks(before, &edit.replacement, test_literals),
                        priority: priority(suspect.score, edit.weight),
                        tie,
                        edit,
                    });
                }
            }
        }
        // Stable: the edits of one statement with one priority stay in the operators' order.
        items.sort_by_key(|item| (!item.marks.is_empty(), Reverse(item.priority), item.tie));
        Self { suspects, items, next: 0, given: 0, seen: HashSet::new(), opened: HashMap::new(), operators }
    }

    /// Statements looked at.
    pub(super) fn places(&self) -> usize {
        self.suspects.len()
    }

    /// Names of the operators that had something to offer.
    pub(super) fn operators(&self) -> Vec<String> {
        self.operators.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Candidates given out and possibly still to come.
    pub(super) fn known(&self) -> u64 {
        self.given + (self.items.len() - self.next) as u64
    }

    /// The next candidates, at most `most`; empty when there are no more.
    pub(super) fn take(&mut self, most: usize, counts: &mut Counts) -> Vec<Prepared> {
        let mut out = Vec::with_capacity(most);
        while out.len() < most && self.next < self.items.len() {
            let at = self.next;
            self.next += 1;
            match self.prepare(at) {
                Ok(prepared) => {
                    self.given += 1;
                    out.push(prepared);
                }
                Err(Refused::Invalid) => counts.invalid += 1,
                Err(Refused::Duplicate) => counts.duplicates += 1,
            }
        }
        out
    }

    fn prepare(&mut self, at: usize) -> Result<Prepared, Refused> {
        let item = &self.items[at];
        let suspect = &self.suspects[item.suspect];
        let source = &suspect.source;
        let statement = &source.statements()[suspect.statement];
        let range = statement.range.clone();
        let before = &source.text()[range.clone()];
        let opened = self.opened.entry(item.suspect).or_insert_with(|| {
            let fragment = Fragment::parse(statement, before);
            self.seen.extend(fragment.iter().map(|fragment| (item.suspect, fragment.hash())));
            fragment.is_some()
        });
        let after = [
            &source.text()[range.start..item.edit.range.start],
            &item.edit.replacement,
            &source.text()[item.edit.range.end..range.end],
        ]
        .concat();
        let hash = if *opened {
            Fragment::parse(statement, &after).ok_or(Refused::Invalid)?.hash()
        } else {
            // The grammar knows this statement only within its file; its text must do for a name.
            source.edited(&item.edit.range, &item.edit.replacement).ok_or(Refused::Invalid)?;
            let mut name = [0; 16];
            name.copy_from_slice(&blake3::hash(after.as_bytes()).as_bytes()[..16]);
            name
        };
        if !self.seen.insert((item.suspect, hash)) {
            return Err(Refused::Duplicate);
        }
        let function = function_around(source, statement.scope);
        let line = line_of(source, item.edit.range.start, range.start, *statement.lines.start());
        Ok(Prepared {
            rank: self.given,
            path: source.path().clone(),
            edit: AppliedEdit {
                path: source.path().clone(),
                line,
                function: function.clone(),
                operator: item.edit.operator.to_owned(),
                before: before.to_owned(),
                after: after.clone(),
                why: item.edit.why.clone(),
            },
            site: Site {
                path: source.path().clone(),
                first_line: *statement.lines.start(),
                last_line: *statement.lines.end(),
                function,
                at_import: statement.at_import || statement.kind == "function_definition",
            },
            size: tokens_changed(before, &after),
            marks: item.marks.clone(),
            text: source.replaced(&item.edit.range, &item.edit.replacement).into(),
        })
    }
}

enum Refused {
    Invalid,
    Duplicate,
}

/// Integers, so that nothing depends on how sums of fractions are rounded.
fn priority(score: f64, weight: u32) -> u64 {
    (score * 1e9).round() as u64 / 1_000 * u64::from(weight)
}

fn tie_of(seed: u64, place: &Place<'_>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(place.source().path().as_bytes());
    hasher.update(&(place.statement().range.start as u64).to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The line of a byte within a statement.
fn line_of(source: &Source, byte: usize, statement: usize, first_line: u32) -> u32 {
    let breaks = source.text()[statement..byte].matches('\n').count();
    first_line + u32::try_from(breaks).unwrap_or(0)
}

fn function_around(source: &Source, scope: usize) -> Option<String> {
    let mut scope = Some(scope);
    while let Some(index) = scope {
        let current = &source.scopes()[index];
        if current.kind == ScopeKind::Function {
            return Some(current.qualname.clone());
        }
        scope = current.parent;
    }
    None
}

/// Literals of the files that hold these tests.
pub(super) fn test_literals(targets: &[String], read: &dyn Fn(&str) -> Option<Arc<[u8]>>) -> BTreeSet<String> {
    let files: BTreeSet<&str> = targets.iter().map(|id| id.split("::").next().unwrap_or(id)).collect();
    let mut literals = BTreeSet::new();
    for path in files {
        let source = read(path).and_then(|bytes| Source::parse(path, &bytes).ok());
        if let Some(source) = source {
            guard::literals_of(&source, &mut literals);
        }
    }
    literals
}
