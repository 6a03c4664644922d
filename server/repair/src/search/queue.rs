//! Suspects × operators, in the order they are tried.
//!
//! Nothing is made before it is needed. A statement is opened, all operators asked, when the best edit it could have may
//! come next; an edit that was found is then remembered by its number alone, and its text is made again when its turn
//! comes. So a file of thousands of statements costs a few words for each, and the first candidates come at once.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Options, guard,
    hints::Hints,
    prepare::{Prepared, Refused, Workshop},
};
use crate::{
    localise::Suspect,
    material::Material,
    operators::{Edit, MAX_WEIGHT, OPERATORS, Place},
    outcome::{Counts, Mark},
    source::content,
};

/// What a mark leaves of an edit's weight: such patches are the last resort, but one that is needed must be reached.
const MARKED_SHARE: u32 = 3;

/// One edit, not yet made: the greatest is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    /// Place times operator.
    priority: u64,
    /// Seeded, equal for the edits of one statement.
    tie: Reverse<u64>,
    suspect: Reverse<u32>,
    /// Which of [`OPERATORS`], and which of its edits.
    operator: Reverse<u16>,
    edit: Reverse<u16>,
}

/// All edits of one group of failing tests.
pub(super) struct Queue {
    suspects: Vec<Suspect>,
    material: Arc<Material>,
    hints: Hints,
    /// Literals of the failing tests, and by file those of them that its own code has.
    test_literals: Arc<BTreeSet<String>>,
    own_literals: HashMap<Arc<str>, BTreeSet<String>>,
    seed: u64,
    items: BinaryHeap<Item>,
    /// The first suspect that is not opened yet.
    unopened: usize,
    given: u64,
    workshop: Workshop,
    /// Statement and meaning of what was given out already; the original is among them.
    seen: HashSet<(u64, [u8; 16])>,
    operators: BTreeSet<&'static str>,
}

impl Queue {
    pub(super) fn new(
        mut suspects: Vec<Suspect>,
        material: Arc<Material>,
        hints: Hints,
        test_literals: Arc<BTreeSet<String>>,
        options: &Options,
    ) -> Self {
        suspects.truncate(options.max_places);
        Self {
            suspects,
            material,
            hints,
            test_literals,
            own_literals: HashMap::new(),
            seed: options.seed,
            items: BinaryHeap::new(),
            unopened: 0,
            given: 0,
            workshop: Workshop::default(),
            seen: HashSet::new(),
            operators: BTreeSet::new(),
        }
    }

    /// Statements looked at.
    pub(super) fn places(&self) -> usize {
        self.suspects.len()
    }

    /// Names of the operators that had something to offer.
    pub(super) fn operators(&self) -> impl Iterator<Item = &'static str> {
        self.operators.iter().copied()
    }

    /// Candidates given out and possibly still to come; statements not opened yet count by the mean of the others.
    pub(super) fn known(&self) -> u64 {
        let found = self.given + self.items.len() as u64;
        let closed = (self.suspects.len() - self.unopened) as u64;
        if self.unopened == 0 { closed } else { found + closed * found / self.unopened as u64 }
    }

    /// The next candidate; none when there are no more.
    pub(super) fn next(&mut self, counts: &mut Counts) -> Option<Prepared> {
        loop {
            self.open_what_may_come_next();
            let item = self.items.pop()?;
            match self.prepare(item) {
                Ok(prepared) => {
                    self.given += 1;
                    return Some(prepared);
                }
                Err(Refused::Invalid) => counts.invalid += 1,
                Err(Refused::Duplicate) => counts.duplicates += 1,
            }
        }
    }

    fn open_what_may_come_next(&mut self) {
        while let Some(suspect) = self.suspects.get(self.unopened) {
            let bound = priority(suspect.score, MAX_WEIGHT);
            if self.items.peek().is_some_and(|best| best.priority > bound) {
                return;
            }
            self.open(self.unopened);
            self.unopened += 1;
        }
    }

    fn open(&mut self, index: usize) {
        let suspect = self.suspects[index].clone();
        let Some(place) = Place::new(&suspect.source, suspect.statement, &self.material) else {
            return;
        };
        let tie = tie_of(self.seed, &place);
        let number = |at: usize| u16::try_from(at).ok();
        let mut found = Vec::new();
        for (operator, edits) in OPERATORS.iter().enumerate().map(|(at, operator)| (at, operator.edits(&place))) {
            if !edits.is_empty() {
                self.operators.insert(OPERATORS[operator].name());
            }
            // What does not fit a number is far more than anybody would try.
            for (at, edit) in edits.into_iter().enumerate() {
                if let Some((operator, at)) = number(operator).zip(number(at)) {
                    found.push((operator, at, edit));
                }
            }
        }
        for (operator, at, edit) in found {
            let weight = self.hints.weight(edit.operator, edit.weight, suspect.in_traceback);
            let marked = !self.marks(&suspect, &edit).is_empty();
            let weight = if marked { weight / MARKED_SHARE } else { weight };
            self.items.push(Item {
                priority: priority(suspect.score, weight),
                tie: Reverse(tie),
                suspect: Reverse(u32::try_from(index).unwrap_or(u32::MAX)),
                operator: Reverse(operator),
                edit: Reverse(at),
            });
        }
    }

    fn marks(&mut self, suspect: &Suspect, edit: &Edit) -> Vec<Mark> {
        let path = suspect.source.path();
        let own = self.own_literals.entry(path.clone()).or_insert_with(|| {
            let facts = self.material.file(path);
            facts.into_iter().flat_map(|facts| &facts.literals).map(|piece| content(&piece.text).to_owned()).collect()
        });
        let before = &suspect.source.text()[edit.range.clone()];
        // Of two equal neighbours one can go and nothing is lost.
        let doubled = edit.replacement.is_empty() && {
            let line = before.trim_end_matches('\n');
            let text = suspect.source.text();
            !line.is_empty() && (text[..edit.range.start].ends_with(before) || text[edit.range.end..].starts_with(line))
        };
        let passing = suspect.passing && !doubled;
        guard::marks(before, &edit.replacement, passing, |literal| {
            self.test_literals.contains(literal) && !own.contains(literal)
        })
    }

    fn edit_of(&mut self, item: Item) -> Option<(Edit, Vec<Mark>)> {
        let suspect = self.suspects.get(item.suspect.0 as usize)?.clone();
        let place = Place::new(&suspect.source, suspect.statement, &self.material)?;
        let edit = OPERATORS[usize::from(item.operator.0)].edits(&place).into_iter().nth(usize::from(item.edit.0))?;
        let marks = self.marks(&suspect, &edit);
        Some((edit, marks))
    }

    fn prepare(&mut self, item: Item) -> Result<Prepared, Refused> {
        let (edit, marks) = self.edit_of(item).ok_or(Refused::Invalid)?;
        let suspect = self.suspects[item.suspect.0 as usize].clone();
        let made = self.workshop.make(&suspect, &edit, &mut self.seen)?;
        Ok(Prepared { marks, ..made })
    }
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
