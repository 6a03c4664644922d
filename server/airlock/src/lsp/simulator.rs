//! Editors played against the owner of the state: users that type, save, accept and take back while messages, work and edits
//! are under way, in any order that their channels allow.
//!
//! Sources of the quirks: the editors themselves, as their own tests of this project drive them. Sessions are real ones, on the
//! disk; work on tests is played.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use airlock_core::hash::ContentHash;
use airlock_core::proposal::{FileState, Proposal};
use airlock_core::report::Counts;
use airlock_core::session::{BaseJudged, Event, Judged, Opened, TargetGroup, Task as SessionTask};
use airlock_core::status::Status;
use airlock_core::verdict::{Decision, Findings};
use airlock_store::{DataFolder, Options, Store};
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::documents::{Encoding, Place, TextChange};
use super::message::{Client, Command, Message};
use super::outbox::{Out, Outbox};
use super::settings::Settings;
use super::state::{Kind, State};
use super::to_proto::{self, FileEdit, Finding, FindingKind};
use super::work::{self, Checked, Found, Located, Repaired, StoreOf, Task, Waiting};
use crate::sessions::log::Log;
use crate::sessions::proposals;

/// Races in the short form and in the long one.
const RACES: u64 = 250;
const LONG_RACES: u64 = 10_000;

/// How an editor takes edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Editor {
    /// A stale edit is skipped and called applied; the change may come after the answer; versions jump.
    Neovim,
    /// Documents before a stale one stay edited; the answer is no.
    Helix,
    /// All or none.
    VsCode,
    /// A stale edit ends in an error; file operations, which it does not know, it calls done.
    Eglot,
    /// It answers nothing, and edits all the same.
    Silent,
}

const EDITORS: [Editor; 5] = [Editor::Neovim, Editor::Helix, Editor::VsCode, Editor::Eglot, Editor::Silent];

/// Numbers by a seed: xorshift64*, Vigna 2014.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("fits") % bound.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

struct Buffer {
    version: i32,
    text: String,
    /// Every text it had, by version.
    history: BTreeMap<i32, String>,
}

/// One race: an editor with its user, the server's state, and what is under way between them.
struct Race {
    chance: Chance,
    editor: Editor,
    state: State,
    said: mpsc::UnboundedReceiver<Out>,
    tasks: Arc<Mutex<VecDeque<Task>>>,
    store: Store,
    located: Located,
    to_server: VecDeque<Message>,
    /// Edits that the editor has not looked at yet.
    edits: VecDeque<(String, u64, Vec<FileEdit>)>,
    timers: Vec<Message>,
    buffers: BTreeMap<PathBuf, Buffer>,
    /// What users and other programs wrote, by file; none of it may get lost.
    marks: BTreeMap<PathBuf, Vec<String>>,
    /// Texts that were judged, by file.
    judged: BTreeMap<PathBuf, Vec<String>>,
    /// Files that came or went by the program's own hand.
    moved: usize,
    written: usize,
    opened: i32,
    log: Vec<String>,
}

const FILES: [&str; 2] = ["a.py", "b.py"];
/// A file that proposals create and delete, and others, too.
const EXTRA: &str = "c.py";
const TEXT: &str = "one = 1\ntwo = 2\nthree = 3\nfour = 4\nfive = 5\nsix = 6\nseven = 7\n";

