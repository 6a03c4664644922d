//! The work itself, each on a thread of its own: run tests, search a repair, install the guest, read and write sessions. They
//! share nothing with the owner of the state but its inbox.

mod projects;
mod records;
mod repairs;
mod tasks;

pub use records::NO_TEST;
#[cfg(test)]
pub use records::recall_in;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use airlock_core::check::{Approval, CheckedProposal};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::report::Counts;
use airlock_core::session::Session;
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Findings;
use airlock_store::Store;

use super::message::{Command, Inbox, Message, Reply};
use super::review;
use crate::cli::context::{Context, Steering};
use crate::cli::stop::{self, Ending};
use crate::cli::terminal::{Terminal, Told};
use crate::config::Flags;
use crate::failure::Failure;
use crate::sessions::log::Log;
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

/// The program that downloads a guest, of all jobs; 0 where none runs. Whoever holds it keeps others from starting one.
pub type Fetcher = Arc<Mutex<u32>>;

/// What a job is given.
pub struct Job {
    pub id: JobId,
    pub cancelled: Arc<AtomicBool>,
    pub open: OpenTexts,
    pub flags: Flags,
    pub fetcher: Fetcher,
    pub inbox: Inbox,
    /// What the user says to it while it is under way.
    pub steering: Steering,
}

/// A project: pytest's root, and the repository around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Located {
    pub root: PathBuf,
    pub repository: PathBuf,
}

/// Why a project is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A document of it was opened.
    Opened,
    /// Its tests are to be run: all, or these. `asked`: by a command, and not by a save.
    Check { asked: bool, tests: Vec<String> },
}

/// Where a test is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    Root(PathBuf),
    /// In the project around one of these.
    Near(Vec<PathBuf>),
}

/// What is to be done.
pub enum Task {
    Locate {
        path: PathBuf,
        why: Why,
    },
    Check {
        job: Job,
        located: Located,
        tests: Vec<String>,
    },
    Repair {
        job: Job,
        test: String,
        at: At,
    },
    Resume {
        job: Job,
        interrupted: Interrupted,
    },
    /// A model's task, as a call of `airlock run`.
    Model {
        job: Job,
        at: At,
        arguments: Vec<String>,
    },
    JudgeAgain {
        job: Job,
        session: String,
        root: PathBuf,
        test: String,
        proposal: Proposal,
        /// Part of what was asked for is enough.
        partial: bool,
        /// What the user has to agree to before it lands.
        unchecked: Option<String>,
    },
    Install {
        job: Job,
    },
    Doctor {
        job: Job,
        path: PathBuf,
    },
    List {
        job: Job,
        near: Vec<PathBuf>,
    },
    /// Writes a text that is to be shown.
    Document {
        name: String,
        text: String,
    },
    /// Looks what the sessions around these paths have; greets where nobody has yet.
    Discover {
        near: Vec<PathBuf>,
        greet: Option<Greet>,
        then: Option<(Command, Reply)>,
    },
    Recall {
        near: Vec<PathBuf>,
        session: Option<String>,
    },
    Intend {
        key: String,
        store: Store,
        repository: PathBuf,
        session: String,
        proposal: Proposal,
        approval: Approval,
    },
    TakeBack {
        key: String,
        landed: Box<Landed>,
        undo: Box<CheckedProposal>,
    },
    /// Writes these files of a change, which no editor does.
    Write {
        key: String,
        log: SharedLog,
        repository: PathBuf,
        checked: Box<CheckedProposal>,
        files: BTreeSet<WorkspacePath>,
    },
    Settle {
        key: String,
        held: Held,
        proposal: ContentHash,
        landing: Landing,
    },
}

/// What a run of a project's tests found.
#[derive(Debug)]
pub struct Checked {
    pub located: Located,
    pub counts: Counts,
    /// Why no test ran.
    pub nothing: Option<String>,
    pub found: Vec<Found>,
    /// The texts that were found something in, as they were tested.
    pub texts: BTreeMap<PathBuf, ContentHash>,
    pub notes: Vec<String>,
}

