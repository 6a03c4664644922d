//! What reaches the one owner of the server's state, in the server's own words: LSP's types stay at the edge.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use super::documents::{Encoding, Place, TextChange};
use super::work::{Checked, JobId, Repaired, Written};

/// Where messages are sent, without waiting.
pub type Inbox = mpsc::UnboundedSender<Message>;

/// What the client can do, and how it was started.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub encoding: Encoding,
    pub folders: Vec<PathBuf>,
    pub progress: bool,
    pub show_document: bool,
    pub check_on_save: bool,
}

/// A message to the owner of the state.
#[derive(Debug)]
pub enum Message {
    Initialized(Client),
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
    Actions {
        uri: String,
        range: (Place, Place),
        tests: Vec<String>,
        reply: oneshot::Sender<Vec<Action>>,
    },
    Command {
        command: Command,
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// The user cancelled what a progress stands for.
    CancelProgress {
        token: String,
    },
    /// A job tells what it does now.
    Progress {
        job: JobId,
        text: String,
    },
    /// A job tells something that is to be known besides.
    Note {
        text: String,
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
    /// The intention to land is durable, or not.
    Intended {
        session: String,
        result: Result<(), String>,
    },
    /// The client answered the edit; what it says is no proof.
    Answered {
        session: String,
        answer: Result<(), String>,
    },
    /// Time to look whether an edit has landed.
    Look {
        session: String,
    },
    /// How a landing ended is written down.
    Settled(Written),
}

/// One of the commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    CheckTests(Option<PathBuf>),
    MakeTestPass(Option<String>),
    Cancel,
    OpenReview(Option<String>),
    Accept(Option<String>),
    Reject { session: Option<String>, reason: Option<String> },
    InstallGuest,
}

impl Command {
    pub const CHECK_TESTS: &str = "airlock.checkTests";
    pub const MAKE_TEST_PASS: &str = "airlock.makeTestPass";
    pub const CANCEL: &str = "airlock.cancel";
    pub const OPEN_REVIEW: &str = "airlock.openReview";
    pub const ACCEPT: &str = "airlock.accept";
    pub const REJECT: &str = "airlock.reject";
    pub const INSTALL_GUEST: &str = "airlock.installGuest";

    /// All of them, as the server publishes them.
    pub const ALL: [&str; 7] = [
        Self::CHECK_TESTS,
        Self::MAKE_TEST_PASS,
        Self::CANCEL,
        Self::OPEN_REVIEW,
        Self::ACCEPT,
        Self::REJECT,
        Self::INSTALL_GUEST,
    ];
}

/// A code action: nothing but a command with a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Begins with `Airlock: `.
    pub title: String,
    pub command: &'static str,
    pub arguments: Vec<String>,
    /// It mends the diagnostic of this test.
    pub test: Option<String>,
}