impl Race {
    fn new(seed: u64, editor: Editor, folder: &Path) -> Self {
        let repository = folder.canonicalize().expect("there").join(format!("p{seed}-{editor:?}"));
        std::fs::create_dir_all(&repository).expect("made");
        for file in FILES {
            std::fs::write(repository.join(file), TEXT).expect("written");
        }
        let place = DataFolder::at(folder.join("data")).and_then(|data| data.place(&repository)).expect("a place");
        let store = airlock_store::open(&place, Options::default()).expect("opens").store;
        let (outbox, said) = Outbox::new();
        let (inbox, _) = mpsc::unbounded_channel();
        let tasks: Arc<Mutex<VecDeque<Task>>> = Arc::default();
        let start = {
            let tasks = Arc::clone(&tasks);
            Box::new(move |task| tasks.lock().expect("whole").push_back(task))
        };
        let mut state = State::new(outbox, inbox, start, work::Fetcher::default());
        let client = Client {
            encoding: Encoding::Utf16,
            folders: vec![repository.clone()],
            one_by_one: editor == Editor::Neovim,
            ..Client::default()
        };
        state.take(Message::Initialized(client, Settings::default()));
        let located = Located { root: repository.clone(), repository };
        Self {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            editor,
            state,
            said,
            tasks,
            store,
            located,
            to_server: VecDeque::new(),
            edits: VecDeque::new(),
            timers: Vec::new(),
            buffers: BTreeMap::new(),
            marks: BTreeMap::new(),
            judged: BTreeMap::new(),
            moved: 0,
            written: 0,
            opened: 0,
            log: Vec::new(),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.located.root.join(file)
    }

    fn uri(path: &Path) -> String {
        to_proto::uri_of(path).expect("a file")
    }

    /// What a reader of the file sees: the editor's text, else the disk's.
    fn text(&self, path: &Path) -> String {
        match self.buffers.get(path) {
            Some(buffer) => buffer.text.clone(),
            // The one that comes and goes has nothing in it while it is away.
            None => std::fs::read_to_string(path).unwrap_or_default(),
        }
    }

    /// One of the files that users and other programs work on.
    fn any_file(&mut self) -> &'static str {
        match self.chance.below(5) {
            0 => EXTRA,
            number => FILES[number % FILES.len()],
        }
    }

