//! What the language server reads and writes of sessions. A proposal that waits for its user is in the store alone, so that any
//! editor may take it up, and only one does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_core::check::{Approval, CheckError, CheckedProposal, judged};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::session::{Applied, Apply, ApplySettled, Approved, Ended, Opened, Session, Settlement, Task};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Findings;
use airlock_store::{Listed, Place, Store, StoreError};

use super::projects::locate;
use super::{
    Discovered, Greet, Held, Intended, Interrupted, Landed, Landing, Located, Ready, SharedLog, StoreOf, Waiting,
    document,
};
use crate::apply;
use crate::cli::context::GUEST;
use crate::cli::record;
use crate::config::Variables;
use crate::failure::Failure;
use crate::guest_install::{self, Cache, GuestState};
use crate::lsp::discovery::is_test_file;
use crate::lsp::{edits, review};
use crate::sessions::log::Log;
use crate::sessions::settle::{Settled, settle as settle_cut_off};
use crate::sessions::{self, PROGRAM, proposals, story, time};

/// Proposals that wait, and repairs that were cut off, taken at a time.
const MOST: usize = 20;
/// Places looked at for one command.
const MOST_PLACES: usize = 200;
/// Sessions in a list.
const LISTED: usize = 100;
/// Sessions looked at for the newest change that landed.
const LOOKED_AT: usize = 1_000;
/// What stands for the test of a session that is about none.
pub const NO_TEST: &str = "a failing test";
/// How often a session that another process holds for a moment is tried.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A repository's sessions, if there are some.
fn open(repository: &Path) -> Result<Option<(Place, Store)>, Failure> {
    let Some(place) = sessions::data_folder(&Variables::process(), Some(repository))?.find(repository)? else {
        return Ok(None);
    };
    let (store, put_aside) = sessions::open(&place, None)?;
    if let Some(why) = put_aside {
        return Err(why.into());
    }
    Ok(Some((place, store)))
}

/// What the sessions around paths have that somebody waits for. `greet`: and whether nobody has worked there before.
pub fn discover(near: &[PathBuf], greet: Option<Greet>) -> Discovered {
    let mut found = Discovered::default();
    let mut seen = BTreeSet::new();
    for path in near.iter().take(MOST_PLACES) {
        let Ok(located) = locate(path) else { continue };
        if !seen.insert(located.repository.clone()) {
            continue;
        }
        if let Err(failure) = look(&located.repository, &mut found) {
            // Whoever needs them is told then.
            tracing::warn!("the sessions of {} cannot be looked at: {failure}", located.repository.display());
        }
        if let Some(greet) = greet
            && is_first(&located.repository)
        {
            found.greeting = Some(greeting(&located, greet));
        }
    }
    found
}

fn look(repository: &Path, found: &mut Discovered) -> Result<(), Failure> {
    let Some((_, store)) = open(repository)? else { return Ok(()) };
    for listed in store.list()?.iter().filter(|listed| is_open(listed)) {
        if found.waiting.len() + found.interrupted.len() >= MOST {
            break;
        }
        if store.is_live(&listed.id) || !is_id(&listed.id) {
            continue;
        }
        // One that cannot be read keeps none of the others from being found.
        if listed.summary.as_ref().is_some_and(|summary| summary.unsettled) {
            match settled(repository, &store, &listed.id) {
                Ok(note) => found.notes.extend(note),
                Err(failure) => tracing::warn!("session {} is not settled: {failure}", listed.id),
            }
        }
        match taken(repository, &store, listed) {
            Ok(Some(Left::Waiting(waiting))) => found.waiting.push(*waiting),
            Ok(Some(Left::Interrupted(interrupted))) => found.interrupted.push(interrupted),
            Ok(None) => {}
            Err(failure) => tracing::warn!("session {} cannot be read: {failure}", listed.id),
        }
    }
    Ok(())
}

/// Whether a session was left without an end.
fn is_open(listed: &Listed) -> bool {
    listed.summary.as_ref().is_some_and(|summary| summary.status.is_none() && !summary.applied)
}

