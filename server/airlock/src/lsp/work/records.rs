//! What the language server reads and writes of sessions. A proposal that waits for its user is in the store alone, so that any
//! editor may take it up, and only one does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_core::check::{Approval, CheckError, CheckedProposal, judged};
use airlock_core::hash::ContentHash;
use airlock_core::proposal::Proposal;
use airlock_core::session::{Applied, Apply, ApplySettled, Ended, Opened, Session, Settlement, Task};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Findings;
use airlock_store::{Listed, Place, Store, StoreError};

use super::projects::locate;
use super::{
    Discovered, Held, Intended, Interrupted, Landed, Landing, Located, Ready, SharedLog, StoreOf, Waiting, document,
};
use crate::cli::context::GUEST;
use crate::config::Variables;
use crate::failure::Failure;
use crate::guest_install::{self, Cache, GuestState};
use crate::lsp::discovery::is_test_file;
use crate::lsp::review;
use crate::sessions::log::Log;
use crate::sessions::{self, PROGRAM, proposals, story, time};

/// Proposals that wait, and repairs that were cut off, taken from one repository; the newest.
const MOST: usize = 20;
/// Sessions in a list.
const LISTED: usize = 100;
/// Sessions looked at for the newest change that landed.
const LOOKED_AT: usize = 1_000;
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

/// What a repository's sessions have that somebody waits for. `greet`: and whether nobody has worked there before.
pub fn discover(located: &Located, greet: bool) -> Discovered {
    let mut found = Discovered { waiting: Vec::new(), interrupted: Vec::new(), greeting: None };
    if let Err(failure) = look(located, &mut found) {
        // Whoever needs them is told then.
        tracing::warn!("the sessions of {} cannot be looked at: {failure}", located.repository.display());
    }
    if greet && is_first(&located.repository) {
        found.greeting = Some(greeting(located));
    }
    found
}

fn look(located: &Located, found: &mut Discovered) -> Result<(), Failure> {
    let Some((_, store)) = open(&located.repository)? else { return Ok(()) };
    for listed in store.list()?.iter().filter(|listed| is_open(listed)).take(MOST) {
        if store.is_live(&listed.id) {
            continue;
        }
        // One that cannot be read keeps none of the others from being found.
        match taken(&located.repository, &store, listed) {
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
    listed.summary.as_ref().is_some_and(|summary| summary.status.is_none() && !summary.unsettled && !summary.applied)
}

enum Left {
    Waiting(Box<Waiting>),
    Interrupted(Interrupted),
}

fn taken(repository: &Path, store: &Store, listed: &Listed) -> Result<Option<Left>, Failure> {
    let session = replay(store, &listed.id)?;
    let Some(opened) = session.opened() else { return Ok(None) };
    let folder = repository.join(&opened.folder);
    let located = Located { root: locate(&folder)?.root, repository: repository.to_owned() };
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
            store: store_of,
            document: PathBuf::new(),
        };
        waiting.document = document(&format!("{}.diff", waiting.session), &review::document(&waiting))?;
        return Ok(Some(Left::Waiting(Box::new(waiting))));
    }
    let is_repair = opened.task == Task::Fix && !opened.apply && session.base().is_some();
    Ok(is_repair.then(|| Left::Interrupted(Interrupted { session: listed.id.clone(), test, located, store: store_of })))
}

fn replay(store: &Store, id: &str) -> Result<Session, Failure> {
    let events = store.events(id)?;
    Session::replay(events.iter().map(|stored| &stored.event))
        .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("session {id}: {error}")))
}

