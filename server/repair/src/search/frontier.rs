//! What to try next: single edits, edits on top of one that got further, and pairs.
//!
//! A single edit that makes some of the tests pass is half of a repair more often than chance: the search goes on from
//! it, with the places ranked anew for the tests that still fail (the partial fixes of ARJA, Yuan and Banzhaf 2018, and of
//! Prophet's staged conditions). Where nothing gets further, two edits are tried at once ([`super::pairs`]). Turns follow
//! from counts alone, never from the clock.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{
    Options, Task, guard,
    hints::Hints,
    overlay::Overlay,
    pairs::Pairs,
    prepare::{Prepared, text_hash},
    queue::Queue,
};
use crate::{
    localise::{self, Files},
    material::Material,
    outcome::{AppliedEdit, Counts},
    source::Source,
    verifier::{Candidate, Site},
};

/// Files that material is taken from, besides those that may be at fault.
const MAX_FILES: usize = 40;
/// Edits that got further and are gone on from at one time, and in all.
const MAX_OPEN: usize = 4;
const MAX_BRANCHES: usize = 24;
/// With more tests broken than these an edit is not half of a repair.
const MAX_BROKEN: usize = 9;
/// Candidates tried on top of one edit.
const PER_BRANCH: u64 = 1_500;
/// Single edits tried before pairs have a turn, and the turns between theirs.
const SINGLES_FIRST: u64 = 1_500;
const PAIRS_EACH: u64 = 4;

/// A candidate with all it stands on.
#[derive(Clone)]
pub(super) struct Try {
    pub(super) prepared: Prepared,
    /// Every edit over the base, the last one the newest.
    pub(super) edits: Vec<AppliedEdit>,
    pub(super) candidate: Candidate,
    pub(super) size: u32,
    /// In which order it was tried, from 0.
    pub(super) rank: u64,
    /// How many tests passed with what it stands on.
    passing_before: usize,
    /// Passing tests that what it stands on broke: they screen it too.
    pub(super) also: Arc<[String]>,
}

/// Edits on top of one that got further.
struct Branch<'t> {
    queue: Queue,
    overlay: Overlay<'t>,
    edits: Vec<AppliedEdit>,
    sites: Vec<Site>,
    size: u32,
    passing: usize,
    also: Arc<[String]>,
    left: u64,
    /// More passing tests first, then fewer broken ones, then the earlier.
    key: (Reverse<usize>, usize, u64),
}

/// See the module.
pub(super) struct Frontier<'t> {
    task: Task<'t>,
    options: Options,
    targets: Vec<String>,
    material: Arc<Material>,
    literals: Arc<BTreeSet<String>>,
    overlay: Overlay<'t>,
    root: Queue,
    root_done: bool,
    branches: Vec<Branch<'t>>,
    begun: usize,
    pairs: Pairs,
    pairs_tried: u64,
    /// What was tried on top of other edits, by its text.
    seen: HashSet<[u8; 16]>,
    rank: u64,
    turn: u64,
}

