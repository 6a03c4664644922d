//! The work itself, each on a thread of its own: run tests, search a repair, install the guest, write down what landed. They
//! share nothing with the owner of the state but its inbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use airlock_core::check::Approval;
use airlock_core::hash::ContentHash;
use airlock_core::proposal::Proposal;
use airlock_core::report::{Counts, Outcome};
use airlock_core::session::{Applied, ApplyFailed, Ended};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Verdict;

use super::message::{Inbox, Message};
use crate::cli::args::{CheckArgs, FixArgs, InstallArgs, ProjectArgs};
use crate::cli::context::{Context, GUEST};
use crate::cli::document::{Body, VerdictBody};
use crate::cli::stop::{self, Ending};
use crate::cli::terminal::{Terminal, Told};
use crate::cli::{check, fix, guests, landing, patch};
use crate::config::Variables;
use crate::failure::Failure;
use crate::project::root::{self, Request};
use crate::sessions::log::Log;
use crate::sessions::proposals;
use crate::workbench::OpenTexts;

/// Names a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl JobId {
    /// The token of its progress.
    pub fn token(self) -> String {
        format!("airlock-{}", self.0)
    }
}

/// What a job is given.
pub struct Job {
    pub id: JobId,
    pub cancelled: Arc<AtomicBool>,
    pub open: OpenTexts,
    pub inbox: Inbox,
}

/// What a run of a project's tests found.
#[derive(Debug)]
pub struct Checked {
    pub root: PathBuf,
    pub counts: Counts,
    /// Why no test ran.
    pub nothing: Option<String>,
    pub found: Vec<Found>,
    pub notes: Vec<String>,
}

/// A test that did not pass, where it says so.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: String,
    pub path: PathBuf,
    /// From 0.
    pub line: u32,
    pub message: String,
    /// Why it could not run; none where it failed.
    pub reason: Option<String>,
}

/// What a search found.
#[derive(Debug)]
pub struct Repaired {
    pub status: Status,
    /// In plain words, where there is nothing to look at.
    pub why: String,
    pub waiting: Option<Box<Waiting>>,
}

/// A proposal that waits for its review.
#[derive(Debug)]
pub struct Waiting {
    pub session: String,
    pub test: String,
    /// pytest's root.
    pub root: PathBuf,
    pub repository: PathBuf,
    pub proposal: Proposal,
    pub verdict: Verdict,
    pub explanation: String,
    pub log: SharedLog,
}

impl Waiting {
    fn of(waiting: landing::Waiting, root: &Path, test: &str, explanation: String) -> Box<Self> {
        Box::new(Self {
            session: waiting.log.id().to_owned(),
            test: test.to_owned(),
            root: root.to_owned(),
            repository: waiting.repository,
            proposal: waiting.proposal,
            verdict: waiting.verdict,
            explanation,
            log: SharedLog(Arc::new(waiting.log)),
        })
    }
}

/// The session that holds a proposal.
#[derive(Clone)]
pub struct SharedLog(pub Arc<Log>);

impl std::fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SharedLog").field(&self.0.id()).finish()
    }
}

/// How a proposal's review ended, once that is durable.
#[derive(Debug)]
pub struct Written {
    pub session: String,
    pub result: Result<(), String>,
}

/// How an edit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    Landed,
    NotLanded(String),
    /// Nobody knows: the next to come settles it by the files.
    Unknown,
    /// The user does not want it.
    Rejected(Option<String>),
}

/// The folder that pytest would take for the root, from a file or folder in it.
///
/// # Errors
/// There is no project.
pub fn root_of(path: &Path) -> Result<PathBuf, Failure> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let home = Variables::process().home();
    let request = Request { cwd: folder, args: &[], root: None, home: home.as_deref() };
    Ok(root::find(&request)?.root)
}

/// Runs the tests of the project around a path.
pub fn check(job: Job, path: PathBuf) {
    spawn(job, move |job| {
        let result = check_now(job, &path).map_err(|failure| words(&failure));
        Message::Checked { job: job.id, result }
    });
}

