//! What reaches the one owner of the server's state, in the server's own words: LSP's types stay at the edge.

use std::path::PathBuf;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::documents::{Encoding, Place, TextChange};
use super::settings::Settings;
use super::work::{Checked, Discovered, Intended, JobId, Landed, Located, Ready, Repaired, Why, Written};

/// Where messages are sent, without waiting.
pub type Inbox = mpsc::UnboundedSender<Message>;

/// Where a command's answer goes; nobody waits for it where the request was cancelled.
pub type Reply = oneshot::Sender<Result<Value, String>>;

/// What the client can do.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub encoding: Encoding,
    pub folders: Vec<PathBuf>,
    pub progress: bool,
    pub show_document: bool,
    /// It has to be told when lenses change.
    pub refresh_lenses: bool,
    /// It can be asked for its settings.
    pub settings: bool,
    /// It takes one document in an edit: of several it looks at the first one's version alone.
    pub one_by_one: bool,
    /// It shows a message on the last line of a terminal, where a longer one asks for a key or is cut.
    pub one_line: bool,
    /// It tells of files that change on the disk, where it is asked to.
    pub watches: bool,
    /// It can be asked to have the user choose.
    pub asks: bool,
}

/// A message to the owner of the state.
#[derive(Debug)]
pub enum Message {
    Initialized(Client, Settings),
    /// The client is ready to be asked.
    Ready,
    /// Settings that stand over those of the start, in the place of the ones before.
    Settings(Value),
    /// Settings may have changed; the client can be asked.
    SettingsChanged,
    Opened {
        uri: String,
        version: i32,
        text: String,
    },
    Changed {
        uri: String,
        version: i32,
        changes: Vec<TextChange>,
    },
    Saved {
        uri: String,
    },
    Closed {
        uri: String,
    },
    Folders {
        added: Vec<PathBuf>,
        removed: Vec<PathBuf>,
    },
    /// Files that changed on the disk.
    Watched {
        paths: Vec<PathBuf>,
    },
    Actions {
        uri: String,
        range: (Place, Place),
        /// What the findings are of that the client asks about.
        subjects: Vec<Subject>,
        reply: oneshot::Sender<Vec<Action>>,
    },
    Lenses {
        uri: String,
        reply: oneshot::Sender<Vec<Lens>>,
    },
    Command {
        command: Command,
        reply: Reply,
    },
    /// The user cancelled what a progress stands for.
    CancelProgress {
        token: String,
    },
    /// The client is about to go: answered once all is written down.
    Shutdown {
        reply: oneshot::Sender<()>,
    },
    /// A job tells what it does now.
    Progress {
        job: JobId,
        text: String,
    },
    /// A job's work is in this session from here on.
    Began {
        job: JobId,
        session: String,
    },
    /// A job tells something that is to be known besides.
    Note {
        text: String,
    },
    /// The project around a path.
    Located {
        why: Why,
        path: PathBuf,
        result: Result<Located, String>,
        /// The user has configured a model.
        has_model: bool,
    },
    /// What a repository's sessions have that somebody waits for, and a command that waited for this.
    Discovered {
        found: Discovered,
        then: Option<(Command, Reply)>,
    },
    Checked {
        job: JobId,
        result: Result<Checked, String>,
    },
    Repaired {
        job: JobId,
        result: Result<Repaired, String>,
    },
    /// A proposal that was merged with what changed since has a verdict.
    JudgedAgain {
        job: JobId,
        session: String,
        result: Result<Repaired, String>,
    },
    Installed {
        job: JobId,
        result: Result<String, String>,
    },
    /// A job found no guest to run tests in; `check`: the project whose tests it was to run.
    GuestMissing {
        why: String,
        check: Option<Located>,
    },
    /// A text to show is in this file.
    Written {
        job: JobId,
        result: Result<PathBuf, String>,
    },
    /// The same of no job's.
    Document {
        result: Result<PathBuf, String>,
    },
    /// The user was asked whether a proposal may land that no test covers.
    Approval {
        session: String,
        yes: bool,
    },
    /// A change that has landed, to be taken back.
    Recalled {
        result: Result<Box<Landed>, String>,
    },
    /// The intention to land is durable, or not.
    Intended {
        key: String,
        result: Result<Box<Ready>, Intended>,
    },
    /// The program's own part of a change is on the disk, or not.
    Wrote {
        key: String,
        result: Result<(), String>,
    },
    /// The client answered the edit; what it says is no proof.
    Answered {
        key: String,
        attempt: u64,
        answer: Result<(), String>,
    },
    /// Time to look whether an edit has landed.
    Look {
        key: String,
        attempt: u64,
    },
    /// How a landing ended is written down.
    Settled(Written),
}

