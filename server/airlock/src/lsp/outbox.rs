//! What the owner of the state says to the client, as plain data: it never waits for the client, and tests read it here.

use std::time::Duration;

use tokio::sync::mpsc;

use super::message::Message;
use super::to_proto::{FileEdit, Finding, Tone};
use super::work::JobId;

/// Something for the client.
#[derive(Debug)]
pub enum Out {
    /// Shows a message.
    Say(Tone, String),
    /// Puts a line into the client's log.
    Log(String),
    /// Replaces the findings of a document.
    Findings {
        uri: String,
        version: Option<i32>,
        findings: Vec<Finding>,
    },
    /// Asks the user whether a proposal may land; the answer comes through the inbox.
    Ask {
        session: String,
        text: String,
    },
    /// Opens a document in the editor.
    Show {
        uri: String,
        focus: bool,
    },
    /// Asks the client to edit, one document after the other or all at once; it answers through the inbox.
    Edit {
        key: String,
        attempt: u64,
        edits: Vec<FileEdit>,
        one_by_one: bool,
    },
    /// Comes back to the owner of the state after a while.
    Later(Duration, Box<Message>),
    Begin {
        job: JobId,
        title: String,
    },
    Report {
        job: JobId,
        text: String,
    },
    End {
        job: JobId,
    },
    /// Asks for the settings; they come through the inbox.
    AskSettings,
    /// Asks to be told of Python files that change on the disk.
    Watch,
    RefreshLenses,
    /// Messages have to be short from here on.
    OneLine,
}

/// Where it is put.
#[derive(Clone)]
pub struct Outbox(mpsc::UnboundedSender<Out>);

impl Outbox {
    /// An outbox, and what comes out of it.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Out>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    fn put(&self, out: Out) {
        // Nobody takes it only when the process ends.
        let _ = self.0.send(out);
    }

    /// A message on one line: what it is about is said first, and what stands after a line break is details.
    pub fn say(&self, tone: Tone, text: String) {
        self.put(Out::Say(tone, text));
    }

    /// Asks whether a session's proposal may land.
    pub fn ask(&self, session: &str, text: String) {
        self.put(Out::Ask { session: session.to_owned(), text });
    }

    pub fn log(&self, text: String) {
        self.put(Out::Log(text));
    }

    pub fn findings(&self, uri: &str, version: Option<i32>, findings: &[Finding]) {
        self.put(Out::Findings { uri: uri.to_owned(), version, findings: findings.to_vec() });
    }

    /// `focus`: the user asked for it, and does not type elsewhere.
    pub fn show(&self, uri: &str, focus: bool) {
        self.put(Out::Show { uri: uri.to_owned(), focus });
    }

    pub fn edit(&self, key: &str, attempt: u64, edits: Vec<FileEdit>, one_by_one: bool) {
        self.put(Out::Edit { key: key.to_owned(), attempt, edits, one_by_one });
    }

    pub fn later(&self, after: Duration, message: Message) {
        self.put(Out::Later(after, Box::new(message)));
    }

    pub fn begin(&self, job: JobId, title: &str) {
        self.put(Out::Begin { job, title: title.to_owned() });
    }

    pub fn report(&self, job: JobId, text: String) {
        self.put(Out::Report { job, text });
    }

    pub fn end(&self, job: JobId) {
        self.put(Out::End { job });
    }

    pub fn ask_settings(&self) {
        self.put(Out::AskSettings);
    }

    pub fn watch(&self) {
        self.put(Out::Watch);
    }

    pub fn one_line(&self) {
        self.put(Out::OneLine);
    }

    pub fn refresh_lenses(&self) {
        self.put(Out::RefreshLenses);
    }
}
