//! Recursions that end at the guest's stack only because their lines are recorded, which takes room on it.

use airlock_core::report::{Outcome, TestReport};

use super::run::{Plan, Progress, State};
use super::{Options, Ready, Suite, SuiteError};

/// What the harness says of a recursion that ends there (`airlock_harness/data/differences.json`).
const WHY: &str = "the guest's C stack is smaller than a native one";

impl Suite<'_> {
    /// Runs such tests once more without recording, in a fork of their own: natively most end at the interpreter's limit on
    /// recursion, and so they do here. The lines that they ran are known from the first time.
    pub(super) fn settle_stacks(
        &self,
        ready: &Ready,
        plan: &Plan<'_>,
        state: &mut State,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SuiteError> {
        let ids: Vec<String> =
            state.tests.iter().filter(|test| is_of_stack(test)).map(|test| test.id.clone()).collect();
        if ids.is_empty() || plan.options.coverage.is_none() {
            return Ok(());
        }
        let plain = Options { coverage: None, ..plan.options.clone() };
        for mut report in self.run_again(ready, &plan.with(&plain), &ids, state, progress)? {
            let Some(at) = state.index.get(&report.id).copied().filter(|_| ids.contains(&report.id)) else { continue };
            if !is_of_stack(&report) {
                report.coverage = state.tests[at].coverage.take();
                state.record(report);
            }
        }
        Ok(())
    }
}

fn is_of_stack(test: &TestReport) -> bool {
    test.outcome == Outcome::NotTestable && test.reason.as_ref().is_some_and(|reason| reason.detail == WHY)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_harness_says_it_in_these_words() {
        let data = include_str!("../../guests/python/airlock_harness/data/differences.json");
        assert!(data.contains(&format!("\"why\": \"{}\"", super::WHY)));
    }
}