/// Whether an id is of the form that ours have: it names a file.
fn is_id(id: &str) -> bool {
    id.len() <= 64 && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

/// A landing that was cut off, settled by what is on the disk: what an editor had not saved is gone with it.
fn settled(repository: &Path, store: &Store, id: &str) -> Result<Option<String>, Failure> {
    let log = Log::new(store.take_up(id)?.0);
    settle_log(repository, &log)
}

/// What is to be said of it.
fn settle_log(repository: &Path, log: &Log) -> Result<Option<String>, Failure> {
    let id = log.id();
    Ok(match settle_cut_off(repository, log, false)? {
        Some(Settled::Landed(_)) => {
            record::end_landed(log);
            None
        }
        Some(Settled::Unclear(paths)) => Some(record::end_unclear(log, &paths)),
        Some(Settled::Half { .. }) => {
            let text = format!(
                "session {id} was cut off in the middle of landing; `airlock sessions resume {id}` finishes it"
            );
            Some(text)
        }
        Some(Settled::NotLanded) | None => None,
    })
}

/// The project that a session was made in.
fn project_of(repository: &Path, session: &Session) -> Result<Located, Failure> {
    let folder = session.opened().map_or("", |opened| opened.folder.as_str());
    let is_inside = Path::new(folder).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_inside {
        let message = format!("its folder {folder:?} is not one of the repository");
        return Err(Failure::error(ErrorCode::SessionUnreadable, message));
    }
    Ok(Located { root: locate(&repository.join(folder))?.root, repository: repository.to_owned() })
}

enum Left {
    Waiting(Box<Waiting>),
    Interrupted(Interrupted),
}

fn taken(repository: &Path, store: &Store, listed: &Listed) -> Result<Option<Left>, Failure> {
    let session = replay(store, &listed.id)?;
    let Some(opened) = session.opened().filter(|_| session.ended().is_none()) else { return Ok(None) };
    let located = project_of(repository, &session)?;
    let test = test_of(&session);
    let store_of = StoreOf(store.clone());
    if session.waits()
        && let Some((proposed, judged)) = session.proposed().zip(session.judged())
    {
        let findings: Findings = serde_json::from_slice(&store.content(judged.verdict)?)
            .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("its verdict: {error}")))?;
        let mut waiting = Waiting {
            session: listed.id.clone(),
            test,
            located,
            proposal: proposals::rebuild(store, proposed)?,
            findings,
            explanation: proposed.reason.clone(),
            unchecked: session.needs_approval().map(|asked| asked.why.clone()),
            store: store_of,
            document: PathBuf::new(),
        };
        waiting.document = document(&format!("{}.diff", waiting.session), &review::document(&waiting))?;
        return Ok(Some(Left::Waiting(Box::new(waiting))));
    }
    let is_task = opened.task == Task::Run;
    let may_go_on = (is_task || opened.task == Task::Fix)
        && !opened.apply
        && session.base().is_some()
        && *session.applying() == Apply::No;
    let test = if is_task && test == NO_TEST { asked(opened) } else { test };
    Ok(may_go_on.then(|| {
        Left::Interrupted(Interrupted {
            session: listed.id.clone(),
            asked: named(&session).unwrap_or_else(|| test.clone()),
            is_task,
            test,
            located,
            store: store_of,
        })
    }))
}

fn replay(store: &Store, id: &str) -> Result<Session, Failure> {
    let events = store.events(id)?;
    Session::replay(events.iter().map(|stored| &stored.event))
        .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("session {id}: {error}")))
}

/// The test that a session is about: the first of its targets, else the one its call names.
fn test_of(session: &Session) -> String {
    let target = session.base().and_then(|base| base.groups.first()?.tests.first().cloned());
    target.or_else(|| named(session)).unwrap_or_else(|| NO_TEST.to_owned())
}

/// A model's task in a few words.
fn asked(opened: &Opened) -> String {
    let words = opened.arguments.last().map(String::as_str).unwrap_or_default();
    let words = airlock_core::text::one_line(words, 60);
    if words.is_empty() { "a model's task".to_owned() } else { format!("the task \"{words}\"") }
}

