//! A session in a few words: what a list of sessions shows of each.

use serde::{Deserialize, Serialize};

use super::{Apply, Session, Task};
use crate::status::Status;

/// What is known of a session without its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub task: Task,
    /// The call's words.
    pub arguments: Vec<String>,
    /// How it ended; none where it is still open.
    pub status: Option<Status>,
    /// Whether somebody may take it up again.
    pub open: bool,
    /// Times it was taken up again.
    pub resumed: u32,
    /// Tests to repair.
    pub targets: u64,
    /// Finished runs of candidates.
    pub runs: u64,
    pub proposed: bool,
    pub applied: bool,
    /// Files were being written when it was last heard of.
    pub unsettled: bool,
    /// Its proposal may land, and only the user's word is missing.
    #[serde(default)]
    pub waits: bool,
}

impl Session {
    /// The session in a few words; none before its first event.
    pub fn summary(&self) -> Option<Summary> {
        let opened = self.opened()?;
        Some(Summary {
            task: opened.task,
            arguments: opened.arguments.clone(),
            status: self.ended().map(|ended| ended.status),
            open: self.may_resume(),
            resumed: self.resumed(),
            targets: self.base().map_or(0, |base| base.targets() as u64),
            runs: self.results().len() as u64,
            proposed: self.proposed().is_some(),
            applied: *self.applying() == Apply::Landed,
            unsettled: matches!(self.applying(), Apply::Intended(_)),
            waits: self.waits(),
        })
    }
}
