//! The search for one group of failing tests.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    Budget, Options, SearchError, Stop, Task,
    asking::{Tried, UnderWay, confirm_all},
    frontier::{Frontier, Try},
    overlay::Overlay,
};
use crate::{
    explain::explain,
    outcome::{Best, Counts, NearMiss, NotFixed, Patch, Progress, SearchEnd},
    verifier::{Confirmation, Ended, Verifier},
};

/// Candidates that are shown to the whole suite at once; independent of cores, as the size of a batch is.
const CONFIRMED_AT_ONCE: usize = 2;

/// Closest so far: it passed some of the tests, or all of them and broke others.
struct Nearest {
    tried: Try,
    passing: Vec<String>,
    confirmation: Option<Confirmation>,
}

impl Nearest {
    /// Smaller is nearer.
    fn key(&self) -> (Reverse<usize>, usize, usize, u64) {
        let objections = self.confirmation.as_ref().map_or(usize::MAX, Confirmation::objections);
        (Reverse(self.passing.len()), objections, self.tried.prepared.marks.len(), self.tried.rank)
    }
}

/// How the search for a group came out.
pub(super) enum Found {
    Fixed {
        patch: Box<Patch>,
        alternatives: Vec<Patch>,
    },
    /// A patch that mends some of the tests, and breaks none.
    Partly {
        patch: Box<Patch>,
        passing: Vec<String>,
    },
    Not(Box<NotFixed>),
}

/// See [`super::repair`].
pub(super) struct GroupSearch<'a, 't> {
    task: &'a Task<'t>,
    options: &'a Options,
    /// The tests to make pass.
    targets: &'a [String],
    /// Those of them that screen candidates.
    screening: &'a [String],
    /// What earlier groups' repairs fixed and must stay so.
    fixed: &'a BTreeSet<String>,
    frontier: Frontier<'t>,
    tried: u64,
    confirmed: u64,
    /// Confirmed patches, best first.
    accepted: Vec<Patch>,
    tried_at_first: u64,
    nearest: Option<Nearest>,
}

/// The tests that screen candidates for a group.
pub(super) fn screening<'a>(targets: &'a [String], options: &Options) -> &'a [String] {
    &targets[..targets.len().min(options.max_screening_targets.max(1))]
}

impl<'a, 't> GroupSearch<'a, 't> {
    pub(super) fn new(
        task: &'a Task<'t>,
        options: &'a Options,
        targets: &'a [String],
        fixed: &'a BTreeSet<String>,
        overlay: &Overlay<'t>,
    ) -> Self {
        Self {
            task,
            options,
            targets,
            screening: screening(targets, options),
            fixed,
            frontier: Frontier::new(task, options, targets, overlay),
            tried: 0,
            confirmed: 0,
            accepted: Vec::new(),
            tried_at_first: 0,
            nearest: None,
        }
    }