/// The test that a session's call names: one, or all of its parameters.
fn named(session: &Session) -> Option<String> {
    let arguments = &session.opened()?.arguments;
    let at = arguments.iter().position(|word| word == "--test")?;
    arguments.get(at + 1).cloned()
}

/// Whether nobody has worked in a repository yet; says so once.
fn is_first(repository: &Path) -> bool {
    let Some(state) = Variables::process().state_home() else { return false };
    let hash = blake3::hash(repository.to_string_lossy().as_bytes()).to_hex();
    let mark = state.join("airlock").join("greeted").join(&hash[..16]);
    if mark.exists() {
        return false;
    }
    // Where it cannot be kept, it would be said each time.
    review::write(&mark, repository.to_string_lossy().as_bytes()).is_ok()
}

fn greeting(located: &Located, greet: Greet) -> String {
    let spec = guest_install::guest(GUEST);
    let has_guest = Cache::open(&Variables::process())
        .ok()
        .zip(spec.ok())
        .is_some_and(|(cache, spec)| matches!(guest_install::state(&cache, spec, false), GuestState::Installed { .. }));
    let files = test_files(&located.root);
    let tests = match files {
        0 => "tests".to_owned(),
        1 => "the one test file".to_owned(),
        _ if files >= MOST_FILES => format!("the {MOST_FILES} test files and more"),
        _ => format!("the {files} test files"),
    };
    let guest = if has_guest { "" } else { " Its Python is not installed yet: airlock.installGuest does it." };
    // The first line has to be short: some editors show no more.
    let (line, switch) = match greet {
        Greet::AtSave => (
            format!("a save runs {tests} sandboxed (off: airlock.checkOnSave)"),
            "To switch that off, set airlock.checkOnSave to false",
        ),
        Greet::Asked => (
            format!("airlock.checkTests runs {tests} in a sandbox"),
            "To have them run at each save, set airlock.checkOnSave to true",
        ),
    };
    format!(
        "Airlock: {line}.\nThe tests of {} run on a copy: nothing of yours is written, and nothing goes to the \
         network.{guest} {switch}. This is said once.",
        located.root.display()
    )
}

/// Most files looked for, and most folders looked into.
const MOST_FILES: usize = 1_000;
const MOST_FOLDERS: usize = 2_000;

fn test_files(root: &Path) -> usize {
    let (mut found, mut folders) = (0, 0);
    let walk = ignore::WalkBuilder::new(root).follow_links(false).build();
    for entry in walk.flatten() {
        folders += usize::from(entry.file_type().is_some_and(|kind| kind.is_dir()));
        found += usize::from(entry.file_type().is_some_and(|kind| kind.is_file()) && is_test_file(entry.path()));
        if found >= MOST_FILES || folders >= MOST_FOLDERS {
            break;
        }
    }
    found
}

/// Writes down that a proposal is about to land, which makes it one that may.
///
/// # Errors
/// Why it may not, or why that could not be written down.
pub fn intend(
    store: &Store,
    repository: &Path,
    session: &str,
    proposal: Proposal,
    approval: &Approval,
) -> Result<Box<Ready>, Intended> {
    let log = Log::new(take_up(store, session)?);
    // Another editor may have been cut off while it landed this.
    if log.look(|session| matches!(session.applying(), Apply::Intended(_))) {
        settle_log(repository, &log).map_err(|failure| Intended::Failed(failure.to_string()))?;
    }
    if let Some(over) = log.look(over) {
        return Err(Intended::Over(over));
    }
    // Bound to what was shown: the proposal's hash is in it.
    if approval.unchecked
        && approval.shown == Some(proposal.hash())
        && let Some(asked) = log.look(|session| session.needs_approval().cloned())
    {
        let approved = Approved { proposal: asked.proposal, verdict: asked.verdict };
        log.write(approved, Vec::new())
            .map_err(|error| Intended::Failed(format!("that could not be written down first: {error}")))?;
    }
    let checked = log.look(|session| judged(proposal, session, approval));
    let checked = checked.map_err(|error: CheckError| Intended::Failed(error.to_string()))?;
    rehearse(repository, &checked)?;
    ready(&log, &checked, approval)?;
    Ok(Box::new(Ready { log: SharedLog(Arc::new(log)), checked }))
}

