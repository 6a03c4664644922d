//! What happens in a session. Events are facts, written once and never changed, so nothing here may be renamed or take on
//! another meaning: a kind that has to change gets a higher version, and a new one is added beside the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::conversation::Usage;
use crate::hash::ContentHash;
use crate::path::WorkspacePath;
use crate::report::Counts;
use crate::status::Status;
use crate::verdict::Decision;

/// What somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Search a repair for failing tests.
    Fix,
    /// Judge a patch that was handed in.
    Check,
    /// Take back what another session landed, which its call names.
    Undo,
    /// Have a model do what the user says.
    Run,
}

impl Task {
    /// The word that documents and databases have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Check => "check",
            Self::Undo => "undo",
            Self::Run => "run",
        }
    }
}

/// The task, and everything besides the project's files that decides its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub task: Task,
    /// The call's words, so that it can be made again; without the program's name.
    pub arguments: Vec<String>,
    /// The folder it was made in, relative to the workspace; empty for the workspace itself.
    pub folder: String,
    /// Whether the proposal is to land if its verdict lets it through.
    pub apply: bool,
    /// Whether part of the work may land too.
    pub partial: bool,
    /// Settings that decide the result, by name.
    pub settings: BTreeMap<String, String>,
    /// Versions of the program and of the guest.
    pub program: String,
    pub guest: String,
}

/// The work was taken up again by another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Version of the program that took it up.
    pub program: String,
}

/// Failing tests of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    pub fingerprint: Option<String>,
    pub tests: Vec<String>,
}

/// The tests were run on the base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseJudged {
    /// Names the files and everything else that the results of this session are about.
    pub base: ContentHash,
    pub counts: Counts,
    /// The tests to repair, by cause; none for a patch without a target.
    pub groups: Vec<TargetGroup>,
    pub python: String,
    pub runner: String,
    /// A content that lists the files by name, so that what changed later can be named; none of a large tree, and in events of
    /// before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<ContentHash>,
}

impl BaseJudged {
    /// How many tests are to be repaired.
    pub fn targets(&self) -> usize {
        self.groups.iter().map(|group| group.tests.len()).sum()
    }
}

/// How a candidate's run ended. A run that was cut short has no result, so there is no word for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    Finished,
    /// It met this limit.
    Limit(String),
    Endless,
}

/// What the failing tests said of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screened {
    /// At least one test ran.
    pub ran: bool,
    /// Which of the tests passed, by their place among those that were run.
    pub passed: Vec<u32>,
    pub ended: RunEnd,
}

/// What the whole suite said of a candidate, compared with the base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    pub fixed: Vec<String>,
    pub broken: Vec<String>,
    pub gone: Vec<String>,
    pub skipped: Vec<String>,
    pub newly_not_testable: Vec<String>,
    pub ended: RunEnd,
}

/// A finished run of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Screened(Screened),
    Confirmed(Confirmed),
}

/// A finished run by its name: the hash of what was run (contents and tests). Two runs of one name have one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    pub key: ContentHash,
    pub outcome: Outcome,
}

/// The candidate that came closest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Best {
    pub path: String,
    pub line: u32,
    pub why: String,
    /// Targets of the group that pass with it, of how many.
    pub passing: u64,
    pub targets: u64,
    pub confirmed: bool,
}

/// How far a search has come. For people: the results alone say where it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The group at work, from 0, and how many there are.
    pub group: u64,
    pub groups: u64,
    /// Candidates of the group tried, and known in all.
    pub tried: u64,
    pub known: u64,
    pub best: Option<Best>,
}

/// A batch of candidates was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub results: Vec<RunResult>,
    pub cursor: Option<Cursor>,
}

/// A file's content by hash, and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileRef {
    pub hash: ContentHash,
    pub executable: bool,
}

/// One file before and after; without a state where there is no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub path: WorkspacePath,
    pub before: Option<FileRef>,
    pub after: Option<FileRef>,
}

/// There is something to judge. Contents and diff are kept beside the log, by their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// [`crate::proposal::Proposal::hash`].
    pub proposal: ContentHash,
    pub reason: String,
    pub files: Vec<ChangedFile>,
    pub diff: ContentHash,
}

/// The tests were run with the proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub proposal: ContentHash,
    pub decision: Decision,
    pub before: Counts,
    pub after: Counts,
    pub fixed: Vec<String>,
    pub still_failing: Vec<String>,
    pub broken: Vec<String>,
    pub reasons: Vec<String>,
    pub command: String,
    /// The whole verdict as its document has it, kept beside the log.
    pub verdict: ContentHash,
}

impl Judged {
    /// Whether no test says anything, for it or against it: there is none that could run.
    pub fn says_nothing(&self) -> bool {
        let is_silent = |counts: Counts| counts.passed == 0 && counts.failing() == 0;
        // One reason: that no test passed. Each other one would be a further reason.
        self.decision == Decision::Refused
            && self.reasons.len() == 1
            && is_silent(self.before)
            && is_silent(self.after)
            && self.still_failing.is_empty()
    }
}

/// No test covers what a proposal changes, so its verdict says nothing for it: the user is asked whether it may land all the
/// same. Bound to the proposal and to the verdict, and by these to the files that it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    pub proposal: ContentHash,
    /// [`Judged::verdict`].
    pub verdict: ContentHash,
    /// In plain words, what the user is asked to take upon himself.
    pub why: String,
}