fn check_now(job: &Job, path: &Path) -> Result<Checked, Failure> {
    let root = root_of(path)?;
    let context = context(job, root.clone(), Vec::new());
    let report = stop::caught(|| check::run(&context, &check_arguments()))?;
    let Body::Check(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a check has no result"));
    };
    let found = body.tests.iter().filter(|test| test.outcome.is_failure() || test.outcome == Outcome::NotTestable);
    let found = found
        .map(|test| {
            let place = test.location.as_ref();
            let file = place.map_or_else(|| test.id.split("::").next().unwrap_or(&test.id), |place| &place.path);
            let reason = test.reason.as_ref().filter(|_| test.outcome == Outcome::NotTestable);
            Found {
                id: test.id.clone(),
                path: below(&root, file),
                line: place.map_or(0, |place| place.line.saturating_sub(1)),
                message: match reason {
                    Some(reason) => reason.detail.clone(),
                    None => test.message.clone().unwrap_or_else(|| "it failed without a message".to_owned()),
                },
                reason: reason.map(|reason| reason.kind.clone()),
            }
        })
        .collect();
    let nothing = body.reason.filter(|_| body.counts.ran() == 0).map(|reason| reason.detail);
    Ok(Checked { root, counts: body.counts, nothing, found, notes: body.notes })
}

fn check_arguments() -> CheckArgs {
    CheckArgs {
        paths: Vec::new(),
        tests: Vec::new(),
        patch: None,
        apply: false,
        allow: Vec::new(),
        project: ProjectArgs::default(),
    }
}

/// A path relative to the root, which may climb out of it into the repository.
fn below(root: &Path, path: &str) -> PathBuf {
    let mut whole = root.to_owned();
    for part in path.split('/') {
        match part {
            ".." => {
                whole.pop();
            }
            "." | "" => {}
            part => whole.push(part),
        }
    }
    whole
}

/// Searches a repair of a test.
pub fn repair(job: Job, root: PathBuf, test: String) {
    spawn(job, move |job| {
        let result = repair_now(job, &root, &test).map_err(|failure| words(&failure));
        Message::Repaired { job: job.id, result }
    });
}

fn repair_now(job: &Job, root: &Path, test: &str) -> Result<Repaired, Failure> {
    let words = ["fix", "--test", test].map(str::to_owned).to_vec();
    let context = context(job, root.to_owned(), words);
    let arguments = FixArgs {
        paths: Vec::new(),
        tests: vec![test.to_owned()],
        apply: false,
        partial: false,
        time_limit: None,
        seed: None,
        project: ProjectArgs::default(),
    };
    let (report, waiting) = stop::caught(|| fix::propose(&context, &arguments))?;
    let Body::Fix(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a search has no result"));
    };
    let why = match (&body.patch.reason, report.status) {
        (Some(reason), _) => reason.detail.clone(),
        (None, Status::NothingToFix) => format!("{test} does not fail here"),
        (None, status) => status.as_str().replace('_', " "),
    };
    let why = match (&waiting, report.status) {
        (None, Status::Verified | Status::PartlyFixed) => format!(
            "a repair of {test} was found, and cannot land: nothing of it can be kept, as the log says; `airlock fix` on the \
             command line shows it"
        ),
        _ => why,
    };
    let explanation = body.patch.proposal.and_then(|proposal| proposal.explanation).unwrap_or_default();
    let waiting = waiting.map(|waiting| Waiting::of(waiting, root, test, explanation));
    Ok(Repaired { status: report.status, why, waiting })
}

/// Judges a proposal that was merged with what changed since it was made.
pub fn judge_again(job: Job, session: String, root: PathBuf, test: String, proposal: Proposal) {
    spawn(job, move |job| {
        let result = judge_again_now(job, &root, &test, proposal).map_err(|failure| words(&failure));
        Message::JudgedAgain { job: job.id, session, result }
    });
}