/// Looks whether the program's own part of a change would land: the editor's goes first, and is not to stand alone.
fn rehearse(repository: &Path, checked: &CheckedProposal) -> Result<(), Intended> {
    let ours = checked.proposal().files().filter(|(_, change)| edits::is_ours(change));
    let ours: BTreeSet<WorkspacePath> = ours.map(|(path, _)| path.clone()).collect();
    apply::rehearse(repository, checked, &ours).map_err(|error| Intended::Failed(error.to_string()))
}

/// Writes the program's own part of a change, whole or not at all. The intention is durable already.
///
/// # Errors
/// Why nothing of it was written.
pub fn write(
    log: &SharedLog,
    repository: &Path,
    checked: &CheckedProposal,
    files: &BTreeSet<WorkspacePath>,
) -> Result<(), String> {
    // One at a time, as from the command line.
    let _landing = log.0.store().landing().map_err(|error| error.to_string())?;
    let landed = apply::land_part(repository, checked, files).map_err(|error| error.to_string())?;
    for leftover in &landed.leftovers {
        tracing::warn!("{leftover}");
    }
    Ok(())
}

fn ready(log: &Log, checked: &CheckedProposal, approval: &Approval) -> Result<(), Intended> {
    log.write(proposals::intended(checked.proposal(), approval), Vec::new())
        .map_err(|error| Intended::Failed(format!("that could not be written down first: {error}")))
}

/// Takes a session up, which another editor may be just ending.
fn take_up(store: &Store, session: &str) -> Result<airlock_store::Writer, Intended> {
    let mut tries = 0;
    loop {
        match store.take_up(session) {
            Ok((writer, _)) => return Ok(writer),
            Err(StoreError::Owned { .. }) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(StoreError::Owned { .. }) => {
                return Err(Intended::Failed("another editor is at work on it".to_owned()));
            }
            Err(StoreError::NotFound(_)) => return Err(Intended::Over("its session is no longer kept".to_owned())),
            Err(error) => return Err(Intended::Failed(error.to_string())),
        }
    }
}

/// Begins the session that takes another one's change back, and writes down that this is about to land.
///
/// # Errors
/// It cannot be written down.
pub fn take_back(landed: &Landed, undo: CheckedProposal) -> Result<Box<Ready>, Intended> {
    let failed = |error: StoreError| Intended::Failed(format!("that could not be written down first: {error}"));
    let folder = landed.located.root.strip_prefix(&landed.located.repository).unwrap_or(&landed.located.root);
    let opened = Opened {
        task: Task::Undo,
        arguments: vec!["undo".to_owned(), landed.session.clone()],
        folder: folder.to_string_lossy().into_owned(),
        apply: true,
        partial: false,
        settings: BTreeMap::new(),
        program: PROGRAM.to_owned(),
        guest: String::new(),
    };
    let store = &landed.store.0;
    // Of several editors one takes it back.
    let _one = store.landing().map_err(failed)?;
    if undone(store).map_err(failed)?.contains(&landed.session) {
        return Err(Intended::Over("it is taken back already, or that is just being done".to_owned()));
    }
    rehearse(&landed.located.repository, &undo)?;
    let log = Log::new(store.begin(opened).map_err(failed)?);
    let (event, contents) = proposals::proposed(undo.proposal());
    let written = log.write(event, contents).map_err(failed).and_then(|()| ready(&log, &undo, &Approval::default()));
    match written {
        Ok(()) => Ok(Box::new(Ready { log: SharedLog(Arc::new(log)), checked: undo })),
        Err(why) => {
            let reason = Some("it could not be written down".to_owned());
            log.keep(Ended { status: Status::Error, reason, open: false }, Vec::new());
            Err(why)
        }
    }
}