impl<'t> Frontier<'t> {
    pub(super) fn new(task: &Task<'t>, options: &Options, targets: &[String], overlay: &Overlay<'t>) -> Self {
        let mut overlay = overlay.clone();
        let ids = targets.iter().map(String::as_str).collect();
        let suspects = localise::rank(task.report, &ids, &BTreeSet::new(), &mut overlay);
        let mut sources: Vec<Arc<Source>> = Vec::new();
        let mut add = |source: Arc<Source>| {
            if sources.iter().all(|known| known.path() != source.path()) {
                sources.push(source);
            }
        };
        let mut last: Option<Arc<Source>> = None;
        for suspect in &suspects {
            if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &suspect.source)) {
                last = Some(suspect.source.clone());
                add(suspect.source.clone());
            }
        }
        let covered: BTreeSet<&String> =
            task.report.tests.iter().flat_map(|test| test.coverage.iter().flatten().map(|(path, _)| path)).collect();
        for path in covered.into_iter().take(MAX_FILES) {
            if let Some(source) = overlay.source(path) {
                add(source);
            }
        }
        let material = Arc::new(Material::of(sources.iter().map(|source| &**source)));
        let literals = Arc::new(test_literals(targets, &mut overlay));
        let exceptions = task.report.tests.iter().filter(|test| targets.contains(&test.id));
        let hints = Hints::of(exceptions.filter_map(|test| test.exception.as_deref()));
        let root = Queue::new(suspects, material.clone(), hints, literals.clone(), options);
        Self {
            task: *task,
            options: *options,
            targets: targets.to_vec(),
            material,
            literals,
            overlay,
            root,
            root_done: false,
            branches: Vec::new(),
            begun: 0,
            pairs: Pairs::default(),
            pairs_tried: 0,
            seen: HashSet::new(),
            rank: 0,
            turn: 0,
        }
    }

    pub(super) fn places(&self) -> usize {
        self.root.places()
    }

    pub(super) fn operators(&self) -> Vec<String> {
        let all = self.branches.iter().flat_map(|branch| branch.queue.operators()).chain(self.root.operators());
        all.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
    }

    /// Candidates of more than one edit that were tried.
    pub(super) fn pairs(&self) -> u64 {
        self.pairs_tried
    }

    pub(super) fn known(&self) -> u64 {
        let on_top: u64 = self.branches.iter().map(|branch| branch.left.min(branch.queue.known())).sum();
        self.root.known() + self.pairs_tried + on_top
    }

    pub(super) fn notes(&self) -> BTreeSet<String> {
        self.overlay.notes().clone()
    }

    /// The next candidates, at most `most`; empty when there are no more.
    pub(super) fn take(&mut self, most: usize, counts: &mut Counts) -> Vec<Try> {
        self.turn += 1;
        let mut batch = Vec::with_capacity(most);
        let branch_turn = self.turn.is_multiple_of(2) || self.root_done;
        let pair_turn = self.root_done || (self.rank >= SINGLES_FIRST && self.turn % PAIRS_EACH == 1);
        if branch_turn {
            self.take_from_branches(most, &mut batch, counts);
            if batch.first().is_some_and(|first| !first.also.is_empty()) {
                return batch;
            }
        }
        if pair_turn {
            self.take_from_pairs(most, &mut batch);
        }
        while batch.len() < most && !self.root_done {
            match self.root.next(counts) {
                Some(prepared) => {
                    self.pairs.add(&prepared);
                    let candidate = Candidate {
                        changes: self.overlay.changes_with(&prepared.path, prepared.text.clone()),
                        sites: prepared.sites.clone(),
                    };
                    let edits = prepared.edits.clone();
                    batch.push(self.tried(prepared, edits, candidate, 0, Default::default()));
                }
                None => self.root_done = true,
            }
        }
        if batch.is_empty() && self.root_done {
            // The last single edit may just have been given out.
            self.take_from_branches(most, &mut batch, counts);
            self.take_from_pairs(most, &mut batch);
        }
        batch
    }

    fn tried(
        &mut self,
        prepared: Prepared,
        edits: Vec<AppliedEdit>,
        candidate: Candidate,
        size_before: u32,
        before: (usize, Arc<[String]>),
    ) -> Try {
        let rank = self.rank;
        self.rank += 1;
        if edits.len() > 1 {
            self.pairs_tried += 1;
        }
        let (passing_before, also) = before;
        Try { size: prepared.size + size_before, prepared, edits, candidate, rank, passing_before, also }
    }

    fn take_from_branches(&mut self, most: usize, batch: &mut Vec<Try>, counts: &mut Counts) {
        let each = (most / MAX_OPEN).max(1);
        let mut index = 0;
        while batch.len() < most && index < self.branches.len() {
            // One call of the verifier asks for one list of tests.
            let alike = |branch: &Branch<'_>| batch.first().is_none_or(|first: &Try| first.also == branch.also);
            if !alike(&self.branches[index]) {
                index += 1;
                continue;
            }
            let branch = &mut self.branches[index];
            let prepared = if branch.left == 0 { None } else { branch.queue.next(counts) };
            let Some(prepared) = prepared else {
                self.branches.remove(index);
                continue;
            };
            let candidate = Candidate {
                changes: branch.overlay.changes_with(&prepared.path, prepared.text.clone()),
                sites: [branch.sites.clone(), prepared.sites.clone()].concat(),
            };
            if !self.seen.insert(changes_hash(&candidate)) {
                counts.duplicates += 1;
                continue;
            }
            branch.left -= 1;
            let edits = [branch.edits.clone(), prepared.edits.clone()].concat();
            let (size, before) = (branch.size, (branch.passing, branch.also.clone()));
            let tried = self.tried(prepared, edits, candidate, size, before);
            batch.push(tried);
            // Turn about among those that are open.
            if batch.len().is_multiple_of(each) {
                index = (index + 1) % self.branches.len();
            }
        }
    }

    fn take_from_pairs(&mut self, most: usize, batch: &mut Vec<Try>) {
        if self.options.max_edits < 2 {
            return;
        }
        while batch.len() < most {
            let Some(pair) = self.pairs.next_of_one_kind().or_else(|| self.pairs.next_of_one_function()) else {
                return;
            };
            let candidate = Candidate {
                changes: self.overlay.changes_with(&pair.path, pair.text.clone()),
                sites: pair.sites.clone(),
            };
            let edits = pair.edits.clone();
            let tried = self.tried(pair, edits, candidate, 0, Default::default());
            batch.push(tried);
        }
    }

    /// Goes on from a candidate with which these tests pass, if they are more than before, or from one with which all
    /// pass and these others broke.
    pub(super) fn got_further(&mut self, tried: &Try, passing: &[String], broken: &[String]) {
        let marked = !tried.prepared.marks.is_empty();
        let further = passing.len() > tried.passing_before || (!broken.is_empty() && broken.len() < MAX_BROKEN);
        if marked || !further || tried.edits.len() >= self.options.max_edits || self.begun >= MAX_BRANCHES {
            return;
        }
        let key = (Reverse(passing.len()), broken.len(), tried.rank);
        // Only the best are kept open: going on from everything that passes one test would be a search of its own.
        if self.branches.len() >= MAX_OPEN {
            let Some(worst) = self.branches.iter().map(|branch| branch.key).max().filter(|worst| key < *worst) else {
                return;
            };
            self.branches.retain(|branch| branch.key != worst);
        }
        self.begun += 1;
        let mut overlay = self.overlay.clone();
        overlay.take(&tried.candidate.changes, &tried.edits);
        let mut mended: BTreeSet<&str> = passing.iter().map(String::as_str).collect();
        let mut open: BTreeSet<&str> =
            self.targets.iter().map(String::as_str).filter(|id| !mended.contains(id)).collect();
        if !broken.is_empty() {
            // What is at fault now is run by those that broke, and by those that were mended at their cost.
            open = mended.clone();
            open.extend(broken.iter().map(String::as_str));
            mended.clear();
        }
        let suspects = localise::rank(self.task.report, &open, &mended, &mut overlay);
        let queue = Queue::new(suspects, self.material.clone(), Hints::default(), self.literals.clone(), &self.options);
        self.seen.insert(changes_hash(&tried.candidate));
        self.branches.push(Branch {
            queue,
            overlay,
            edits: tried.edits.clone(),
            sites: tried.candidate.sites.clone(),
            size: tried.size,
            passing: passing.len(),
            also: broken.into(),
            left: PER_BRANCH,
            key,
        });
        self.branches.sort_by_key(|branch| branch.key);
    }
}

fn changes_hash(candidate: &Candidate) -> [u8; 16] {
    let all: Vec<&str> = candidate.changes.iter().flat_map(|change| [&*change.path, "\0", &*change.text]).collect();
    text_hash(&all.concat())
}

/// Literals of the files that hold these tests.
fn test_literals(targets: &[String], files: &mut dyn Files) -> BTreeSet<String> {
    let paths: BTreeSet<&str> = targets.iter().map(|id| id.split("::").next().unwrap_or(id)).collect();
    let mut literals = BTreeSet::new();
    for path in paths {
        if let Some(source) = files.test_source(path) {
            guard::literals_of(&source, &mut literals);
        }
    }
    literals
}
