//! Candidates of a search: collect and run in one fork, nothing kept. Only whether the tests pass matters.

use airlock_core::report::Outcome;

use super::{Suite, SuiteError, images};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::protocol::{Limits, OverlayEntry};

/// What one attempt said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Ids of the tests that passed.
    pub passed: Vec<String>,
    /// At least one test ran.
    pub ran: bool,
    /// A limit ended the run or one of its tests, in plain words.
    pub limit: Option<String>,
    /// The limit was one of wall time.
    pub endless: bool,
}

impl Suite<'_> {
    /// Runs the tests that the suite's arguments name on a project with `overlay` laid over it, in one fork of the booted
    /// interpreter: everything of the project is imported afresh.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] and [`SuiteError::Cancelled`]; a candidate that cannot be imported or ends its guest is an
    /// attempt in which nothing passed.
    pub fn attempt(&self, overlay: &[OverlayEntry], limits: Limits) -> Result<Attempt, SuiteError> {
        self.past_damage(|| self.attempt_once(overlay, limits))
    }

    fn attempt_once(&self, overlay: &[OverlayEntry], limits: Limits) -> Result<Attempt, SuiteError> {
        let (origin, boot_trace) = self.booted()?;
        let (mounts, configure) = self.configuration(&self.spec.placeholders);
        if images::touches(&boot_trace, overlay, &mounts) {
            return Ok(Attempt::default());
        }
        let run = r#"{"cmd":"run","items":null,"coverage":false}"#.to_owned();
        let mut job = self.job(origin, self.project_mounts(), overlay, configure);
        job.commands.push(run);
        job.limits = limits;
        let mut attempt = Attempt::default();
        let done = self.follow(job, |bytes| {
            if let Ok(Event::Result(result)) = Event::decode(bytes) {
                attempt.ran |= result.outcome != Outcome::NotTestable;
                if result.outcome == Outcome::Passed {
                    attempt.passed.push(result.id);
                }
            }
        })?;
        if !matches!(done.ending, Ending::Returned(_)) {
            attempt.limit = Some(match &done.ending {
                Ending::Exited(code) => format!("the interpreter was ended with code {code}"),
                Ending::Trapped { what, .. } => what.clone(),
                _ => done.limits.join("; "),
            });
            attempt.endless = done.ending == Ending::Stopped;
        }
        Ok(attempt)
    }
}
