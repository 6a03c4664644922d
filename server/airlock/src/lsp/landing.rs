//! From a proposal that waits to an edit that has landed, or to a word on why it has not.
//!
//! What landed is told by the documents and the disk, never by the client's answer: editors answer `applied` to edits that
//! they skipped, and send the change itself before or after that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use airlock_core::check::{Approval, check};
use airlock_core::hash::ContentHash;
use airlock_core::limits::MAX_FILE_BYTES;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileChange, FileState};
use airlock_core::verdict::Decision;

use super::documents::{Document, Encoding, Place};
use super::message::Message;
use super::review;
use super::state::State;
use super::to_proto::{self, FileEdit, Finding, FindingKind, Tone};
use super::work::{self, Landing, Repaired, Waiting};

/// How long a client's change may take to come after its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its answer may take: some ask their user first.
const ANSWER: Duration = Duration::from_secs(600);

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
}

/// A proposal with its document.
pub struct Review {
    pub waiting: Waiting,
    pub document: PathBuf,
    stand: Stand,
    /// What the client answered.
    answer: Option<Result<(), String>>,
}

/// How a proposal's files are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Files {
    Before,
    After,
    Neither,
}

impl Review {
    /// Writes the document.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(waiting: Waiting) -> Result<Self, String> {
        let document = review::path(&waiting.session).ok_or("no folder for reviews: set XDG_STATE_HOME or HOME")?;
        review::write(&document, &review::document(&waiting))
            .map_err(|error| format!("{} cannot be written: {error}", document.display()))?;
        let document = document.canonicalize().unwrap_or(document);
        Ok(Self { waiting, document, stand: Stand::Waiting, answer: None })
    }

    pub fn is_waiting(&self) -> bool {
        self.stand == Stand::Waiting
    }

    /// Its files, by their names on this machine.
    fn files(&self) -> impl Iterator<Item = (PathBuf, &FileChange)> {
        self.waiting.proposal.files().map(|(path, change)| (self.waiting.repository.join(path.as_str()), change))
    }

    /// Whether it is at these lines: of its document anywhere, of its files where they would change.
    pub fn is_at(&self, path: &Path, lines: (u32, u32)) -> bool {
        path == self.document
            || self.findings().any(|(file, found)| {
                file == path && found.start.line <= lines.1 && lines.0 <= found.end.line.max(found.start.line)
            })
    }

    /// Hints on the lines that would change.
    pub fn findings(&self) -> impl Iterator<Item = (PathBuf, Finding)> {
        let waits = self.is_waiting();
        self.files().filter(move |_| waits).flat_map(|(path, change)| {
            let hint = |first: usize, last: usize| Finding {
                kind: FindingKind::Proposed,
                start: Place { line: number(first), column: 0 },
                end: Place { line: number(last), column: u16::MAX.into() },
                message: format!("Airlock would change this: {}", self.waiting.explanation),
                code: "proposal".to_owned(),
                of: self.waiting.session.clone(),
                related: None,
            };
            let lines = change.line_changes().into_iter().map(move |lines| {
                let first = lines.base.start;
                (path.clone(), hint(first, lines.base.end.saturating_sub(1).max(first)))
            });
            lines.collect::<Vec<_>>()
        })
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The bytes of a file as they are now: the editor's, where it has it open.
fn now(state: &State, path: &Path) -> Option<Vec<u8>> {
    match state.open_at(path) {
        Some((_, open)) => Some(open.document.text().into_bytes()),
        None => read_plain(path),
    }
}

/// A plain file's bytes; none of what could keep its reader waiting, or is longer than any file of a proposal.
fn read_plain(path: &Path) -> Option<Vec<u8>> {
    let file = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    (file.len() <= MAX_FILE_BYTES as u64).then(|| std::fs::read(path).ok())?
}

fn files_now(state: &State, review: &Review) -> Files {
    let mut all = None;
    for (path, change) in review.files() {
        let hash = now(state, &path).map(|bytes| ContentHash::of(&bytes));
        let this = if hash == change.new_state().map(|file| file.hash()) {
            Files::After
        } else if hash == change.base().map(|file| file.hash()) {
            Files::Before
        } else {
            return Files::Neither;
        };
        if all.is_some_and(|all| all != this) {
            return Files::Neither;
        }
        all = Some(this);
    }
    all.unwrap_or(Files::Neither)
}

/// The user accepts.
pub fn accept(state: &mut State, session: &str) -> Result<String, String> {
    let review = state.reviews.get(session).ok_or("the proposal is gone")?;
    if !review.is_waiting() {
        return Err("it is landing already".to_owned());
    }
    if files_now(state, review) != Files::Before {
        return merge(state, session);
    }
    if review.files().any(|(_, change)| change.base().is_none() || change.new_state().is_none()) {
        return Err("it creates or deletes a file, which is not done from here".to_owned());
    }
    let partial = review.waiting.verdict.decision == Decision::PartlyFixed;
    let proposal = review.waiting.proposal.clone();
    let approval = Approval { partial, shown: Some(proposal.hash()), ..Approval::default() };
    let checked = check(proposal, review.waiting.verdict.clone(), &approval).map_err(|error| error.to_string())?;
    let log = review.waiting.log.clone();
    work::intend(state.inbox.clone(), session.to_owned(), log, checked.proposal().clone(), approval);
    if let Some(review) = state.reviews.get_mut(session) {
        review.stand = Stand::Intending;
    }
    Ok("it is landing".to_owned())
}

/// The files are not what the proposal was checked on: it is merged with what they are now, and checked again.
fn merge(state: &mut State, session: &str) -> Result<String, String> {
    let review = state.reviews.get(session).ok_or("the proposal is gone")?;
    let proposal = &review.waiting.proposal;
    let as_it_is = |path: &WorkspacePath| {
        let executable = proposal.get(path).and_then(|change| change.base()).is_some_and(FileState::executable);
        let bytes = now(state, &review.waiting.repository.join(path.as_str()))?;
        Some(FileState::new(bytes, executable))
    };
    let merged = proposal.rebase(as_it_is).map_err(|error| format!("it is not applied: {error}"))?;
    if merged.is_empty() {
        return Err("the text has this change already".to_owned());
    }
    if let Some(review) = state.reviews.get_mut(session) {
        review.stand = Stand::Merging;
    }
    state.judge_again(session, merged);
    Ok("the text has changed since it was checked: merged with that, it is being checked again".to_owned())
}

/// The merged proposal has a verdict: it stands in the place of the one that was accepted, and lands.
pub fn judged_again(state: &mut State, session: &str, result: Result<Repaired, String>) {
    back_to_waiting(state, session);
    let why = match result {
        Ok(Repaired { waiting: Some(waiting), .. }) => match Review::new(*waiting) {
            Ok(review) => {
                let new = review.waiting.session.clone();
                end(
                    state,
                    session,
                    Landing::Rejected(Some(format!("replaced by session {new}, on the text of later"))),
                );
                state.reviews.insert(new.clone(), review);
                match accept(state, &new) {
                    Ok(_) => return,
                    Err(why) => why,
                }
            }
            Err(why) => why,
        },
        Ok(Repaired { why, .. }) => format!("on the text as it is now it is kept out: {why}"),
        Err(why) => why,
    };
    state.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
    state.show_all();
}

/// The user does not want it.
pub fn reject(state: &mut State, session: &str, reason: Option<String>) -> Result<String, String> {
    match state.reviews.get(session) {
        Some(review) if review.is_waiting() => {}
        Some(_) => return Err("it is landing already".to_owned()),
        None => return Err("the proposal is gone".to_owned()),
    }
    finish(state, session, Landing::Rejected(reason));
    Ok("rejected; nothing was changed".to_owned())
}

/// The intention is durable: now the client may be asked.
pub fn intended(state: &mut State, session: &str, result: Result<(), String>) {
    let Some(review) = state.reviews.get(session) else { return };
    if let Err(why) = result {
        state.outbox.say(Tone::Error, format!("Airlock: {why}"));
        back_to_waiting(state, session);
        return;
    }
    // The user may have typed meanwhile.
    if files_now(state, review) != Files::Before {
        not_landed(state, session, "its files changed while it was landing");
        return;
    }
    let edits: Vec<FileEdit> = review.files().filter_map(|(path, change)| edit(state, &path, change)).collect();
    if let Some(review) = state.reviews.get_mut(session) {
        review.stand = Stand::Editing;
        review.answer = None;
    }
    state.outbox.edit(session, &edits);
    state.outbox.later(ANSWER, Message::Look { session: session.to_owned() });
}

/// The edits of one file, for the text that the client has.
fn edit(state: &State, path: &Path, change: &FileChange) -> Option<FileEdit> {
    let (base, new) = (change.base()?, change.new_state()?);
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let changes = text_edits(&text(base.bytes())?, &text(new.bytes())?, change, state.client.encoding);
    let (uri, version) = match state.open_at(path) {
        Some((uri, open)) => (uri.clone(), Some(open.document.version)),
        None => (to_proto::uri_of(path)?, None),
    };
    Some(FileEdit { uri, version, changes })
}

/// Ranges of the old text and what comes in their place, by whole lines.
fn text_edits(base: &str, new: &str, change: &FileChange, encoding: Encoding) -> Vec<(Place, Place, String)> {
    let document = Document::new(0, base);
    let starts = |text: &str| -> Vec<usize> {
        let mut starts = vec![0];
        for line in text.split_inclusive('\n') {
            starts.push(starts[starts.len() - 1] + line.len());
        }
        starts
    };
    let (old_lines, new_lines) = (starts(base), starts(new));
    let at = |lines: &[usize], line: usize| lines[line.min(lines.len() - 1)];
    change
        .line_changes()
        .into_iter()
        .map(|lines| {
            let place = |line| document.place_of_byte(at(&old_lines, line), encoding);
            let text = &new[at(&new_lines, lines.new.start)..at(&new_lines, lines.new.end)];
            (place(lines.base.start), place(lines.base.end), text.to_owned())
        })
        .collect()
}

/// The client answered.
pub fn answered(state: &mut State, session: &str, answer: Result<(), String>) {
    let Some(review) = state.reviews.get_mut(session).filter(|review| review.stand == Stand::Editing) else { return };
    review.answer = Some(answer);
    if !look(state, session) {
        state.outbox.later(PATIENCE, Message::Look { session: session.to_owned() });
    }
}

/// A document changed: an edit may have landed.
pub fn look_at_all(state: &mut State) {
    let editing = state.reviews.iter().filter(|(_, review)| review.stand == Stand::Editing);
    let editing: Vec<String> = editing.map(|(session, _)| session.clone()).collect();
    for session in editing {
        look(state, &session);
    }
}

/// Whether it has landed.
fn look(state: &mut State, session: &str) -> bool {
    let Some(review) = state.reviews.get(session).filter(|review| review.stand == Stand::Editing) else { return true };
    match (files_now(state, review), &review.answer) {
        (Files::After, _) => {
            finish(state, session, Landing::Landed);
            true
        }
        // Refused, and nothing of it shows.
        (Files::Before, Some(Err(why))) => {
            let why = format!("the editor did not apply it: {why}");
            not_landed(state, session, &why);
            true
        }
        _ => false,
    }
}

/// The client had its time.
pub fn time_is_up(state: &mut State, session: &str) {
    if look(state, session) {
        return;
    }
    let Some(review) = state.reviews.get(session) else { return };
    match files_now(state, review) {
        Files::Before => not_landed(state, session, "the editor did not apply it, and gave no reason"),
        _ => finish(state, session, Landing::Unknown),
    }
}

fn not_landed(state: &mut State, session: &str, why: &str) {
    state.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
    // It failed, and a session says so once: another try is another session.
    end(state, session, Landing::NotLanded(why.to_owned()));
    state.show_all();
}

fn back_to_waiting(state: &mut State, session: &str) {
    if let Some(review) = state.reviews.get_mut(session) {
        review.stand = Stand::Waiting;
    }
}

/// Writes down how a review ended.
fn end(state: &mut State, session: &str, landing: Landing) -> Option<Review> {
    let review = state.reviews.remove(session)?;
    let (log, proposal) = (review.waiting.log.clone(), review.waiting.proposal.hash());
    work::settle(state.inbox.clone(), session.to_owned(), log, proposal, landing);
    Some(review)
}

/// The review is over.
fn finish(state: &mut State, session: &str, landing: Landing) {
    let Some(review) = end(state, session, landing.clone()) else { return };
    let text = match &landing {
        Landing::Landed => format!("Airlock: applied; {} is being run again", review.waiting.test),
        Landing::Rejected(_) => "Airlock: rejected; nothing was changed".to_owned(),
        Landing::Unknown | Landing::NotLanded(_) => format!(
            "Airlock: some of the change shows and some does not; `airlock sessions show {session}` has all of it"
        ),
    };
    let tone = if matches!(landing, Landing::Unknown) { Tone::Warning } else { Tone::Info };
    state.outbox.say(tone, text);
    let first = review.files().next().map(|(path, _)| path);
    let has_landed = landing == Landing::Landed;
    match first.filter(|_| has_landed) {
        Some(path) => state.landed(path),
        None => state.show_all(),
    }
}
