//! What sessions have, as resources: their stories, verdicts and reviews.

use airlock_core::session::Session;
use airlock_core::status::ErrorCode;
use airlock_core::verdict::Findings;
use airlock_store::{Listed, Store, StoreError, Stored};
use rmcp::model::{Resource, ResourceTemplate};

use super::roots::Folders;
use super::uris::{self, What};
use crate::config::Variables;
use crate::failure::Failure;
use crate::sessions::{self, proposals, story, time};

/// Most sessions that are listed as resources, the newest.
const LISTED: usize = 30;
/// Longest text of a resource, in bytes; what is longer is cut, and says so.
const MAX_TEXT: usize = 256 << 10;

/// The sessions of every project that is open here.
///
/// # Errors
/// The folder that holds them cannot be read.
pub fn stores(folders: &Folders) -> Result<Vec<Store>, Failure> {
    let places = sessions::data_folder(&Variables::process(), None)?.all()?;
    let open = places.into_iter().filter(|place| folders.concern(&place.workspace));
    // One that cannot be opened does not keep the others from being read.
    let stores = open.filter_map(|place| match sessions::open(&place, None) {
        Ok((store, _)) => Some(store),
        Err(error) => {
            tracing::warn!("the sessions of {} cannot be read: {error}", place.workspace.display());
            None
        }
    });
    Ok(stores.collect())
}

/// A session of one of them, by its id or the beginning of it.
///
/// # Errors
/// There is none.
pub fn find(folders: &Folders, word: &str) -> Result<(Store, Listed), Failure> {
    for store in stores(folders)? {
        let id = match store.find(word) {
            Ok(id) => id,
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some(listed) = store.list()?.into_iter().find(|listed| listed.id == id) {
            return Ok((store, listed));
        }
    }
    let message = format!("there is no session {} here", airlock_core::text::one_line(word, 100));
    Err(Failure::error(ErrorCode::SessionNotFound, message).hint("the tool `sessions` lists those there are"))
}

/// The newest sessions as resources.
///
/// # Errors
/// They cannot be read.
pub fn list(folders: &Folders) -> Result<Vec<Resource>, Failure> {
    let mut all: Vec<(Listed, bool)> = Vec::new();
    for store in stores(folders)? {
        for listed in store.list()? {
            let has_verdict = listed.summary.as_ref().is_some_and(|summary| summary.status.is_some() || summary.waits);
            all.push((listed, has_verdict));
        }
    }
    all.sort_by_key(|(listed, _)| std::cmp::Reverse(listed.opened_at));
    let resources = all.iter().take(LISTED).map(|(listed, _)| {
        let call = listed.summary.as_ref().map_or_else(String::new, |summary| story::call(&summary.arguments));
        Resource::new(uris::story(&listed.id), format!("session {}", listed.id))
            .with_description(airlock_core::text::one_line(&format!("{}, {call}", time::iso(listed.opened_at)), 200))
            .with_mime_type("text/plain")
    });
    Ok(resources.collect())
}

/// The forms of names there are.
pub fn templates() -> Vec<ResourceTemplate> {
    let of = |uri: String, name: &str, description: &str, kind: &str| {
        ResourceTemplate::new(uri, name).with_description(description).with_mime_type(kind)
    };
    vec![
        of(uris::story("{session}"), "story", "what a session did, step by step, and how it ended", "text/plain"),
        of(uris::verdict("{session}"), "verdict", "all that the tests said of its proposal", "application/json"),
        of(
            uris::review("{session}"),
            "review",
            "the report, and below it the diff, as the editor shows them",
            "text/x-diff",
        ),
    ]
}

/// A resource's text, and its type.
///
/// # Errors
/// There is none of that name, or it cannot be read.
pub fn read(folders: &Folders, uri: &str) -> Result<(String, &'static str), Failure> {
    let no = || {
        let message = format!("there is no resource {}", airlock_core::text::one_line(uri, 200));
        Failure::error(ErrorCode::SessionNotFound, message)
    };
    let (id, what) = uris::parse(uri).ok_or_else(no)?;
    let (store, listed) = find(folders, id).map_err(|_| no())?;
    if listed.id != id {
        return Err(no());
    }
    let events = store.events(id)?;
    Ok(match what {
        What::Story => (cut(told(&store, &listed, &events)), "text/plain"),
        What::Verdict => (verdict(&store, id, &events)?, "application/json"),
        What::Review => (cut(review(&store, id, &events)?), "text/x-diff"),
    })
}

/// A session as it stands, in a word.
pub fn state(store: &Store, listed: &Listed) -> &'static str {
    story::state(listed, store.is_live(&listed.id))
}

fn told(store: &Store, listed: &Listed, events: &[Stored]) -> String {
    let mut lines = vec![format!("session {} ({})", listed.id, state(store, listed)), String::new()];
    for step in story::tell(events) {
        lines.push(format!("{}  {}", time::clock(step.at), step.text));
        lines.extend(step.details.iter().map(|detail| format!("            {detail}")));
    }
    lines.join("\n")
}

/// A session's events, folded.
///
/// # Errors
/// They cannot be read.
pub fn replay(id: &str, events: &[Stored]) -> Result<Session, Failure> {
    Session::replay(events.iter().map(|stored| &stored.event))
        .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("session {id}: {error}")))
}

fn verdict(store: &Store, id: &str, events: &[Stored]) -> Result<String, Failure> {
    let session = replay(id, events)?;
    let Some(judged) = session.judged() else { return Err(none(id, "verdict")) };
    Ok(String::from_utf8_lossy(&store.content(judged.verdict)?).into_owned())
}

fn review(store: &Store, id: &str, events: &[Stored]) -> Result<String, Failure> {
    let session = replay(id, events)?;
    let Some((proposed, judged)) = session.proposed().zip(session.judged()) else { return Err(none(id, "review")) };
    let findings: Findings = serde_json::from_slice(&store.content(judged.verdict)?)
        .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("its verdict: {error}")))?;
    let proposal = proposals::rebuild(store, proposed)?;
    let test = session.base().and_then(|base| base.groups.first()?.tests.first().cloned());
    let test = test.unwrap_or_else(|| "a failing test".to_owned());
    let mut text = crate::lsp::review_of(id, &test, &proposed.reason, &findings, &proposal);
    text.extend(proposal.diff());
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn none(id: &str, what: &str) -> Failure {
    Failure::error(ErrorCode::SessionNotFound, format!("session {id} has no {what}"))
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let mut at = MAX_TEXT;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
        text.push_str("\n… cut here; `airlock sessions show` has all of it\n");
    }
    text
}
