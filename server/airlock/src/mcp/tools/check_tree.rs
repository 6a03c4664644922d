//! `check_tree`: run the project's tests as they are.

use std::path::Path;

use airlock_core::status::{ErrorCode, Status};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, check_arguments, check_words, project_root};
use crate::cli::check;
use crate::cli::document::{Body, CheckBody};
use crate::failure::Failure;
use crate::mcp::answer::{self, Failing, LETTERS, NotTestable, Tally, count};
use crate::mcp::call::Call;
use crate::mcp::memory::Known;

pub struct CheckTree;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// A folder or file of the project, absolute or relative to the workspace; the workspace itself where none is given.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    path: Option<String>,
    /// Ids of tests to run, as pytest prints them, relative to the project's root (a file or class names all in it); every test
    /// where none is given.
    #[serde(default)]
    #[schemars(length(max = 100))]
    tests: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    /// `passed`, `failed` or `not_testable`.
    status: String,
    /// The project's root, which ids and places are relative to.
    root: String,
    tests: Tally,
    /// Failures, one entry for each cause.
    failing: Vec<Failing>,
    /// Causes that are not listed.
    more_failing: u32,
    /// Tests that the sandbox cannot run, one entry for each reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_testable: Vec<NotTestable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    milliseconds: u32,
}

impl Tool for CheckTree {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "check_tree";
    const TITLE: &'static str = "Run the tests";
    const DESCRIPTION: &'static str = "Runs the project's own pytest suite on the files as they are on disk, in a WebAssembly \
        sandbox without network, and says which tests fail and why. Changes nothing. Failures of one cause are one entry with a \
        fingerprint; explain_failure tells more of it. A test that is not_testable could not run in the sandbox: neither a pass \
        nor a failure.";
    const EFFECT: Effect = Effect::Reads;

    fn check(input: &Input) -> Result<(), String> {
        check_words(input.path.as_ref(), &input.tests)
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        let root = project_root(call, input.path.as_deref())?;
        let context = call.context(root, vec!["check".to_owned()]);
        let report = check::run(&context, &check_arguments(input.tests))?;
        let Body::Check(body) = report.body else {
            return Err(Failure::error(ErrorCode::Internal, "a check has no result"));
        };
        for test in body.tests.iter().filter(|test| test.outcome.is_failure()) {
            if let Some(fingerprint) = test.fingerprint.clone() {
                call.memory.keep(Known { fingerprint, root: Path::new(&body.root).to_owned(), test: test.id.clone() });
            }
        }
        Ok(of(report.status, &body, context.started.elapsed()))
    }

    fn words(answer: &Answer) -> String {
        let mut lines = vec![format!("{}: {}", answer.status, answer.tests.words())];
        for failing in &answer.failing {
            let others = if failing.others > 0 { format!(" (and {} more)", failing.others) } else { String::new() };
            let place = failing.place.as_deref().map(|place| format!(" at {place}")).unwrap_or_default();
            let name = failing.fingerprint.as_deref().map(|name| format!(" [{name}]")).unwrap_or_default();
            lines.push(format!("{}{others}{place}: {}{name}", failing.test, failing.message));
        }
        if answer.more_failing > 0 {
            lines.push(format!("{} more causes; name tests to see them", answer.more_failing));
        }
        lines.extend(
            answer
                .not_testable
                .iter()
                .map(|of| format!("not testable ({}): {} tests, {}", of.reason, of.tests, of.detail)),
        );
        lines.join("\n")
    }
}

fn of(status: Status, body: &CheckBody, took: std::time::Duration) -> Answer {
    let (failing, more_failing) = answer::failing(&body.tests);
    let mut notes = answer::notes(body.limits.iter().chain(&body.notes).cloned());
    if let Some(reason) = &body.reason {
        notes.insert(0, airlock_core::text::one_line(&format!("{}: {}", reason.kind, reason.detail), LETTERS));
    }
    if !body.unreported.is_empty() {
        notes.insert(0, format!("the run ended before {} of its tests", body.unreported.len()));
    }
    Answer {
        status: status.as_str().to_owned(),
        root: body.root.clone(),
        tests: body.counts.into(),
        failing,
        more_failing,
        not_testable: answer::not_testable(&body.tests),
        notes,
        milliseconds: count(usize::try_from(took.as_millis()).unwrap_or(usize::MAX)),
    }
}