/// The test that a session is about: the first of its targets, else the one its call names.
fn test_of(session: &Session) -> String {
    let target = session.base().and_then(|base| base.groups.first()?.tests.first().cloned());
    let named = || {
        let arguments = &session.opened()?.arguments;
        let at = arguments.iter().position(|word| word == "--test")?;
        arguments.get(at + 1).cloned()
    };
    target.or_else(named).unwrap_or_else(|| "a failing test".to_owned())
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

fn greeting(located: &Located) -> String {
    let spec = guest_install::guest(GUEST);
    let has_guest = Cache::open(&Variables::process())
        .ok()
        .zip(spec.ok())
        .is_some_and(|(cache, spec)| matches!(guest_install::state(&cache, spec, false), GuestState::Installed { .. }));
    let files = test_files(&located.root);
    let count = match files {
        0 => "no test file found yet".to_owned(),
        1 => "one test file found".to_owned(),
        _ if files >= MOST_FILES => format!("{MOST_FILES} test files or more found"),
        _ => format!("{files} test files found"),
    };
    let guest = if has_guest { "" } else { " Its Python is not installed yet: airlock.installGuest does it." };
    format!(
        "Airlock: the tests of {} ({count}) run in a sandbox at each save, on a copy: nothing of yours is written, and nothing \
         goes to the network.{guest} To switch that off, set airlock.checkOnSave to false. This is said once.",
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
pub fn intend(store: &Store, session: &str, proposal: Proposal, approval: &Approval) -> Result<Box<Ready>, Intended> {
    let log = Log::new(take_up(store, session)?);
    let over = log.look(|session| match (session.ended(), session.applying()) {
        (_, Apply::Landed) => Some("it was accepted already".to_owned()),
        (Some(ended), _) => Some(match &ended.reason {
            Some(reason) => format!("it is over: {reason}"),
            None => "it is over".to_owned(),
        }),
        (None, _) => None,
    });
    if let Some(over) = over {
        return Err(Intended::Over(over));
    }
    let checked = log.look(|session| judged(proposal, session, approval));
    let checked = checked.map_err(|error: CheckError| Intended::Failed(error.to_string()))?;
    ready(log, checked, approval)
}

fn ready(log: Log, checked: CheckedProposal, approval: &Approval) -> Result<Box<Ready>, Intended> {
    log.write(proposals::intended(checked.proposal(), approval), Vec::new())
        .map_err(|error| Intended::Failed(format!("that could not be written down first: {error}")))?;
    Ok(Box::new(Ready { log: SharedLog(std::sync::Arc::new(log)), checked }))
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
        settings: std::collections::BTreeMap::new(),
        program: PROGRAM.to_owned(),
        guest: String::new(),
    };
    let log = Log::new(landed.store.0.begin(opened).map_err(failed)?);
    let (event, contents) = proposals::proposed(undo.proposal());
    log.write(event, contents).map_err(failed)?;
    ready(log, undo, &Approval::default())
}

/// Writes down how a review ended.
///
/// # Errors
/// It cannot be written down.
pub fn settle(held: Held, proposal: ContentHash, landing: Landing) -> Result<(), String> {
    let log = match held {
        Held::Log(log) => log,
        Held::Not { store, session } => match take_up(&store.0, &session) {
            Ok(writer) => SharedLog(std::sync::Arc::new(Log::new(writer))),
            Err(Intended::Over(_)) => return Ok(()),
            Err(Intended::Failed(why)) => return Err(why),
        },
    };
    // Another editor may have been first.
    if log.0.look(|session| session.ended().is_some()) {
        return Ok(());
    }
    write_end(&log.0, proposal, landing).map_err(|error| error.to_string())
}

fn write_end(log: &Log, proposal: ContentHash, landing: Landing) -> Result<(), StoreError> {
    let is_undo = log.look(|session| session.opened().is_some_and(|opened| opened.task == Task::Undo));
    let decided = log.look(|session| session.judged().map_or(Status::Ok, |judged| judged.decision.status()));
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
        Landing::Unknown => Ok(()),
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
    for path in near {
        let located = match locate(path) {
            Ok(located) => located,
            Err(failure) => {
                why = failure;
                continue;
            }
        };
        let Some((_, store)) = open(&located.repository)? else { continue };
        match recall_in(&store, &located, word) {
            Err(failure) if failure.code == ErrorCode::SessionNotFound => why = failure,
            other => return other,
        }
    }
    Err(why)
}

/// The same in one repository.
///
/// # Errors
/// As for [`recall`].
pub fn recall_in(store: &Store, located: &Located, word: Option<&str>) -> Result<Landed, Failure> {
    let id = match word {
        Some(word) => store.find(word)?,
        None => newest_landed(store)?.ok_or_else(|| Failure::error(ErrorCode::SessionNotFound, NOTHING))?,
    };
    let session = replay(store, &id)?;
    let Some(proposed) = session.proposed().filter(|_| *session.applying() == Apply::Landed) else {
        let message = format!("session {id} has changed nothing that could be taken back");
        return Err(Failure::error(ErrorCode::Usage, message));
    };
    let proposal = proposals::rebuild(store, proposed)?;
    let (test, located) = (test_of(&session), located.clone());
    Ok(Landed { session: id, test, located, proposal, state: Box::new(session), store: StoreOf(store.clone()) })
}

const NOTHING: &str = "nothing has landed here that could be taken back";

fn newest_landed(store: &Store) -> Result<Option<String>, StoreError> {
    let mut undone = std::collections::BTreeSet::new();
    for listed in store.list()?.into_iter().take(LOOKED_AT) {
        let Some(summary) = listed.summary.filter(|summary| summary.applied) else { continue };
        match (summary.task, summary.arguments.get(1)) {
            (Task::Undo, Some(of)) => {
                undone.insert(of.clone());
            }
            (Task::Undo, None) => {}
            _ if undone.contains(&listed.id) => {}
            _ => return Ok(Some(listed.id)),
        }
    }
    Ok(None)
}

/// Writes a list of the sessions of projects, for reading.
///
/// # Errors
/// There is no project, or its sessions cannot be read.
pub fn list(near: &[PathBuf]) -> Result<PathBuf, Failure> {
    let mut text = String::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut failure = None;
    for path in near {
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