    fn open(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).expect("read");
        // No version comes twice: what is on its way may be of an earlier opening.
        self.opened += 1_000;
        let version = self.opened;
        let history = BTreeMap::from([(version, text.clone())]);
        self.buffers.insert(path.to_owned(), Buffer { version, text: text.clone(), history });
        self.to_server.push_back(Message::Opened { uri: Self::uri(path), version, text });
    }

    /// Gives a buffer another text, and tells the server.
    fn set(&mut self, path: &Path, text: String) {
        let jump =
            if self.editor == Editor::Neovim { 1 + i32::try_from(self.chance.below(3)).expect("fits") } else { 1 };
        let buffer = self.buffers.get_mut(path).expect("open");
        buffer.version += jump;
        buffer.text.clone_from(&text);
        buffer.history.insert(buffer.version, text.clone());
        let changes = vec![TextChange { range: None, text }];
        self.to_server.push_back(Message::Changed { uri: Self::uri(path), version: buffer.version, changes });
    }

    /// A line of the user's own, somewhere.
    fn marked(&mut self, path: &Path) -> String {
        self.written += 1;
        let mark = format!("# mark {}", self.written);
        let text = self.text(path);
        let mut lines: Vec<&str> = text.lines().collect();
        let at = self.chance.below(lines.len() + 1);
        lines.insert(at, &mark);
        let text = lines.join("\n") + "\n";
        self.marks.entry(path.to_owned()).or_default().push(mark);
        text
    }

    /// A proposal on the texts as they are, as a search would make it.
    fn propose(&mut self) {
        let with_extra = self.chance.one_in(3);
        let files = usize::from(!with_extra) + self.chance.below(FILES.len());
        let mut changes = Vec::new();
        if with_extra {
            let extra = self.path(EXTRA);
            let is_there = self.buffers.contains_key(&extra) || extra.exists();
            let text = if is_there { self.text(&extra) } else { format!("# new {}\n", self.written) };
            let state = Some(FileState::new(text.into_bytes(), false));
            let (base, new) = if is_there { (state, None) } else { (None, state) };
            changes.push((EXTRA.parse().expect("a path"), base, new));
        }
        for file in FILES.iter().take(files) {
            let path = self.path(file);
            let text = self.text(&path);
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let code: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains('=')).collect();
            let mut new = lines.clone();
            for _ in 0..=self.chance.below(2) {
                let at = code[self.chance.below(code.len())];
                self.written += 1;
                new[at] = format!("{} + {}", lines[at].split('+').next().expect("some").trim_end(), self.written);
            }
            let state = |lines: &[String]| FileState::new((lines.join("\n") + "\n").into_bytes(), false);
            changes.push((file.parse().expect("a path"), Some(state(&lines)), Some(state(&new))));
        }
        let proposal = Proposal::new("it is better so", changes).expect("a proposal");
        let waiting = self.waiting(proposal);
        let kind = Kind::Repair { root: Some(self.located.root.clone()), test: waiting.test.clone(), session: None };
        let job = self.state.begin(kind, "").id;
        let repaired =
            Repaired { status: Status::Verified, why: String::new(), waiting: Some(Box::new(waiting)), answer: None };
        self.to_server.push_back(Message::Repaired { job, result: Ok(repaired) });
    }

    /// A session with a verdict that lets a proposal through.
    fn waiting(&mut self, proposal: Proposal) -> Waiting {
        let test = format!("test_a.py::test_{}", self.written);
        self.note(&proposal);
        let opened = Opened {
            task: SessionTask::Fix,
            arguments: ["fix", "--test", &test].map(str::to_owned).to_vec(),
            folder: String::new(),
            apply: false,
            partial: false,
            settings: BTreeMap::new(),
            program: "0".to_owned(),
            guest: "python".to_owned(),
        };
        let log = Log::new(self.store.begin(opened).expect("begun"));
        let base = BaseJudged {
            base: ContentHash::of(b"base"),
            counts: Counts::default(),
            groups: vec![TargetGroup { fingerprint: None, tests: vec![test.clone()] }],
            python: String::new(),
            runner: String::new(),
            files: None,
        };
        log.write(base, Vec::new()).expect("written");
        let (event, contents) = proposals::proposed(&proposal);
        log.write(event, contents).expect("written");
        let findings = findings();
        let whole = serde_json::to_vec(&findings).expect("plain");
        let judged = Judged {
            proposal: proposal.hash(),
            decision: Decision::Verified,
            before: findings.before,
            after: findings.after,
            fixed: vec![test.clone()],
            still_failing: Vec::new(),
            broken: Vec::new(),
            reasons: Vec::new(),
            command: String::new(),
            verdict: ContentHash::of(&whole),
        };
        log.write(judged, vec![whole]).expect("written");
        Waiting {
            unchecked: None,
            session: log.id().to_owned(),
            test,
            located: self.located.clone(),
            proposal,
            findings,
            explanation: "it is better so".to_owned(),
            store: StoreOf(log.store()),
            document: self.path("review.diff"),
        }
    }

    /// Texts that may come of a proposal.
    fn note(&mut self, proposal: &Proposal) {
        for (path, change) in proposal.files() {
            if let Some(new) = change.new_state() {
                let text = String::from_utf8(new.bytes().to_vec()).expect("text");
                self.judged.entry(self.path(path.as_str())).or_default().push(text);
            }
        }
    }

    /// One thing that could happen next.
    fn step(&mut self) {
        self.hear();
        match self.chance.below(12) {
            0..=3 => self.deliver(),
            4..=5 => self.work(),
            6 => self.edit(),
            7 => self.type_or_write(),
            8 if self.state.reviews.len() < 3 => self.propose(),
            9 => self.command(),
            10 => self.save_or_close(),
            _ => self.deliver(),
        }
        self.hear();
    }

    fn deliver(&mut self) {
        if let Some(message) = self.to_server.pop_front() {
            self.state.take(message);
        }
    }

    fn type_or_write(&mut self) {
        let file = self.any_file();
        let path = self.path(file);
        let text = self.marked(&path);
        self.log.push(format!("typed in {file}"));
        if self.buffers.contains_key(&path) {
            self.set(&path, text);
        } else {
            std::fs::write(&path, text).expect("written");
            self.to_server.push_back(Message::Watched { paths: vec![path] });
        }
    }

    fn save_or_close(&mut self) {
        let file = self.any_file();
        let path = self.path(file);
        let Some(buffer) = self.buffers.get(&path) else {
            if path.exists() {
                self.open(&path);
            }
            return;
        };
        std::fs::write(&path, &buffer.text).expect("written");
        let uri = Self::uri(&path);
        if self.chance.one_in(3) {
            self.buffers.remove(&path);
            self.to_server.push_back(Message::Closed { uri });
        } else {
            self.to_server.push_back(Message::Saved { uri });
        }
    }

    fn command(&mut self) {
        let waiting: Vec<String> = self
            .state
            .reviews
            .iter()
            .filter(|(_, review)| review.is_waiting())
            .map(|(session, _)| session.clone())
            .collect();
        let session = waiting.get(self.chance.below(waiting.len())).cloned();
        let command = match self.chance.below(8) {
            0 => Command::Undo(None),
            1 => Command::Reject { session, reason: None },
            2 => Command::Cancel,
            _ => Command::Accept(session),
        };
        self.log.push(format!("{command:?}"));
        let (reply, _) = oneshot::channel();
        self.to_server.push_back(Message::Command { command, reply });
    }

    /// Does a piece of work, or plays it.
    fn work(&mut self) {
        let task = self.tasks.lock().expect("whole").pop_front();
        let message = match task {
            None => return,
            Some(Task::Locate { path, why }) => {
                Message::Located { why, path, result: Ok(self.located.clone()), has_model: false }
            }
            Some(Task::Discover { then, .. }) => {
                let found = work::Discovered::default();
                Message::Discovered { found, then }
            }
            Some(Task::Check { job, located, .. }) => {
                let found = self.located.clone();
                let files = FILES.map(|file| found.root.join(file));
                let mut texts = BTreeMap::new();
                let found = files.iter().filter_map(|path| {
                    let text = match job.open.get(path) {
                        Some(text) => text.to_vec(),
                        None => std::fs::read(path).ok()?,
                    };
                    // Its message says of which text it is.
                    let hash = ContentHash::of(&text);
                    texts.insert(path.clone(), hash);
                    let message = hash.to_string();
                    Some(Found {
                        id: format!("t.py::{}", path.display()),
                        path: path.clone(),
                        line: 0,
                        through: Vec::new(),
                        message,
                        reason: None,
                    })
                });
                let found = found.collect();
                let checked =
                    Checked { located, counts: Counts::default(), nothing: None, found, texts, notes: Vec::new() };
                Message::Checked { job: job.id, result: Ok(checked) }
            }
            Some(Task::JudgeAgain { job, session, proposal, .. }) => {
                let waiting = (!self.chance.one_in(4)).then(|| Box::new(self.waiting(proposal)));
                let repaired =
                    Repaired { status: Status::Verified, why: "it breaks a test".to_owned(), waiting, answer: None };
                Message::JudgedAgain { job: job.id, session, result: Ok(repaired) }
            }
            Some(task @ Task::Write { .. }) => self.written_by_program(task),
            Some(task @ (Task::Recall { .. } | Task::Intend { .. } | Task::TakeBack { .. } | Task::Settle { .. })) => {
                self.recalled(task)
            }
            Some(Task::Document { .. }) => return,
            Some(_) => panic!("nothing else is asked for"),
        };
        self.to_server.push_back(message);
    }

    /// What reads and writes sessions is done as it is; only the place to look is this race's own.
    fn recalled(&mut self, task: Task) -> Message {
        match task {
            Task::Recall { .. } => Message::Recalled {
                result: work::recall_in(&self.store, &self.located.repository, None)
                    .map(Box::new)
                    .map_err(|failure| failure.to_string()),
            },
            task => {
                if let Task::TakeBack { undo, .. } = &task {
                    let proposal = undo.proposal().clone();
                    self.note(&proposal);
                }
                work::do_it(task)
            }
        }
    }

    /// The program writes its part of a change, as it does, and what others wrote stays.
    fn written_by_program(&mut self, task: Task) -> Message {
        let Task::Write { checked, files, .. } = &task else { panic!("a part to write") };
        let changes: Vec<_> = files
            .iter()
            .filter_map(|file| Some((self.path(file.as_str()), checked.proposal().get(file)?.clone())))
            .collect();
        let before: Vec<Option<String>> = changes.iter().map(|(path, _)| std::fs::read_to_string(path).ok()).collect();
        let message = work::do_it(task);
        let Message::Wrote { result, .. } = &message else { panic!("it says how it went") };
        for ((path, change), before) in changes.iter().zip(before) {
            let now = std::fs::read_to_string(path).ok();
            if result.is_err() {
                assert_eq!(now, before, "{}: {:#?}", path.display(), self.log);
                continue;
            }
            let text =
                |state: Option<&FileState>| state.map(|state| String::from_utf8_lossy(state.bytes()).into_owned());
            assert_eq!((before, now), (text(change.base()), text(change.new_state())), "{:#?}", self.log);
            self.moved += 1;
            if change.new_state().is_none() && !self.buffers.contains_key(path) {
                // They were in what was to go, and seen.
                self.marks.remove(path);
            }
        }
        message
    }

    /// Takes what the server says, and holds it to what it may say.
    fn hear(&mut self) {
        while let Ok(out) = self.said.try_recv() {
            match out {
                Out::Findings { uri, version, findings } => self.shown(&uri, version, &findings),
                Out::Edit { key, attempt, edits, .. } => {
                    self.log.push(format!("edit for {key}"));
                    for edit in &edits {
                        self.is_whole(edit);
                    }
                    self.edits.push_back((key, attempt, edits));
                }
                Out::Later(_, message) => self.timers.push(*message),
                Out::Say(_, text) => self.log.push(text),
                _ => {}
            }
        }
    }

    /// Findings are of the text that has the version they are published for.
    fn shown(&self, uri: &str, version: Option<i32>, findings: &[Finding]) {
        let path = self.buffers.iter().find(|(path, _)| Self::uri(path) == uri);
        let Some(((_, buffer), version)) = path.zip(version) else { return };
        let Some(text) = buffer.history.get(&version) else { return };
        let failed = findings.iter().filter(|finding| finding.kind == FindingKind::Failed);
        for finding in failed {
            let hash = ContentHash::of(text.as_bytes()).to_string();
            assert!(finding.message.contains(&hash), "a finding of another text: {:#?}", self.log);
        }
    }

    /// An edit is for a text that there is, and makes of it one that was judged, or what was there before.
    fn is_whole(&self, edit: &FileEdit) {
        let path = self.located.root.join(edit.uri.rsplit('/').next().expect("a name"));
        let base = match edit.version {
            Some(version) => match self.buffers.get(&path).and_then(|buffer| buffer.history.get(&version)) {
                Some(text) => text.clone(),
                // Closed, and open again, meanwhile.
                None => return,
            },
            None => std::fs::read_to_string(&path).expect("read"),
        };
        let judged = self.judged.get(&path).is_some_and(|judged| judged.contains(&applied(&base, edit)));
        // A file that is closed may have been written to by others since the server looked.
        assert!(judged || edit.version.is_none(), "half or stale: {edit:?} of {base:?}: {:#?}", self.log);
    }

    /// The editor does what it is asked.
    fn edit(&mut self) {
        let Some((key, attempt, edits)) = self.edits.pop_front() else { return };
        let is_stale = |race: &Self, edit: &FileEdit| {
            let path = race.located.root.join(edit.uri.rsplit('/').next().expect("a name"));
            match (race.buffers.get(&path), edit.version) {
                (Some(buffer), Some(version)) => buffer.version != version,
                (None, None) => {
                    let text = std::fs::read_to_string(&path).expect("read");
                    !race.judged.get(&path).is_some_and(|judged| judged.contains(&applied(&text, edit)))
                }
                _ => true,
            }
        };
        let mut answer = Ok(());
        let stale_first = self.editor == Editor::VsCode && edits.iter().any(|edit| is_stale(self, edit));
        let answer_first = self.editor == Editor::Neovim && self.chance.one_in(2);
        if answer_first {
            self.to_server.push_back(Message::Answered { key: key.clone(), attempt, answer: Ok(()) });
        }
        for edit in &edits {
            if stale_first || is_stale(self, edit) {
                answer = Err("it is stale".to_owned());
                if self.editor == Editor::Neovim {
                    answer = Ok(());
                    continue;
                }
                break;
            }
            let path = self.located.root.join(edit.uri.rsplit('/').next().expect("a name"));
            let text = applied(&self.text(&path), edit);
            if self.buffers.contains_key(&path) {
                self.set(&path, text);
            } else {
                std::fs::write(&path, text).expect("written");
            }
        }
        if self.editor != Editor::Silent && !answer_first {
            self.to_server.push_back(Message::Answered { key, attempt, answer });
        }
    }

    /// Lets everything that is under way come to its end, time included.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.hear();
            let idle =
                self.to_server.is_empty() && self.edits.is_empty() && self.tasks.lock().expect("whole").is_empty();
            if idle {
                let Some(timer) = self.timers.pop() else { return };
                self.state.take(timer);
                continue;
            }
            self.deliver();
            self.work();
            self.edit();
        }
        panic!("it does not end: {:#?}", self.log);
    }

    fn look(&mut self) {
        self.settle();
        for (path, marks) in &self.marks {
            let text = self.text(path);
            for mark in marks {
                let count = text.lines().filter(|line| line == mark).count();
                assert_eq!(count, 1, "{mark} in {}: {:#?}", path.display(), self.log);
            }
        }
        let stuck: Vec<&String> =
            self.state.reviews.iter().filter(|(_, review)| !review.is_waiting()).map(|(key, _)| key).collect();
        assert!(stuck.is_empty(), "{stuck:?} hang: {:#?}", self.log);
        for listed in self.store.list().expect("listed") {
            let events = self.store.events(&listed.id).expect("read");
            let landed = events.iter().filter(|stored| matches!(stored.event, Event::Applied(_))).count();
            assert!(landed <= 1, "{} landed twice", listed.id);
            assert!(!self.store.is_live(&listed.id), "{} is held", listed.id);
        }
    }
}