/// A test that did not pass, where it says so.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: String,
    pub path: PathBuf,
    /// From 0.
    pub line: u32,
    /// Other places that it came through, with their lines from 0, the outermost first.
    pub through: Vec<(PathBuf, u32)>,
    pub message: String,
    /// Why it could not run; none where it failed.
    pub reason: Option<String>,
}

/// What a search found, or a model's task came to.
#[derive(Debug)]
pub struct Repaired {
    pub status: Status,
    /// In plain words, where there is nothing to look at.
    pub why: String,
    pub waiting: Option<Box<Waiting>>,
    /// A document with the answer to a question.
    pub answer: Option<PathBuf>,
}

/// A proposal that waits for its review, with its document written.
#[derive(Debug)]
pub struct Waiting {
    pub session: String,
    pub test: String,
    pub located: Located,
    pub proposal: Proposal,
    pub findings: Findings,
    pub explanation: String,
    /// What the user has to agree to before it lands: no test covers it.
    pub unchecked: Option<String>,
    pub store: StoreOf,
    /// The review document.
    pub document: PathBuf,
}

/// A repair that was cut off, and can go on.
#[derive(Clone, Debug)]
pub struct Interrupted {
    pub session: String,
    /// The first of its targets, and what its call names.
    pub test: String,
    pub asked: String,
    /// It is a model's task, and no search.
    pub is_task: bool,
    pub located: Located,
    pub store: StoreOf,
}

/// What may land, and the session that holds the intention.
#[derive(Debug)]
pub struct Ready {
    pub log: SharedLog,
    pub checked: CheckedProposal,
}

/// A change that has landed.
#[derive(Debug)]
pub struct Landed {
    pub session: String,
    pub test: String,
    pub located: Located,
    pub proposal: Proposal,
    pub state: Box<Session>,
    pub store: StoreOf,
}

/// When tests run, for who meets this for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greet {
    AtSave,
    Asked,
}

/// What sessions have that somebody waits for.
#[derive(Debug, Default)]
pub struct Discovered {
    pub waiting: Vec<Waiting>,
    pub interrupted: Vec<Interrupted>,
    /// What became of landings that were cut off.
    pub notes: Vec<String>,
    /// To be said, since nobody has worked here before.
    pub greeting: Option<String>,
}

/// The sessions that something is in.
#[derive(Clone)]
pub struct StoreOf(pub Store);

impl std::fmt::Debug for StoreOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StoreOf").field(&self.0.folder()).finish()
    }
}

/// A session that only this process writes to, as long as this lives.
#[derive(Clone)]
pub struct SharedLog(pub Arc<Log>);

impl std::fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SharedLog").field(&self.0.id()).finish()
    }
}

/// The session to write to: held already, or to be taken up.
#[derive(Clone, Debug)]
pub enum Held {
    Log(SharedLog),
    Not { store: StoreOf, session: String },
}

/// Why an intention to land was not written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intended {
    /// It can be tried again.
    Failed(String),
    /// Somebody else accepted or rejected it.
    Over(String),
}

/// How a proposal's review ended, once that is durable.
#[derive(Debug)]
pub struct Written {
    pub key: String,
    /// The user rejected it.
    pub rejected: bool,
    /// How it had ended before, where another editor was first.
    pub result: Result<Option<String>, String>,
}

/// How an edit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    Landed,
    /// Nothing of it shows; it may be tried again.
    NotLanded,
    /// Something of it shows, and something does not: these files are not as it makes them.
    Partly(Vec<WorkspacePath>),
    /// The user does not want it.
    Rejected(Option<String>),
}

/// Begins a piece of work. Its message comes in any case: where no thread can be started, or it panics, it says that.
pub fn start(inbox: &Inbox, task: Task) {
    let mut last = LastWord { inbox: inbox.clone(), message: Some(on_failure(&task)) };
    let work = move || last.is(do_it(task));
    if let Err(error) = std::thread::Builder::new().spawn(work) {
        tracing::error!("no thread can be started: {error}");
    }
}