/// What a finding, or an action, is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Test {
        id: String,
        root: PathBuf,
    },
    Session(String),
    /// The guest that runs the tests.
    Guest,
    /// What another server says of a line, from 0.
    Other {
        line: u32,
        text: String,
    },
}

/// One of the commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    CheckTests { path: Option<PathBuf>, test: Option<String> },
    MakeTestPass { test: Option<String>, root: Option<PathBuf> },
    Cancel,
    OpenReview(Option<String>),
    Accept(Option<String>),
    Reject { session: Option<String>, reason: Option<String> },
    Undo(Option<String>),
    ListSessions,
    Resume(Option<String>),
    Task(Box<Wish>),
    Steer { words: Option<String>, session: Option<String> },
    Approve(Option<String>),
    InstallGuest,
    Doctor(Option<PathBuf>),
}

impl Command {
    pub const CHECK_TESTS: &str = "airlock.checkTests";
    pub const MAKE_TEST_PASS: &str = "airlock.makeTestPass";
    pub const CANCEL: &str = "airlock.cancel";
    pub const OPEN_REVIEW: &str = "airlock.openReview";
    pub const ACCEPT: &str = "airlock.accept";
    pub const REJECT: &str = "airlock.reject";
    pub const UNDO: &str = "airlock.undo";
    pub const LIST_SESSIONS: &str = "airlock.listSessions";
    pub const RESUME: &str = "airlock.resume";
    pub const TASK: &str = "airlock.task";
    pub const STEER: &str = "airlock.steer";
    pub const APPROVE: &str = "airlock.approve";
    pub const INSTALL_GUEST: &str = "airlock.installGuest";
    pub const DOCTOR: &str = "airlock.doctor";

    /// All of them, as the server publishes them.
    pub const ALL: [&str; 14] = [
        Self::CHECK_TESTS,
        Self::MAKE_TEST_PASS,
        Self::CANCEL,
        Self::OPEN_REVIEW,
        Self::ACCEPT,
        Self::REJECT,
        Self::UNDO,
        Self::LIST_SESSIONS,
        Self::RESUME,
        Self::TASK,
        Self::STEER,
        Self::APPROVE,
        Self::INSTALL_GUEST,
        Self::DOCTOR,
    ];
}

/// What a model is to do, as `airlock run` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The user's words; `@FILE` for a file that has them.
    pub words: Option<String>,
    /// One of the words for kinds.
    pub kind: Option<String>,
    /// `PATH:LINE` or `PATH:FIRST-LAST`, lines from 1.
    pub at: Option<String>,
    /// `PATH:LINE: MESSAGE`.
    pub diagnostic: Option<String>,
    /// A test that has to pass in the end.
    pub test: Option<String>,
}

/// A code action: nothing but a command with a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Begins with `Airlock: `.
    pub title: String,
    pub command: &'static str,
    pub arguments: Vec<String>,
    /// It mends the finding of this.
    pub mends: Option<Subject>,
}

/// A command over a line of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// From 0.
    pub line: u32,
    pub title: String,
    pub command: &'static str,
    pub arguments: Vec<String>,
}