fn findings() -> Findings {
    Findings {
        before: Counts::default(),
        after: Counts::default(),
        fixed: Vec::new(),
        still_failing: Vec::new(),
        failing_before: Vec::new(),
        broken: Vec::new(),
        gone: Vec::new(),
        skipped: Vec::new(),
        added: Vec::new(),
        not_testable: Vec::new(),
        newly_not_testable: Vec::new(),
        uncovered: Vec::new(),
        protected: Vec::new(),
        limits: Vec::new(),
        notes: Vec::new(),
        command: String::new(),
        reused: false,
        decision: Decision::Verified,
        reasons: Vec::new(),
    }
}

/// A text with an edit made; by lines, as all of the texts here are ASCII.
fn applied(text: &str, edit: &FileEdit) -> String {
    let offset = |place: &Place| -> usize {
        let before: usize = text.split_inclusive('\n').take(place.line as usize).map(str::len).sum();
        before + place.column as usize
    };
    let mut changes: Vec<(usize, usize, &str)> =
        edit.changes.iter().map(|(start, end, new)| (offset(start), offset(end), new.as_str())).collect();
    changes.sort_unstable();
    let mut out = text.to_owned();
    for (start, end, new) in changes.into_iter().rev() {
        if end > out.len() || start > end {
            return "no text".to_owned();
        }
        out.replace_range(start..end, new);
    }
    out
}

#[test]
fn no_race_lands_a_stale_or_half_edit_or_loses_what_was_typed() {
    let long = std::env::var_os("AIRLOCK_LONG").is_some();
    let races = if long { LONG_RACES } else { RACES };
    let folder = tempfile::TempDir::new().expect("a folder");
    let (mut landed, mut moved) = (0, 0);
    for seed in 1..=races {
        let editor = EDITORS[usize::try_from(seed).expect("fits") % EDITORS.len()];
        let mut race = Race::new(seed, editor, folder.path());
        for file in FILES {
            if race.chance.one_in(2) {
                let path = race.path(file);
                race.open(&path);
            }
        }
        race.propose();
        for _ in 0..40 + race.chance.below(80) {
            race.step();
        }
        race.look();
        moved += race.moved;
        landed += race.log.iter().filter(|line| line.contains("Airlock: applied")).count();
    }
    println!("{races} races, {landed} changes landed, {moved} files came or went");
    // Else nothing was looked at.
    assert!(landed as u64 > races / 8 && moved as u64 > races / 50, "{landed}, {moved} of {races}");
}
