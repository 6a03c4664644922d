//! The one thing the search engine is given: somebody who can run tests on a candidate.
//!
//! The engine never asks *when* a result arrived. A verifier may judge a batch on as many cores as it likes and in any
//! order, as long as result `i` belongs to candidate `i`; ranks decide everything else, so that the same seed gives
//! the same answer on any machine.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One file as a candidate leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileChange {
    /// Relative to the project's root, with `/`, as in the report the search started from.
    pub path: Arc<str>,
    /// The whole new text; its UTF-8 bytes are the new file.
    pub text: Arc<str>,
}

/// Where a candidate differs from the base: enough for a verifier to choose a cheaper way of running it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    pub path: Arc<str>,
    /// First and last line (from 1, inclusive) of the changed statement in the text the edit was made on.
    pub first_line: u32,
    pub last_line: u32,
    /// The function around it by its `__qualname__`, such as `Stack.pop` or `outer.<locals>.inner`; none at module or
    /// class level.
    pub function: Option<String>,
    /// The changed code runs when the module is imported (module or class level, defaults, decorators), so swapping
    /// one function's code would not show its effect.
    pub at_import: bool,
}

/// A set of changes over the base, to be judged as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Every file that differs from the base, earlier repairs included; paths are unique and sorted.
    pub changes: Vec<FileChange>,
    /// The places this candidate itself edits, on top of what earlier repairs changed.
    pub sites: Vec<Site>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Every test asked for was run and reported.
    Finished,
    /// It met a limit of the sandbox, named in plain words.
    Limit(String),
    /// It would never have ended.
    Endless,
    /// The sandbox was lost with it, in words, as often as it was tried. No repair; but another time it may be one.
    Lost(String),
    /// The cancel check said stop before this candidate was judged; the rest of the result says nothing.
    Cancelled,
}

/// What the failing tests said about one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetResult {
    /// At least one test ran on this candidate.
    pub ran: bool,
    /// Indices into the `targets` given, ascending, of those that passed.
    pub passed: Vec<usize>,
    pub ended: Ended,
}

impl TargetResult {
    /// A candidate that was not judged.
    pub fn cancelled() -> Self {
        Self { ran: false, passed: Vec::new(), ended: Ended::Cancelled }
    }
}

/// What the whole suite said about one candidate, compared with the base. All lists hold test ids in collection order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Tests that failed on the base and pass now.
    pub fixed: Vec<String>,
    /// Passed on the base, fail now.
    pub broken: Vec<String>,
    /// Reported on the base, not now.
    pub gone: Vec<String>,
    /// Ran on the base, skip themselves now.
    pub skipped: Vec<String>,
    /// Could run on the base, cannot now.
    pub newly_not_testable: Vec<String>,
    pub ended: Ended,
}

impl Confirmation {
    /// Whether nothing in it keeps the candidate out, whatever it fixed: the rules of a verdict.
    pub fn is_clean(&self) -> bool {
        self.ended == Ended::Finished
            && self.broken.is_empty()
            && self.gone.is_empty()
            && self.skipped.is_empty()
            && self.newly_not_testable.is_empty()
    }

    /// How many tests keep the candidate out.
    pub fn objections(&self) -> usize {
        self.broken.len() + self.gone.len() + self.skipped.len() + self.newly_not_testable.len()
    }
}

/// Why a verifier could not do its work at all (worker lost, disk full), as opposed to what a candidate did.
pub type VerifierError = Box<dyn std::error::Error + Send + Sync>;

/// Asks whether to stop; may be called from any thread, often.
pub type Cancel<'a> = &'a (dyn Fn() -> bool + Sync);

/// Runs tests on candidates. Results depend on the candidate alone: not on the batch, the order or the number of cores.
///
/// It is asked by several threads at once: about the next batch, and about what passed in the last one.
pub trait Verifier: Sync {
    /// Runs `targets` on each candidate, possibly in parallel, and gives one result per candidate, in their order.
    ///
    /// Screening may take shortcuts (a fork with the module loaded and one function swapped): what passes here is
    /// confirmed by [`Verifier::confirm`], but what fails here is counted out for good. Where some targets fail the
    /// others are to be run all the same, because partial progress guides the search; but not all of them where none of the
    /// first few passes, nor those behind one that does not end. When `cancel` says so, candidates not yet
    /// judged come back as [`TargetResult::cancelled`].
    ///
    /// # Errors
    /// When tests cannot be run at all; the search ends with [`crate::search::SearchError::Verifier`].
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError>;

    /// Runs `targets` once more on the base as it is, without the tests around them and with other random numbers than the
    /// report's run had: what passes now is flaky, or depends on others. None where the verifier has no other way of running them; the search then
    /// asks [`Verifier::try_targets`] about a candidate without changes, which finds those that depend on other tests.
    ///
    /// # Errors
    /// As for [`Verifier::try_targets`].
    fn again(&self, targets: &[String], cancel: Cancel<'_>) -> Result<Option<TargetResult>, VerifierError> {
        let _ = (targets, cancel);
        Ok(None)
    }

    /// Runs the whole suite on one candidate, importing everything afresh.
    ///
    /// # Errors
    /// As for [`Verifier::try_targets`].
    fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError>;
}