    /// Also gives back the notes that came up on the way.
    pub(super) fn run(
        mut self,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Found, BTreeSet<String>), SearchError> {
        let end = std::thread::scope(|scope| {
            let mut at_work: Option<UnderWay<'_>> = None;
            let end = loop {
                if let Some(end) = self.finished(budget) {
                    break end;
                }
                let asked = self.tried + at_work.as_ref().map_or(0, UnderWay::len);
                let left = self.options.max_candidates.saturating_sub(asked);
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.options.batch.max(1));
                let batch = self.frontier.take(most, counts);
                if batch.is_empty() && at_work.is_none() {
                    break if self.accepted.is_empty() { SearchEnd::Exhausted } else { SearchEnd::Repaired };
                }
                let next =
                    (!batch.is_empty()).then(|| UnderWay::begin(scope, verifier, *budget, batch, self.screening));
                if let Some(before) = std::mem::replace(&mut at_work, next) {
                    self.learn(before.finish()?, budget, verifier, counts, progress)?;
                }
            };
            match at_work {
                Some(batch) if end == SearchEnd::Repaired => batch.drop_it(),
                Some(batch) => self.learn(batch.finish()?, budget, verifier, counts, progress)?,
                None => {}
            }
            Ok::<_, SearchError>(end)
        })?;
        if self.accepted.is_empty() {
            self.name_what_nearest_breaks(budget, verifier, counts)?;
        }
        let notes = self.frontier.notes();
        Ok((self.found(end), notes))
    }

    fn found(mut self, end: SearchEnd) -> Found {
        if !self.accepted.is_empty() {
            let patch = Box::new(self.accepted.remove(0));
            self.accepted.truncate(self.options.alternatives);
            return Found::Fixed { patch, alternatives: self.accepted };
        }
        let partly = self.nearest.as_ref().and_then(|nearest| {
            let confirmation = nearest.confirmation.clone()?;
            let kept = self.fixed.iter().all(|id| confirmation.fixed.contains(id));
            let passing: Vec<String> =
                self.targets.iter().filter(|id| confirmation.fixed.contains(id)).cloned().collect();
            // A patch that passes by leaving out code, or by naming a test's own values, is no part of a repair.
            let sound = confirmation.is_clean() && kept && nearest.tried.prepared.marks.is_empty();
            (sound && !passing.is_empty()).then(|| (self.patch(&nearest.tried, &passing, confirmation), passing))
        });
        match partly {
            Some((patch, passing)) => Found::Partly { patch: Box::new(patch), passing },
            None => Found::Not(Box::new(self.not_fixed(end))),
        }
    }

    /// Why to go no further, before the next batch.
    fn finished(&self, budget: &Budget<'_>) -> Option<SearchEnd> {
        if let Some(best) = self.accepted.first() {
            let unbeatable = self.is_unbeatable(best.marks.len(), best.size, &best.confirmation);
            // A patch with a mark is worth a longer look for one without.
            let patience = self.options.after_first * if best.marks.is_empty() { 1 } else { 4 };
            if unbeatable || self.tried - self.tried_at_first >= patience {
                return Some(SearchEnd::Repaired);
            }
        }
        if let Some(end) = budget.end() {
            return Some(end);
        }
        let limit = self.tried >= self.options.max_candidates || self.confirmed >= self.options.max_confirmations;
        limit.then_some(SearchEnd::CandidateLimit)
    }

    /// Makes use of the results of a batch.
    fn learn(
        &mut self,
        tried: Tried,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), SearchError> {
        let mut survivors = Vec::new();
        for (one, result) in tried.results {
            self.tried += 1;
            counts.tried += 1;
            counts.ran += u64::from(result.ran);
            let passed: BTreeSet<usize> = result.passed.into_iter().collect();
            let all = passed.len() == tried.asked;
            let passing: Vec<String> =
                passed.into_iter().filter_map(|index| self.screening.get(index).cloned()).collect();
            if result.ended == Ended::Finished && all {
                survivors.push((one, passing));
            } else if !passing.is_empty() {
                self.frontier.got_further(&one, &passing, &[]);
                self.consider_nearest(one, passing, None);
            }
        }
        progress(self.progress(counts));
        // The smallest first: a larger one may then be out of the question.
        survivors.sort_by_key(|(tried, _)| (tried.prepared.marks.len(), tried.size, tried.rank));
        let mut survivors = VecDeque::from(survivors);
        while !survivors.is_empty() {
            self.confirm_next(&mut survivors, budget, verifier, counts)?;
            progress(self.progress(counts));
        }
        Ok(())
    }

    /// Shows the next of those that passed their tests to the whole suite.
    fn confirm_next(
        &mut self,
        survivors: &mut VecDeque<(Try, Vec<String>)>,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
    ) -> Result<(), SearchError> {
        let poll = budget.poll;
        let cancel = || poll() != Stop::Continue;
        let over = || matches!(poll(), Stop::Over | Stop::Cancelled);
        // What passes its tests when the time is up may be the repair; a second one can wait.
        let stop: &(dyn Fn() -> bool + Sync) = if self.accepted.is_empty() { &over } else { &cancel };
        let mut shown = Vec::with_capacity(CONFIRMED_AT_ONCE);
        while shown.len() < CONFIRMED_AT_ONCE
            && let Some((tried, passing)) = survivors.pop_front()
        {
            let number = self.confirmed + shown.len() as u64;
            if number >= self.options.max_confirmations || stop() || self.cannot_matter(&tried) {
                self.consider_nearest(tried, passing, None);
            } else {
                shown.push((tried, passing));
            }
        }
        let candidates: Vec<_> = shown.iter().map(|(tried, _)| &tried.candidate).collect();
        let is_enough = |at: usize, said: &Confirmation| {
            let (tried, _): &(Try, _) = &shown[at];
            self.accepts(said) && self.is_unbeatable(tried.prepared.marks.len(), tried.size, said)
        };
        let confirmations = confirm_all(verifier, &candidates, stop, is_enough)?;
        let mut said = confirmations.into_iter();
        for (tried, passing) in shown {
            let Some(confirmation) = said.next().filter(|said| said.ended != Ended::Cancelled) else {
                self.consider_nearest(tried, passing, None);
                continue;
            };
            self.confirmed += 1;
            counts.confirmed += 1;
            if self.accepts(&confirmation) {
                self.accept(&tried, confirmation);
            } else {
                let only_broke = confirmation.objections() == confirmation.broken.len();
                let broken = if only_broke { &confirmation.broken[..] } else { &[] };
                self.frontier.got_further(&tried, &passing, broken);
                self.consider_nearest(tried, passing, Some(confirmation));
            }
        }
        Ok(())
    }

    /// Whether a whole run would change neither the best patch nor the alternatives.
    fn cannot_matter(&self, tried: &Try) -> bool {
        self.accepted.len() > self.options.alternatives
            && self
                .accepted
                .last()
                .is_some_and(|last| last.marks.len() <= tried.prepared.marks.len() && last.size <= tried.size)
            && self.accepted.iter().all(|patch| self.targets_fixed(&patch.confirmation) == self.task.targets.len())
    }

    fn accepts(&self, confirmation: &Confirmation) -> bool {
        let fixed: BTreeSet<&String> = confirmation.fixed.iter().collect();
        confirmation.is_clean() && self.targets.iter().chain(self.fixed).all(|id| fixed.contains(id))
    }

    /// Whether no other patch could be better.
    fn is_unbeatable(&self, marks: usize, size: u32, confirmation: &Confirmation) -> bool {
        marks == 0 && size <= 1 && self.targets_fixed(confirmation) == self.task.targets.len()
    }

    fn targets_fixed(&self, confirmation: &Confirmation) -> usize {
        let fixed: BTreeSet<&String> = confirmation.fixed.iter().collect();
        self.task.targets.iter().filter(|id| fixed.contains(id)).count()
    }

    fn patch(&self, tried: &Try, targets: &[String], confirmation: Confirmation) -> Patch {
        Patch {
            changes: tried.candidate.changes.clone(),
            explanation: explain(&tried.edits, targets, self.fixed, &confirmation),
            edits: tried.edits.clone(),
            size: tried.size,
            rank: tried.rank,
            marks: tried.prepared.marks.clone(),
            confirmation,
        }
    }

    fn accept(&mut self, tried: &Try, confirmation: Confirmation) {
        if self.accepted.is_empty() {
            self.tried_at_first = self.tried;
        }
        let patch = self.patch(tried, self.targets, confirmation);
        self.accepted.push(patch);
        let mut accepted = std::mem::take(&mut self.accepted);
        accepted.sort_by_key(|patch| {
            let fixed = Reverse(self.targets_fixed(&patch.confirmation));
            (patch.marks.len(), fixed, patch.size, patch.rank)
        });
        // One more than is kept, so that a later one can be compared.
        accepted.truncate(self.options.alternatives + 2);
        self.accepted = accepted;
    }

    fn consider_nearest(&mut self, tried: Try, passing: Vec<String>, confirmation: Option<Confirmation>) {
        let new = Nearest { tried, passing, confirmation };
        if self.nearest.as_ref().is_none_or(|old| new.key() < old.key()) {
            self.nearest = Some(new);
        }
    }

    /// Asks the whole suite about the nearest miss, once, so that the user learns what it breaks.
    fn name_what_nearest_breaks(
        &mut self,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
    ) -> Result<(), SearchError> {
        let poll = budget.poll;
        let over = || matches!(poll(), Stop::Over | Stop::Cancelled);
        let Some(nearest) = self.nearest.as_mut().filter(|nearest| nearest.confirmation.is_none()) else {
            return Ok(());
        };
        if over() {
            return Ok(());
        }
        let confirmation = verifier.confirm(&nearest.tried.candidate, &over).map_err(SearchError::Verifier)?;
        if confirmation.ended != Ended::Cancelled {
            counts.confirmed += 1;
            nearest.confirmation = Some(confirmation);
        }
        Ok(())
    }

    fn not_fixed(self, end: SearchEnd) -> NotFixed {
        let nearest = self.nearest.map(|nearest| NearMiss {
            changes: nearest.tried.candidate.changes,
            edits: nearest.tried.edits,
            passing: nearest.passing,
            confirmation: nearest.confirmation,
        });
        NotFixed {
            places: self.frontier.places(),
            operators: self.frontier.operators(),
            candidates: self.tried,
            pairs: self.frontier.pairs(),
            known: self.frontier.known().max(self.tried),
            nearest,
            more_time_could_help: end.left_something(),
            end,
        }
    }

    fn progress(&self, counts: &Counts) -> Progress {
        let best = match (self.accepted.first(), &self.nearest) {
            (Some(patch), _) => patch.edits.last().map(|edit| (edit, self.targets.len(), true)),
            (None, Some(nearest)) => nearest.tried.edits.last().map(|edit| (edit, nearest.passing.len(), false)),
            (None, None) => None,
        };
        let best = best.map(|(edit, passing, confirmed)| Best {
            path: Arc::clone(&edit.path),
            line: edit.line,
            why: edit.why.clone(),
            passing,
            targets: self.targets.len(),
            confirmed,
        });
        let known = self.frontier.known().max(self.tried);
        Progress { group: 0, groups: 0, tried: self.tried, known, ran: counts.ran, best }
    }
}
