//! `check_patch`: what the tests say of a patch, before anything is written.

use airlock_core::status::{ErrorCode, Status};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, check_arguments, check_words, project_root};
use crate::cli::document::{Body, PatchBody, VerdictBody};
use crate::cli::patch::{self, Given};
use crate::failure::Failure;
use crate::mcp::answer::{self, LETTERS, Verdict, count};
use crate::mcp::call::Call;
use crate::mcp::uris;

pub struct CheckPatch;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// A unified diff, as `git diff` prints it, with paths relative to the repository. It has to fit the files as they are on
    /// disk: do not write the change first.
    #[schemars(length(min = 1))]
    pub patch: String,
    /// Ids of the tests that the patch has to make pass; where none is given, every test that fails without it.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub tests: Vec<String>,
    /// A folder or file of the project, absolute or relative to the workspace; the workspace itself where none is given.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    /// `verified` (every named or failing test passes with it, nothing is worse), `no_regression` (nothing was failing, nothing is
    /// worse), `refused`, or `not_testable`.
    pub status: String,
    /// Whether the verdict would let it land.
    pub lets_through: bool,
    /// What the tests say; absent where they say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why nothing could be tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The session that keeps this, and resources that have all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    pub milliseconds: u32,
}

impl Tool for CheckPatch {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "check_patch";
    const TITLE: &'static str = "Check a patch";
    const DESCRIPTION: &'static str = "Runs the project's tests without and with a patch, on a copy in a sandbox, and gives a \
        verdict: what it fixes, what it breaks, and which changed lines no test runs. No file is written; the result is kept as a \
        session. Tests and their settings are taken from the files as they are: a patch that changes them is kept out. Use it \
        before you edit; propose_patch then gives the patch to the user.";
    const EFFECT: Effect = Effect::Reads;

    fn check(input: &Input) -> Result<(), String> {
        check_words(input.path.as_ref(), &input.tests)
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        let root = project_root(call, input.path.as_deref())?;
        let context = call.context(root, arguments(&input.tests));
        let given = Given {
            patch: input.patch.as_bytes(),
            reason: &format!("a patch that {} wanted checked", client(call)),
            is_open: &|path| call.folders.hold(path),
            waits: false,
        };
        let (report, _) = patch::given(&context, &check_arguments(input.tests), &given)?;
        let Body::Patch(body) = report.body else {
            return Err(Failure::error(ErrorCode::Internal, "a judgement has no result"));
        };
        Ok(answer(report.status, &body, call, context.started.elapsed()))
    }

    fn words(answer: &Answer) -> String {
        words(answer)
    }
}

/// The answer of a judgement.
pub fn answer(status: Status, body: &PatchBody, call: &Call, took: std::time::Duration) -> Answer {
    let verdict = body.verdict.as_ref().and_then(|verdict| match verdict {
        VerdictBody::Made(verdict) => Some(Verdict::from(verdict.findings())),
        VerdictBody::Kept(_) => None,
    });
    let reason = body.reason.as_ref();
    Answer {
        status: status.as_str().to_owned(),
        lets_through: matches!(status, Status::Verified | Status::NoRegression),
        verdict,
        reason: reason.map(|of| airlock_core::text::one_line(&format!("{}: {}", of.kind, of.detail), LETTERS)),
        notes: answer::notes(body.notes.iter().cloned().chain(call.warnings())),
        session: body.session.clone(),
        resources: body.session.iter().flat_map(|id| uris::of(id, body.verdict.is_some())).collect(),
        milliseconds: count(usize::try_from(took.as_millis()).unwrap_or(usize::MAX)),
    }
}

/// It in a few words.
pub fn words(answer: &Answer) -> String {
    let through = if answer.lets_through { "lets it through" } else { "keeps it out" };
    let mut lines = vec![format!("{}: the verdict {through}", answer.status)];
    lines.extend(answer.verdict.iter().flat_map(Verdict::words));
    lines.extend(answer.reason.iter().map(|reason| format!("why: {reason}")));
    lines.extend(answer.session.iter().map(|id| format!("session {id}; all of it: {}", uris::verdict(id))));
    lines.join("\n")
}

/// The call as the command line has it, so that a session can be taken up there.
pub fn arguments(tests: &[String]) -> Vec<String> {
    let mut words = ["check", "--patch", "-"].map(str::to_owned).to_vec();
    words.extend(tests.iter().flat_map(|test| ["--test".to_owned(), test.clone()]));
    words
}

/// Who asks, for people to read.
pub fn client(call: &Call) -> String {
    match call.client.trim() {
        "" => "an agent".to_owned(),
        name => airlock_core::text::one_line(name, 60),
    }
}
