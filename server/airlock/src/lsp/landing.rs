//! From a proposal that waits to an edit that has landed, or to a word on why it has not.
//!
//! What landed is told by the documents and the disk, never by the client's answer: editors answer `applied` to edits that
//! they skipped, and send the change itself before or after that.
//!
//! ```text
//! waiting ── accept ─┬─ intending ── editing ── writing ─┬─ landed
//!    ↑               └─ merging ──┘                       ├─ not landed: waits on
//!    └─────────────────────────────────────────────────── └─ in part: said, and to be taken back
//! ```
//!
//! The editor makes what changes in files that stay. Files that come or go are written by the program (`edits::is_ours`), once
//! the editor's part shows; that they can be was tried before the editor was asked. Where an editor has a file open that goes,
//! what it shows is none from then on, until it is saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_core::check::{Approval, CheckedProposal, TakeBackError, take_back};
use airlock_core::hash::ContentHash;
use airlock_core::merge::Conflict;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileChange, FileState, Proposal, RebaseError};
use airlock_core::verdict::Decision;

use super::actions::short;
use super::documents::{read_plain, real};
use super::edits;
use super::message::Message;
use super::state::{Done, Refusal, State};
use super::to_proto::{FileEdit, Tone};
use super::work::{
    Held, Intended, Landed, Landing, Located, NO_TEST, Ready, Repaired, SharedLog, StoreOf, Task, Waiting,
};

/// How long a client's change may take to come after its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its answer may take: some ask their user first.
const ANSWER: Duration = Duration::from_secs(600);

/// Changes that landed and are offered to be taken back; the commands know the others.
const MOST_LANDED: usize = 50;

/// How a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// For its reader.
    Waiting,
    /// Accepted, and merged with what changed since: that is being checked.
    Merging,
    /// The intention to land is being written down.
    Intending,
    /// The client was asked to edit.
    Editing,
    /// What the client edits shows, and the program writes the rest.
    Writing,
}

/// What would change, and where that is kept.
pub struct Change {
    pub session: String,
    pub test: String,
    pub located: Located,
    pub proposal: Proposal,
    pub explanation: String,
    store: StoreOf,
    /// Part of what was asked for.
    pub partial: bool,
    /// What the user has to agree to before it lands: no test covers it.
    pub unchecked: Option<String>,
}

/// A proposal that waits or lands; or a change that is being taken back.
pub struct Review {
    pub change: Change,
    /// None of what is taken back.
    pub document: Option<PathBuf>,
    stand: Stand,
    /// Holds the session while it lands.
    log: Option<SharedLog>,
    /// What may land, once it may.
    checked: Option<CheckedProposal>,
    /// What the client answered.
    answer: Option<Result<(), String>>,
    /// The number of its last try, so that what was meant for one does not end another.
    attempt: u64,
}

/// What the files have of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    All,
    Nothing,
    Some,
}

impl Change {
    /// What it is, in words that follow "the".
    pub fn what(&self) -> String {
        in_words(&self.test, self.partial)
    }
}

/// A change in words that follow "the": by the test that it makes pass, where there is one.
pub fn in_words(test: &str, partial: bool) -> String {
    match (test == NO_TEST, partial) {
        (true, _) => "proposed change".to_owned(),
        (false, false) => format!("change that makes {} pass", short(test)),
        (false, true) => format!("change that makes some of {} pass", short(test)),
    }
}

impl Review {
    /// A proposal for its reader.
    pub fn of(waiting: Waiting) -> Self {
        let change = Change {
            session: waiting.session,
            test: waiting.test,
            located: waiting.located,
            proposal: waiting.proposal,
            explanation: waiting.explanation,
            store: waiting.store,
            partial: waiting.findings.decision == Decision::PartlyFixed,
            unchecked: waiting.unchecked,
        };
        Self::new(change, Some(waiting.document), Stand::Waiting)
    }

    fn new(change: Change, document: Option<PathBuf>, stand: Stand) -> Self {
        Self { change, document, stand, log: None, checked: None, answer: None, attempt: 0 }
    }

    pub fn is_waiting(&self) -> bool {
        self.stand == Stand::Waiting
    }

    pub fn is_undo(&self) -> bool {
        self.document.is_none()
    }

    /// Its files, by their names on this machine.
    pub fn files(&self) -> impl Iterator<Item = (PathBuf, &FileChange)> {
        let repository = &self.change.located.repository;
        self.change.proposal.files().map(move |(path, change)| (repository.join(path.as_str()), change))
    }

