//! The one owner of the server's state. It takes messages in their order and never waits for the client or for work; of the
//! disk it reads no more than files that are opened, shown or about to change, each alone.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_core::hash::ContentHash;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::checks::Checks;
use super::documents::{Document, Open, read_plain, real};
use super::from_proto;
use super::guest::Lack;
use super::landing::{self, Review};
use super::message::{Client, Command, Inbox, Message, Reply};
use super::outbox::Outbox;
use super::settings::Settings;
use super::shown::Published;
use super::to_proto::Tone;
use super::work::{At, Fetcher, Greet, Interrupted, Job, JobId, Located, Task, Why};
use crate::cli::context::Steering;
use crate::workbench::OpenTexts;

/// What a job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `asked`: by a command, and not by a save. `tries`: how often the text changed while it ran.
    Check {
        root: PathBuf,
        tests: Vec<String>,
        asked: bool,
        tries: u32,
    },
    /// A repair of a test; its project is not known yet where only its id was given.
    Repair {
        root: Option<PathBuf>,
        test: String,
        /// It goes on with this session.
        session: Option<String>,
    },
    JudgeAgain {
        session: String,
    },
    /// A model's task, in a few words.
    Model {
        what: String,
    },
    Install,
    Doctor,
    List,
}

/// A job that is under way.
pub struct Running {
    pub kind: Kind,
    pub cancelled: Arc<AtomicBool>,
    /// The texts that it works on.
    pub open: OpenTexts,
    /// Takes what the user says to it.
    pub steering: Steering,
    /// The session that it is in, once that is known.
    pub session: Option<String>,
}

/// A change that landed.
pub struct Done {
    pub session: String,
    pub test: String,
    pub files: Vec<PathBuf>,
}

/// Begins work; in tests, somebody who looks what is begun.
pub type Start = Box<dyn FnMut(Task) + Send>;

/// Everything the server knows.
pub struct State {
    pub client: Client,
    pub settings: Settings,
    pub outbox: Outbox,
    inbox: Inbox,
    start: Start,
    fetcher: Fetcher,
    /// By URI, as the client names them.
    pub documents: BTreeMap<String, Open>,
    /// Projects by the folders of files that were opened.
    located: BTreeMap<PathBuf, Located>,
    /// Repositories whose sessions were looked at.
    discovered: BTreeSet<PathBuf>,
    pub checks: Checks,
    jobs: BTreeMap<JobId, Running>,
    next: u64,
    /// Proposals that wait or land, by session; and changes that are being taken back.
    pub reviews: BTreeMap<String, Review>,
    /// Repairs that were cut off, by session.
    pub interrupted: BTreeMap<String, Interrupted>,
    /// Sessions that ended here: what is read of them may be of a moment before.
    pub over: BTreeSet<String>,
    /// What landed here and was not taken back, the newest last.
    pub landed: Vec<Done>,
    /// What the client shows, by file.
    pub shown: BTreeMap<PathBuf, Published>,
    /// Files that were open and are not, and files that others changed, as the disk has them.
    pub on_disk: BTreeMap<PathBuf, ContentHash>,
    /// Documents whose files are gone since.
    gone: BTreeMap<String, PathBuf>,
    /// Why tests could not be run, as the user was told: at every save it would be too often.
    pub told: BTreeSet<String>,
    /// The guest, where it was needed and is not there.
    pub lack: Option<Lack>,
    /// The user has configured a model.
    pub has_model: bool,
    /// Comments whose wishes were begun, or were there when their file was opened.
    pub asked: BTreeSet<ContentHash>,
    /// What is wrong with settings, as the user was told.
    warned: BTreeSet<String>,
    /// What the client wanted at the start: what it says later stands over it.
    initial: Settings,
    /// Edits that were asked for.
    pub attempts: u64,
    /// Landings and ends that are being written down, and who waits for that.
    pub writing: usize,
    shutdown: Vec<oneshot::Sender<()>>,
}

