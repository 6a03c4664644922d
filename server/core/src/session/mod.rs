//! A session: one task's whole life, as the sum of its events.
//!
//! [`Session::apply`] folds one event in and refuses what cannot follow from what was; [`Session::decide`] says what is
//! open. Whoever lives through a session and whoever reads it from disk after a crash run the same two functions, so there
//! is no second path for recovery. Both are pure.
//!
//! What may follow what:
//!
//! ```text
//! opened ─ base_judged ─ tried* ─ proposed ─ judged ─ apply_intended ─┬─ applied ──────┬─ ended
//!             │                      │          │                     ├─ apply_failed ─┤
//!             └──────────────────────┴──────────┴──── ended           └─ apply_settled ┘
//! ```
//!
//! A patch that was handed in is proposed before its base is judged. What takes another session's change back is proposed and
//! lands without being judged: it brings back what was there. A model's task is `started` on its base; then come
//! `replied`, `called` and `steered` as its loop goes, with a proposal and its verdict wherever the loop asks for one.
//! `resumed` may come anywhere but after an end that is
//! final; then base, proposal and verdict may be told again, and have to be about the same files.

mod effect;
mod event;
mod summary;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::hash::ContentHash;
use crate::path::WorkspacePath;
use crate::verdict::Decision;

pub use effect::{Effect, Work};
pub use event::{
    Applied, ApplyFailed, ApplyIntended, ApplySettled, ApprovalAsked, Approved, BaseJudged, Best, Called, ChangedFile,
    Confirmed, Cursor, Ended, Event, FileRef, Judged, Opened, Outcome, Proposed, Replied, Resumed, RunEnd, RunResult,
    Screened, Settlement, Started, Steered, TargetGroup, Task, Tried, UnknownEvent,
};
pub use summary::Summary;
pub use talk::{MAX_INPUTS, Talk};

/// Most results of candidates that one session keeps; a search of this size takes days.
pub const MAX_RESULTS: usize = 1_000_000;

/// How the writing of files stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Apply {
    /// Nobody has tried.
    #[default]
    No,
    /// Intended, and nothing is known of it since.
    Intended(ApplyIntended),
    Landed,
    /// It did not land, and all files are as before.
    NotLanded,
    /// It failed and was taken back, for this reason.
    Failed(String),
    /// Some files are neither as before nor as after.
    Unclear(Vec<WorkspacePath>),
}

/// What is known of a session after some of its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Events folded so far; the number of the next one.
    count: u64,
    opened: Option<Opened>,
    /// Times it was taken up again.
    resumed: u32,
    base: Option<BaseJudged>,
    /// Whether the base was judged since the session was last taken up.
    base_is_fresh: bool,
    results: BTreeMap<ContentHash, Outcome>,
    cursor: Option<Cursor>,
    proposed: Option<Proposed>,
    proposed_is_fresh: bool,
    judged: Option<Judged>,
    judged_is_fresh: bool,
    /// What the user is asked of the latest verdict, and whether he said yes.
    asked: Option<ApprovalAsked>,
    approved: bool,
    talk: Talk,
    apply: Apply,
    ended: Option<Ended>,
    /// Number of the last event that changed what is open.
    cause: u64,
}

/// An event that cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {number} ({kind}) cannot follow: {why}")]
pub struct FoldError {
    /// Number of the event in the session, from 0.
    pub number: u64,
    pub kind: &'static str,
    pub why: String,
}

fn opened_is(opened: &Option<Opened>, task: Task) -> bool {
    opened.as_ref().is_some_and(|opened| opened.task == task)
}

