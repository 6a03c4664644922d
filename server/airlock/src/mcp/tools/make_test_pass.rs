//! `make_test_pass`: the search for a small repair, whose result waits for the user.

use airlock_core::status::{ErrorCode, Status};
use airlock_core::text::one_line;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, check_words, project_root};
use crate::cli::args::{FixArgs, ProjectArgs};
use crate::cli::document::{Body, VerdictBody};
use crate::cli::fix;
use crate::failure::Failure;
use crate::mcp::answer::{self, LETTERS, Verdict, count};
use crate::mcp::call::Call;
use crate::mcp::uris;

/// Seconds that a search may take: at least, at most.
const SECONDS: (u32, u32) = (5, 600);
/// Letters of a diff; repairs are small.
const DIFF: usize = 4_000;

pub struct MakeTestPass;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// The id of a failing test, as pytest prints it, relative to the project's root.
    #[schemars(length(min = 1, max = 4096))]
    test: String,
    /// Seconds that the search may take; as the user has set it where none is given.
    #[serde(default)]
    #[schemars(range(min = 5, max = 600))]
    seconds: Option<u32>,
    /// A folder or file of the project, absolute or relative to the workspace; the workspace itself where none is given.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    /// `verified`, `partly_fixed`, `not_fixed`, `nothing_to_fix` or `not_testable`.
    status: String,
    /// Whether a repair waits for the user now. The files are as they were.
    waiting: bool,
    /// What the repair does.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Small edits that were run.
    candidates: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    milliseconds: u32,
}

impl Tool for MakeTestPass {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "make_test_pass";
    const TITLE: &'static str = "Search a repair of a failing test";
    const DESCRIPTION: &'static str = "Searches a small repair of a failing test by trying many edits in the sandbox, without a \
        model. What it finds passes the whole suite and waits for the user in the editor, as with propose_patch; no file is written. \
        It takes seconds to minutes, sends progress, and can be cancelled: what was tried is kept in the session, and `airlock \
        sessions resume` goes on from there.";
    const EFFECT: Effect = Effect::Proposes;

    fn check(input: &Input) -> Result<(), String> {
        let (least, most) = SECONDS;
        if input.seconds.is_some_and(|seconds| !(least..=most).contains(&seconds)) {
            return Err(format!("`seconds` is not between {least} and {most}"));
        }
        check_words(input.path.as_ref(), std::slice::from_ref(&input.test))
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        let root = project_root(call, input.path.as_deref())?;
        let mut words = ["fix", "--test", &input.test].map(str::to_owned).to_vec();
        words.extend(input.seconds.iter().flat_map(|seconds| ["--time-limit".to_owned(), seconds.to_string()]));
        let context = call.context(root, words);
        let arguments = FixArgs {
            paths: Vec::new(),
            tests: vec![input.test],
            apply: false,
            partial: false,
            time_limit: input.seconds.map(|seconds| seconds.to_string()),
            seed: None,
            project: ProjectArgs::default(),
        };
        let (report, waiting) = fix::propose(&context, &arguments, None)?;
        let Body::Fix(body) = report.body else {
            return Err(Failure::error(ErrorCode::Internal, "a search has no result"));
        };
        // Whoever accepts it takes the session up, so nobody may hold it.
        let held = waiting.map(|waiting| waiting.log.id().to_owned());
        let waiting = held.is_some();
        let session = held.or(body.patch.session);
        let (verdict, proposal) = (body.patch.verdict, body.patch.proposal);
        let has_verdict = verdict.is_some();
        Ok(Answer {
            status: report.status.as_str().to_owned(),
            waiting,
            explanation: proposal.as_ref().and_then(|of| of.explanation.as_deref()).map(|text| one_line(text, 600)),
            diff: proposal.map(|of| clipped(of.diff)),
            verdict: verdict.as_ref().and_then(|verdict| match verdict {
                VerdictBody::Made(verdict) => Some(Verdict::from(verdict.findings())),
                VerdictBody::Kept(_) => None,
            }),
            reason: body.patch.reason.map(|of| one_line(&format!("{}: {}", of.kind, of.detail), LETTERS)),
            candidates: count(usize::try_from(body.candidates).unwrap_or(usize::MAX)),
            notes: answer::notes(body.patch.notes.into_iter().chain(call.warnings())),
            resources: session.iter().flat_map(|id| uris::of(id, has_verdict)).collect(),
            session,
            milliseconds: count(usize::try_from(context.started.elapsed().as_millis()).unwrap_or(usize::MAX)),
        })
    }

    fn words(answer: &Answer) -> String {
        let mut lines = vec![answer.status.clone()];
        lines.extend(
            answer
                .session
                .iter()
                .filter(|_| answer.waiting)
                .map(|id| format!("a repair waits for the user, as session {id}; review: {}", uris::review(id))),
        );
        lines.extend(answer.reason.iter().map(|reason| format!("why: {reason}")));
        lines.extend(answer.explanation.clone());
        lines.extend(answer.diff.clone());
        if answer.status == Status::NotFixed.as_str() {
            lines.push(format!("{} edits were run", answer.candidates));
        }
        lines.join("\n")
    }
}

fn clipped(mut diff: String) -> String {
    if let Some((at, _)) = diff.char_indices().nth(DIFF) {
        diff.truncate(at);
        diff.push_str("\n… cut here; the resource `review` has all of it");
    }
    diff
}
