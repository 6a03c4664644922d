//! Loops that do not end, by the rounds they go (`airlock_harness/rounds.py`): the same on every machine, and seen long
//! before a limit of time would.

use airlock_core::report::{Location, TestReport};
use serde::Serialize;

use super::run::{Batch, Plan, State};
use super::{Ready, Suite};

/// Rounds of one test that has not ended in its time, when it is run once more to see what it does: some hundred
/// milliseconds.
pub(super) const LOOK: u64 = 1_000_000;

/// What the harness is told to count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Rounds {
    /// A test that goes round loops more often than this is ended.
    pub most: u64,
    /// Only where it is in one of these functions by then.
    pub at: Vec<Location>,
    /// Once a test was ended, nobody asks for those behind it.
    pub give_up: bool,
}

impl Suite<'_> {
    /// Runs a test that was stopped by its time once more, to its first million rounds, and adds what that shows: the lines
    /// that it ran, and the loop that it was in, which is remembered.
    pub(super) fn look_closer(&self, ready: &Ready, plan: &Plan<'_>, state: &mut State, report: &mut TestReport) {
        let ids = [report.id.clone()];
        let rounds = Rounds { most: LOOK, ..Rounds::default() };
        let batch = Batch { ids: &ids, whole: state.whole, known: state.tests.len(), rounds: Some(rounds) };
        let origin = ready.origin.get();
        // What it shows is a help; where it comes to no end either, the report stays as it is.
        let Ok(fork) = self.fork(ready, &origin, plan, &batch, &mut |_| {}) else { return };
        state.trace.merge(&fork.done.trace);
        let Some(said) = fork.said.into_iter().find(|said| said.report.id == report.id) else { return };
        report.coverage = said.report.coverage;
        if said.limit.is_some() {
            report.message = said.report.message;
            report.detail = said.report.detail;
            report.location = said.report.location;
            state.loops.extend(report.location.clone());
        }
    }
}
