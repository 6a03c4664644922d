//! The search for one group of failing tests.

use std::{cmp::Reverse, collections::BTreeSet};

use super::{
    Budget, Options, SearchError, Stop, Task,
    overlay::Overlay,
    queue::{Prepared, Queue, test_literals},
};
use crate::{
    explain::explain,
    localise,
    outcome::{Best, Counts, GroupOutcome, NearMiss, NotFixed, Patch, Progress, SearchEnd},
    verifier::{Candidate, Confirmation, Ended, Verifier},
};

/// Closest so far: it passed some of the tests, or all of them and broke others.
struct Nearest {
    prepared: Prepared,
    passing: Vec<String>,
    confirmation: Option<Confirmation>,
}

impl Nearest {
    /// Smaller is nearer.
    fn key(&self) -> (Reverse<usize>, usize, u64) {
        let objections = self.confirmation.as_ref().map_or(usize::MAX, Confirmation::objections);
        (Reverse(self.passing.len()), objections, self.prepared.rank)
    }
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
    overlay: &'a Overlay<'t>,
    queue: Queue,
    tried: u64,
    confirmed: u64,
    /// Confirmed patches, best first.
    accepted: Vec<Patch>,
    tried_at_first: u64,
    nearest: Option<Nearest>,
}

impl<'a, 't> GroupSearch<'a, 't> {
    pub(super) fn new(
        task: &'a Task<'t>,
        options: &'a Options,
        targets: &'a [String],
        fixed: &'a BTreeSet<String>,
        overlay: &'a mut Overlay<'t>,
    ) -> Self {
        let ids = targets.iter().map(String::as_str).collect();
        let suspects = localise::rank(task.report, &ids, overlay);
        let literals = test_literals(targets, task.read);
        Self {
            task,
            options,
            targets,
            screening: &targets[..targets.len().min(options.max_screening_targets.max(1))],
            fixed,
            overlay,
            queue: Queue::new(suspects, &literals, options),
            tried: 0,
            confirmed: 0,
            accepted: Vec::new(),
            tried_at_first: 0,
            nearest: None,
        }
    }

    pub(super) fn run(
        mut self,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<GroupOutcome, SearchError> {
        let end = loop {
            if let Some(end) = self.finished(budget) {
                break end;
            }
            let left = self.options.max_candidates - self.tried;
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.options.batch.max(1));
            let batch = self.queue.take(most, counts);
            let only_marked = batch.first().is_none_or(|first| !first.marks.is_empty());
            if only_marked && self.accepted.first().is_some_and(|best| best.marks.is_empty()) {
                // What is left could not win.
                break SearchEnd::Repaired;
            }
            if batch.is_empty() {
                break SearchEnd::Exhausted;
            }
            self.try_batch(batch, budget, verifier, counts, progress)?;
        };
        if self.accepted.is_empty() {
            self.name_what_nearest_breaks(budget, verifier, counts)?;
            return Ok(GroupOutcome::NotFixed(self.not_fixed(end)));
        }
        let patch = self.accepted.remove(0);
        self.accepted.truncate(self.options.alternatives);
        Ok(GroupOutcome::Fixed { patch, alternatives: self.accepted })
    }

    /// Why to go no further, before the next batch.
    fn finished(&self, budget: &Budget<'_>) -> Option<SearchEnd> {
        if let Some(best) = self.accepted.first() {
            let fixes_all = self.targets_fixed(&best.confirmation) == self.task.targets.len();
            let unbeatable = best.marks.is_empty() && fixes_all && best.size <= 1;
            if unbeatable || self.tried - self.tried_at_first >= self.options.after_first {
                return Some(SearchEnd::Repaired);
            }
        }
        if let Some(end) = budget.end() {
            return Some(end);
        }
        let limit = self.tried >= self.options.max_candidates || self.confirmed >= self.options.max_confirmations;
        limit.then_some(SearchEnd::CandidateLimit)
    }

    fn try_batch(
        &mut self,
        batch: Vec<Prepared>,
        budget: &Budget<'_>,
        verifier: &dyn Verifier,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), SearchError> {
        let candidates: Vec<Candidate> = batch.iter().map(|prepared| self.candidate(prepared)).collect();
        let poll = budget.poll;
        let cancel = || poll() != Stop::Continue;
        let results = verifier.try_targets(&candidates, self.screening, &cancel).map_err(SearchError::Verifier)?;
        if results.len() != batch.len() {
            return Err(SearchError::ResultCount { asked: batch.len(), got: results.len() });
        }
        let mut survivors = Vec::new();
        for ((prepared, candidate), result) in batch.into_iter().zip(candidates).zip(results) {
            if result.ended == Ended::Cancelled {
                continue;
            }
            self.tried += 1;
            counts.tried += 1;
            counts.ran += u64::from(result.ran);
            let passed: BTreeSet<usize> = result.passed.into_iter().collect();
            let passing: Vec<String> =
                passed.into_iter().filter_map(|index| self.screening.get(index).cloned()).collect();
            if result.ended == Ended::Finished && passing.len() == self.screening.len() {
                survivors.push((prepared, candidate, passing));
            } else if !passing.is_empty() {
                self.consider_nearest(prepared, passing, None);
            }
        }
        progress(self.progress(counts));
        for (prepared, candidate, passing) in survivors {
            if self.confirmed >= self.options.max_confirmations || cancel() || self.cannot_matter(&prepared) {
                self.consider_nearest(prepared, passing, None);
                continue;
            }
            let confirmation = verifier.confirm(&candidate, &cancel).map_err(SearchError::Verifier)?;
            if confirmation.ended == Ended::Cancelled {
                self.consider_nearest(prepared, passing, None);
                continue;
            }
            self.confirmed += 1;
            counts.confirmed += 1;
            if self.accepts(&confirmation) {
                self.accept(prepared, candidate, confirmation);
            } else {
                self.consider_nearest(prepared, passing, Some(confirmation));
            }
            progress(self.progress(counts));
        }
        Ok(())
    }