impl Session {
    /// Folds a whole log.
    ///
    /// # Errors
    /// [`FoldError`] for the first event that cannot follow.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, FoldError> {
        let mut session = Self::default();
        for event in events {
            session.apply(event)?;
        }
        Ok(session)
    }

    /// Folds one event in. A refused event changes nothing.
    ///
    /// # Errors
    /// [`FoldError`] where it cannot follow.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        self.may_follow(event).map_err(|why| FoldError { number: self.count, kind: event.kind(), why })?;
        match event {
            Event::Opened(opened) => self.opened = Some(opened.clone()),
            Event::Resumed(_) => {
                self.resumed += 1;
                self.ended = None;
                if matches!(self.apply, Apply::Failed(_)) {
                    // What failed was taken back, so it may be tried again.
                    self.apply = Apply::NotLanded;
                }
                (self.base_is_fresh, self.proposed_is_fresh, self.judged_is_fresh) = (false, false, false);
            }
            Event::BaseJudged(base) => {
                self.base = Some(base.clone());
                self.base_is_fresh = true;
            }
            Event::Tried(tried) => {
                for result in &tried.results {
                    self.results.insert(result.key, result.outcome.clone());
                }
                self.cursor = tried.cursor.clone().or_else(|| self.cursor.take());
            }
            Event::Proposed(proposed) => {
                if opened_is(&self.opened, Task::Run) {
                    // Each of a model's proposals has a verdict of its own.
                    self.judged_is_fresh = false;
                }
                if self.proposal() != Some(proposed.proposal) {
                    self.judged = None;
                    self.apply = Apply::No;
                    self.forget_approval();
                }
                self.proposed = Some(proposed.clone());
                self.proposed_is_fresh = true;
            }
            Event::Judged(judged) => {
                if self.judged.as_ref().is_none_or(|before| before.verdict != judged.verdict) {
                    self.forget_approval();
                }
                self.judged = Some(judged.clone());
                self.judged_is_fresh = true;
            }
            Event::ApprovalAsked(asked) => self.asked = Some(asked.clone()),
            Event::Approved(_) => self.approved = true,
            Event::ApplyIntended(intended) => self.apply = Apply::Intended(intended.clone()),
            Event::Applied(_) => self.apply = Apply::Landed,
            Event::ApplyFailed(failed) => self.apply = Apply::Failed(failed.reason.clone()),
            Event::ApplySettled(settled) => {
                self.apply = match &settled.settlement {
                    Settlement::Landed => Apply::Landed,
                    Settlement::NotLanded => Apply::NotLanded,
                    Settlement::Unclear(paths) => Apply::Unclear(paths.clone()),
                };
            }
            Event::Started(_) | Event::Replied(_) | Event::Called(_) | Event::Steered(_) => self.talk.take(event),
            Event::Ended(ended) => self.ended = Some(ended.clone()),
        }
        if !matches!(event, Event::Tried(_)) {
            self.cause = self.count;
        }
        self.count += 1;
        Ok(())
    }

    /// What is open, in the order to do it.
    pub fn decide(&self) -> Vec<Effect> {
        self.work().map(|work| Effect { cause: self.cause, work }).into_iter().collect()
    }

    fn work(&self) -> Option<Work> {
        let opened = self.opened.as_ref()?;
        // Before all else: nothing may be judged over files of which nobody knows how they are.
        if let Apply::Intended(intended) = &self.apply {
            return Some(Work::Settle(intended.files.clone()));
        }
        if self.ended.is_some() {
            return None;
        }
        if opened.task == Task::Undo || (self.apply != Apply::No && self.apply != Apply::NotLanded) {
            return Some(Work::End);
        }
        let base = match &self.base {
            Some(base) if self.base_is_fresh => base,
            _ => return Some(Work::JudgeBase),
        };
        let proposed = match &self.proposed {
            Some(proposed) if self.proposed_is_fresh || opened.task == Task::Check => proposed,
            _ if opened.task == Task::Fix && base.targets() > 0 => return Some(Work::Search),
            _ if opened.task == Task::Run => return Some(Work::Talk),
            _ => return Some(Work::End),
        };
        match &self.judged {
            Some(judged) if self.judged_is_fresh => {
                let lets_through = match judged.decision {
                    Decision::Verified | Decision::NoRegression => true,
                    Decision::PartlyFixed => opened.partial,
                    Decision::Refused => judged.says_nothing() && self.asked.is_some(),
                    Decision::NotFixed => false,
                };
                Some(match lets_through {
                    true if opened.apply && self.needs_approval().is_none() => Work::Apply(judged.proposal),
                    false if opened.task == Task::Run => Work::Talk,
                    _ => Work::End,
                })
            }
            _ => Some(Work::Judge(proposed.proposal)),
        }
    }

    /// Why an event cannot come now.
    fn may_follow(&self, event: &Event) -> Result<(), String> {
        let refuse = |why: &str| Err(why.to_owned());
        let Some(opened) = &self.opened else {
            return match event {
                Event::Opened(_) => Ok(()),
                _ => refuse("the session was not opened"),
            };
        };
        if let Some(ended) = &self.ended {
            return match event {
                Event::Resumed(_) if ended.open => Ok(()),
                _ => refuse("the session has ended"),
            };
        }
        if matches!(self.apply, Apply::Intended(_)) {
            return match event {
                Event::Applied(Applied { proposal })
                | Event::ApplyFailed(ApplyFailed { proposal, .. })
                | Event::ApplySettled(ApplySettled { proposal, .. }) => self.is_current(*proposal),
                Event::Resumed(_) => Ok(()),
                _ => refuse("files are being written, and nothing is known of it yet"),
            };
        }
        match event {
            Event::Opened(_) => refuse("the session is open already"),
            Event::Resumed(_) | Event::Ended(_) => Ok(()),
            Event::BaseJudged(_) if self.base_is_fresh => refuse("the base was judged already"),
            Event::BaseJudged(base) => match &self.base {
                Some(before) if before.base != base.base => refuse("the base is another one than before"),
                _ => Ok(()),
            },
            Event::Tried(_) if !self.base_is_fresh || !matches!(opened.task, Task::Fix | Task::Run) => {
                refuse("there is no base that candidates could be tried on")
            }
            Event::Tried(_) if self.talk.started().is_some() => {
                refuse("the search is over: the model was told the task")
            }
            Event::Tried(_) if self.proposed_is_fresh => refuse("the search is over: there is a proposal"),
            Event::Tried(tried) => self.are_new(tried),
            Event::Started(_) | Event::Replied(_) | Event::Called(_) | Event::Steered(_) => {
                if opened.task != Task::Run || !self.base_is_fresh {
                    return refuse("there is no base that a model could be asked about");
                }
                self.talk.may_follow(event)
            }
            Event::Proposed(_) if matches!(opened.task, Task::Fix | Task::Run) && !self.base_is_fresh => {
                refuse("a repair is proposed before its base was judged")
            }
            Event::Proposed(_) if self.judged_is_fresh && opened.task != Task::Run => {
                refuse("the proposal was judged already")
            }
            Event::Proposed(proposed) => match opened.task {
                Task::Check if self.proposal().is_some_and(|before| before != proposed.proposal) => {
                    refuse("it is another patch than the one handed in")
                }
                _ if self.apply == Apply::Landed => refuse("a proposal has landed already"),
                _ => Ok(()),
            },
            Event::Judged(_) if !self.base_is_fresh => refuse("the base was not judged"),
            Event::Judged(_) if self.judged_is_fresh => refuse("the proposal was judged already"),
            Event::Judged(judged) => self.is_current(judged.proposal),
            Event::ApprovalAsked(asked) => {
                self.is_judged(asked.proposal, asked.verdict)?;
                match &self.judged {
                    Some(judged) if judged.decision == Decision::NoRegression || judged.says_nothing() => Ok(()),
                    _ => refuse("its verdict says something of it, and that counts"),
                }
            }
            Event::Approved(approved) => match &self.asked {
                Some(asked) if (asked.proposal, asked.verdict) == (approved.proposal, approved.verdict) => {
                    self.is_judged(approved.proposal, approved.verdict)
                }
                _ => refuse("nobody was asked about this proposal with this verdict"),
            },
            Event::ApplyIntended(intended) => self.may_land(intended),
            Event::Applied(_) | Event::ApplyFailed(_) | Event::ApplySettled(_) => {
                refuse("nobody intended to write files")
            }
        }
    }

    fn is_current(&self, proposal: ContentHash) -> Result<(), String> {
        if self.proposal() == Some(proposal) {
            Ok(())
        } else {
            Err("it is about another proposal than the session's".to_owned())
        }
    }

    fn is_judged(&self, proposal: ContentHash, verdict: ContentHash) -> Result<(), String> {
        self.is_current(proposal)?;
        match self.judged.as_ref().filter(|_| self.judged_is_fresh) {
            Some(judged) if (judged.proposal, judged.verdict) == (proposal, verdict) => Ok(()),
            _ => Err("it is about another verdict than the session's".to_owned()),
        }
    }

    fn forget_approval(&mut self) {
        (self.asked, self.approved) = (None, false);
    }

    fn are_new(&self, tried: &Tried) -> Result<(), String> {
        if self.results.len() + tried.results.len() > MAX_RESULTS {
            return Err(format!("there are more than {MAX_RESULTS} results"));
        }
        let mut keys: Vec<ContentHash> = tried.results.iter().map(|result| result.key).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair[0] == pair[1]);
        if twice || keys.iter().any(|key| self.results.contains_key(key)) {
            return Err("a candidate was run a second time".to_owned());
        }
        Ok(())
    }

    fn may_land(&self, intended: &ApplyIntended) -> Result<(), String> {
        self.is_current(intended.proposal)?;
        if self.opened.as_ref().is_none_or(|opened| opened.task != Task::Undo) {
            let Some(judged) = self.judged.as_ref().filter(|_| self.judged_is_fresh) else {
                return Err("the proposal was not judged".to_owned());
            };
            match judged.decision {
                Decision::Verified | Decision::NoRegression => {}
                Decision::PartlyFixed if intended.partial => {}
                Decision::Refused if judged.says_nothing() && self.approved => {}
                // A verdict that keeps a proposal out only for protected files, which the user named since.
                Decision::Refused if !intended.allowed.is_empty() => {}
                _ => return Err("its verdict keeps it out".to_owned()),
            }
        }
        if self.needs_approval().is_some() {
            return Err("no test covers it, and the user has not said that it may land".to_owned());
        }
        if self.proposed.as_ref().is_some_and(|proposed| proposed.files != intended.files) {
            return Err("the files to write are not those that were judged".to_owned());
        }
        match self.apply {
            Apply::No | Apply::NotLanded => Ok(()),
            _ => Err("the proposal was applied already, or could not be".to_owned()),
        }
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The task; none before the first event.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// Times it was taken up again.
    pub fn resumed(&self) -> u32 {
        self.resumed
    }

    /// What the base was.
    pub fn base(&self) -> Option<&BaseJudged> {
        self.base.as_ref()
    }

    /// The finished runs of candidates, by name.
    pub fn results(&self) -> &BTreeMap<ContentHash, Outcome> {
        &self.results
    }

    /// How far the search has come.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// What was said between the task and a model.
    pub fn talk(&self) -> &Talk {
        &self.talk
    }

    /// The latest proposal.
    pub fn proposed(&self) -> Option<&Proposed> {
        self.proposed.as_ref()
    }

    /// The latest proposal's hash.
    pub fn proposal(&self) -> Option<ContentHash> {
        self.proposed.as_ref().map(|proposed| proposed.proposal)
    }

    /// The latest proposal's verdict.
    pub fn judged(&self) -> Option<&Judged> {
        self.judged.as_ref()
    }

    /// Whether the user agreed that the proposal may land though no test says anything of it.
    pub fn is_approved(&self) -> bool {
        self.approved
    }

    /// What the user has to agree to before the proposal may land, where he has not.
    pub fn needs_approval(&self) -> Option<&ApprovalAsked> {
        self.asked.as_ref().filter(|_| !self.approved)
    }

    /// How the writing of files stands.
    pub fn applying(&self) -> &Apply {
        &self.apply
    }

    /// How it ended, where it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Whether its proposal may land, and only the user's word is missing.
    pub fn waits(&self) -> bool {
        let lets_through = self.judged.as_ref().filter(|_| self.judged_is_fresh).is_some_and(|judged| {
            let may_land = match judged.decision {
                Decision::Verified | Decision::NoRegression | Decision::PartlyFixed => true,
                Decision::Refused => judged.says_nothing() && self.asked.is_some(),
                Decision::NotFixed => false,
            };
            Some(judged.proposal) == self.proposal() && may_land
        });
        // One that was asked to land needs nobody's word any more.
        let is_asked = self.opened.as_ref().is_some_and(|opened| !opened.apply);
        lets_through && is_asked && self.ended.is_none() && matches!(self.apply, Apply::No | Apply::NotLanded)
    }

    /// Whether somebody may take it up again.
    pub fn may_resume(&self) -> bool {
        self.opened.is_some() && self.ended.as_ref().is_none_or(|ended| ended.open)
    }
}
