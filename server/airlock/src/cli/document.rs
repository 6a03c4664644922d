//! The JSON documents, version 1: one for each call, whatever its end. `JSON.md` describes them for readers,
//! `schema/documents.schema.json` for programs.

use std::time::Duration;

use airlock_core::conversation::Usage;
use airlock_core::report::{Counts, Reason, TestReport};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Verdict;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Version of the documents: raised when a member changes its meaning or goes; new members do not raise it.
pub const VERSION: u32 = 1;

/// A document.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    pub version: u32,
    /// The command, such as `check` or `guest install`; `airlock` where the command line has none.
    pub command: &'a str,
    pub status: Status,
    /// Wall time of the whole call in milliseconds.
    pub wall_ms: f64,
    /// Why the work could not be done; absent where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody<'a>>,
    #[serde(flatten)]
    pub body: &'a Body,
}

/// Why the work could not be done.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    pub code: ErrorCode,
    /// What happened, and to what.
    pub message: &'a str,
    /// What to do, where the message does not say it.
    pub hint: Option<&'a str>,
}

impl<'a> Document<'a> {
    /// The document of a result.
    pub fn of_report(command: &'a str, report: &'a Report, wall: Duration) -> Self {
        Self {
            version: VERSION,
            command,
            status: report.status,
            wall_ms: millis(wall),
            error: None,
            body: &report.body,
        }
    }

    /// The document of a failure. `body` is what is said besides.
    pub fn of_failure(command: &'a str, failure: &'a Failure, body: &'a Body, wall: Duration) -> Self {
        let error = (failure.status == Status::Error).then(|| ErrorBody {
            code: failure.code,
            message: &failure.message,
            hint: failure.hint.as_deref(),
        });
        Self { version: VERSION, command, status: failure.status, wall_ms: millis(wall), error, body }
    }

    /// As one line.
    pub fn to_line(&self) -> String {
        // Every map in a document has strings for keys and no number in it is not finite.
        serde_json::to_string(self).unwrap_or_else(|error| {
            serde_json::json!({
                "version": VERSION, "command": self.command, "status": Status::Error, "wall_ms": self.wall_ms,
                "error": {"code": ErrorCode::Internal, "message": error.to_string(), "hint": null},
            })
            .to_string()
        })
    }
}

/// Milliseconds with microseconds behind the point.
pub fn millis(time: Duration) -> f64 {
    to_microseconds(time.as_secs_f64() * 1e3)
}

/// Milliseconds without what no clock measures.
pub fn to_microseconds(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// What a command has to say: its status and the members of its document. What a person reads was printed on the way.
#[derive(Debug)]
pub struct Report {
    pub status: Status,
    pub body: Body,
}

/// The members of a document that belong to its command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Body {
    Check(Box<CheckBody>),
    Patch(Box<PatchBody>),
    Fix(Box<FixBody>),
    Run(Box<RunBody>),
    Models(ModelsBody),
    Probe(ProbeBody),
    Guests(GuestsBody),
    Guest(GuestBody),
    Doctor(Box<DoctorBody>),
    Config(ConfigBody),
    Sessions(SessionsBody),
    Session(Box<SessionBody>),
    /// `guest clean`: what the images took that were removed.
    Cleaned {
        removed_bytes: u64,
    },
    /// Help or version, asked for together with `--json`.
    Text {
        text: String,
    },
    /// Not testable: why.
    Reason {
        reason: Option<Reason>,
        notes: Vec<String>,
    },
    None {},
}

/// `check` without a patch.
#[derive(Debug, Default, Serialize)]
pub struct CheckBody {
    /// Folder of the project.
    pub root: String,
    /// The runs' interpreter and pytest.
    pub python: String,
    pub pytest: String,
    /// In the order they were collected, errors in collection last.
    pub tests: Vec<TestReport>,
    pub counts: Counts,
    /// Tests that the run ended before.
    pub unreported: Vec<String>,
    /// Limits that decided something.
    pub limits: Vec<String>,
    pub notes: Vec<String>,
    /// Why nothing, or not all that was named, could be tested.
    pub reason: Option<Reason>,
    /// The command that was run, as pytest would take it.
    pub command_line: String,
}