    /// Whether it changes a file.
    pub fn has(&self, path: &Path) -> bool {
        path.strip_prefix(&self.change.located.repository)
            .ok()
            .and_then(Path::to_str)
            .is_some_and(|inside| self.change.proposal.files().any(|(path, _)| path.as_str() == inside))
    }

    fn held(&self) -> Held {
        match &self.log {
            Some(log) => Held::Log(log.clone()),
            None => Held::Not { store: self.change.store.clone(), session: self.change.session.clone() },
        }
    }
}

/// The bytes of a file as they are now: the editor's, where it has it open.
fn now(state: &State, path: &Path) -> Option<Vec<u8>> {
    match state.open_at(path) {
        Some((_, open)) => Some(open.document.bytes()),
        None => read_plain(path),
    }
}

/// The files of a proposal as they are now.
fn files_now<'a>(
    state: &'a State,
    located: &'a Located,
    proposal: &'a Proposal,
) -> impl Fn(&WorkspacePath) -> Option<FileState> + 'a {
    move |path: &WorkspacePath| {
        let file = located.repository.join(path.as_str());
        let before = proposal.get(path).and_then(FileChange::base).is_some_and(FileState::executable);
        Some(FileState::new(now(state, &file)?, is_executable(&file).unwrap_or(before)))
    }
}

