//! What a command writes down of its work: it opens the session, says what happens, and how it ended.

use std::collections::BTreeMap;
use std::path::Path;

use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::report::Counts;
use airlock_core::session::{ApprovalAsked, Approved, BaseJudged, Ended, Judged, Opened, TargetGroup, Task};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Verdict;
use airlock_sandbox::guest::{Description, install};
use airlock_sandbox::suite::Suite;
use airlock_sandbox::worker::client::WorkerError;
use airlock_store::{Store, StoreError};

use super::args::COLUMNS;
use super::context::{Context, GUEST};
use super::document::{Body, Report};
use super::terminal::{Style, wrap};
use crate::config::{Settings, Variables};
use crate::failure::Failure;
use crate::guest_install;
use crate::judge::{self, Judge};
use crate::sessions::files;
use crate::sessions::log::Log;
use crate::sessions::runs::Runs;
use crate::sessions::settle::{Settled, settle};
use crate::sessions::{self, PROGRAM, proposals};
use crate::workbench::{Bench, Project};

/// A command's session; or none, where nothing can be kept.
pub struct Record<'a> {
    context: &'a Context,
    store: Option<Store>,
    log: Option<Log>,
    guest: [u8; 32],
    /// More time could lead further.
    pub more_could_help: bool,
}

impl<'a> Record<'a> {
    /// Opens the project's sessions, and settles what an earlier process was cut off in. `apply`: something is to land, so
    /// there has to be a place to write that down first.
    ///
    /// # Errors
    /// Something is to land, and nothing can be kept.
    pub fn open(context: &'a Context, project: &Project, apply: bool, taken: Option<Log>) -> Result<Self, Failure> {
        let mut record =
            Self { context, store: taken.as_ref().map(Log::store), log: taken, guest: [0; 32], more_could_help: false };
        if record.store.is_none() {
            match open(project) {
                Ok((store, put_aside)) => {
                    if let Some(put_aside) = put_aside {
                        record.warn(&put_aside.to_string());
                    }
                    record.settle_what_was_left(&store, &project.found.repository);
                    record.store = Some(store);
                }
                Err(error) => record.without(error, apply)?,
            }
        }
        Ok(record)
    }

    /// Begins the session, or compares one that was taken up with the project as it is now. Durable when this returns.
    ///
    /// # Errors
    /// Something is to land and nothing can be kept; or what was taken up is about something else.
    pub fn begin(
        &mut self,
        task: Task,
        project: &Project,
        bench: &Bench,
        (apply, partial): (bool, bool),
    ) -> Result<(), Failure> {
        self.guest = install::identity(&bench.guest, &Description::python()).map_err(WorkerError::from)?;
        let version = guest_install::guest(GUEST)?.version;
        let opened = Opened {
            task,
            arguments: self.context.arguments.clone(),
            folder: folder(&self.context.cwd, &project.found.repository),
            apply,
            partial,
            settings: deciding(&project.settings),
            program: PROGRAM.to_owned(),
            guest: format!("{GUEST} {version} {}", &blake3::Hash::from_bytes(self.guest).to_hex()[..16]),
        };
        if let Some(log) = &self.log {
            let differences = log.look(|session| session.opened().map(|was| differences(was, &opened)));
            let mut differences = differences.unwrap_or_default();
            // Known before the tests run, not after.
            if let Some(list) = kept_files(log) {
                let changed = files::differences(&list, &judge::snapshot(project)?);
                differences.extend(changed.map(|changed| format!("files have changed since: {changed}")));
            }
            if differences.is_empty() {
                self.context.terminal.session(log.id());
                return Ok(());
            }
            return Err(stale(log.id(), &differences.join("; ")));
        }
        let Some(store) = &self.store else { return Ok(()) };
        match store.begin(opened) {
            Ok(writer) => {
                self.context.terminal.session(writer.id());
                self.log = Some(Log::new(writer));
            }
            Err(error) => return self.without(error, apply),
        }
        // What cannot go now goes another time.
        let _ = store.tidy();
        Ok(())
    }

    /// Where runs are kept for later calls; nowhere with `--no-cache`.
    pub fn runs(&self, project: &Project, suite: &Suite<'_>, no_cache: bool) -> Option<Runs> {
        let store = self.store.clone().filter(|_| !no_cache)?;
        Some(Runs::new(store, suite, self.guest, project.files.clone()))
    }