/// What a search or a patch proposes.
#[derive(Debug, Serialize)]
pub struct ProposalBody {
    /// A unified diff that `git apply` takes.
    pub diff: String,
    /// Files it changes, relative to the repository.
    pub files: Vec<String>,
    /// In plain words, why.
    pub explanation: Option<String>,
}

/// A verdict: made by this call, or kept by an earlier one.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum VerdictBody {
    Made(Box<Verdict>),
    Kept(Value),
}

impl From<Verdict> for VerdictBody {
    fn from(verdict: Verdict) -> Self {
        Self::Made(Box::new(verdict))
    }
}

/// `check --patch`.
#[derive(Debug, Default, Serialize)]
pub struct PatchBody {
    /// The id of the session that keeps this; null where nothing can be kept.
    pub session: Option<String>,
    /// Whether the files were written.
    pub applied: bool,
    pub proposal: Option<ProposalBody>,
    pub verdict: Option<VerdictBody>,
    pub notes: Vec<String>,
    /// Why nothing, or not all that was named, could be tested.
    pub reason: Option<Reason>,
}

/// `fix`.
#[derive(Debug, Default, Serialize)]
pub struct FixBody {
    #[serde(flatten)]
    pub patch: PatchBody,
    /// Candidates that were run.
    pub candidates: u64,
    /// Runs that an earlier call had made for this session, and this one did not make again.
    pub remembered: u64,
    /// Other patches that pass the failing tests, as diffs, the smallest first.
    pub alternatives: Vec<ProposalBody>,
}

/// What a model's task used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UsageBody {
    /// Replies that arrived whole.
    pub replies: u64,
    /// Tokens asked with, those read from and written to the provider's cache among them, and tokens replied.
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    /// Millionths of a dollar; null where a price is not known.
    pub micro_dollars: Option<u64>,
}

impl UsageBody {
    pub fn new(replies: u64, usage: Usage, micro_dollars: Option<u64>) -> Self {
        let Usage { input, cache_read, cache_write, output } = usage;
        Self { replies, input, cache_read, cache_write, output, micro_dollars }
    }
}

/// `run`.
#[derive(Debug, Default, Serialize)]
pub struct RunBody {
    #[serde(flatten)]
    pub patch: PatchBody,
    /// The model that was configured.
    pub model: String,
    /// How the task ended, in a word.
    pub ended: &'static str,
    /// Who made the change: `search`, for which no model was asked, or `model`; none where there is no change.
    pub by: Option<&'static str>,
    /// Candidates that the search ran before the model was to be asked.
    pub candidates: u64,
    /// The model's last words, or what the search says of its repair.
    pub answer: String,
    /// No test covers the change.
    pub unchecked: bool,
    pub usage: UsageBody,
}

/// A model that a provider has.
#[derive(Debug, Serialize)]
pub struct ModelEntry {
    pub id: String,
    /// Most tokens of question and reply, where the provider says so.
    pub context: Option<u64>,
}

/// `models list`.
#[derive(Debug, Serialize)]
pub struct ModelsBody {
    pub host: String,
    pub models: Vec<ModelEntry>,
}

/// `models test`.
#[derive(Debug, Serialize)]
pub struct ProbeBody {
    pub host: String,
    pub model: String,
    pub first_byte_ms: f64,
    pub whole_ms: f64,
    pub streaming: bool,
    pub tools: bool,
}

/// One guest.
#[derive(Debug, Serialize)]
pub struct GuestEntry {
    pub name: &'static str,
    pub version: &'static str,
    /// `installed`, `missing` or `damaged`.
    pub state: &'static str,
    /// Its folder, where there is one.
    pub path: Option<String>,
    /// Bytes on disk, with what was compiled of it.
    pub bytes: Option<u64>,
    /// Bytes to download.
    pub download_bytes: u64,
    pub source: &'static str,
    /// What is damaged.
    pub why: Option<String>,
}