    /// Whether a whole run would change neither the best patch nor the alternatives.
    fn cannot_matter(&self, prepared: &Prepared) -> bool {
        self.accepted.len() > self.options.alternatives
            && self
                .accepted
                .last()
                .is_some_and(|last| last.marks.len() <= prepared.marks.len() && last.size <= prepared.size)
            && self.accepted.iter().all(|patch| self.targets_fixed(&patch.confirmation) == self.task.targets.len())
    }

    fn candidate(&self, prepared: &Prepared) -> Candidate {
        Candidate {
            changes: self.overlay.changes_with(&prepared.path, prepared.text.clone()),
            sites: vec![prepared.site.clone()],
        }
    }

    fn accepts(&self, confirmation: &Confirmation) -> bool {
        let fixed: BTreeSet<&String> = confirmation.fixed.iter().collect();
        confirmation.is_clean() && self.targets.iter().chain(self.fixed).all(|id| fixed.contains(id))
    }

    fn targets_fixed(&self, confirmation: &Confirmation) -> usize {
        let fixed: BTreeSet<&String> = confirmation.fixed.iter().collect();
        self.task.targets.iter().filter(|id| fixed.contains(id)).count()
    }

    fn accept(&mut self, prepared: Prepared, candidate: Candidate, confirmation: Confirmation) {
        if self.accepted.is_empty() {
            self.tried_at_first = self.tried;
        }
        let edits = vec![prepared.edit];
        self.accepted.push(Patch {
            changes: candidate.changes,
            explanation: explain(&edits, self.targets, &confirmation),
            edits,
            size: prepared.size,
            rank: prepared.rank,
            marks: prepared.marks,
            confirmation,
        });
        let mut accepted = std::mem::take(&mut self.accepted);
        accepted.sort_by_key(|patch| {
            let fixed = Reverse(self.targets_fixed(&patch.confirmation));
            (patch.marks.len(), fixed, patch.size, patch.rank)
        });
        // One more than is kept, so that a later one can be compared.
        accepted.truncate(self.options.alternatives + 2);
        self.accepted = accepted;
    }

    fn consider_nearest(&mut self, prepared: Prepared, passing: Vec<String>, confirmation: Option<Confirmation>) {
        let new = Nearest { prepared, passing, confirmation };
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
        let cancel = || poll() != Stop::Continue;
        let unknown = self.nearest.as_ref().filter(|nearest| nearest.confirmation.is_none());
        let Some(candidate) = unknown.map(|nearest| self.candidate(&nearest.prepared)) else {
            return Ok(());
        };
        if cancel() {
            return Ok(());
        }
        let confirmation = verifier.confirm(&candidate, &cancel).map_err(SearchError::Verifier)?;
        if confirmation.ended != Ended::Cancelled {
            counts.confirmed += 1;
            if let Some(nearest) = &mut self.nearest {
                nearest.confirmation = Some(confirmation);
            }
        }
        Ok(())
    }

    fn not_fixed(self, end: SearchEnd) -> NotFixed {
        let nearest = self.nearest.map(|nearest| NearMiss {
            changes: self.overlay.changes_with(&nearest.prepared.path, nearest.prepared.text.clone()),
            edits: vec![nearest.prepared.edit],
            passing: nearest.passing,
            confirmation: nearest.confirmation,
        });
        NotFixed {
            places: self.queue.places(),
            operators: self.queue.operators(),
            candidates: self.tried,
            known: self.queue.known(),
            nearest,
            more_time_could_help: end.left_something(),
            end,
        }
    }

    fn progress(&self, counts: &Counts) -> Progress {
        let best = match (self.accepted.first(), &self.nearest) {
            (Some(patch), _) => patch.edits.first().map(|edit| Best {
                path: edit.path.clone(),
                line: edit.line,
                why: edit.why.clone(),
                passing: self.targets.len(),
                targets: self.targets.len(),
                confirmed: true,
            }),
            (None, Some(nearest)) => Some(Best {
                path: nearest.prepared.path.clone(),
                line: nearest.prepared.edit.line,
                why: nearest.prepared.edit.why.clone(),
                passing: nearest.passing.len(),
                targets: self.targets.len(),
                confirmed: false,
            }),
            (None, None) => None,
        };
        Progress { group: 0, groups: 0, tried: self.tried, known: self.queue.known(), ran: counts.ran, best }
    }
}