/// Sends a message when it goes, however that comes.
struct LastWord {
    inbox: Inbox,
    message: Option<Message>,
}

impl LastWord {
    fn is(&mut self, message: Message) {
        self.message = Some(message);
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            // Nobody listens where the server is ending.
            let _ = self.inbox.send(message);
        }
    }
}

/// What is told where a piece of work comes to no end of its own.
fn on_failure(task: &Task) -> Message {
    let why = || "Airlock failed; please report it with the log".to_owned();
    match task {
        Task::Locate { path, why: of } => {
            Message::Located { why: of.clone(), path: path.clone(), result: Err(why()), has_model: false }
        }
        Task::Check { job, .. } => Message::Checked { job: job.id, result: Err(why()) },
        Task::Repair { job, .. } | Task::Resume { job, .. } | Task::Model { job, .. } => {
            Message::Repaired { job: job.id, result: Err(why()) }
        }
        Task::JudgeAgain { job, session, .. } => {
            Message::JudgedAgain { job: job.id, session: session.clone(), result: Err(why()) }
        }
        Task::Install { job } => Message::Installed { job: job.id, result: Err(why()) },
        Task::Doctor { job, .. } | Task::List { job, .. } => Message::Written { job: job.id, result: Err(why()) },
        Task::Document { .. } => Message::Document { result: Err(why()) },
        Task::Discover { .. } => Message::Discovered { found: Discovered::default(), then: None },
        Task::Recall { .. } => Message::Recalled { result: Err(why()) },
        Task::Intend { key, .. } | Task::TakeBack { key, .. } => {
            Message::Intended { key: key.clone(), result: Err(Intended::Failed(why())) }
        }
        Task::Write { key, .. } => Message::Wrote { key: key.clone(), result: Err(why()) },
        Task::Settle { key, .. } => Message::Settled(Written { key: key.clone(), rejected: false, result: Err(why()) }),
    }
}

/// What the sessions around paths have that somebody waits for, with nobody greeted.
pub fn found_near(near: &[PathBuf]) -> Discovered {
    records::discover(near, None)
}

/// The repository around a path.
pub fn repository_of(path: &Path) -> Option<PathBuf> {
    projects::locate(path).ok().map(|located| located.repository)
}

/// Does a piece of work, here and now.
pub fn do_it(task: Task) -> Message {
    match task {
        Task::Locate { path, why } => {
            let result = projects::locate(&path).map_err(|failure| words(&failure));
            Message::Located { why, path, result, has_model: tasks::has_model() }
        }
        Task::Check { job, located, tests } => {
            let result = tested(&job, Some(located.clone()), || projects::check(&job, located, tests));
            Message::Checked { job: job.id, result }
        }
        Task::Repair { job, test, at } => {
            let result = tested(&job, None, || repairs::repair(&job, &test, &at));
            Message::Repaired { job: job.id, result }
        }
        Task::Resume { job, interrupted } => {
            let result = tested(&job, None, || match interrupted.is_task {
                true => tasks::resume(&job, &interrupted),
                false => repairs::resume(&job, &interrupted),
            });
            Message::Repaired { job: job.id, result }
        }
        Task::Model { job, at, arguments } => {
            let result = tested(&job, None, || tasks::run(&job, &at, arguments));
            Message::Repaired { job: job.id, result }
        }
        Task::JudgeAgain { job, session, root, test, proposal, partial, unchecked } => {
            let result =
                tested(&job, None, || repairs::judge_again(&job, &root, &test, proposal, (partial, unchecked)));
            Message::JudgedAgain { job: job.id, session, result }
        }
        Task::Install { job } => {
            let result = caught(|| projects::install(&job));
            Message::Installed { job: job.id, result }
        }
        Task::Doctor { job, path } => {
            let result = tested(&job, None, || projects::doctor(&job, &path));
            Message::Written { job: job.id, result }
        }
        Task::List { job, near } => {
            let result = caught(|| records::list(&near));
            Message::Written { job: job.id, result }
        }
        Task::Document { name, text } => {
            let result = caught(|| document(&name, airlock_core::text::visible(&text).as_bytes()));
            Message::Document { result }
        }
        Task::Discover { near, greet, then } => {
            let found = records::discover(&near, greet);
            Message::Discovered { found, then }
        }
        Task::Recall { near, session } => {
            Message::Recalled { result: caught(|| records::recall(&near, session.as_deref()).map(Box::new)) }
        }
        Task::Intend { key, store, repository, session, proposal, approval } => {
            Message::Intended { key, result: records::intend(&store, &repository, &session, proposal, &approval) }
        }
        Task::TakeBack { key, landed, undo } => Message::Intended { key, result: records::take_back(&landed, *undo) },
        Task::Write { key, log, repository, checked, files } => {
            Message::Wrote { key, result: records::write(&log, &repository, &checked, &files) }
        }
        Task::Settle { key, held, proposal, landing } => {
            let rejected = matches!(landing, Landing::Rejected(_));
            let result = records::settle(held, proposal, landing);
            Message::Settled(Written { key, rejected, result })
        }
    }
}

