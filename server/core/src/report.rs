//! What a test run said: one report per test, in the words pytest's users know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The test ran and passed.
    Passed,
    /// The test ran and an assertion or the code under test failed.
    Failed,
    /// Set-up, tear-down or collection failed.
    Error,
    /// The project's own code skipped it.
    Skipped,
    /// It failed as the project expects it to.
    Xfailed,
    /// It passed although the project expects a failure.
    Xpassed,
    /// The sandbox cannot run it; neither a pass nor a failure.
    NotTestable,
}

impl Outcome {
    /// Whether the outcome counts as a failure of the project.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

/// Why a test could not run in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word: `thread`, `subprocess`, `socket`, `module`, `guest_difference`, `no_tests`, …
    pub kind: String,
    /// What exactly, in plain words: the module's name, the refused call.
    pub detail: String,
}

/// A place in the project: path relative to the root with `/`, line from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    pub path: String,
    pub line: u32,
}

/// One test's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// The id as pytest prints it; a file's path for an error in collection.
    pub id: String,
    pub outcome: Outcome,
    /// Wall time in milliseconds; not part of a verdict.
    pub time_ms: f64,
    pub message: Option<String>,
    /// The exception's type, such as `AssertionError`; part of the fingerprint.
    #[serde(default, skip_serializing)]
    pub exception: Option<String>,
    /// The longer report (traceback), bounded; not part of the JSON document of `check`.
    #[serde(default, skip_serializing)]
    pub detail: Option<String>,
    pub reason: Option<Reason>,
    /// Stable name of a failure: the same cause gives the same fingerprint in every test it breaks.
    pub fingerprint: Option<String>,
    pub location: Option<Location>,
    /// Lines run by this test, by path relative to the root; only where coverage was asked for.
    #[serde(default, skip_serializing)]
    pub coverage: Option<BTreeMap<String, Vec<u32>>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Lets a caller tell an error in collection from a test's own error.
    #[serde(default, skip_serializing)]
    pub collection: bool,
}

/// What a whole run said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// In the order they were collected; ids are unique.
    pub tests: Vec<TestReport>,
    /// What the user should know about the run as a whole (plugins left out, options ignored, …).
    pub notes: Vec<String>,
    /// Limits that decided something, each in plain words.
    pub limits: Vec<String>,
    /// Ids that were collected but never reported: the run ended before them.
    pub unreported: Vec<String>,
    /// Lines that ran before any test, while modules were imported, by path relative to the root; only where coverage was
    /// asked for. Modules that a test imports are in that test's coverage.
    #[serde(default, skip_serializing)]
    pub imported: BTreeMap<String, Vec<u32>>,
    /// The interpreter's version, such as `3.15.0`.
    pub python: String,
    /// pytest's version.
    pub runner: String,
}

/// How many tests ended which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    pub error: u32,
    pub skipped: u32,
    pub xfailed: u32,
    pub xpassed: u32,
    pub not_testable: u32,
}

impl Counts {
    /// Counts the tests of a report; errors in collection count as `error`.
    pub fn of(report: &SuiteReport) -> Self {
        let mut counts = Self::default();
        for test in &report.tests {
            let slot = match test.outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Error => &mut counts.error,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Xfailed => &mut counts.xfailed,
                Outcome::Xpassed => &mut counts.xpassed,
                Outcome::NotTestable => &mut counts.not_testable,
            };
            *slot += 1;
        }
        counts
    }

    /// Tests that ran to an end of their own, whatever it was.
    pub fn ran(self) -> u32 {
        self.passed + self.failed + self.error + self.xfailed + self.xpassed
    }

    /// All tests.
    pub fn total(self) -> u32 {
        self.ran() + self.skipped + self.not_testable
    }

    /// Tests that failed or errored.
    pub fn failing(self) -> u32 {
        self.failed + self.error
    }
}
