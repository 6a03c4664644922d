//! What a search says: progress on the way, and patches or an honest "no" at the end. Plain data, all of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::verifier::{Confirmation, FileChange};

/// Why a search, or the search for one group, went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchEnd {
    /// A repair was found and what could still beat it was looked at.
    Repaired,
    /// Every candidate was tried.
    Exhausted,
    /// The limit on candidates was met.
    CandidateLimit,
    TimeUp,
    Cancelled,
}

impl SearchEnd {
    /// Whether candidates were left that more time, or a higher limit, would have reached.
    pub fn left_something(self) -> bool {
        !matches!(self, Self::Repaired | Self::Exhausted)
    }
}

/// Something about a patch that speaks against it; such a patch is taken only where there is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It drops something the code computed.
    DeletesCode,
    /// It writes a literal of the failing test into the code.
    SpecialCase,
}

/// One edit of a patch, told so that a reader sees it without the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedEdit {
    pub path: Arc<str>,
    /// From 1, in the text the edit was made on.
    pub line: u32,
    /// The function around it, by its `__qualname__`.
    pub function: Option<String>,
    /// The operator's name.
    pub operator: String,
    /// The statement (the header of a compound one) before and after.
    pub before: String,
    pub after: String,
    /// One plain sentence: what should be different, and where.
    pub why: String,
}

/// A patch that was confirmed by the whole suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Every file that differs from the base, repairs of earlier groups included; sorted by path.
    pub changes: Vec<FileChange>,
    /// What this patch itself edits.
    pub edits: Vec<AppliedEdit>,
    /// Tokens changed by this patch itself.
    pub size: u32,
    /// Its place among the group's candidates, from 0, in the order they are tried.
    pub rank: u64,
    pub marks: Vec<Mark>,
    /// One plain sentence: what was wrong, where, and why this mends it.
    pub explanation: String,
    pub confirmation: Confirmation,
}

/// The candidate that came closest without being a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    pub edits: Vec<AppliedEdit>,
    pub changes: Vec<FileChange>,
    /// The group's tests that pass with it.
    pub passing: Vec<String>,
    /// What the whole suite said, where it was asked: names what the candidate breaks.
    pub confirmation: Option<Confirmation>,
}

/// What was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFixed {
    /// Statements looked at.
    pub places: usize,
    /// Names of the operators that gave candidates, sorted.
    pub operators: Vec<String>,
    /// Candidates tried, and how many there are in all.
    pub candidates: u64,
    pub known: u64,
    /// Of the candidates, those of more than one edit.
    pub pairs: u64,
    pub nearest: Option<NearMiss>,
    pub more_time_could_help: bool,
    pub end: SearchEnd,
}

impl NotFixed {
    /// Of a group whose turn never came.
    pub fn untried(end: SearchEnd) -> Self {
        Self {
            places: 0,
            operators: Vec::new(),
            candidates: 0,
            known: 0,
            pairs: 0,
            nearest: None,
            more_time_could_help: end.left_something(),
            end,
        }
    }
}

/// How one group of failing tests came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum GroupOutcome {
    Fixed {
        patch: Patch,
        /// The next best, best first; each would have replaced `patch`, over the same earlier repairs.
        alternatives: Vec<Patch>,
    },
    /// The repair of an earlier group mends this one too.
    FixedByEarlier,
    /// Its tests passed when they were run again with nothing changed: nothing can be found out by them.
    Unsteady,
    NotFixed(NotFixed),
}

/// Failing tests with one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub fingerprint: Option<String>,
    /// Test ids in the report's order.
    pub targets: Vec<String>,
    pub outcome: GroupOutcome,
}

/// Sums over the whole search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Candidates given to the verifier and judged.
    pub tried: u64,
    /// Of these, candidates on which at least one test ran.
    pub ran: u64,
    /// Runs of the whole suite.
    pub confirmed: u64,
    /// Edits left out because they give the same tree as an earlier one, or as the original.
    pub duplicates: u64,
    /// Edits left out because they don't give valid Python.
    pub invalid: u64,
}

/// How a search came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// In the order they were worked on.
    pub groups: Vec<Group>,
    pub counts: Counts,
    /// Files left alone and the like, in plain words, sorted.
    pub notes: Vec<String>,
    /// Targets that pass and fail by themselves, in the report's order; none of them was searched for.
    pub unsteady: Vec<String>,
    pub end: SearchEnd,
}

impl SearchResult {
    /// The patches that make up the repair, in the order they were found.
    pub fn patches(&self) -> impl Iterator<Item = &Patch> {
        self.groups.iter().filter_map(|group| match &group.outcome {
            GroupOutcome::Fixed { patch, .. } => Some(patch),
            _ => None,
        })
    }

    /// Every changed file of the whole repair; empty where nothing was repaired.
    pub fn changes(&self) -> &[FileChange] {
        self.patches().last().map_or(&[], |patch| &patch.changes)
    }

    /// Whether every target that is steady passes with [`SearchResult::changes`].
    pub fn all_fixed(&self) -> bool {
        !self.groups.is_empty() && self.groups.iter().all(|group| !matches!(group.outcome, GroupOutcome::NotFixed(_)))
    }
}

/// The best candidate so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Best {
    pub path: Arc<str>,
    pub line: u32,
    pub why: String,
    /// The group's tests that pass with it, of how many.
    pub passing: usize,
    pub targets: usize,
    /// The whole suite agrees.
    pub confirmed: bool,
}

/// Sent after every batch and every confirmation. The receiver has the clock: rates are its to work out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Index of the group at work, and how many there are.
    pub group: usize,
    pub groups: usize,
    /// Candidates of this group tried, and known in all (an upper bound: duplicates show only on the way).
    pub tried: u64,
    pub known: u64,
    /// Candidates over the whole search on which at least one test ran.
    pub ran: u64,
    pub best: Option<Best>,
}
