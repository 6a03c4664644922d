//! `sessions`: what was done here, and what became of a proposal.

use airlock_core::session::Session;
use airlock_core::text::one_line;
use airlock_store::{Listed, Store};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, check_words};
use crate::failure::Failure;
use crate::mcp::answer::{LETTERS, count};
use crate::mcp::call::Call;
use crate::mcp::{resources, uris};
use crate::sessions::{story, time};

/// Sessions in a list: as many as asked for, at most so many.
const USUAL: u32 = 10;
const MOST: u32 = 50;

pub struct Sessions;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// One session, by its id or the beginning of it.
    #[serde(default)]
    #[schemars(length(max = 64))]
    session: Option<String>,
    /// Only those whose proposal waits for the user.
    #[serde(default)]
    waiting: bool,
    /// How many, the newest first; 10 where it is not given.
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    sessions: Vec<Entry>,
    /// How many there are besides.
    more: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Entry {
    session: String,
    /// `waiting` (for the user), `running`, `ended`, `stopped` or `interrupted` (it can go on), `unsettled`, `unreadable`.
    state: String,
    /// How its work ended, or the proposal's review: `verified`, `refused`, `not_fixed`, `rejected`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Whether the user has accepted the change, and it is in the files.
    accepted: bool,
    /// The user's or the program's word on how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    asked: String,
    /// UTC.
    at: String,
    story: String,
}

impl Tool for Sessions {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "sessions";
    const TITLE: &'static str = "List sessions";
    const DESCRIPTION: &'static str = "Lists what was done in the open projects (checks, searches, proposals), the newest first, \
        or tells of one session: whether its proposal still waits for the user, was accepted, or was rejected and why. Changes \
        nothing.";
    const EFFECT: Effect = Effect::Reads;

    fn check(input: &Input) -> Result<(), String> {
        if input.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            return Err(format!("`limit` is not between 1 and {MOST}"));
        }
        if input.session.as_ref().is_some_and(|word| word.is_empty() || word.len() > 64) {
            return Err("`session` is empty or longer than an id is".to_owned());
        }
        check_words(None, &[])
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        if let Some(word) = &input.session {
            let (store, listed) = resources::find(&call.folders, word)?;
            return Ok(Answer { sessions: vec![entry(&store, &listed)], more: 0 });
        }
        let mut all: Vec<(Store, Listed)> = Vec::new();
        for store in resources::stores(&call.folders)? {
            let waits = |listed: &Listed| listed.summary.as_ref().is_some_and(|summary| summary.waits);
            let listed = store.list()?.into_iter().filter(|listed| !input.waiting || waits(listed));
            all.extend(listed.map(|listed| (store.clone(), listed)));
        }
        all.sort_by_key(|(_, listed)| std::cmp::Reverse(listed.opened_at));
        let limit = usize::try_from(input.limit.unwrap_or(USUAL)).unwrap_or(usize::MAX);
        let more = count(all.len().saturating_sub(limit));
        Ok(Answer { sessions: all.iter().take(limit).map(|(store, listed)| entry(store, listed)).collect(), more })
    }

    fn words(answer: &Answer) -> String {
        let mut lines: Vec<String> = answer.sessions.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("there is no session here".to_owned());
        }
        if answer.more > 0 {
            lines.push(format!("{} more", answer.more));
        }
        lines.join("\n")
    }
}

fn line(entry: &Entry) -> String {
    let status = entry.status.as_deref().map(|status| format!(", {status}")).unwrap_or_default();
    let accepted = if entry.accepted { ", accepted" } else { "" };
    let reason = entry.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{}  {}  {}{status}{accepted}{reason}  {}", entry.session, entry.at, entry.state, entry.asked)
}

fn entry(store: &Store, listed: &Listed) -> Entry {
    let summary = listed.summary.as_ref();
    let state = resources::state(store, listed);
    let folded = (state == "ended").then(|| store.events(&listed.id).ok()).flatten();
    let folded = folded.and_then(|events| Session::replay(events.iter().map(|stored| &stored.event)).ok());
    Entry {
        session: listed.id.clone(),
        state: state.to_owned(),
        status: summary.and_then(|summary| summary.status).map(|status| status.as_str().to_owned()),
        accepted: summary.is_some_and(|summary| summary.applied),
        reason: folded.and_then(|session| Some(one_line(session.ended()?.reason.as_deref()?, LETTERS))),
        asked: one_line(&summary.map_or_else(String::new, |summary| story::call(&summary.arguments)), LETTERS),
        at: time::iso(listed.opened_at),
        story: uris::story(&listed.id),
    }
}