/// The user says that it may, of just this proposal with this verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub proposal: ContentHash,
    pub verdict: ContentHash,
}

/// The files are about to be written. What it takes to settle the matter after a crash is here and beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyIntended {
    pub proposal: ContentHash,
    pub files: Vec<ChangedFile>,
    /// Protected files that the user named.
    pub allowed: Vec<WorkspacePath>,
    /// The user asked for part of the work too.
    pub partial: bool,
}

/// All files were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub proposal: ContentHash,
}

/// The files were not written, or what was begun was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyFailed {
    pub proposal: ContentHash,
    pub reason: String,
}

/// What the files said about an apply that was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Every file is as after.
    Landed,
    /// Every file is as before.
    NotLanded,
    /// These files are neither; nothing was touched.
    Unclear(Vec<WorkspacePath>),
}

/// An apply that was cut off is settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplySettled {
    pub proposal: ContentHash,
    pub settlement: Settlement,
}

/// What a model is told before all else, kept beside the log: whoever takes the session up asks with the same words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub start: ContentHash,
    /// The model that is asked, and at which host.
    pub model: String,
    pub host: String,
}

/// A reply of the model has arrived whole. What it says is kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    pub input: ContentHash,
    /// Names of the calls in it that are to be carried out.
    pub calls: Vec<String>,
    pub usage: Usage,
    /// Millionths of a dollar; none where the model's price is not known.
    pub micro_dollars: Option<u64>,
}

/// A call of the last reply was carried out. What it answered is kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    pub input: ContentHash,
    pub tool: String,
    pub is_error: bool,
    pub changed: Vec<WorkspacePath>,
}

/// Something else that decides what the model is asked next: what the user said, what became of its proposal, a request that
/// was too long, other limits. It is kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    pub input: ContentHash,
    /// In plain words, for people.
    pub text: String,
}

/// The work is over, or stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub status: Status,
    /// In plain words, where the status does not say it all.
    pub reason: Option<String>,
    /// More time, or another try, could lead further: the session may be taken up again.
    pub open: bool,
}

/// Declares the kinds once: variant, word and version cannot drift apart.
macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $version:literal;)*) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Event {
            $($(#[$doc])* $variant($variant),)*
        }

        impl Event {
            /// Every kind with the version this program writes and the highest it reads.
            pub const KINDS: &[(&str, u32)] = &[$(($word, $version),)*];

            /// The kind's word.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word,)* }
            }

            /// The kind's version.
            pub const fn version(&self) -> u32 {
                match self { $(Self::$variant(_) => $version,)* }
            }
        }

        $(impl From<$variant> for Event {
            fn from(event: $variant) -> Self {
                Self::$variant(event)
            }
        })*
    };
}

events! {
    // 2: the task may be `undo`. 3: it may be `run`.
    Opened = "opened", 3;
    Resumed = "resumed", 1;
    BaseJudged = "base_judged", 1;
    Tried = "tried", 1;
    Proposed = "proposed", 1;
    Judged = "judged", 1;
    ApprovalAsked = "approval_asked", 1;
    Approved = "approved", 1;
    ApplyIntended = "apply_intended", 1;
    Applied = "applied", 1;
    ApplyFailed = "apply_failed", 1;
    ApplySettled = "apply_settled", 1;
    Started = "started", 1;
    Replied = "replied", 1;
    Called = "called", 1;
    Steered = "steered", 1;
    Ended = "ended", 1;
}

/// An event that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownEvent {
    #[error("a newer Airlock wrote the event `{0}`, which this one does not know; use the newer one")]
    Kind(String),
    #[error("a newer Airlock wrote the event `{kind}` in version {found}; this one knows version {known}")]
    Version { kind: String, found: u32, known: u32 },
}

impl Event {
    /// Whether an event of this kind and version can be read.
    ///
    /// # Errors
    /// [`UnknownEvent`], which says who wrote it.
    pub fn is_known(kind: &str, version: u32) -> Result<(), UnknownEvent> {
        match Self::KINDS.iter().find(|(word, _)| *word == kind) {
            None => Err(UnknownEvent::Kind(kind.to_owned())),
            Some((_, known)) if version > *known || version == 0 => {
                Err(UnknownEvent::Version { kind: kind.to_owned(), found: version, known: *known })
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_or_version_to_come_is_an_error_in_words() {
        assert_eq!(Event::is_known("opened", 1), Ok(()));
        let kind = Event::is_known("asked_model", 1).unwrap_err();
        assert!(kind.to_string().contains("newer Airlock wrote the event `asked_model`"), "{kind}");
        let version = Event::is_known("tried", 2).unwrap_err();
        assert_eq!(version, UnknownEvent::Version { kind: "tried".into(), found: 2, known: 1 });
        assert!(Event::is_known("tried", 0).is_err());
    }

    #[test]
    fn the_word_of_a_kind_is_the_one_it_is_written_with() {
        let event = Event::from(Resumed { program: "0.1.0".into() });
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json, serde_json::json!({"kind": "resumed", "program": "0.1.0"}));
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        assert_eq!((event.kind(), event.version()), ("resumed", 1));
        assert_eq!(Event::is_known("opened", 1), Ok(()), "what earlier ones wrote is read");
        let words: std::collections::BTreeSet<_> = Event::KINDS.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), Event::KINDS.len());
    }
}
