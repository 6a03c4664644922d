//! The search: places × operators → candidates → tests → the smallest patch that the whole suite confirms.
//!
//! All decisions are taken between batches of a fixed size and by rank, never by who finished first, so that the same
//! input and seed give the same answer on any machine. Only a [`Stop`] of the caller's clock can cut it short.

mod asking;
mod frontier;
mod group;
mod guard;
mod hints;
mod overlay;
mod pairs;
mod prepare;
mod queue;
mod steady;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use airlock_core::report::SuiteReport;
use thiserror::Error;

use crate::{
    outcome::{Counts, Group, GroupOutcome, NotFixed, Patch, Progress, SearchEnd, SearchResult},
    verifier::{Verifier, VerifierError},
};
use group::{Found, GroupSearch};
use overlay::Overlay;

/// What is to be repaired.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The run on the base, with coverage per test.
    pub report: &'a SuiteReport,
    /// Ids of the failing tests to repair; the caller leaves out what must not be one (`not_testable`, flaky).
    pub targets: &'a [String],
    /// Test material: paths that no candidate may change.
    pub test_files: &'a BTreeSet<String>,
    /// Gives a file of the base by its path relative to the root; none where there is no such file.
    pub read: &'a dyn Fn(&str) -> Option<Arc<[u8]>>,
}

/// How to search. The defaults are meant for people; a test may want less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Breaks ties between places that look equally likely.
    pub seed: u64,
    /// Candidates per call of [`Verifier::try_targets`]; independent of cores, or answers would depend on them.
    pub batch: usize,
    /// Edits that one repair may be made of.
    pub max_edits: usize,
    /// Candidates tried per group of failing tests.
    pub max_candidates: u64,
    /// Statements looked at per group.
    pub max_places: usize,
    /// Runs of the whole suite per group.
    pub max_confirmations: u64,
    /// Targets that screen a candidate; a group with more is screened by its first ones and confirmed with all.
    pub max_screening_targets: usize,
    /// Candidates tried after the first confirmed patch, in search of a smaller one.
    pub after_first: u64,
    /// Next best patches kept per group.
    pub alternatives: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            batch: 16,
            max_edits: 3,
            max_candidates: 20_000,
            max_places: 2_000,
            max_confirmations: 40,
            max_screening_targets: 16,
            after_first: 256,
            alternatives: 3,
        }
    }
}

/// What the caller's clock and user say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Continue,
    /// No more candidates are tried; one that passes its tests may still be shown to the whole suite.
    TimeUp,
    /// The time for that is up too: nothing more is run.
    Over,
    Cancelled,
}

/// Asked before each batch and, through the verifier's cancel check, within one.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    pub poll: &'a (dyn Fn() -> Stop + Sync),
}

impl Budget<'_> {
    /// Whether to stop, and why.
    fn end(&self) -> Option<SearchEnd> {
        match (self.poll)() {
            Stop::Continue => None,
            Stop::TimeUp | Stop::Over => Some(SearchEnd::TimeUp),
            Stop::Cancelled => Some(SearchEnd::Cancelled),
        }
    }
}

