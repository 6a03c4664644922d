//! Settling a landing that was cut off, by what the files themselves say.

use std::collections::BTreeSet;
use std::path::Path;

use airlock_core::check::recall;
use airlock_core::path::WorkspacePath;
use airlock_core::session::{Apply, ApplySettled, Settlement};
use airlock_core::status::ErrorCode;

use super::log::Log;
use super::proposals;
use crate::apply::leftovers;
use crate::apply::settle::{self, Now};
use crate::failure::Failure;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Every file is as it should be. The second value: some of them are so only now.
    Landed(Vec<WorkspacePath>),
    /// Every file is as it was.
    NotLanded,
    /// Some files are as before, some as after, and nothing was touched.
    Half { done: Vec<WorkspacePath>, rest: Vec<WorkspacePath> },
    /// These are neither, and nothing was touched.
    Unclear(Vec<WorkspacePath>),
}

/// Settles a session whose landing was cut off; none where there is nothing to settle. With `finish`, what is half done is
/// done to its end; without, only looked at. What is found is in the log when this returns.
///
/// # Errors
/// The proposal is no longer kept, the files cannot be written, or the log cannot.
pub fn settle(root: &Path, log: &Log, finish: bool) -> Result<Option<Settled>, Failure> {
    let (intended, proposed) = log.look(|session| (session.applying().clone(), session.proposed().cloned()));
    let (Apply::Intended(intended), Some(proposed)) = (intended, proposed) else { return Ok(None) };
    let _landing = log.store().landing()?;
    let proposal = proposals::rebuild(&log.store(), &proposed)?;
    let failed = |error: crate::apply::ApplyError| Failure::error(ErrorCode::ApplyFailed, error.to_string());
    let standing = settle::look(root, &proposal).map_err(failed)?;
    let those = |wanted: Now| -> Vec<WorkspacePath> {
        standing.iter().filter(|(_, now)| *now == wanted).map(|(path, _)| path.clone()).collect()
    };
    let (unclear, done, rest) = (those(Now::Neither), those(Now::After), those(Now::Before));
    let (settled, settlement) = if !unclear.is_empty() {
        (Settled::Unclear(unclear.clone()), Settlement::Unclear(unclear))
    } else if rest.is_empty() {
        (Settled::Landed(Vec::new()), Settlement::Landed)
    } else if done.is_empty() {
        (Settled::NotLanded, Settlement::NotLanded)
    } else if finish {
        let checked = log
            .look(|session| recall(proposal.clone(), session))
            .map_err(|error| Failure::error(ErrorCode::Internal, error.to_string()))?;
        let names: BTreeSet<WorkspacePath> = rest.iter().cloned().collect();
        settle::finish(root, &checked, &names).map_err(failed)?;
        (Settled::Landed(rest), Settlement::Landed)
    } else {
        return Ok(Some(Settled::Half { done, rest }));
    };
    if !matches!(settlement, Settlement::Unclear(_)) {
        // Old contents and half written new ones; what they were for is settled.
        fn folder(path: &WorkspacePath) -> &str {
            path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
        }
        leftovers::sweep(root, proposal.files().map(|(path, _)| folder(path)));
    }
    log.write(ApplySettled { proposal: intended.proposal, settlement }, Vec::new())?;
    Ok(Some(settled))
}
