//! `propose_patch`: a patch that its tests let through waits for the user, who accepts it in the editor or does not.

use airlock_core::status::{ErrorCode, Status};
use airlock_core::text::one_line;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_patch::{self, arguments, client};
use super::{Effect, MAX_WORD, Tool, check_arguments, check_words, project_root};
use crate::cli::document::Body;
use crate::cli::patch::{self, Given};
use crate::failure::Failure;
use crate::mcp::call::Call;
use crate::mcp::{resources, uris};

/// Most proposals that wait for the user at a time: nobody reviews more.
const MOST_WAITING: usize = 20;
/// Letters of a reason.
const REASON: usize = 600;

pub struct ProposePatch;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// A unified diff, as `git diff` prints it, with paths relative to the repository, that fits the files as they are on disk.
    #[schemars(length(min = 1))]
    patch: String,
    /// In a sentence or two, what it does and why: the user reads it above the diff.
    #[schemars(length(min = 1, max = 4096))]
    reason: String,
    /// Ids of the tests that the patch has to make pass; where none is given, every test that fails without it.
    #[serde(default)]
    #[schemars(length(max = 100))]
    tests: Vec<String>,
    /// A folder or file of the project, absolute or relative to the workspace; the workspace itself where none is given.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    /// Whether it waits for the user now. The files are as they were; the tool `sessions` says what became of it.
    waiting: bool,
    #[serde(flatten)]
    checked: check_patch::Answer,
}

impl Tool for ProposePatch {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "propose_patch";
    const TITLE: &'static str = "Propose a patch to the user";
    const DESCRIPTION: &'static str = "Checks a patch as check_patch does and, where the verdict lets it through, leaves it \
        waiting for the user, who sees report and diff in the editor and accepts or rejects it there. This is the only way to the \
        files, and only the user can take it: nothing is written by this call. Ask `sessions` later what became of it, and do not \
        assume that it was accepted.";
    const EFFECT: Effect = Effect::Proposes;

    fn check(input: &Input) -> Result<(), String> {
        if input.reason.trim().is_empty() || input.reason.len() > MAX_WORD {
            return Err(format!("`reason` is empty or has more than {MAX_WORD} bytes"));
        }
        check_words(input.path.as_ref(), &input.tests)
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        let root = project_root(call, input.path.as_deref())?;
        has_room(call)?;
        let context = call.context(root, arguments(&input.tests));
        let given = Given {
            patch: input.patch.as_bytes(),
            reason: &format!("{}: {}", client(call), one_line(&input.reason, REASON)),
            is_open: &|path| call.folders.hold(path),
            waits: true,
        };
        let (report, waiting) = patch::given(&context, &check_arguments(input.tests), &given)?;
        let Body::Patch(mut body) = report.body else {
            return Err(Failure::error(ErrorCode::Internal, "a judgement has no result"));
        };
        // Whoever accepts it takes the session up, so nobody may hold it.
        let session = waiting.map(|waiting| waiting.log.id().to_owned());
        let waiting = session.is_some();
        if waiting {
            body.session = session;
        }
        let mut checked = check_patch::answer(report.status, &body, call, context.started.elapsed());
        if !waiting && matches!(report.status, Status::Verified | Status::NoRegression) {
            checked.notes.insert(0, "it does not wait, since nothing can be kept here".to_owned());
        }
        Ok(Answer { waiting, checked })
    }

    fn words(answer: &Answer) -> String {
        let first = match (&answer.checked.session, answer.waiting) {
            (Some(id), true) => format!("it waits for the user, as session {id}; review: {}", uris::review(id)),
            _ => "it was not proposed; nothing waits".to_owned(),
        };
        format!("{first}\n{}", check_patch::words(&answer.checked))
    }
}

/// That the user has not too much to look at already.
fn has_room(call: &Call) -> Result<(), Failure> {
    let mut waiting = 0;
    for store in resources::stores(&call.folders)? {
        waiting += store.list()?.iter().filter(|of| of.summary.as_ref().is_some_and(|summary| summary.waits)).count();
    }
    if waiting < MOST_WAITING {
        return Ok(());
    }
    let message = format!("{waiting} proposals wait for the user already");
    Err(Failure::error(ErrorCode::Usage, message).hint("ask the user to accept or reject some of them in the editor"))
}