/// Why a search could not be done.
#[derive(Debug, Error)]
pub enum SearchError {
    /// The tests could not be run; nothing is known about the candidates.
    #[error("the tests of a candidate could not be run: {0}")]
    Verifier(#[source] VerifierError),
    /// A target that the report does not know.
    #[error("the report names no test {0}; run it before repairing it")]
    UnknownTarget(String),
    /// The verifier broke its contract.
    #[error("the verifier gave {got} results for {asked} candidates")]
    ResultCount { asked: usize, got: usize },
}

/// Repairs the targets, group by group, later groups on top of the earlier repairs.
///
/// Groups are the targets with the same fingerprint, worked on from the largest to the smallest, ties in the report's
/// order. A repair counts if the group's tests pass, those of earlier groups still do, and the whole suite has nothing
/// against it ([`crate::verifier::Confirmation::is_clean`]). Among repairs the one without marks wins, then the one
/// that fixes most targets, then the smallest, then the one ranked first. Where only a part of a group can be repaired,
/// that part is, and the search goes on for the rest.
///
/// Targets that pass with nothing changed, when they are run again, are left out first and named.
///
/// # Errors
/// See [`SearchError`]. Running out of time or candidates is no error but part of the result.
pub fn repair(
    task: &Task<'_>,
    options: &Options,
    budget: &Budget<'_>,
    verifier: &dyn Verifier,
    progress: &mut dyn FnMut(&Progress),
) -> Result<SearchResult, SearchError> {
    let mut queue: VecDeque<TargetGroup> = groups(task)?.into();
    let mut count = queue.len();
    let mut overlay = Overlay::new(task);
    let mut counts = Counts::default();
    let mut done: Vec<Group> = Vec::with_capacity(count);
    let mut fixed: BTreeSet<String> = BTreeSet::new();
    let mut unsteady = steady::again(task, budget, verifier)?;
    let mut end = SearchEnd::Repaired;
    while let Some((fingerprint, targets)) = queue.pop_front() {
        let left = |unsteady: &BTreeSet<String>| -> Vec<String> {
            targets.iter().filter(|id| !fixed.contains(*id) && !unsteady.contains(*id)).cloned().collect()
        };
        let mut open = left(&unsteady);
        if let Some(stop) = budget.end().filter(|_| !open.is_empty()) {
            // Its places are not even ranked: with many groups that alone takes time.
            end = stop;
            done.push(Group { fingerprint, targets: open, outcome: GroupOutcome::NotFixed(NotFixed::untried(stop)) });
            continue;
        }
        if !open.is_empty() {
            let screening = group::screening(&open, options);
            unsteady.extend(steady::without_changes(screening, &overlay, budget, verifier)?);
            open = left(&unsteady);
        }
        if open.is_empty() {
            let all = targets.iter().all(|id| unsteady.contains(id));
            let outcome = if all { GroupOutcome::Unsteady } else { GroupOutcome::FixedByEarlier };
            done.push(Group { fingerprint, targets, outcome });
            continue;
        }
        let index = done.len();
        let search = GroupSearch::new(task, options, &open, &fixed, &overlay);
        let (found, notes) = search.run(budget, verifier, &mut counts, &mut |mut event: Progress| {
            event.group = index;
            event.groups = count;
            progress(&event);
        })?;
        overlay.note(notes);
        let mut take = |patch: &Patch| {
            fixed.extend(patch.confirmation.fixed.iter().cloned());
            overlay.take(&patch.changes, &patch.edits);
        };
        let (targets, outcome) = match found {
            Found::Fixed { patch, alternatives } => {
                take(&patch);
                (targets, GroupOutcome::Fixed { patch: *patch, alternatives })
            }
            // The rest is a group of its own, on top of what was found.
            Found::Partly { patch, passing } => {
                take(&patch);
                let rest: Vec<String> = open.into_iter().filter(|id| !passing.contains(id)).collect();
                queue.push_front((fingerprint.clone(), rest));
                count += 1;
                (passing, GroupOutcome::Fixed { patch: *patch, alternatives: Vec::new() })
            }
            Found::Not(not) => {
                if not.end.left_something() || end == SearchEnd::Repaired {
                    end = not.end;
                }
                (targets, GroupOutcome::NotFixed(*not))
            }
        };
        done.push(Group { fingerprint, targets, outcome });
    }
    let unsteady = task.report.tests.iter().map(|test| &test.id).filter(|id| unsteady.contains(*id)).cloned().collect();
    Ok(SearchResult { groups: done, counts, notes: overlay.into_notes(), unsteady, end })
}

type TargetGroup = (Option<String>, Vec<String>);

/// Targets by fingerprint; one without is a group of its own.
fn groups(task: &Task<'_>) -> Result<Vec<TargetGroup>, SearchError> {
    let wanted: BTreeSet<&str> = task.targets.iter().map(String::as_str).collect();
    let mut groups: Vec<TargetGroup> = Vec::new();
    let mut found = BTreeSet::new();
    for test in task.report.tests.iter().filter(|test| wanted.contains(test.id.as_str())) {
        if !found.insert(test.id.as_str()) {
            continue;
        }
        let group = groups.iter_mut().find(|group| group.0.is_some() && group.0 == test.fingerprint);
        match group {
            Some(group) => group.1.push(test.id.clone()),
            None => groups.push((test.fingerprint.clone(), vec![test.id.clone()])),
        }
    }
    if let Some(unknown) = task.targets.iter().find(|id| !found.contains(id.as_str())) {
        return Err(SearchError::UnknownTarget(unknown.clone()));
    }
    // Stable, so that ties keep the report's order.
    groups.sort_by_key(|group| std::cmp::Reverse(group.1.len()));
    Ok(groups)
}