fn judge_again_now(job: &Job, root: &Path, test: &str, proposal: Proposal) -> Result<Repaired, Failure> {
    let words = ["check", "--patch", "-", "--test", test].map(str::to_owned).to_vec();
    let context = context(job, root.to_owned(), words);
    let arguments = CheckArgs { tests: vec![test.to_owned()], ..check_arguments() };
    let explanation = proposal.reason().to_owned();
    let (report, waiting) = stop::caught(|| patch::propose(&context, &arguments, proposal))?;
    let Body::Patch(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a judgement has no result"));
    };
    let why = match (body.reason, &body.verdict) {
        (Some(reason), _) => reason.detail,
        (None, Some(VerdictBody::Made(verdict))) => verdict.reasons.join("; "),
        (None, _) => report.status.as_str().replace('_', " "),
    };
    Ok(Repaired {
        status: report.status,
        why,
        waiting: waiting.map(|waiting| Waiting::of(waiting, root, test, explanation)),
    })
}

/// Downloads, checks and compiles the guest: the user said so.
pub fn install(job: Job) {
    spawn(job, move |job| {
        let context = context(job, std::env::temp_dir(), Vec::new());
        let arguments = InstallArgs { name: GUEST.to_owned(), from: None };
        let result = stop::caught(|| guests::install(&context, &arguments));
        let result = result.map(|_| format!("the guest {GUEST} is installed")).map_err(|failure| words(&failure));
        Message::Installed { job: job.id, result }
    });
}

/// Writes down that a proposal is about to land.
pub fn intend(inbox: Inbox, session: String, log: SharedLog, proposal: Proposal, approval: Approval) {
    std::thread::spawn(move || {
        let event = proposals::intended(&proposal, &approval);
        let result = log
            .0
            .write(event, Vec::new())
            .map_err(|error| format!("nothing was changed, since that could not be written down first: {error}"));
        let _ = inbox.send(Message::Intended { session, result });
    });
}

/// Writes down how a review ended.
pub fn settle(inbox: Inbox, session: String, log: SharedLog, proposal: ContentHash, landing: Landing) {
    std::thread::spawn(move || {
        let result = settle_now(&log.0, proposal, landing).map_err(|error| error.to_string());
        let _ = inbox.send(Message::Settled(Written { session, result }));
    });
}

fn settle_now(log: &Log, proposal: ContentHash, landing: Landing) -> Result<(), airlock_store::StoreError> {
    let decided = log.look(|session| session.judged().map_or(Status::Verified, |judged| judged.decision.status()));
    match landing {
        Landing::Landed => {
            log.write(Applied { proposal }, Vec::new())?;
            log.write(Ended { status: decided, reason: None, open: false }, Vec::new())
        }
        // It waits on.
        Landing::NotLanded(reason) => log.write(ApplyFailed { proposal, reason }, Vec::new()),
        Landing::Unknown => Ok(()),
        Landing::Rejected(reason) => {
            let reason = Some(reason.map_or_else(|| "rejected".to_owned(), |reason| format!("rejected: {reason}")));
            log.write(Ended { status: decided, reason, open: false }, Vec::new())
        }
    }
}

fn spawn(job: Job, work: impl FnOnce(&Job) -> Message + Send + 'static) {
    std::thread::spawn(move || {
        let message = work(&job);
        // Nobody listens where the server is ending.
        let _ = job.inbox.send(message);
    });
}

/// A call of the program's own command, with nobody at a terminal.
fn context(job: &Job, cwd: PathBuf, arguments: Vec<String>) -> Context {
    let (inbox, id) = (job.inbox.clone(), job.id);
    let listener = move |told: Told<'_>| {
        let message = match told {
            Told::Progress(text) => Message::Progress { job: id, text: text.to_owned() },
            Told::Note(text) => Message::Note { text: text.to_owned() },
        };
        let _ = inbox.send(message);
    };
    Context {
        cwd,
        arguments,
        terminal: Arc::new(Terminal::listening(Box::new(listener))),
        cancelled: Arc::clone(&job.cancelled),
        worker: Arc::new(AtomicU32::new(0)),
        fetcher: Arc::default(),
        ending: Ending::new(),
        started: Instant::now(),
        open: Arc::clone(&job.open),
        places: Arc::default(),
    }
}

/// A failure in words, with what to do.
fn words(failure: &Failure) -> String {
    match failure.code {
        ErrorCode::GuestMissing | ErrorCode::GuestDamaged => {
            format!("{}; the command airlock.installGuest installs it", failure.message)
        }
        _ => failure.to_string().replace('\n', "; "),
    }
}
