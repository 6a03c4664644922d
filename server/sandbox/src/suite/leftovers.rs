//! Failures that may be the leftovers of another test's refused call: a coroutine that nobody could await, a server that
//! could not be started and is stopped all the same. Natively such a failure would not be there, and yet a failure that
//! merely follows a refused call can be as real as any other. Running the test alone tells nothing: it fails for what the
//! tests before it did, be that refused or not. So the same sequence runs again without the tests whose calls were refused.

use std::collections::HashSet;

use airlock_core::report::{Outcome, Reason, TestReport};

use super::reports::add_limits;
use super::run::{Batch, Broke, Fork, Losses, Plan, Progress, Said, State};
use super::{Ready, Suite, SuiteError};
use crate::run::Ending;
use crate::worker::client::WorkerError;
use crate::worker::protocol::Build;

/// What one fork ran up to the last failure that follows a refused call.
pub(super) struct Sequence {
    ran: Vec<Ran>,
}

struct Ran {
    id: String,
    suspect: bool,
    /// The refused call of its own that may have left something behind.
    lasting: Option<String>,
    passed: bool,
}

impl Sequence {
    /// `None`: there is no such failure.
    pub fn of(said: &[Said]) -> Option<Self> {
        let end = said.iter().rposition(|said| said.after_refusal)? + 1;
        let ran = said[..end].iter().map(|said| Ran {
            id: said.report.id.clone(),
            suspect: said.after_refusal,
            lasting: said.lasting.clone(),
            passed: matches!(said.report.outcome, Outcome::Passed | Outcome::Xpassed),
        });
        Some(Self { ran: ran.collect() })
    }

    fn without(&self, refused: impl Fn(&Ran) -> bool) -> Vec<String> {
        self.ran.iter().filter(|ran| ran.suspect || !refused(ran)).map(|ran| ran.id.clone()).collect()
    }

    /// The first refused call that counts, in words.
    fn cause(&self, refused: impl Fn(&Ran) -> bool) -> String {
        let first = self.ran.iter().find(|ran| refused(ran));
        first.map_or_else(String::new, |ran| format!("{} ({})", ran.id, ran.lasting.as_deref().unwrap_or_default()))
    }
}

impl Suite<'_> {
    /// A failure that does not come again once the tests that were refused something and did not pass are left out is
    /// replaced by what came. One that only goes with tests that passed in spite of a refused call is not testable: what
    /// those left behind may be their own doing.
    pub(super) fn settle_leftovers(
        &self,
        ready: &Ready,
        plan: &Plan<'_>,
        state: &mut State,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SuiteError> {
        for sequence in std::mem::take(&mut state.sequences) {
            let is_open = |state: &State, id: &str| {
                state
                    .index
                    .get(id)
                    .is_some_and(|at| state.tests[*at].outcome.is_failure() && !state.tests[*at].collection)
            };
            let mut suspects: HashSet<String> = sequence
                .ran
                .iter()
                .filter(|ran| ran.suspect && is_open(state, &ran.id))
                .map(|ran| ran.id.clone())
                .collect();
            let half_done = |ran: &Ran| ran.lasting.is_some() && !ran.passed;
            let any = |ran: &Ran| ran.lasting.is_some();
            let some_passed = sequence.ran.iter().any(|ran| ran.lasting.is_some() && ran.passed);
            if !suspects.is_empty() && sequence.ran.iter().any(half_done) {
                let cause = sequence.cause(half_done);
                for mut report in self.run_again(ready, plan, &sequence.without(half_done), state, progress)? {
                    if suspects.contains(&report.id) && !report.outcome.is_failure() {
                        suspects.remove(&report.id);
                        report.notes.push(format!("it fails after {cause}, and not without"));
                        state.record(report);
                    }
                }
            }
            if !suspects.is_empty() && some_passed {
                let cause = sequence.cause(any);
                for report in self.run_again(ready, plan, &sequence.without(any), state, progress)? {
                    if suspects.contains(&report.id) && !report.outcome.is_failure() {
                        let failed = state.tests[state.index[&report.id]].clone();
                        state.record(left_over(failed, &cause));
                    }
                }
            }
        }
        Ok(())
    }

    /// The reports of another run of these tests, in a fork of their own.
    pub(super) fn run_again(
        &self,
        ready: &Ready,
        plan: &Plan<'_>,
        ids: &[String],
        state: &mut State,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<TestReport>, SuiteError> {
        let known = state.tests.len();
        let run = |whole: bool| -> Result<Fork, SuiteError> {
            let mut losses = Losses::default();
            let mut lost = false;
            loop {
                let origin = ready.origin.get();
                let batch = Batch { ids, whole, known, rounds: None };
                let Broke { error, .. } = match self.fork(ready, &origin, plan, &batch, &mut |_| {}) {
                    Ok(fork) => return Ok(fork),
                    Err(broke) => broke,
                };
                if lost && matches!(error, SuiteError::Worker(WorkerError::Lost(_))) {
                    return Err(error);
                }
                lost |= self.recover(error, ready, &origin, &mut losses)?.is_some();
            }
        };
        let mut fork = run(state.whole)?;
        if let Ending::Trapped { removed: true, .. } = fork.done.ending
            && !state.whole
        {
            let id = fork.open.as_ref().map_or("", |(id, _)| id);
            progress(Progress::CompilingWhole { id });
            self.compile(Build { whole: true, counted: false })?;
            fork = run(true)?;
            state.whole = true;
        }
        state.trace.merge(&fork.done.trace);
        if fork.done.ending == Ending::Stopped {
            // Whoever did not come to run keeps the failure it has: then this limit decided it.
            state.by_wall_time = true;
            let who = fork.open.as_ref().map(|(id, _)| format!("{id}, run again"));
            add_limits(&mut state.limits, &fork.done.limits, who.as_deref());
        }
        Ok(fork.said.into_iter().map(|said| said.report).collect())
    }
}

fn left_over(mut report: TestReport, cause: &str) -> TestReport {
    report.outcome = Outcome::NotTestable;
    let detail = format!("it fails after {cause}, and not without");
    report.reason = Some(Reason { kind: "leftover".to_owned(), detail });
    report
}