/// Does a job's work; its failure in words.
fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, String> {
    stop::caught(work).map_err(|failure| words(&failure))
}

/// The same of a job that runs tests: that there is no guest to run them in is told besides, since there is a cure to offer.
fn tested<T>(job: &Job, check: Option<Located>, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, String> {
    stop::caught(work).map_err(|failure| {
        if matches!(failure.code, ErrorCode::GuestMissing | ErrorCode::GuestDamaged) {
            let _ = job.inbox.send(Message::GuestMissing { why: failure.message.clone(), check });
        }
        words(&failure)
    })
}

/// A call of the program's own command, with nobody at a terminal.
fn context(job: &Job, cwd: PathBuf, arguments: Vec<String>) -> Context {
    let (inbox, id) = (job.inbox.clone(), job.id);
    let listener = move |told: Told<'_>| {
        let message = match told {
            Told::Progress(text) => Message::Progress { job: id, text: text.to_owned() },
            Told::Note(text) => Message::Note { text: text.to_owned() },
            Told::Session(session) => Message::Began { job: id, session: session.to_owned() },
        };
        let _ = inbox.send(message);
    };
    Context {
        cwd,
        arguments,
        terminal: Arc::new(Terminal::listening(Box::new(listener))),
        cancelled: Arc::clone(&job.cancelled),
        worker: Arc::new(AtomicU32::new(0)),
        fetcher: Arc::clone(&job.fetcher),
        ending: Ending::new(),
        started: Instant::now(),
        open: Arc::clone(&job.open),
        preset: job.flags.clone(),
        steering: job.steering.clone(),
        places: Arc::default(),
    }
}

/// Writes a text that is to be shown.
fn document(name: &str, text: &[u8]) -> Result<PathBuf, Failure> {
    let path = review::path(name)
        .ok_or_else(|| Failure::error(ErrorCode::Internal, "no folder for reviews: set XDG_STATE_HOME or HOME"))?;
    review::write(&path, text).map_err(|error| {
        Failure::error(ErrorCode::Internal, format!("{} cannot be written: {error}", path.display()))
    })?;
    Ok(path.canonicalize().unwrap_or(path))
}

fn is_file_of(root: &Path, test: &str) -> bool {
    test.split("::").next().is_some_and(|file| !file.is_empty() && root.join(file).is_file())
}

/// A failure in words, with what to do.
fn words(failure: &Failure) -> String {
    match failure.code {
        ErrorCode::GuestMissing => {
            format!("the Python guest is missing: airlock.installGuest installs it\n{}", failure.message)
        }
        ErrorCode::GuestDamaged => {
            format!("the Python guest is damaged: airlock.installGuest mends it\n{}", failure.message)
        }
        _ => failure.to_string().replace('\n', "; "),
    }
}
