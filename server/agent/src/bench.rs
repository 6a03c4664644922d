//! What runs programs and tests for a task: given by the program, which has the sandbox.

use airlock_core::overlay::Overlay;
use airlock_core::path::WorkspacePath;
use airlock_core::report::{Counts, Location, Outcome};
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