impl State {
    pub fn new(outbox: Outbox, inbox: Inbox, start: Start, fetcher: Fetcher) -> Self {
        Self {
            client: Client::default(),
            settings: Settings::default(),
            outbox,
            inbox,
            start,
            fetcher,
            documents: BTreeMap::new(),
            located: BTreeMap::new(),
            discovered: BTreeSet::new(),
            checks: Checks::default(),
            jobs: BTreeMap::new(),
            next: 1,
            reviews: BTreeMap::new(),
            interrupted: BTreeMap::new(),
            over: BTreeSet::new(),
            landed: Vec::new(),
            shown: BTreeMap::new(),
            on_disk: BTreeMap::new(),
            gone: BTreeMap::new(),
            told: BTreeSet::new(),
            lack: None,
            has_model: false,
            asked: BTreeSet::new(),
            warned: BTreeSet::new(),
            initial: Settings::default(),
            attempts: 0,
            writing: 0,
            shutdown: Vec::new(),
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

    /// Takes a message.
    pub fn take(&mut self, message: Message) {
        match message {
            Message::Initialized(client, settings) => {
                if client.one_line {
                    self.outbox.one_line();
                }
                self.client = client;
                self.initial = settings.clone();
                self.set(settings);
            }
            Message::Ready => {
                if self.client.watches {
                    self.outbox.watch();
                }
                self.ask_settings();
            }
            Message::SettingsChanged => self.ask_settings(),
            Message::Settings(value) => self.set(self.initial.clone().over(&value)),
            Message::Opened { uri, version, text } => self.opened(uri, version, &text),
            Message::Changed { uri, version, changes } => {
                let encoding = self.client.encoding;
                let Some(open) = self.documents.get_mut(&uri) else {
                    tracing::warn!("a document that is not open was changed: {uri}");
                    return;
                };
                open.document.change(version, &changes, encoding);
                if let Some(path) = open.path.clone() {
                    landing::look_at(self, &path);
                }
            }
            Message::Saved { uri } => {
                if let (Some(path), Some(open)) = (self.gone.remove(&uri), self.documents.get_mut(&uri)) {
                    open.path = Some(path);
                }
                let path = self.documents.get(&uri).and_then(|open| open.path.clone());
                if let Some(path) = path.or_else(|| from_proto::path(&uri).map(real)) {
                    self.saved(path);
                }
            }
            Message::Closed { uri } => {
                self.gone.remove(&uri);
                if let Some(path) = self.documents.remove(&uri).and_then(|open| open.path) {
                    self.on_disk(&path);
                    if self.lack.is_some() {
                        self.show_all();
                    }
                    landing::look_at(self, &path);
                }
            }
            Message::Folders { added, removed } => self.folders(added, &removed),
            Message::Watched { paths } => self.watched(paths),
            Message::Actions { uri, range, subjects, reply } => {
                // Nobody waits for it where the request was cancelled.
                let _ = reply.send(self.actions(&uri, range, &subjects));
            }
            Message::Lenses { uri, reply } => {
                let _ = reply.send(self.lenses(&uri));
            }
            Message::Command { command, reply } => self.command(command, reply, true),
            Message::CancelProgress { token } => {
                let meant = self.jobs.iter().find(|(id, _)| id.token() == token);
                if let Some(Kind::Check { root, .. }) = meant.map(|(_, running)| running.kind.clone()) {
                    self.checks.forget_again(|other| other == root);
                }
                self.cancel(|id, _| id.token() == token);
            }
            Message::Shutdown { reply } => {
                self.shutdown.push(reply);
                self.tell_shutdown();
            }
            Message::Progress { job, text } => self.outbox.report(job, text),
            Message::Began { job, session } => self.on_began(job, session),
            Message::Note { text } => self.outbox.log(text),
            Message::Located { why, path, result, has_model } => {
                self.has_model = has_model;
                self.on_located(why, &path, result);
            }
            Message::Discovered { found, then } => {
                self.on_discovered(found);
                if let Some((command, reply)) = then {
                    self.command(command, reply, false);
                }
            }
            Message::Checked { job, result } => self.on_checked(job, result),
            Message::Repaired { job, result } => self.on_repaired(job, result),
            Message::JudgedAgain { job, session, result } => self.on_judged_again(job, &session, result),
            Message::Installed { job, result } => self.on_installed(job, result),
            Message::GuestMissing { why, check } => self.on_guest_missing(why, check),
            Message::Written { job, result } => {
                let Some(running) = self.end(job) else { return };
                match result {
                    _ if running.cancelled.load(Ordering::Relaxed) => {}
                    Ok(document) => self.show(&document, true),
                    Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
                }
            }
            Message::Document { result } => match result {
                Ok(document) => self.show(&document, true),
                Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
            },
            Message::Approval { session, yes } => self.on_approval(&session, yes),
            Message::Recalled { result } => landing::recalled(self, result),
            Message::Intended { key, result } => {
                self.written();
                landing::intended(self, &key, result);
            }
            Message::Wrote { key, result } => {
                self.written();
                landing::wrote(self, &key, result);
            }
            Message::Answered { key, attempt, answer } => landing::answered(self, &key, attempt, answer),
            Message::Look { key, attempt } => landing::time_is_up(self, &key, attempt),
            Message::Settled(written) => {
                self.written();
                let key = written.key;
                match written.result {
                    Err(why) => {
                        // It may be offered again.
                        self.over.remove(&key);
                        let text = format!("Airlock: how session {key} ended could not be written down: {why}");
                        self.outbox.say(Tone::Warning, text);
                    }
                    Ok(Some(over)) => self.outbox.say(Tone::Warning, format!("Airlock: session {key}: {over}")),
                    Ok(None) if written.rejected => {
                        self.outbox.log(format!("Airlock: session {key} is rejected; nothing was changed"));
                    }
                    Ok(None) => {}
                }
            }
        }
    }

    pub fn tell(&self, result: Result<String, String>) {
        match result {
            Ok(text) => self.outbox.say(Tone::Info, format!("Airlock: {text}")),
            Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
        }
    }

    fn ask_settings(&self) {
        if self.client.settings {
            self.outbox.ask_settings();
        }
    }

    fn set(&mut self, settings: Settings) {
        for wrong in &settings.wrong {
            // Each change of settings may send all of them again.
            if self.warned.insert(wrong.clone()) {
                self.outbox.say(Tone::Warning, format!("Airlock: {wrong}"));
            }
        }
        let lenses = settings.lenses;
        let before = std::mem::replace(&mut self.settings, settings);
        if before.lenses != lenses {
            self.refresh_lenses();
        }
    }

    pub fn refresh_lenses(&self) {
        if self.client.refresh_lenses {
            self.outbox.refresh_lenses();
        }
    }

    fn opened(&mut self, uri: String, version: i32, text: &str) {
        let mut path = from_proto::path(&uri).map(real);
        let file = path.as_deref().and_then(read_plain);
        if file.as_ref().is_some_and(|file| std::str::from_utf8(file).is_err()) {
            // What the editor shows is not what the file is, byte for byte; the file is what is tested.
            self.outbox
                .log(format!("Airlock: {uri} is not UTF-8: its tests run on what is saved, and nothing is edited"));
            path = None;
        }
        self.gone.remove(&uri);
        let document = Document::of_file(version, text, file.as_deref());
        let open = Open { opened: document.hash(), document, path: path.clone() };
        self.documents.insert(uri, open);
        let Some(path) = path else { return };
        self.know_comments(&path, text);
        self.on_disk.remove(&path);
        self.show_again(&path);
        landing::look_at(self, &path);
        if is_python(&path) && self.located_at(&path).is_none() {
            self.start(Task::Locate { path, why: Why::Opened });
        }
    }

    /// A file is gone: what an editor shows of it all the same is no file, until it is saved.
    pub fn close_gone(&mut self, path: &Path) {
        for (uri, open) in &mut self.documents {
            if open.path.as_deref() == Some(path) {
                open.path = None;
                self.gone.insert(uri.clone(), path.to_owned());
            }
        }
    }

    /// A file is no longer open: what is known of it is of what the disk has.
    pub fn on_disk(&mut self, path: &Path) {
        if self.checks.has(path) || self.reviews.values().any(|review| review.has(path)) {
            // Of a file that is gone: nothing is found in an empty one either.
            let bytes = read_plain(path).unwrap_or_default();
            self.on_disk.insert(path.to_owned(), ContentHash::of(&bytes));
            self.show_all();
        }
    }

    /// Files changed on the disk: a checkout may bring thousands.
    fn watched(&mut self, paths: Vec<PathBuf>) {
        const MOST_FOLDERS: usize = 200;
        let mut folders: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        let mut to_check: BTreeMap<Located, ()> = BTreeMap::new();
        for path in paths {
            let Some((parent, name)) = path.parent().zip(path.file_name()) else { continue };
            let folder = match folders.get(parent) {
                Some(folder) => folder.clone(),
                None if folders.len() >= MOST_FOLDERS => continue,
                None => {
                    let folder = real(parent.to_owned());
                    folders.insert(parent.to_owned(), folder.clone());
                    folder
                }
            };
            let path = folder.join(name);
            // Of one that is open, the editor's text counts.
            if self.open_at(&path).is_some() {
                continue;
            }
            self.on_disk(&path);
            landing::look_at(self, &path);
            // What nobody has opened anything of is not looked for.
            let project = self.located.values().filter(|located| path.starts_with(&located.root));
            if let Some(located) = project.max_by_key(|located| located.root.components().count())
                && is_python(&path)
                && !is_hidden(&located.root, &path)
            {
                to_check.insert(located.clone(), ());
            }
        }
        if self.settings.check_on_save {
            for located in to_check.into_keys() {
                self.check(located, false, Vec::new(), 0);
            }
        }
    }

    /// Looks for the projects of open documents that are not known.
    fn locate_open(&mut self) {
        let paths = self.documents.values().filter_map(|open| open.path.clone()).filter(|path| is_python(path));
        let unknown = paths.filter(|path| self.located_at(path).is_none());
        // One of each folder.
        let one: BTreeMap<PathBuf, PathBuf> =
            unknown.filter_map(|path| Some((path.parent()?.to_owned(), path))).collect();
        for path in one.into_values() {
            self.start(Task::Locate { path, why: Why::Opened });
        }
    }

    fn saved(&mut self, path: PathBuf) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if CONFIGURATION.contains(&name) {
            // Another folder may be the root from now on.
            self.located.clear();
            self.locate_open();
        }
        self.do_comments(&path);
        if self.settings.check_on_save && is_python(&path) {
            self.check_at(path, false, Vec::new());
        }
    }

    fn folders(&mut self, added: Vec<PathBuf>, removed: &[PathBuf]) {
        self.client.folders.retain(|folder| !removed.contains(folder));
        self.client.folders.extend(added);
        self.locate_open();
        let folders = self.client.folders.clone();
        let is_gone = |path: &Path| {
            removed.iter().any(|folder| path.starts_with(folder))
                && !folders.iter().any(|folder| path.starts_with(folder) || folder.starts_with(path))
        };
        self.checks.forget(is_gone);
        self.reviews.retain(|_, review| !review.is_waiting() || !is_gone(&review.change.located.root));
        self.interrupted.retain(|_, interrupted| !is_gone(&interrupted.located.root));
        self.located.retain(|folder, _| !is_gone(folder));
        self.discovered.retain(|repository| !is_gone(repository));
        self.cancel(|_, kind| matches!(kind, Kind::Check { root, .. } if is_gone(root)));
        self.show_all();
    }

    fn on_located(&mut self, why: Why, path: &Path, result: Result<Located, String>) {
        // Where a folder is meant, the folder above it says nothing.
        if let (Ok(located), Some(folder), true) = (&result, path.parent(), is_python(path)) {
            const MOST: usize = 4_096;
            if self.located.len() >= MOST {
                self.located.clear();
            }
            self.located.insert(folder.to_owned(), located.clone());
            self.refresh_lenses();
        }
        match (why, result) {
            (Why::Check { asked, .. }, Err(why)) => self.check_failed(why, asked),
            (Why::Opened, Err(why)) => tracing::info!("{} has no project: {why}", path.display()),
            (Why::Opened, Ok(located)) => {
                if self.discovered.insert(located.repository.clone()) {
                    // A file of another project may be open for reading alone.
                    let is_ours = self.client.folders.is_empty()
                        || self.client.folders.iter().any(|folder| path.starts_with(folder));
                    let greet = if self.settings.check_on_save { Greet::AtSave } else { Greet::Asked };
                    let near = vec![located.root];
                    self.start(Task::Discover { near, greet: is_ours.then_some(greet), then: None });
                }
            }
            (Why::Check { asked, tests }, Ok(located)) => self.check(located, asked, tests, 0),
        }
    }

    /// Does a command. `first`: where it names what is not known here, sessions are looked at once, as another editor may have
    /// made it.
    fn command(&mut self, command: Command, reply: Reply, first: bool) {
        let result = self.do_command(&command);
        if let Err(Refusal::NotKnown(_)) = &result
            && first
            && let Ok(near) = self.near()
        {
            return self.start(Task::Discover { near, greet: None, then: Some((command, reply)) });
        }
        let answer = match result {
            Ok(answer) => Ok(answer),
            Err(Refusal::NotKnown(why) | Refusal::No(why)) => Err(why),
        };
        // Nobody waits for it where the request was cancelled.
        let _ = reply.send(answer);
    }

    fn do_command(&mut self, command: &Command) -> Result<Value, Refusal> {
        let text = match command.clone() {
            Command::CheckTests { path, test } => self.check_tests(path, test)?,
            Command::MakeTestPass { test, root } => self.make_test_pass(test, root)?,
            Command::Cancel => match self.cancel_all() {
                0 => return Err(Refusal::No("nothing is running".to_owned())),
                count => format!("{count} cancelled"),
            },
            Command::OpenReview(session) => {
                let session = self.session(session)?;
                self.open_review(&session, true);
                format!("review {session} is open")
            }
            Command::Accept(session) => {
                let session = self.session(session)?;
                landing::accept(self, &session)?
            }
            Command::Reject { session, reason } => {
                let session = self.session(session)?;
                landing::reject(self, &session, reason)?
            }
            Command::Undo(session) => {
                let near = self.near()?;
                self.start(Task::Recall { near, session });
                "it is being taken back".to_owned()
            }
            Command::ListSessions => {
                let near = self.near()?;
                let job = self.begin(Kind::List, "Airlock: reading the sessions");
                self.start(Task::List { job, near });
                "the list is being opened".to_owned()
            }
            Command::Resume(session) => self.resume(session)?,
            Command::Task(wish) => self.begin_task(*wish)?,
            Command::Steer { words, session } => self.steer(words, session.as_deref())?,
            Command::Approve(session) => {
                let session = self.session(session)?;
                landing::approve(self, &session)?
            }
            Command::InstallGuest => {
                if self.is_running(|kind| *kind == Kind::Install) {
                    return Err(Refusal::No("the guest is being installed already".to_owned()));
                }
                let job = self.begin(Kind::Install, "Airlock: installing the guest");
                self.start(Task::Install { job });
                "the guest is being installed".to_owned()
            }
            Command::Doctor(path) => {
                let path = match path {
                    Some(path) => path,
                    None => self.near()?.swap_remove(0),
                };
                let job = self.begin(Kind::Doctor, "Airlock: looking what can be tested");
                self.start(Task::Doctor { job, path });
                "what was found will be opened".to_owned()
            }
        };
        Ok(json!(text))
    }

    /// The folders of the workspace, and the files that are open; where a command without arguments is meant.
    pub fn near(&self) -> Result<Vec<PathBuf>, Refusal> {
        let files = self.documents.values().filter_map(|open| open.path.clone()).filter(|path| is_python(path));
        let near: Vec<PathBuf> = self.client.folders.iter().cloned().chain(files).collect();
        if near.is_empty() { Err(Refusal::No("open a folder or a file first".to_owned())) } else { Ok(near) }
    }

    /// The session meant: the one named, by its beginning, or the only one there is.
    fn session(&self, named: Option<String>) -> Result<String, Refusal> {
        one_of(self.reviews.iter().filter(|(_, review)| !review.is_undo()).map(|(session, _)| session), named, "waits")
    }

    /// The interrupted repair meant.
    pub fn interrupted(&self, named: Option<String>) -> Result<Interrupted, Refusal> {
        let session = one_of(self.interrupted.keys(), named, "was cut off")?;
        self.interrupted.get(&session).cloned().ok_or_else(|| Refusal::No("it is gone".to_owned()))
    }

    /// Begins work that shows progress.
    pub fn begin(&mut self, kind: Kind, title: &str) -> Job {
        let id = JobId(self.next);
        self.next += 1;
        let (cancelled, steering) = (Arc::new(AtomicBool::new(false)), Steering::default());
        let open = self.open_texts();
        let (stop, texts, said) = (Arc::clone(&cancelled), Arc::clone(&open), steering.clone());
        self.jobs.insert(id, Running { kind, cancelled: stop, open: texts, steering: said, session: None });
        if self.client.progress {
            self.outbox.begin(id, title);
        }
        Job {
            id,
            cancelled,
            open,
            flags: self.settings.flags.clone(),
            fetcher: Arc::clone(&self.fetcher),
            inbox: self.inbox.clone(),
            steering,
        }
    }

    /// Begins a piece of work.
    pub fn start(&mut self, task: Task) {
        (self.start)(task);
    }

    /// Begins to write something down.
    pub fn write(&mut self, task: Task) {
        self.writing += 1;
        self.start(task);
    }

    fn written(&mut self) {
        self.writing = self.writing.saturating_sub(1);
        self.tell_shutdown();
    }

    fn tell_shutdown(&mut self) {
        if self.writing == 0 {
            for reply in self.shutdown.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    /// Ends a job's progress; what it was.
    pub fn end(&mut self, job: JobId) -> Option<Running> {
        self.outbox.end(job);
        self.jobs.remove(&job)
    }

    /// What the editor shows, which is what is tested.
    fn open_texts(&self) -> OpenTexts {
        let mut texts = BTreeMap::new();
        for open in self.documents.values() {
            if let Some(path) = &open.path {
                // Of two documents of one file the first counts, here as everywhere.
                texts.entry(path.clone()).or_insert_with(|| open.document.bytes().into());
            }
        }
        Arc::new(texts)
    }

    pub fn is_running(&self, which: impl Fn(&Kind) -> bool) -> bool {
        self.jobs.values().any(|running| which(&running.kind) && !running.cancelled.load(Ordering::Relaxed))
    }

    pub fn job(&mut self, id: JobId) -> Option<&mut Running> {
        self.jobs.get_mut(&id)
    }

    pub fn running(&self) -> impl Iterator<Item = &Running> {
        self.jobs.values()
    }

    pub fn cancel(&mut self, which: impl Fn(JobId, &Kind) -> bool) -> usize {
        let fitting = self.jobs.iter().filter(|(id, running)| which(**id, &running.kind));
        fitting.filter(|(_, running)| !running.cancelled.swap(true, Ordering::Relaxed)).count()
    }

    fn cancel_all(&mut self) -> usize {
        self.checks.forget_again(|_| true);
        self.cancel(|_, _| true)
    }

    /// The open document of a file.
    pub fn open_at(&self, path: &Path) -> Option<(&String, &Open)> {
        self.documents.iter().find(|(_, open)| open.path.as_deref() == Some(path))
    }

    /// The project of a file that was opened, once it is known.
    pub fn located_at(&self, path: &Path) -> Option<&Located> {
        self.located.get(path.parent()?)
    }

    /// Where to look for a test of which only the id is known.
    pub fn at(&self, root: Option<PathBuf>) -> Result<At, Refusal> {
        match root {
            Some(root) => Ok(At::Root(real(root))),
            None => Ok(At::Near(self.near()?)),
        }
    }
}

/// Why a command is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it names, or what it is about, is not known to this server.
    NotKnown(String),
    No(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::No(why)
    }
}

/// The session that is named by its beginning; without a name, the only one.
fn one_of<'a>(
    sessions: impl Iterator<Item = &'a String>,
    named: Option<String>,
    what: &str,
) -> Result<String, Refusal> {
    let mut fitting = sessions.filter(|session| named.as_ref().is_none_or(|named| session.starts_with(named.as_str())));
    match (fitting.next(), fitting.next()) {
        (Some(session), None) => Ok(session.clone()),
        (Some(one), Some(other)) => {
            Err(Refusal::No(format!("more than one {what}, such as {one} and {other}; name the session")))
        }
        (None, _) => Err(Refusal::NotKnown(match named {
            Some(named) => format!("nothing of a session {named} {what}"),
            None => format!("nothing {what}"),
        })),
    }
}

/// Files by which a project's root is found.
const CONFIGURATION: [&str; 6] = ["pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "setup.py"];

/// Whether a file lies in a folder of others' code, or of tools.
fn is_hidden(root: &Path, path: &Path) -> bool {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside
        .iter()
        .filter_map(|part| part.to_str())
        .any(|part| part.starts_with('.') || matches!(part, "site-packages" | "node_modules" | "__pycache__" | "venv"))
}

pub fn is_python(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "py")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What panics here is whoever begins the work; it could be any line.
    #[test]
    fn a_message_that_ends_in_a_panic_is_answered_and_the_next_is_served() {
        let (outbox, mut said) = Outbox::new();
        let (inbox, messages) = tokio::sync::mpsc::unbounded_channel();
        let start: Start = Box::new(|_| panic!("nothing can be begun"));
        let mut state = State::new(outbox, inbox.clone(), start, Fetcher::default());
        state.client.folders = vec![PathBuf::from("/a")];
        let ask = |command| {
            let (reply, answer) = oneshot::channel();
            inbox.send(Message::Command { command, reply }).expect("taken");
            answer
        };
        let (failing, next) = (ask(Command::ListSessions), ask(Command::Accept(None)));
        let refused = ask(Command::Cancel);
        let (reply, over) = oneshot::channel();
        inbox.send(Message::Shutdown { reply }).expect("taken");
        // The state has a sender of its own, so it is not waited for.
        std::thread::spawn(move || state.run(messages));
        assert!(failing.blocking_recv().is_err(), "who asked is answered by an error");
        assert!(next.blocking_recv().is_err(), "it looks for sessions, too");
        assert!(refused.blocking_recv().expect("an answer").is_ok(), "the list was begun, and can be cancelled");
        over.blocking_recv().expect("an answer");
        let texts = std::iter::from_fn(|| said.try_recv().ok());
        assert!(
            texts.into_iter().any(
                |out| matches!(out, super::super::outbox::Out::Say(Tone::Error, text) if text.contains("report it"))
            )
        );
    }
}
