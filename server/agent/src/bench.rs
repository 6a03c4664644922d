//! What runs programs and tests for a task: given by the program, which has the sandbox.

use airlock_core::overlay::Overlay;
use airlock_core::path::WorkspacePath;
use airlock_core::report::{Counts, Location, Outcome, SuiteReport};
use serde::{Deserialize, Serialize};

/// Who can run things over the project with some changes. Nothing it runs can reach anything outside the sandbox.
pub trait Bench: Send + Sync {
    /// Runs tests, all of them without ids. Test material that the base has is taken from there, as the verdict does.
    ///
    /// # Errors
    /// In plain words, why nothing was run.
    fn run_tests(&self, overlay: &Overlay, ids: &[String]) -> Result<TestsRun, String>;

    /// Runs a Python program.
    ///
    /// # Errors
    /// In plain words, why nothing was run.
    fn run_python(&self, overlay: &Overlay, program: &Program) -> Result<ProgramRun, String>;

    /// Whether the user stopped the task: what takes long looks now and then, and gives up.
    fn stopped(&self) -> bool {
        false
    }
}

/// What tests said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestsRun {
    pub counts: Counts,
    /// Tests that did not pass, and those that could not be run here.
    pub failing: Vec<TestFailure>,
    /// What else there is to know: a limit that was met, tests that are gone, changed test files that were not used.
    pub notes: Vec<String>,
}

impl TestsRun {
    /// What a report says, without the tests that passed or were skipped as the project wants it.
    pub fn of(report: &SuiteReport) -> Self {
        let failing =
            report.tests.iter().filter(|test| test.outcome.is_failure() || test.outcome == Outcome::NotTestable);
        let failing = failing.map(|test| {
            let reason =
                test.reason.as_ref().map(|reason| format!("cannot be run here: {} ({})", reason.detail, reason.kind));
            let texts = [test.message.clone(), reason, test.detail.clone()];
            TestFailure {
                id: test.id.clone(),
                outcome: test.outcome,
                message: texts.into_iter().flatten().collect::<Vec<_>>().join("\n"),
                location: test.location.clone(),
            }
        });
        let limits = report.limits.iter().map(|limit| format!("a limit was met: {limit}"));
        let mut notes: Vec<String> = report.notes.iter().cloned().chain(limits).collect();
        if !report.unreported.is_empty() {
            let first = &report.unreported[0];
            notes.push(format!(
                "{} tests did not run, as the run ended before them; first {first}",
                report.unreported.len()
            ));
        }
        Self { counts: Counts::of(report), failing: failing.collect(), notes }
    }
}

/// A test that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFailure {
    pub id: String,
    pub outcome: Outcome,
    pub message: String,
    pub location: Option<Location>,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub source: Source,
    pub arguments: Vec<String>,
    pub input: String,
}

/// Where a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(WorkspacePath),
    Text(String),
}

/// What a program did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramRun {
    /// How it ended, in plain words: `exit code 1`, `stopped after 10 s`.
    pub ended: String,
    /// It ended by itself, with code 0.
    pub succeeded: bool,
    pub output: String,
    pub errors: String,
}

#[cfg(test)]
mod tests {
    use airlock_core::report::{Reason, TestReport};

    use super::*;

    #[test]
    fn a_report_is_told_by_what_did_not_pass() {
        let test = |id: &str, outcome| TestReport {
            id: id.into(),
            outcome,
            time_ms: 1.0,
            message: Some("assert 1".into()),
            exception: None,
            detail: Some("a.py:3: in f".into()),
            reason: None,
            fingerprint: None,
            location: None,
            coverage: None,
            notes: vec![],
            collection: false,
        };
        let refused = TestReport {
            message: None,
            detail: None,
            reason: Some(Reason { kind: "socket".into(), detail: "connect".into() }),
            ..test("t::c", Outcome::NotTestable)
        };
        let report = SuiteReport {
            tests: vec![test("t::a", Outcome::Passed), test("t::b", Outcome::Failed), refused],
            notes: vec!["a note".into()],
            limits: vec!["10 s".into()],
            unreported: vec!["t::d".into()],
            ..SuiteReport::default()
        };
        let run = TestsRun::of(&report);
        assert_eq!((run.counts.passed, run.counts.failed, run.counts.not_testable), (1, 1, 1));
        let told: Vec<(&str, &str)> = run.failing.iter().map(|one| (one.id.as_str(), one.message.as_str())).collect();
        assert_eq!(told, [("t::b", "assert 1\na.py:3: in f"), ("t::c", "cannot be run here: connect (socket)")]);
        assert_eq!(run.notes.len(), 3, "{:?}", run.notes);
    }
}
