//! Proposals and verdicts as sessions have them: in the log by hash, their bytes beside it.

use airlock_core::proposal::{FileState, Proposal};
use airlock_core::session::{ApplyIntended, ChangedFile, FileRef, Judged, Proposed};
use airlock_core::verdict::Verdict;
use airlock_core::{check::Approval, hash::ContentHash};
use airlock_store::{Store, StoreError};

/// A proposal's event, and the contents it names.
pub fn proposed(proposal: &Proposal) -> (Proposed, Vec<Vec<u8>>) {
    let diff = proposal.diff();
    let event = Proposed {
        proposal: proposal.hash(),
        reason: proposal.reason().to_owned(),
        files: files(proposal),
        diff: ContentHash::of(&diff),
    };
    let states = proposal.files().flat_map(|(_, change)| [change.base(), change.new_state()]);
    let mut contents: Vec<Vec<u8>> = states.flatten().map(|state| state.bytes().to_vec()).collect();
    contents.push(diff);
    (event, contents)
}

fn files(proposal: &Proposal) -> Vec<ChangedFile> {
    let state =
        |state: Option<&FileState>| state.map(|state| FileRef { hash: state.hash(), executable: state.executable() });
    proposal
        .files()
        .map(|(path, change)| ChangedFile {
            path: path.clone(),
            before: state(change.base()),
            after: state(change.new_state()),
        })
        .collect()
}

/// A verdict's event, and the whole verdict as its document has it.
pub fn judged(proposal: &Proposal, verdict: &Verdict) -> (Judged, Vec<Vec<u8>>) {
    // Plain data with strings for keys.
    let whole = serde_json::to_vec(verdict).unwrap_or_default();
    let event = Judged {
        proposal: proposal.hash(),
        decision: verdict.decision,
        before: verdict.before,
        after: verdict.after,
        fixed: verdict.fixed.clone(),
        still_failing: verdict.still_failing.clone(),
        broken: verdict.broken.clone(),
        reasons: verdict.reasons.clone(),
        command: verdict.command.clone(),
        verdict: ContentHash::of(&whole),
    };
    (event, vec![whole])
}

/// The intention to write a proposal's files.
pub fn intended(proposal: &Proposal, approval: &Approval) -> ApplyIntended {
    ApplyIntended {
        proposal: proposal.hash(),
        files: files(proposal),
        allowed: approval.allow.clone(),
        partial: approval.partial,
    }
}

/// A proposal as it was made: what was proposed, tested and applied, byte for byte.
///
/// # Errors
/// Something of it is not kept, or no longer what it was.
pub fn rebuild(store: &Store, proposed: &Proposed) -> Result<Proposal, StoreError> {
    let state = |state: Option<FileRef>| -> Result<Option<FileState>, StoreError> {
        let Some(FileRef { hash, executable }) = state else { return Ok(None) };
        Ok(Some(FileState::new(store.content(hash)?, executable)))
    };
    let mut files = Vec::with_capacity(proposed.files.len());
    for file in &proposed.files {
        files.push((file.path.clone(), state(file.before)?, state(file.after)?));
    }
    Proposal::new(proposed.reason.clone(), files)
        .ok()
        .filter(|proposal| proposal.hash() == proposed.proposal)
        .ok_or_else(|| StoreError::NoContent(proposed.proposal.to_string()))
}