/// Whether the owner of a file may execute it, as far as the system knows that.
fn is_executable(path: &Path) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::symlink_metadata(path).ok()?;
        Some(file.permissions().mode() & 0o100 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn is_as_before(state: &State, review: &Review) -> bool {
    review.files().all(|(path, change)| is_base(state, &path, change))
}

/// Whether a file is what a change was made of.
fn is_base(state: &State, path: &Path, change: &FileChange) -> bool {
    let is = |bytes: Option<Vec<u8>>| bytes.map(|bytes| ContentHash::of(&bytes)) == change.base().map(FileState::hash);
    // What the program writes itself has to be so on the disk, too, whoever has it open.
    is(now(state, path)) && (!edits::is_ours(change) || is(read_plain(path)))
}

/// A file that the program is to write, whose editor shows what the change was made of, and the disk has something else.
fn not_saved(state: &State, review: &Review) -> Option<WorkspacePath> {
    let mut files = review.change.proposal.files().filter(|(_, change)| edits::is_ours(change));
    let unsaved = files.find(|(name, change)| {
        let path = review.change.located.repository.join(name.as_str());
        let shown = now(state, &path).map(|bytes| ContentHash::of(&bytes));
        shown == change.base().map(FileState::hash) && !is_base(state, &path, change)
    });
    unsaved.map(|(name, _)| name.clone())
}

/// The part of a proposal that the editor makes.
fn edited(proposal: &Proposal) -> Proposal {
    proposal.filter(|path| proposal.get(path).is_some_and(|change| !edits::is_ours(change)))
}

/// What the editor's files have of a change; what was typed beside it does not count.
fn standing(state: &State, review: &Review) -> Standing {
    let proposal = &edited(&review.change.proposal);
    match proposal.rebase(files_now(state, &review.change.located, proposal)) {
        Ok(rest) if rest.is_empty() => Standing::All,
        Ok(rest) if rest.hunks().count() == proposal.hunks().count() => Standing::Nothing,
        Ok(_) | Err(_) => Standing::Some,
    }
}

/// Whether a change of one of these files is under way.
fn is_busy(state: &State, key: &str, files: &[PathBuf]) -> bool {
    let others = state.reviews.iter().filter(|(other, review)| *other != key && !review.is_waiting());
    others.into_iter().any(|(_, review)| files.iter().any(|path| review.has(path)))
}

/// The user accepts. What no test covers needs more than that.
///
/// # Errors
/// Why it is not landing.
pub fn accept(state: &mut State, session: &str) -> Result<String, Refusal> {
    let review = state.reviews.get(session).ok_or_else(gone)?;
    if let (true, Some(why)) = (review.is_waiting(), &review.change.unchecked) {
        let question = format!("Airlock: unchecked: {why}. Let the {} land all the same?", review.change.what());
        if !state.client.asks {
            return Err(format!("unchecked: {why}; airlock.approve lets it land all the same").into());
        }
        state.outbox.ask(session, question);
        return Ok(format!("unchecked: {why}; it lands where you say so"));
    }
    land(state, session)
}

/// The user says that it may land though no test covers it.
///
/// # Errors
/// Why it is not landing.
pub fn approve(state: &mut State, session: &str) -> Result<String, Refusal> {
    let review = state.reviews.get(session).ok_or_else(gone)?;
    if review.change.unchecked.is_none() {
        return Err("its verdict lets it through; airlock.accept lands it".to_owned().into());
    }
    land(state, session)
}

fn land(state: &mut State, session: &str) -> Result<String, Refusal> {
    let review = state.reviews.get(session).ok_or_else(gone)?;
    if !review.is_waiting() {
        return Err("it is landing already".to_owned().into());
    }
    let files: Vec<PathBuf> = review.files().map(|(path, _)| path).collect();
    if is_busy(state, session, &files) {
        return Err("another change of the same file is landing; accept this one after it".to_owned().into());
    }
    if let Some(why) = refusal(&review.change.located, &review.change.proposal) {
        return Err(why.into());
    }
    if !is_as_before(state, review) {
        if let Some(name) = not_saved(state, review) {
            return Err(format!("{name} is to come or go, and is not saved: save or close it and accept again").into());
        }
        return merge(state, session);
    }
    intend(state, session);
    Ok("it is landing".to_owned())
}

/// Why a change of such files does not land from here, whatever is in them.
fn refusal(located: &Located, proposal: &Proposal) -> Option<String> {
    for (name, change) in proposal.files() {
        let path = located.repository.join(name.as_str());
        if !is_plain_place(&path) {
            return Some(format!("{name} is reached through a link, which is not followed"));
        }
        if let (Some(base), Some(new)) = (change.base(), change.new_state())
            && base.executable() != new.executable()
            && base.hash() != new.hash()
        {
            return Some(format!("it changes text and mode of {name}, and no editor does both"));
        }
    }
    None
}

/// Whether no link leads to a file, which need not be there yet, nor its folder.
fn is_plain_place(path: &Path) -> bool {
    let there = path.ancestors().find(|above| std::fs::symlink_metadata(above).is_ok());
    there.is_none_or(|there| real(there.to_owned()) == there)
}

fn gone() -> Refusal {
    Refusal::No("the proposal is gone".to_owned())
}

fn intend(state: &mut State, session: &str) {
    let Some(review) = state.reviews.get_mut(session) else { return };
    review.stand = Stand::Intending;
    let change = &review.change;
    let shown = Some(change.proposal.hash());
    let task = Task::Intend {
        key: session.to_owned(),
        store: change.store.0.clone(),
        repository: change.located.repository.clone(),
        session: change.session.clone(),
        proposal: change.proposal.clone(),
        approval: Approval {
            partial: change.partial,
            unchecked: change.unchecked.is_some(),
            shown,
            ..Approval::default()
        },
    };
    state.write(task);
    state.show_all();
}

/// The files are not what the proposal was checked on: it is merged with what they are now, and checked again.
fn merge(state: &mut State, session: &str) -> Result<String, Refusal> {
    let review = state.reviews.get(session).ok_or_else(gone)?;
    let change = &review.change;
    let merged = match change.proposal.rebase(files_now(state, &change.located, &change.proposal)) {
        Ok(merged) => merged,
        Err(error) => {
            if let RebaseError::Conflict { path, conflict } = &error {
                let (name, text) = (format!("{session}.conflict.txt"), sides(path, conflict));
                state.start(Task::Document { name, text });
            }
            return Err(format!("it is not applied: {error}").into());
        }
    };
    if merged.is_empty() {
        finish(state, session, Landing::Rejected(Some("the text had this change already".to_owned())));
        return Ok("the text has this change already".to_owned());
    }
    if let Some(review) = state.reviews.get_mut(session) {
        review.stand = Stand::Merging;
    }
    state.judge_again(session, merged);
    state.show_all();
    Ok("the text has changed since it was checked: merged with that, it is being checked again".to_owned())
}

/// What both sides have where they meet, for reading.
fn sides(path: &WorkspacePath, conflict: &Conflict) -> String {
    /// Longest text of one side, in bytes: a region may be a whole file.
    const LONGEST: usize = 16 << 10;
    let side = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned();
    let mut text = format!(
        "Airlock has not applied its change of {path}: the same lines were changed since it was checked. Nothing was touched; \
         the change still waits, and can be rejected.\n"
    );
    for region in &conflict.regions {
        let heads = ["when it was checked", "as it is now", "as the change has it"];
        let first = region.lines.start + 1;
        for (head, bytes) in heads.into_iter().zip([&region.base, &region.ours, &region.theirs]) {
            text.push_str(&format!("\n---- line {first}, {head}\n{}", side(bytes)));
        }
        text.push('\n');
    }
    text
}

/// The merged proposal has a verdict: it stands in the place of the one that was accepted, and lands.
pub fn judged_again(state: &mut State, session: &str, result: Result<Repaired, String>) {
    back_to_waiting(state, session);
    let why = match result {
        Ok(Repaired { waiting: Some(waiting), .. }) => {
            let review = Review::of(*waiting);
            let new = review.change.session.clone();
            end(state, session, Landing::Rejected(Some(format!("replaced by session {new}, on the text of later"))));
            state.reviews.insert(new.clone(), review);
            match accept(state, &new) {
                Ok(_) => return,
                Err(Refusal::No(why) | Refusal::NotKnown(why)) => why,
            }
        }
        Ok(Repaired { why, .. }) => format!("on the text as it is now it is kept out: {why}"),
        Err(why) => why,
    };
    state.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
    state.show_all();
}

/// A merged proposal that nobody wants any more: the one it was made of waits on.
pub fn drop_merged(state: &mut State, waiting: Waiting) {
    let review = Review::of(waiting);
    let (key, proposal) = (review.change.session.clone(), review.change.proposal.hash());
    let landing = Landing::Rejected(Some("cancelled".to_owned()));
    state.write(Task::Settle { key, held: review.held(), proposal, landing });
}

/// The user does not want it.
///
/// # Errors
/// There is nothing to reject.
pub fn reject(state: &mut State, session: &str, reason: Option<String>) -> Result<String, Refusal> {
    match state.reviews.get(session) {
        Some(review) if review.is_waiting() => {}
        Some(_) => return Err("it is landing already".to_owned().into()),
        None => return Err(gone()),
    }
    finish(state, session, Landing::Rejected(reason));
    Ok("it is being rejected".to_owned())
}

/// A change that has landed is to be taken back.
pub fn recalled(state: &mut State, result: Result<Box<Landed>, String>) {
    let landed = match result {
        Ok(landed) => landed,
        Err(why) => return state.outbox.say(Tone::Error, format!("Airlock: nothing was taken back: {why}")),
    };
    let key = format!("undo of {}", landed.session);
    let refuse = |state: &State, why: &str| {
        state.outbox.say(Tone::Error, format!("Airlock: session {} is not taken back: {why}", landed.session));
    };
    let files: Vec<PathBuf> =
        landed.proposal.files().map(|(path, _)| landed.located.repository.join(path.as_str())).collect();
    if state.reviews.contains_key(&key) || is_busy(state, &key, &files) {
        return refuse(state, "a change of the same file is landing");
    }
    let undo = take_back(&landed.proposal, &landed.state, files_now(state, &landed.located, &landed.proposal));
    let undo = match undo {
        Ok(undo) => undo,
        Err(TakeBackError::Nothing) => return refuse(state, "nothing of it is left in the text"),
        Err(error) => return refuse(state, &error.to_string()),
    };
    if let Some(why) = refusal(&landed.located, undo.proposal()) {
        return refuse(state, &why);
    }
    let change = Change {
        session: landed.session.clone(),
        test: landed.test.clone(),
        located: landed.located.clone(),
        proposal: undo.proposal().clone(),
        explanation: String::new(),
        store: landed.store.clone(),
        partial: false,
        unchecked: None,
    };
    state.reviews.insert(key.clone(), Review::new(change, None, Stand::Intending));
    state.write(Task::TakeBack { key, landed, undo: Box::new(undo) });
}

/// The intention is durable: now the client may be asked.
pub fn intended(state: &mut State, key: &str, result: Result<Box<Ready>, Intended>) {
    let ready = match result {
        Ok(ready) => *ready,
        Err(Intended::Over(why)) => {
            state.reviews.remove(key);
            state.over.insert(key.to_owned());
            state.outbox.say(Tone::Warning, format!("Airlock: session {key} is not applied here: {why}"));
            return state.show_all();
        }
        Err(Intended::Failed(why)) => {
            state.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
            give_up(state, key);
            return state.show_all();
        }
    };
    let Some(review) = state.reviews.get_mut(key) else { return };
    review.log = Some(ready.log);
    let Some(review) = state.reviews.get(key) else { return };
    // The user may have typed meanwhile.
    if !is_as_before(state, review) {
        return not_landed(state, key, "its files changed while it was landing; accept it again");
    }
    let Some(edits) = edits_of(state, review, &ready.checked) else {
        return not_landed(state, key, "one of its files has no name that an editor could take, or is not UTF-8");
    };
    let one_by_one = state.client.one_by_one;
    state.attempts += 1;
    let attempt = state.attempts;
    let Some(review) = state.reviews.get_mut(key) else { return };
    review.stand = Stand::Editing;
    review.checked = Some(ready.checked);
    review.answer = None;
    review.attempt = attempt;
    if edits.is_empty() {
        return go_on(state, key);
    }
    state.outbox.edit(key, attempt, edits, one_by_one);
    state.outbox.later(ANSWER, Message::Look { key: key.to_owned(), attempt });
}

/// The edits of what was let through; none where one of its files has none.
fn edits_of(state: &State, review: &Review, checked: &CheckedProposal) -> Option<Vec<FileEdit>> {
    let files = checked.proposal().files().filter(|(_, change)| !edits::is_ours(change));
    files
        .map(|(path, change)| {
            let path = review.change.located.repository.join(path.as_str());
            edits::of_file(change, &path, state.open_at(&path), state.client.encoding)
        })
        .collect()
}

/// The client answered.
pub fn answered(state: &mut State, key: &str, attempt: u64, answer: Result<(), String>) {
    let is_meant = |review: &&mut Review| review.stand == Stand::Editing && review.attempt == attempt;
    let Some(review) = state.reviews.get_mut(key).filter(is_meant) else { return };
    review.answer = Some(answer);
    if !look(state, key) {
        state.outbox.later(PATIENCE, Message::Look { key: key.to_owned(), attempt });
    }
}

/// A file changed: an edit may have landed.
pub fn look_at(state: &mut State, path: &Path) {
    let editing = state.reviews.iter().filter(|(_, review)| review.stand == Stand::Editing && review.has(path));
    let editing: Vec<String> = editing.map(|(key, _)| key.clone()).collect();
    for key in editing {
        look(state, &key);
    }
}

/// Whether it is over.
fn look(state: &mut State, key: &str) -> bool {
    let Some(review) = state.reviews.get(key).filter(|review| review.stand == Stand::Editing) else { return true };
    match (standing(state, review), &review.answer) {
        (Standing::All, _) => {
            go_on(state, key);
            true
        }
        // Refused, and nothing of it shows.
        (Standing::Nothing, Some(Err(why))) => {
            let why = format!("the editor did not apply it: {why}");
            not_landed(state, key, &why);
            true
        }
        _ => false,
    }
}

/// The client had its time.
pub fn time_is_up(state: &mut State, key: &str, attempt: u64) {
    let is_meant = state.reviews.get(key).is_some_and(|review| review.attempt == attempt);
    if !is_meant || look(state, key) {
        return;
    }
    let Some(review) = state.reviews.get(key) else { return };
    match standing(state, review) {
        Standing::Nothing => not_landed(state, key, "the editor did not apply it, and gave no reason"),
        Standing::All => go_on(state, key),
        Standing::Some => {
            let landing = Landing::Partly(not_after(state, review));
            finish(state, key, landing);
        }
    }
}

/// The editor's part shows: the program writes the rest.
fn go_on(state: &mut State, key: &str) {
    let Some(review) = state.reviews.get(key) else { return };
    let ours = review.change.proposal.files().filter(|(_, change)| edits::is_ours(change));
    let files: BTreeSet<WorkspacePath> = ours.map(|(path, _)| path.clone()).collect();
    if files.is_empty() {
        return finish(state, key, Landing::Landed);
    }
    let (log, checked) = (review.log.clone(), review.checked.clone());
    let is_as_before =
        review.files().filter(|(_, change)| edits::is_ours(change)).all(|(path, change)| is_base(state, &path, change));
    let repository = review.change.located.repository.clone();
    let Some(review) = state.reviews.get_mut(key) else { return };
    review.stand = Stand::Writing;
    match (log, checked, is_as_before) {
        (Some(log), Some(checked), true) => {
            state.write(Task::Write { key: key.to_owned(), log, repository, checked: Box::new(checked), files });
        }
        _ => wrote(state, key, Err("they changed meanwhile".to_owned())),
    }
}

/// The program's part is written, or not.
pub fn wrote(state: &mut State, key: &str, result: Result<(), String>) {
    let is_meant = |review: &&Review| review.stand == Stand::Writing;
    let Some(review) = state.reviews.get(key).filter(is_meant) else { return };
    let Err(why) = result else {
        take_note(state, key);
        return finish(state, key, Landing::Landed);
    };
    if review.files().all(|(_, change)| edits::is_ours(change)) {
        return not_landed(state, key, &why);
    }
    let landing = Landing::Partly(not_after(state, review));
    state.outbox.say(Tone::Error, format!("Airlock: files that were to come or go stay as they are: {why}"));
    finish(state, key, landing);
}

/// The program has written its part: what editors show of files that are gone is of none.
fn take_note(state: &mut State, key: &str) {
    let Some(review) = state.reviews.get(key) else { return };
    let ours = review.files().filter(|(_, change)| edits::is_ours(change));
    let ours: Vec<(PathBuf, bool)> = ours.map(|(path, change)| (path, change.new_state().is_none())).collect();
    for (path, is_gone) in ours {
        if is_gone {
            state.close_gone(&path);
        }
        state.on_disk(&path);
    }
}

/// The files that are not as a change makes them.
fn not_after(state: &State, review: &Review) -> Vec<WorkspacePath> {
    let proposal = &review.change.proposal;
    let now = files_now(state, &review.change.located, proposal);
    let rest = proposal.files().filter(|(path, change)| {
        let text = now(path).map(|state| state.hash());
        text != change.new_state().map(FileState::hash)
    });
    rest.map(|(path, _)| path.clone()).collect()
}

fn not_landed(state: &mut State, key: &str, why: &str) {
    state.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
    if let Some(review) = state.reviews.get(key) {
        let (held, proposal) = (review.held(), review.change.proposal.hash());
        state.write(Task::Settle { key: key.to_owned(), held, proposal, landing: Landing::NotLanded });
    }
    give_up(state, key);
    state.show_all();
}

/// A proposal waits on; what was to be taken back stays.
fn give_up(state: &mut State, key: &str) {
    if state.reviews.get(key).is_some_and(Review::is_undo) {
        state.reviews.remove(key);
    } else {
        back_to_waiting(state, key);
    }
}

fn back_to_waiting(state: &mut State, key: &str) {
    if let Some(review) = state.reviews.get_mut(key) {
        review.stand = Stand::Waiting;
        (review.log, review.checked) = (None, None);
    }
}

/// Writes down how a review ended.
pub fn end(state: &mut State, key: &str, landing: Landing) -> Option<Review> {
    let review = state.reviews.remove(key)?;
    state.over.insert(key.to_owned());
    let (held, proposal) = (review.held(), review.change.proposal.hash());
    state.write(Task::Settle { key: key.to_owned(), held, proposal, landing });
    Some(review)
}

/// The review is over.
fn finish(state: &mut State, key: &str, landing: Landing) {
    let Some(review) = end(state, key, landing.clone()) else { return };
    let session = &review.change.session;
    match &landing {
        Landing::Landed => {
            let text = if review.is_undo() {
                format!("Airlock: session {session} is taken back; the tests are being run again")
            } else {
                let test = &review.change.test;
                let again = if test == NO_TEST { "all tests are" } else { &format!("{} is", short(test)) };
                format!("Airlock: applied; {again} being run again")
            };
            state.outbox.say(Tone::Info, text);
            state.landed.retain(|done| done.session != *session);
            if !review.is_undo() {
                let files = review.files().map(|(path, _)| path).collect();
                let (session, test) = (session.clone(), review.change.test.clone());
                if state.landed.len() >= MOST_LANDED {
                    state.landed.remove(0);
                }
                state.landed.push(Done { session, test, files });
            }
        }
        Landing::Partly(_) => {
            let text = format!(
                "Airlock: some of the change shows and some does not; airlock.undo with {session} takes it back, and \
                 `airlock sessions show {session}` has all of it"
            );
            state.outbox.say(Tone::Warning, text);
        }
        // Said once it is written down: another editor may have been first.
        Landing::Rejected(_) | Landing::NotLanded => {}
    }
    state.show_all();
    if landing == Landing::Landed {
        // What is known of its files is of another text.
        state.check(review.change.located, true, Vec::new(), 0);
    }
}