/// Writes down how a review ended; how it had ended before, where another editor was first.
///
/// # Errors
/// It cannot be written down.
pub fn settle(held: Held, proposal: ContentHash, landing: Landing) -> Result<Option<String>, String> {
    let log = match held {
        Held::Log(log) => log,
        Held::Not { store, session } => match take_up(&store.0, &session) {
            Ok(writer) => SharedLog(Arc::new(Log::new(writer))),
            Err(Intended::Over(why)) => return Ok(Some(why)),
            Err(Intended::Failed(why)) => return Err(why),
        },
    };
    if let Some(over) = log.0.look(over) {
        return Ok(Some(over));
    }
    write_end(&log.0, proposal, landing).map(|()| None).map_err(|error| error.to_string())
}

/// How a session is over, where it is.
fn over(session: &Session) -> Option<String> {
    match (session.ended(), session.applying()) {
        (_, Apply::Landed) => Some("it was accepted already".to_owned()),
        (Some(ended), _) => Some(match &ended.reason {
            Some(reason) => format!("it is over: {reason}"),
            None => "it is over".to_owned(),
        }),
        (None, _) => None,
    }
}

fn write_end(log: &Log, proposal: ContentHash, landing: Landing) -> Result<(), StoreError> {
    let is_undo = log.look(|session| session.opened().is_some_and(|opened| opened.task == Task::Undo));
    let decided = log.look(|session| session.judged().map_or(Status::Ok, record::landed_status));
    match landing {
        Landing::Landed => {
            log.write(Applied { proposal }, Vec::new())?;
            log.write(Ended { status: decided, reason: None, open: false }, Vec::new())
        }
        Landing::NotLanded => {
            log.write(ApplySettled { proposal, settlement: Settlement::NotLanded }, Vec::new())?;
            // A proposal waits on; taking something back is asked for anew.
            if !is_undo {
                return Ok(());
            }
            let reason = Some("the editor did not apply it".to_owned());
            log.write(Ended { status: Status::Error, reason, open: false }, Vec::new())
        }
        Landing::Partly(paths) => {
            log.write(ApplySettled { proposal, settlement: Settlement::Unclear(paths) }, Vec::new())?;
            let reason = Some("the editor applied a part of it".to_owned());
            log.write(Ended { status: Status::Error, reason, open: false }, Vec::new())
        }
        Landing::Rejected(reason) => {
            let reason = Some(reason.map_or_else(|| "rejected".to_owned(), |reason| format!("rejected: {reason}")));
            log.write(Ended { status: decided, reason, open: false }, Vec::new())
        }
    }
}

/// A change that has landed: of the session named, by its beginning, or the newest that was not taken back.
///
/// # Errors
/// There is none, or it is no longer kept.
pub fn recall(near: &[PathBuf], word: Option<&str>) -> Result<Landed, Failure> {
    let mut why = Failure::error(ErrorCode::SessionNotFound, NOTHING);
    let mut newest: Option<(i64, PathBuf, Store, String)> = None;
    let mut seen = BTreeSet::new();
    for path in near.iter().take(MOST_PLACES) {
        let repository = match locate(path) {
            Ok(located) => located.repository,
            Err(failure) => {
                why = failure;
                continue;
            }
        };
        if !seen.insert(repository.clone()) {
            continue;
        }
        let Some((_, store)) = open(&repository)? else { continue };
        match (word, newest_landed(&store)?) {
            (Some(_), _) => match recall_in(&store, &repository, word) {
                Err(failure) if failure.code == ErrorCode::SessionNotFound => why = failure,
                other => return other,
            },
            (None, Some((at, id))) if newest.as_ref().is_none_or(|(newest, ..)| *newest < at) => {
                newest = Some((at, repository, store, id));
            }
            (None, _) => {}
        }
    }
    match newest {
        Some((_, repository, store, id)) => recall_in(&store, &repository, Some(&id)),
        None => Err(why),
    }
}

