//! The one owner of the server's state. It takes messages in their order and never waits for the client or for work; of the
//! disk it asks no more than names, and files that a change waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_core::proposal::Proposal;
use airlock_core::status::Status;
use tokio::sync::mpsc::UnboundedReceiver;

use super::client::Outbox;
use super::documents::Document;
use super::from_proto;
use super::landing::{self, Review};
use super::message::{Client, Command, Inbox, Message};
use super::to_proto::{self, Finding, FindingKind, Tone};
use super::work::{self, Checked, Found, Job, JobId, Repaired};
use crate::workbench::OpenTexts;

/// An open document, and the file it is, under its real name.
pub struct Open {
    pub document: Document,
    pub path: Option<PathBuf>,
}

/// What a job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `asked`: by a command, and not by a save.
    Check {
        path: PathBuf,
        asked: bool,
    },
    Repair {
        test: String,
    },
    JudgeAgain,
    Install,
}

struct Running {
    kind: Kind,
    cancelled: Arc<AtomicBool>,
    /// The versions of the open documents that it works on.
    versions: BTreeMap<PathBuf, i32>,
}

/// Everything the server knows.
pub struct State {
    pub client: Client,
    pub outbox: Outbox,
    pub inbox: Inbox,
    /// By URI, as the client names them.
    pub documents: BTreeMap<String, Open>,
    /// What the tests said last, by the project's root.
    checked: BTreeMap<PathBuf, Checked>,
    jobs: BTreeMap<JobId, Running>,
    next: u64,
    /// Proposals that wait, by session.
    pub reviews: BTreeMap<String, Review>,
    /// Files whose findings the client shows.
    shown: BTreeSet<PathBuf>,
    /// Why tests could not be run, as the user was told: at every save it would be too often.
    told: BTreeSet<String>,
}