    /// The base was judged.
    ///
    /// # Errors
    /// A session that was taken up is about another base; or something is to land, and nothing more can be kept.
    pub fn base(&self, judge: &Judge<'_>, targets: &[String]) -> Result<(), Failure> {
        let Some(log) = &self.log else { return Ok(()) };
        let report = judge.base();
        let base = judge.identity();
        if log.look(|session| session.base().is_some_and(|was| was.base != base)) {
            // The workspace's files were compared before; of those of its environment no names are kept.
            let what = match kept_files(log) {
                Some(_) => "packages of its environment have changed since",
                None => "the project has changed since",
            };
            return Err(stale(log.id(), what));
        }
        let mut groups: Vec<TargetGroup> = Vec::new();
        for test in report.tests.iter().filter(|test| targets.contains(&test.id)) {
            let known = groups.iter_mut().find(|of| of.fingerprint.is_some() && of.fingerprint == test.fingerprint);
            match known {
                Some(group) => group.tests.push(test.id.clone()),
                None => {
                    groups.push(TargetGroup { fingerprint: test.fingerprint.clone(), tests: vec![test.id.clone()] })
                }
            }
        }
        let (python, runner) = (report.python.clone(), report.runner.clone());
        let list = files::list(judge.snapshot());
        let files = list.as_deref().map(ContentHash::of);
        let judged = BaseJudged { base, counts: Counts::of(report), groups, python, runner, files };
        log.keep(judged, list.into_iter().collect());
        // Not after the work that is still to come.
        if log.look(|session| session.opened().is_some_and(|opened| opened.apply)) { self.whole() } else { Ok(()) }
    }

    /// That all of the session is on the disk so far, without which nothing lands.
    ///
    /// # Errors
    /// Why it is not.
    pub fn whole(&self) -> Result<(), Failure> {
        match self.log.as_ref().and_then(Log::lost) {
            Some(lost) => Err(cannot_land(lost.clone())),
            None => Ok(()),
        }
    }

    /// There is something to judge.
    pub fn proposed(&self, proposal: &Proposal) {
        if let Some(log) = &self.log {
            let (event, contents) = proposals::proposed(proposal);
            log.keep(event, contents);
        }
    }

    /// It was judged.
    pub fn judged(&self, proposal: &Proposal, verdict: &Verdict) {
        if let Some(log) = &self.log {
            let (event, contents) = proposals::judged(proposal, verdict);
            log.keep(event, contents);
        }
    }

    /// The user is asked whether what no test covers may land; `approved`: he has said so already.
    pub fn ask_approval(&self, proposal: &Proposal, verdict: &Verdict, why: &str, approved: bool) {
        if let Some(log) = &self.log {
            let (proposal, verdict) = (proposal.hash(), proposals::judged(proposal, verdict).0.verdict);
            log.keep(ApprovalAsked { proposal, verdict, why: why.to_owned() }, Vec::new());
            if approved {
                log.keep(Approved { proposal, verdict }, Vec::new());
            }
        }
    }

    pub fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// The session, which goes on: its proposal waits for somebody to look at it.
    pub fn wait(self) -> Option<Log> {
        self.log.filter(|log| log.lost().is_none())
    }

    /// Writes down how it ended, tells the session's id, and puts it in the document.
    pub fn end(self, mut result: Result<Report, Failure>) -> Result<Report, Failure> {
        let Some(log) = &self.log else { return result };
        let (status, reason, open) = match &result {
            Ok(report) => (report.status, None, self.more_could_help),
            Err(failure) => {
                // What it found out is of files that are no more.
                let open = failure.status != Status::NotTestable && failure.code != ErrorCode::FilesChanged;
                let reason = (failure.status != Status::Cancelled).then(|| failure.message.clone());
                (failure.status, reason, open)
            }
        };
        // One whose files nobody knows of stays open, for whoever looks at them next.
        let is_closed =
            log.look(|session| session.summary().is_some_and(|summary| summary.unsettled || summary.status.is_some()));
        if !is_closed {
            log.keep(Ended { status, reason, open }, Vec::new());
        }
        let terminal = &self.context.terminal;
        if let Some(lost) = log.lost() {
            self.warn(&format!("not all of this was kept: {lost}"));
        }
        match &mut result {
            Ok(Report { body: Body::Patch(body), .. }) => body.session = Some(log.id().to_owned()),
            Ok(Report { body: Body::Run(body), .. }) => body.patch.session = Some(log.id().to_owned()),
            Ok(Report { body: Body::Fix(body), .. }) => {
                body.patch.session = Some(log.id().to_owned());
                body.remembered = log.counts().0;
            }
            _ => {}
        }
        if let (known @ 1.., made) = log.counts() {
            let runs = if known == 1 { "run of before was" } else { "runs of before were" };
            let text = format!("{known} finished {runs} not made again; {made} were made");
            terminal.say(&terminal.out.paint(Style::Dim, &text));
        }
        if open && log.lost().is_none() {
            terminal.note(&format!("to go on from here: airlock sessions resume {}", log.id()));
        } else if result.is_ok() {
            terminal.say(&terminal.out.paint(Style::Dim, &format!("session {}", log.id())));
        }
        result
    }

    /// Goes on without a session, and says so, unless something is to land.
    fn without(&mut self, error: StoreError, apply: bool) -> Result<(), Failure> {
        if apply {
            return Err(cannot_land(error));
        }
        self.warn(&format!("nothing is kept of this: {error}"));
        Ok(())
    }