/// The same in one repository.
///
/// # Errors
/// As for [`recall`].
pub fn recall_in(store: &Store, repository: &Path, word: Option<&str>) -> Result<Landed, Failure> {
    let id = match word {
        Some(word) => store.find(word)?,
        None => newest_landed(store)?.ok_or_else(|| Failure::error(ErrorCode::SessionNotFound, NOTHING))?.1,
    };
    let session = replay(store, &id)?;
    let is_there = matches!(session.applying(), Apply::Landed | Apply::Unclear(_));
    let Some(proposed) = session.proposed().filter(|_| is_there) else {
        let message = format!("session {id} has changed nothing that could be taken back");
        return Err(Failure::error(ErrorCode::Usage, message));
    };
    let proposal = proposals::rebuild(store, proposed)?;
    let (test, located) = (test_of(&session), project_of(repository, &session)?);
    Ok(Landed { session: id, test, located, proposal, state: Box::new(session), store: StoreOf(store.clone()) })
}

const NOTHING: &str = "nothing has landed here that could be taken back";

/// The newest session that has landed and is not taken back, and when it was touched.
fn newest_landed(store: &Store) -> Result<Option<(i64, String)>, StoreError> {
    let undone = undone(store)?;
    let landed = store.list()?.into_iter().take(LOOKED_AT).filter(|listed| {
        let summary = listed.summary.as_ref();
        summary.is_some_and(|summary| summary.applied && summary.task != Task::Undo) && !undone.contains(&listed.id)
    });
    // A session that began earlier may have landed later.
    Ok(landed.max_by_key(|listed| listed.touched_at).map(|listed| (listed.touched_at, listed.id)))
}

/// Sessions that are taken back, or just being so.
fn undone(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    let mut undone = BTreeSet::new();
    // The newest first: what took back is known before what it took back.
    for listed in store.list()?.into_iter().take(LOOKED_AT) {
        let Some(summary) = listed.summary.filter(|summary| summary.task == Task::Undo) else { continue };
        let counts = summary.applied || store.is_live(&listed.id);
        if let Some(of) = summary.arguments.get(1).filter(|_| counts && !undone.contains(&listed.id)) {
            undone.insert(of.clone());
        }
    }
    Ok(undone)
}

/// Writes a list of the sessions of projects, for reading.
///
/// # Errors
/// There is no project, or its sessions cannot be read.
pub fn list(near: &[PathBuf]) -> Result<PathBuf, Failure> {
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    let mut failure = None;
    for path in near.iter().take(MOST_PLACES) {
        let repository = match locate(path) {
            Ok(located) => located.repository,
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        if !seen.insert(repository.clone()) {
            continue;
        }
        text.push_str(&format!("{}\n", repository.display()));
        let listed = match open(&repository)? {
            Some((_, store)) => store.list()?.into_iter().map(|of| (store.is_live(&of.id), of)).collect(),
            None => Vec::new(),
        };
        if listed.is_empty() {
            text.push_str("  no session is kept\n");
        }
        for (is_live, of) in listed.into_iter().take(LISTED) {
            let call = of.summary.as_ref().map_or_else(String::new, |summary| story::call(&summary.arguments));
            let landed = if of.summary.as_ref().is_some_and(|summary| summary.applied) { ", applied" } else { "" };
            let state = match (story::state(&of, is_live), of.summary.as_ref().and_then(|summary| summary.status)) {
                ("ended", Some(status)) => status.as_str().replace('_', " "),
                (state, _) => state.to_owned(),
            };
            let when = time::iso(of.opened_at).replace('T', " ");
            text.push_str(&format!("  {}  {when}  {state}{landed}  {call}\n", of.id));
        }
        text.push('\n');
    }
    match failure {
        Some(failure) if seen.is_empty() => Err(failure),
        _ => {
            text.push_str("Commands take an id, or its beginning: airlock.openReview, airlock.resume, airlock.undo.\n");
            document("sessions.txt", airlock_core::text::visible(&text).as_bytes())
        }
    }
}