/// `guest list`.
#[derive(Debug, Serialize)]
pub struct GuestsBody {
    pub guests: Vec<GuestEntry>,
    /// What the kept images take on the disk.
    pub images_bytes: u64,
}

/// `guest install` and `guest remove`.
#[derive(Debug, Serialize)]
pub struct GuestBody {
    pub guest: GuestEntry,
    /// Whether the call changed anything.
    pub changed: bool,
}

/// Tests that cannot run here, of one cause.
#[derive(Debug, PartialEq, Serialize)]
pub struct Cause {
    /// As in a test's `reason`.
    pub kind: String,
    pub detail: String,
    /// How many tests, or files that could not be collected.
    pub tests: u32,
    /// The first of them.
    pub example: String,
    /// What mends it.
    pub cure: String,
}

/// What an environment was found to be.
#[derive(Debug, Serialize)]
pub struct EnvironmentBody {
    pub path: String,
    /// How it was found.
    pub found_by: String,
    pub python: Option<String>,
}

/// `doctor`.
#[derive(Debug, Default, Serialize)]
pub struct DoctorBody {
    pub root: String,
    pub repository: String,
    /// The file pytest is configured by.
    pub inifile: Option<String>,
    /// Airlock's own configuration files that were read.
    pub configuration: Vec<String>,
    pub environment: Option<EnvironmentBody>,
    /// Places that were looked at for it.
    pub looked_in: Vec<String>,
    pub guest: Option<GuestEntry>,
    /// The guest's Python.
    pub python: Option<String>,
    pub pytest: Option<String>,
    /// Plugins and options left out, files not seen, and the like.
    pub notes: Vec<String>,
    /// Tests that run here.
    pub testable: u32,
    pub counts: Counts,
    pub not_testable: Vec<Cause>,
}

/// `config`.
#[derive(Debug, Serialize)]
pub struct ConfigBody {
    pub root: String,
    /// The files that were read.
    pub files: Vec<String>,
    pub settings: Value,
    /// What was ignored and why.
    pub warnings: Vec<String>,
}

/// One session in a list.
#[derive(Clone, Debug, Serialize)]
pub struct SessionEntry {
    pub id: String,
    /// Folder of the repository it is about.
    pub workspace: String,
    /// `fix` or `check`; null where a newer version wrote it.
    pub task: Option<&'static str>,
    /// The call, as a shell takes it.
    pub call: String,
    /// `running`, `interrupted`, `stopped`, `unsettled`, `ended` or `unreadable`.
    pub state: &'static str,
    /// How it ended or stopped.
    pub status: Option<Status>,
    /// ISO 8601, UTC.
    pub opened_at: String,
    pub touched_at: String,
    /// Tests to repair.
    pub targets: u64,
    /// Finished runs of candidates.
    pub runs: u64,
    /// Times it was taken up again.
    pub resumed: u32,
    pub applied: bool,
    /// Events, and their size.
    pub events: u64,
    pub bytes: u64,
}

/// `sessions list`.
#[derive(Debug, Serialize)]
pub struct SessionsBody {
    /// The newest first.
    pub sessions: Vec<SessionEntry>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// One step of a session's story.
#[derive(Debug, Serialize)]
pub struct StoryStep {
    /// ISO 8601, UTC.
    pub at: String,
    pub text: String,
    pub details: Vec<String>,
}

/// What the base was.
#[derive(Debug, Serialize)]
pub struct BaseBody {
    pub counts: Counts,
    /// The tests to repair.
    pub targets: Vec<String>,
    pub python: String,
    pub pytest: String,
}

/// `sessions show`.
#[derive(Debug, Serialize)]
pub struct SessionBody {
    pub session: SessionEntry,
    pub story: Vec<StoryStep>,
    pub base: Option<BaseBody>,
    pub proposal: Option<ProposalBody>,
    pub verdict: Option<Value>,
    /// What a model used; null where none was asked.
    pub usage: Option<UsageBody>,
}