    /// Settles landings that were cut off where the files speak for themselves; says what has to be looked at.
    fn settle_what_was_left(&self, store: &Store, root: &Path) {
        let Ok(listed) = store.list() else { return };
        let unsettled = listed.iter().filter(|of| of.summary.as_ref().is_some_and(|summary| summary.unsettled));
        for session in unsettled {
            // At work elsewhere, or taken up by somebody at this moment.
            let Ok((writer, _)) = store.take_up(&session.id) else { continue };
            let log = Log::new(writer);
            match settle(root, &log, false) {
                Ok(Some(Settled::Landed(_))) => {
                    end_landed(&log);
                    self.warn(&format!("session {} was cut off after its change had landed", session.id));
                }
                Ok(Some(Settled::Half { done, rest })) => {
                    let names = |paths: &[WorkspacePath]| -> String {
                        paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    };
                    self.warn(&format!(
                        "session {} was cut off in the middle of landing: {} is written, {} is not; `airlock sessions \
                         resume {}` finishes it",
                        session.id,
                        names(&done),
                        names(&rest),
                        session.id
                    ));
                }
                Ok(Some(Settled::Unclear(paths))) => {
                    let why = end_unclear(&log, &paths);
                    self.warn(&format!("{why}; `airlock sessions show {}` tells what was to be written", session.id));
                }
                Ok(Some(Settled::NotLanded) | None) => {}
                Err(failure) => self.warn(&format!("session {} is not settled: {failure}", session.id)),
            }
        }
    }

    fn warn(&self, text: &str) {
        let terminal = &self.context.terminal;
        for line in wrap(&format!("warning: {text}"), "", COLUMNS) {
            terminal.note(&line);
        }
    }
}

/// What a session comes to whose change lands. What no test says anything of lands by the user's word alone.
pub fn landed_status(judged: &Judged) -> Status {
    if judged.says_nothing() { Status::NoRegression } else { judged.decision.status() }
}

/// Ends a session whose change has landed, as its verdict says.
pub fn end_landed(log: &Log) -> Status {
    let status = log.look(|session| session.judged().map_or(Status::Ok, landed_status));
    log.keep(Ended { status, reason: None, open: false }, Vec::new());
    status
}

/// Ends a session some of whose files are neither as before nor as after, and says so.
pub fn end_unclear(log: &Log, paths: &[WorkspacePath]) -> String {
    let names = paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = format!(
        "session {} was cut off in the middle of landing, and {names} is neither as it was nor as it was to be; nothing was \
         touched",
        log.id()
    );
    log.keep(Ended { status: Status::Error, reason: Some(why.clone()), open: false }, Vec::new());
    why
}

/// The list of the files that a session is about; none where there were too many.
fn kept_files(log: &Log) -> Option<Vec<u8>> {
    let files = log.look(|session| session.base().and_then(|base| base.files))?;
    log.store().content(files).ok()
}

fn cannot_land(error: StoreError) -> Failure {
    let failure = Failure::from(error);
    let message = format!("nothing can land, since that could not be written down first: {}", failure.message);
    let hint = failure.hint.unwrap_or_else(|| "without --apply the command works all the same".to_owned());
    Failure::error(failure.code, message).hint(hint)
}

fn open(project: &Project) -> Result<(Store, Option<StoreError>), StoreError> {
    let repository = &project.found.repository;
    let place = sessions::data_folder(&Variables::process(), Some(repository))?.place(repository)?;
    let opened = sessions::open(&place, Some(&project.settings))?;
    opened.0.room()?;
    Ok(opened)
}

/// The folder of the call, relative to the workspace where it lies in it, so that the workspace may move.
fn folder(cwd: &Path, workspace: &Path) -> String {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    cwd.strip_prefix(workspace).unwrap_or(&cwd).to_string_lossy().into_owned()
}

/// The settings by which a result may differ.
fn deciding(settings: &Settings) -> BTreeMap<String, String> {
    let list = |items: &[String]| items.join("\n");
    [
        ("threads", settings.threads.word().to_owned()),
        ("test_seconds", settings.test_seconds.to_string()),
        ("run_seconds", settings.run_seconds.to_string()),
        ("memory_mb", settings.memory_mb.to_string()),
        ("output_kb", settings.output_kb.to_string()),
        ("files", settings.files.to_string()),
        ("written_mb", settings.written_mb.to_string()),
        ("read", list(&settings.read)),
        ("ignore", list(&settings.ignore)),
        ("secrets", list(&settings.secrets)),
        ("python.guest", settings.python_guest.clone()),
        ("pytest.args", list(&settings.pytest_args)),
        ("search.seed", settings.search_seed.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What keeps the results of a session from being about the project as it is now.
fn differences(was: &Opened, now: &Opened) -> Vec<String> {
    let mut found = Vec::new();
    for (what, was, now) in [("Airlock", &was.program, &now.program), ("the guest", &was.guest, &now.guest)] {
        if was != now {
            found.push(format!("{what} was {was} then and is {now} now"));
        }
    }
    for (name, now) in &now.settings {
        match was.settings.get(name) {
            Some(was) if was == now => {}
            was => {
                let was = was.map_or("not there", String::as_str);
                found.push(format!("the setting {name} was {was:?} then and is {now:?} now"));
            }
        }
    }
    found
}

fn stale(id: &str, why: &str) -> Failure {
    let message = format!("what session {id} has found out says nothing of the project as it is now: {why}");
    Failure::error(ErrorCode::SessionStale, message)
        .hint(format!("`airlock sessions show {id}` tells what was asked; ask it anew"))
}
