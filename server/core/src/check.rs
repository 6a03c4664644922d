//! The check: only a proposal that a verdict lets through can become a workspace edit.

use thiserror::Error;

use crate::hash::ContentHash;
use crate::path::WorkspacePath;
use crate::proposal::{FileState, Proposal, RebaseError};
use crate::session::{Apply, Session};
use crate::verdict::{Decision, Verdict};

/// A proposal that may land. There is no way to make one but [`check`]; [`judged`] and [`recall`] for one whose session has
/// the proof; [`take_back`] for the reverse of one that landed. There is no way to change one.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedProposal {
    proposal: Proposal,
    /// The verdict that let it through; none where a session has the proof, and for what is taken back.
    verdict: Option<Verdict>,
}

/// What the user agreed to for this one proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Protected files the user named; each is the file itself, never a folder or a pattern.
    pub allow: Vec<WorkspacePath>,
    /// Whether a proposal that fixes only some groups of targets may land.
    pub partial: bool,
    /// Whether it may land though no test covers it.
    pub unchecked: bool,
    /// The [`Proposal::hash`] that was shown to the user, where the approval came from a question; it binds the approval to
    /// that proposal.
    pub shown: Option<ContentHash>,
}

/// Why a proposal does not land.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// The verdict was made for another proposal.
    #[error("the verdict was made for another proposal; run the check again")]
    OtherProposal,
    /// The user approved another proposal.
    #[error("the approval was given for another proposal; look at this one and approve it")]
    OtherApproval,
    /// Nothing would change.
    #[error("the proposal changes nothing")]
    Empty,
    /// The verdict keeps it out.
    #[error("the proposal is kept out: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// Some groups of targets are fixed, and the user did not ask for part of the work.
    #[error("only some of the targets pass with the proposal; ask for a partial repair to let it land")]
    Partial,
    /// No target is fixed.
    #[error("no target passes with the proposal")]
    NotFixed,
    /// Protected files that nobody named.
    #[error("the proposal changes protected files that were not named: {}", list(.0))]
    NotAllowed(Vec<WorkspacePath>),
    /// Protected files that were named after the check: the tree that would land was never run.
    #[error("protected files were named only after the check: {}; check the proposal again with them named", list(.0))]
    NamedLate(Vec<WorkspacePath>),
    /// No test covers it, and the user has not said that it may land all the same.
    #[error("{0}; it lands only where you say that it may")]
    Unchecked(String),
    /// Files that no approval covers.
    #[error("the proposal changes files that must not be changed: {}", list(.0))]
    Forbidden(Vec<WorkspacePath>),
}

fn list(paths: &[WorkspacePath]) -> String {
    paths.iter().map(WorkspacePath::as_str).collect::<Vec<_>>().join(", ")
}

/// Lets a proposal through where its verdict and the user's approval do.
pub fn check(proposal: Proposal, verdict: Verdict, approval: &Approval) -> Result<CheckedProposal, CheckError> {
    let hash = proposal.hash();
    if verdict.proposal() != hash {
        return Err(CheckError::OtherProposal);
    }
    if approval.shown.is_some_and(|shown| shown != hash) {
        return Err(CheckError::OtherApproval);
    }
    if proposal.is_empty() {
        return Err(CheckError::Empty);
    }
    if !verdict.forbidden().is_empty() {
        return Err(CheckError::Forbidden(verdict.forbidden().to_vec()));
    }
    match verdict.merit() {
        Decision::Verified | Decision::NoRegression => {}
        Decision::PartlyFixed if approval.partial => {}
        Decision::PartlyFixed => return Err(CheckError::Partial),
        Decision::NotFixed => return Err(CheckError::NotFixed),
        Decision::Refused if approval.unchecked && verdict.says_nothing() => {}
        Decision::Refused => return Err(CheckError::Refused(verdict.reasons.clone())),
    }
    let unnamed: Vec<_> = verdict.by_name().iter().filter(|path| !approval.allow.contains(path)).cloned().collect();
    if !unnamed.is_empty() {
        return Err(CheckError::NotAllowed(unnamed));
    }
    if !verdict.needs_naming().is_empty() {
        return Err(CheckError::NamedLate(verdict.needs_naming().to_vec()));
    }
    Ok(CheckedProposal { proposal, verdict: Some(verdict) })
}

/// Lets a proposal through again whose landing was cut off. The proof is the session: it takes an intention to write files
/// only after the verdict that lets these through.
pub fn recall(proposal: Proposal, session: &Session) -> Result<CheckedProposal, CheckError> {
    match session.applying() {
        Apply::Intended(intended) if intended.proposal == proposal.hash() => {
            Ok(CheckedProposal { proposal, verdict: None })
        }
        _ => Err(CheckError::OtherProposal),
    }
}

/// Lets a proposal through that a session has judged, and that waited for the user since. The proof is the session.
///
/// # Errors
/// Why it does not land.
pub fn judged(proposal: Proposal, session: &Session, approval: &Approval) -> Result<CheckedProposal, CheckError> {
    let hash = proposal.hash();
    let Some(judged) = session.judged().filter(|judged| judged.proposal == hash && session.proposal() == Some(hash))
    else {
        return Err(CheckError::OtherProposal);
    };
    if approval.shown.is_some_and(|shown| shown != hash) {
        return Err(CheckError::OtherApproval);
    }
    if proposal.is_empty() {
        return Err(CheckError::Empty);
    }
    if let Some(asked) = session.needs_approval() {
        return Err(CheckError::Unchecked(asked.why.clone()));
    }
    match judged.decision {
        Decision::Verified | Decision::NoRegression => Ok(CheckedProposal { proposal, verdict: None }),
        Decision::PartlyFixed if approval.partial => Ok(CheckedProposal { proposal, verdict: None }),
        Decision::PartlyFixed => Err(CheckError::Partial),
        Decision::NotFixed => Err(CheckError::NotFixed),
        Decision::Refused if judged.says_nothing() && session.is_approved() => {
            Ok(CheckedProposal { proposal, verdict: None })
        }
        Decision::Refused => Err(CheckError::Refused(judged.reasons.clone())),
    }
}

/// Why a change is not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TakeBackError {
    /// It never landed.
    #[error("it has not landed")]
    NotLanded,
    /// What it changed was changed again since.
    #[error(transparent)]
    Changed(#[from] RebaseError),
    /// The files have nothing of it.
    #[error("nothing of it is left")]
    Nothing,
}

/// The reverse of a proposal that has landed, for the files as they are now. It brings back what was there before, which is
/// the user's own, so no verdict is asked; what changed since stays.
///
/// # Errors
/// Why it cannot be taken back.
pub fn take_back(
    landed: &Proposal,
    session: &Session,
    now: impl Fn(&WorkspacePath) -> Option<FileState>,
) -> Result<CheckedProposal, TakeBackError> {
    // Of one that landed in part, the files that are as before stay as they are.
    let is_there = matches!(session.applying(), Apply::Landed | Apply::Unclear(_));
    if !is_there || session.proposal() != Some(landed.hash()) {
        return Err(TakeBackError::NotLanded);
    }
    let proposal = landed.undo(now)?;
    if proposal.is_empty() {
        return Err(TakeBackError::Nothing);
    }
    Ok(CheckedProposal { proposal, verdict: None })
}

impl CheckedProposal {
    /// The proposal.
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// The verdict that let it through; none where a session had the proof, and for what is taken back.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }
}
