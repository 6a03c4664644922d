//! Questions to the verifier: batches that are under way, and candidates shown to the whole suite at once.
//!
//! While the results of one batch are made use of the next one is at work, so that no core waits for a slow candidate or for
//! a whole run. Which batch knows of which results is the same on every machine: the one after next.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Scope, ScopedJoinHandle, scope},
};

use super::{Budget, SearchError, Stop, frontier::Try};
use crate::verifier::{Cancel, Candidate, Confirmation, TargetResult, Verifier};

/// Asks the verifier, and holds it to its contract.
pub(super) fn ask(
    verifier: &dyn Verifier,
    candidates: &[Candidate],
    targets: &[String],
    cancel: Cancel<'_>,
) -> Result<Vec<TargetResult>, SearchError> {
    let results = verifier.try_targets(candidates, targets, cancel).map_err(SearchError::Verifier)?;
    if results.len() == candidates.len() {
        Ok(results)
    } else {
        Err(SearchError::ResultCount { asked: candidates.len(), got: results.len() })
    }
}

/// A batch of candidates that is being tried.
pub(super) struct UnderWay<'scope> {
    batch: Vec<Try>,
    /// The tests that run on each: first those of the group, then those that what it stands on broke.
    asked: usize,
    dropped: Arc<AtomicBool>,
    results: ScopedJoinHandle<'scope, Result<Vec<TargetResult>, SearchError>>,
}

/// A batch that was tried: each candidate with its result, those that were cut short left out.
pub(super) struct Tried {
    pub(super) results: Vec<(Try, TargetResult)>,
    /// How many tests ran on each.
    pub(super) asked: usize,
}

impl<'scope> UnderWay<'scope> {
    /// Begins to try a batch by these tests.
    pub(super) fn begin<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        verifier: &'env dyn Verifier,
        budget: Budget<'env>,
        batch: Vec<Try>,
        screening: &[String],
    ) -> Self {
        let also = batch.first().map(|first| first.also.clone()).unwrap_or_default();
        let asked = [screening, &also].concat();
        let candidates: Vec<Candidate> = batch.iter().map(|tried| tried.candidate.clone()).collect();
        let dropped = Arc::new(AtomicBool::new(false));
        let number = asked.len();
        let is_dropped = Arc::clone(&dropped);
        let results = scope.spawn(move || {
            let cancel = || is_dropped.load(Ordering::Relaxed) || (budget.poll)() != Stop::Continue;
            ask(verifier, &candidates, &asked, &cancel)
        });
        Self { batch, asked: number, dropped, results }
    }

    /// How many candidates it has.
    pub(super) fn len(&self) -> u64 {
        self.batch.len() as u64
    }

    /// Waits for the results.
    pub(super) fn finish(self) -> Result<Tried, SearchError> {
        let results = self.results.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        let results = self.batch.into_iter().zip(results);
        let results = results.filter(|(_, result)| result.ended != crate::verifier::Ended::Cancelled).collect();
        Ok(Tried { results, asked: self.asked })
    }

    /// Has it end early: nobody asks for the results.
    pub(super) fn drop_it(self) {
        self.dropped.store(true, Ordering::Relaxed);
        if let Err(panic) = self.results.join() {
            resume_unwind(panic);
        }
    }
}

/// Shows candidates to the whole suite, all at the same time.
///
/// `is_enough`: after these results of the first ones nobody asks for the others, which then count for nothing.
pub(super) fn confirm_all(
    verifier: &dyn Verifier,
    candidates: &[&Candidate],
    cancel: Cancel<'_>,
    is_enough: impl Fn(usize, &Confirmation) -> bool,
) -> Result<Vec<Confirmation>, SearchError> {
    let dropped = AtomicBool::new(false);
    let stop = || dropped.load(Ordering::Relaxed) || cancel();
    scope(|scope| {
        let (first, others) = candidates.split_first().map_or((None, &[][..]), |(first, others)| (Some(first), others));
        let others: Vec<_> =
            others.iter().map(|candidate| scope.spawn(|| verifier.confirm(candidate, &stop))).collect();
        let mut confirmations = Vec::with_capacity(candidates.len());
        let own = first.map(|first| verifier.confirm(first, &stop));
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        for result in own.into_iter().chain(others) {
            if dropped.load(Ordering::Relaxed) {
                continue;
            }
            let confirmation = result.map_err(SearchError::Verifier);
            let enough = confirmation.as_ref().is_ok_and(|said| is_enough(confirmations.len(), said));
            dropped.store(enough || confirmation.is_err(), Ordering::Relaxed);
            confirmations.push(confirmation);
        }
        confirmations.into_iter().collect()
    })
}