impl State {
    pub fn new(outbox: Outbox, inbox: Inbox) -> Self {
        Self {
            client: Client::default(),
            outbox,
            inbox,
            documents: BTreeMap::new(),
            checked: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next: 1,
            reviews: BTreeMap::new(),
            shown: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Takes messages until nobody can send any more.
    pub fn run(mut self, mut messages: UnboundedReceiver<Message>) {
        while let Some(message) = messages.blocking_recv() {
            // Who asked gets an error, since its reply is dropped; the others are served. A message is a few assignments, none of
            // which leaves the state without sense where a later one is not made.
            if std::panic::catch_unwind(AssertUnwindSafe(|| self.take(message))).is_err() {
                self.outbox.say(Tone::Error, "Airlock failed; please report it with the log".to_owned());
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Initialized(client) => self.client = client,
            Message::Opened { uri, version, text } => {
                let path = from_proto::path(&uri).map(|path| path.canonicalize().unwrap_or(path));
                let document = Document::new(version, &text);
                self.documents.insert(uri.clone(), Open { document, path });
                self.show_again(&uri);
                landing::look_at_all(self);
            }
            Message::Changed { uri, version, changes } => {
                let encoding = self.client.encoding;
                let Some(open) = self.documents.get_mut(&uri) else {
                    tracing::warn!("a document that is not open was changed: {uri}");
                    return;
                };
                open.document.change(version, &changes, encoding);
                landing::look_at_all(self);
            }
            Message::Saved { uri } => {
                let path = self.documents.get(&uri).and_then(|open| open.path.clone());
                if let Some(path) = path.or_else(|| from_proto::path(&uri))
                    && self.client.check_on_save
                    && path.extension().is_some_and(|extension| extension == "py")
                {
                    self.check(path, false);
                }
            }
            Message::Closed { uri } => {
                self.documents.remove(&uri);
            }
            Message::Folders { added, removed } => {
                self.client.folders.retain(|folder| !removed.contains(folder));
                self.client.folders.extend(added);
            }
            Message::Actions { uri, range, tests, reply } => {
                // Nobody waits for it where the request was cancelled.
                let _ = reply.send(self.actions(&uri, range, &tests));
            }
            Message::Command { command, reply } => {
                let _ = reply.send(self.command(command));
            }
            Message::CancelProgress { token } => {
                self.cancel(|id, _| id.token() == token);
            }
            Message::Progress { job, text } => self.outbox.report(job, text),
            Message::Note { text } => self.outbox.log(text),
            Message::Checked { job, result } => self.on_checked(job, result),
            Message::Repaired { job, result } => self.on_repaired(job, result),
            Message::JudgedAgain { job, session, result } => {
                if self.end(job).is_some() {
                    landing::judged_again(self, &session, result);
                }
            }
            Message::Installed { job, result } => {
                if self.end(job).is_some() {
                    match result {
                        Ok(text) => self.outbox.say(Tone::Info, format!("Airlock: {text}")),
                        Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
                    }
                }
            }
            Message::Intended { session, result } => landing::intended(self, &session, result),
            Message::Answered { session, answer } => landing::answered(self, &session, answer),
            Message::Look { session } => landing::time_is_up(self, &session),
            Message::Settled(written) => {
                if let Err(why) = written.result {
                    let text =
                        format!("Airlock: how session {} ended could not be written down: {why}", written.session);
                    self.outbox.say(Tone::Warning, text);
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<String, String> {
        match command {
            Command::CheckTests(path) => {
                let path = path.or_else(|| self.default_path()).ok_or("open a folder or a file first")?;
                self.check(path, true);
                Ok("the tests are being run".to_owned())
            }
            Command::MakeTestPass(test) => self.make_test_pass(test),
            Command::Cancel => match self.cancel(|_, _| true) {
                0 => Err("nothing is running".to_owned()),
                count => Ok(format!("{count} cancelled")),
            },
            Command::OpenReview(session) => {
                let session = self.session(session)?;
                self.open_review(&session);
                Ok(format!("review {session} is open"))
            }
            Command::Accept(session) => {
                let session = self.session(session)?;
                landing::accept(self, &session)
            }
            Command::Reject { session, reason } => {
                let session = self.session(session)?;
                landing::reject(self, &session, reason)
            }
            Command::InstallGuest => {
                if self.jobs.values().any(|running| running.kind == Kind::Install) {
                    return Err("the guest is being installed already".to_owned());
                }
                let job = self.begin(Kind::Install, "Airlock: installing the guest");
                work::install(job);
                Ok("the guest is being installed".to_owned())
            }
        }
    }

    /// The first folder of the workspace, else the first open file.
    fn default_path(&self) -> Option<PathBuf> {
        let file = || self.documents.values().find_map(|open| open.path.clone());
        self.client.folders.first().cloned().or_else(file)
    }

    /// The session meant: the one named, by its beginning, or the only one there is.
    fn session(&self, named: Option<String>) -> Result<String, String> {
        let mut fitting = self
            .reviews
            .keys()
            .filter(|session| named.as_ref().is_none_or(|named| session.starts_with(named.as_str())));
        match (fitting.next(), fitting.next()) {
            (Some(session), None) => Ok(session.clone()),
            (Some(_), Some(_)) => Err("several proposals wait; name the session of one".to_owned()),
            (None, _) => Err(match named {
                Some(named) => format!("no proposal of a session {named} waits"),
                None => "no proposal waits".to_owned(),
            }),
        }
    }

    /// Begins to judge a proposal on the text as it is now.
    pub fn judge_again(&mut self, session: &str, proposal: Proposal) {
        let Some(review) = self.reviews.get(session) else { return };
        let (root, test) = (review.waiting.root.clone(), review.waiting.test.clone());
        let job = self.begin(Kind::JudgeAgain, "Airlock: checking the change on the text as it is now");
        work::judge_again(job, session.to_owned(), root, test, proposal);
    }

    fn begin(&mut self, kind: Kind, title: &str) -> Job {
        let id = JobId(self.next);
        self.next += 1;
        let cancelled = Arc::new(AtomicBool::new(false));
        let open = self.documents.values();
        let versions = open.filter_map(|open| Some((open.path.clone()?, open.document.version))).collect();
        self.jobs.insert(id, Running { kind, cancelled: Arc::clone(&cancelled), versions });
        if self.client.progress {
            self.outbox.begin(id, title);
        }
        Job { id, cancelled, open: self.open_texts(), inbox: self.inbox.clone() }
    }

    fn end(&mut self, job: JobId) -> Option<Running> {
        self.outbox.end(job);
        self.jobs.remove(&job)
    }

    /// What the editor shows, which is what is tested.
    fn open_texts(&self) -> OpenTexts {
        let text = |open: &Open| Some((open.path.clone()?, open.document.text().into_bytes().into()));
        Arc::new(self.documents.values().filter_map(text).collect())
    }

    fn cancel(&mut self, which: impl Fn(JobId, &Kind) -> bool) -> usize {
        let fitting = self.jobs.iter().filter(|(id, running)| which(**id, &running.kind));
        fitting.map(|(_, running)| running.cancelled.store(true, Ordering::Relaxed)).count()
    }

    /// Runs the tests around a path; a run of the same that is under way is of an older text, and stopped.
    fn check(&mut self, path: PathBuf, asked: bool) {
        self.cancel(|_, kind| matches!(kind, Kind::Check { path: other, .. } if *other == path));
        let job = self.begin(Kind::Check { path: path.clone(), asked }, "Airlock: running the tests");
        work::check(job, path);
    }

    fn on_checked(&mut self, job: JobId, result: Result<Checked, String>) {
        let Some(running) = self.end(job) else { return };
        if running.cancelled.load(Ordering::Relaxed) {
            return;
        }
        match result {
            Err(why) => {
                let asked = matches!(running.kind, Kind::Check { asked: true, .. });
                let text = format!("Airlock: {why}");
                if self.told.insert(why) || asked {
                    self.outbox.say(Tone::Error, text);
                } else {
                    self.outbox.log(text);
                }
            }
            Ok(_) if self.is_stale(&running) => {
                // What was tested is no longer what the editor shows; lines may have moved.
                self.outbox.log("Airlock: the text changed while its tests ran; nothing is shown of them".to_owned());
                if self.client.check_on_save
                    && let Kind::Check { path, asked } = running.kind
                {
                    self.check(path, asked);
                }
            }
            Ok(checked) => {
                self.told.clear();
                let counts = checked.counts;
                let text = format!(
                    "Airlock: {} passed, {} failed, {} could not run ({})",
                    counts.passed,
                    counts.failing(),
                    counts.not_testable,
                    checked.root.display()
                );
                self.outbox.log(text);
                if let Some(why) = &checked.nothing
                    && matches!(running.kind, Kind::Check { asked: true, .. })
                {
                    self.outbox.say(Tone::Info, format!("Airlock: no test ran: {why}"));
                }
                for note in &checked.notes {
                    self.outbox.log(format!("Airlock: {note}"));
                }
                self.checked.insert(checked.root.clone(), checked);
                self.show_all();
            }
        }
    }

    /// Whether a document changed since a job began.
    fn is_stale(&self, running: &Running) -> bool {
        running
            .versions
            .iter()
            .any(|(path, version)| self.open_at(path).is_some_and(|(_, open)| open.document.version != *version))
    }

    fn make_test_pass(&mut self, test: Option<String>) -> Result<String, String> {
        let failing = || self.checked.values().flat_map(|of| of.found.iter().map(move |found| (of, found)));
        let mut failing = failing()
            .filter(|(_, found)| found.reason.is_none())
            .filter(|(_, found)| test.as_ref().is_none_or(|test| found.id == *test));
        let (root, test) = match (failing.next(), failing.next(), &test) {
            (Some((of, found)), None, _) | (Some((of, found)), Some(_), Some(_)) => (of.root.clone(), found.id.clone()),
            (Some(_), Some(_), None) => return Err("several tests fail; name one by its id".to_owned()),
            (None, _, Some(test)) => {
                let path = self.default_path().ok_or("open a folder or a file first")?;
                let root = work::root_of(&path).map_err(|failure| failure.message)?;
                (root, test.clone())
            }
            (None, _, None) => return Err("no test is known to fail; run airlock.checkTests first".to_owned()),
        };
        if self.jobs.values().any(|running| running.kind == Kind::Repair { test: test.clone() }) {
            return Err(format!("{test} is being worked on already"));
        }
        let job = self.begin(Kind::Repair { test: test.clone() }, &format!("Airlock: making {test} pass"));
        work::repair(job, root, test.clone());
        Ok(format!("{test} is being worked on"))
    }

    fn on_repaired(&mut self, job: JobId, result: Result<Repaired, String>) {
        let Some(running) = self.end(job) else { return };
        match result {
            Ok(Repaired { waiting: Some(waiting), .. }) => {
                let session = waiting.session.clone();
                match Review::new(*waiting) {
                    Ok(review) => {
                        let text = format!("Airlock: {} passes with a change that waits for you", review.waiting.test);
                        self.reviews.insert(session.clone(), review);
                        self.outbox.say(Tone::Info, text);
                        self.show_all();
                        self.open_review(&session);
                    }
                    Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
                }
            }
            _ if running.cancelled.load(Ordering::Relaxed) => {
                self.outbox.say(Tone::Info, "Airlock: cancelled; nothing was changed".to_owned());
            }
            Ok(Repaired { status, why, .. }) => {
                let tone = if status == Status::NothingToFix { Tone::Info } else { Tone::Warning };
                self.outbox.say(tone, format!("Airlock: {why}"));
            }
            Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
        }
    }

    fn open_review(&self, session: &str) {
        let Some(review) = self.reviews.get(session) else { return };
        if self.client.show_document
            && let Some(uri) = to_proto::uri_of(&review.document)
        {
            self.outbox.show(&uri);
        } else {
            self.outbox.say(Tone::Info, format!("Airlock: the review is in {}", review.document.display()));
        }
    }

    /// The open document of a file.
    pub fn open_at(&self, path: &Path) -> Option<(&String, &Open)> {
        self.documents.iter().find(|(_, open)| open.path.as_deref() == Some(path))
    }

    /// Shows the findings of every file that has some, or had.
    pub fn show_all(&mut self) {
        let mut files: BTreeMap<PathBuf, Vec<Finding>> = BTreeMap::new();
        for found in self.checked.values().flat_map(|of| &of.found) {
            files.entry(found.path.clone()).or_default().push(finding(found));
        }
        for review in self.reviews.values() {
            for (path, found) in review.findings() {
                files.entry(path).or_default().push(found);
            }
        }
        for path in std::mem::take(&mut self.shown) {
            files.entry(path).or_default();
        }
        for (path, findings) in &files {
            let open = self.open_at(path);
            let uri = open.map(|(uri, _)| uri.clone()).or_else(|| to_proto::uri_of(path));
            let Some(uri) = uri else { continue };
            self.outbox.findings(&uri, open.map(|(_, open)| open.document.version), findings);
        }
        self.shown = files.into_iter().filter(|(_, found)| !found.is_empty()).map(|(path, _)| path).collect();
    }

    /// A document was opened, perhaps by another name than its findings were shown under.
    fn show_again(&mut self, uri: &str) {
        let path = self.documents.get(uri).and_then(|open| open.path.clone());
        if path.is_some_and(|path| self.shown.contains(&path)) {
            self.show_all();
        }
    }

    /// Tests known to fail or to be kept from running whose findings stand on these lines of a file.
    pub fn found_at(&self, path: &Path, lines: (u32, u32)) -> impl Iterator<Item = &Found> {
        let found = self.checked.values().flat_map(|of| &of.found);
        found.filter(move |found| found.path == path && (lines.0..=lines.1).contains(&found.line))
    }

    /// Whether a test is known to fail.
    pub fn is_failing(&self, test: &str) -> bool {
        let mut found = self.checked.values().flat_map(|of| &of.found);
        found.any(|found| found.id == test && found.reason.is_none())
    }

    /// Whether a test is being worked on.
    pub fn is_repairing(&self) -> bool {
        self.jobs.values().any(|running| matches!(running.kind, Kind::Repair { .. }))
    }

    /// A proposal landed: what is known of its files is of another text.
    pub fn landed(&mut self, path: PathBuf) {
        self.show_all();
        self.check(path, true);
    }
}

fn finding(found: &Found) -> Finding {
    use super::documents::Place;
    let (kind, message, code) = match &found.reason {
        None => (FindingKind::Failed, format!("{}\n{}", found.message, found.id), "test_failed".to_owned()),
        Some(reason) => {
            (FindingKind::NotTestable, format!("{} cannot run here: {}", found.id, found.message), reason.clone())
        }
    };
    // To the end of the line, wherever that is.
    let (start, end) = (Place { line: found.line, column: 0 }, Place { line: found.line, column: u16::MAX.into() });
    Finding { kind, start, end, message, code, of: found.id.clone(), related: None }
}
