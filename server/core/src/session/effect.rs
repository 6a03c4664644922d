//! What a session has open.

use crate::hash::ContentHash;

use super::event::ChangedFile;

/// What to do next. Each names the event that caused it, by its number in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Number of the event, from 0. The effect may start once that event is durable.
    pub cause: u64,
    pub work: Work,
}

/// The work itself. All but [`Work::Apply`] and [`Work::Settle`] only look, and may be done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Run the tests on the base.
    JudgeBase,
    /// Search a repair; what was tried is in the session.
    Search,
    /// Go on with the conversation with a model, which is in the session.
    Talk,
    /// Run the tests with this proposal.
    Judge(ContentHash),
    /// Write this proposal's files: commit the intention, act, commit that it is done.
    Apply(ContentHash),
    /// An apply was cut off: compare the files with both sides.
    Settle(Vec<ChangedFile>),
    /// Nothing is left to do but to say how it ended.
    End,
}
