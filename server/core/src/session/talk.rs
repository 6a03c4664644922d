//! What was said between a task and a model, as the log has it: each fact by the hash of what it says.

use crate::conversation::Usage;
use crate::hash::ContentHash;

use super::event::{Event, Started};

/// Most facts of one conversation; one of this length has cost a fortune.
pub const MAX_INPUTS: usize = 100_000;

/// A conversation so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    started: Option<Started>,
    inputs: Vec<ContentHash>,
    /// Calls of the last reply that have no answer yet, by name.
    open: Vec<String>,
    replies: u64,
    usage: Usage,
    micro_dollars: u64,
    /// A reply came whose price is not known.
    unpriced: bool,
}

impl Talk {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Started(started) => self.started = Some(started.clone()),
            Event::Replied(replied) => {
                self.inputs.push(replied.input);
                self.open.clone_from(&replied.calls);
                self.replies += 1;
                self.usage = self.usage.plus(replied.usage);
                self.micro_dollars = self.micro_dollars.saturating_add(replied.micro_dollars.unwrap_or(0));
                self.unpriced |= replied.micro_dollars.is_none();
            }
            Event::Called(called) => {
                self.inputs.push(called.input);
                if let Some(at) = self.open.iter().position(|tool| *tool == called.tool) {
                    self.open.remove(at);
                }
            }
            Event::Steered(steered) => self.inputs.push(steered.input),
            _ => {}
        }
    }

    /// Why one of its events cannot come now.
    pub(super) fn may_follow(&self, event: &Event) -> Result<(), String> {
        let refuse = |why: &str| Err(why.to_owned());
        match event {
            Event::Started(_) if self.started.is_some() => refuse("the model was told the task already"),
            Event::Started(_) => Ok(()),
            _ if self.started.is_none() => refuse("the model was not told the task"),
            _ if self.inputs.len() >= MAX_INPUTS => Err(format!("there are more than {MAX_INPUTS} facts")),
            Event::Replied(_) if !self.open.is_empty() => refuse("a call has no answer yet"),
            Event::Called(called) if !self.open.contains(&called.tool) => {
                refuse("nobody made this call, or it was carried out already")
            }
            _ => Ok(()),
        }
    }

    /// What the model was told first.
    pub fn started(&self) -> Option<&Started> {
        self.started.as_ref()
    }

    /// What happened since, in order.
    pub fn inputs(&self) -> &[ContentHash] {
        &self.inputs
    }

    /// Replies that arrived whole.
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// Tokens of all of them.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What they cost, in millionths of a dollar; none where a price is not known.
    pub fn micro_dollars(&self) -> Option<u64> {
        (!self.unpriced).then_some(self.micro_dollars)
    }
}
