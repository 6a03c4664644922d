//! Tests that fail now and pass then: nothing can be found out by them.

use std::collections::BTreeSet;

use super::{Budget, SearchError, Stop, Task, asking, overlay::Overlay};
use crate::verifier::{Candidate, Ended, TargetResult, Verifier};

/// Targets that pass when the verifier runs them another way.
pub(super) fn again(
    task: &Task<'_>,
    budget: &Budget<'_>,
    verifier: &dyn Verifier,
) -> Result<BTreeSet<String>, SearchError> {
    let poll = budget.poll;
    let cancel = || poll() != Stop::Continue;
    if cancel() || task.targets.is_empty() {
        return Ok(BTreeSet::new());
    }
    let result = verifier.again(task.targets, &cancel).map_err(SearchError::Verifier)?;
    Ok(result.map(|result| passing(task.targets, result)).unwrap_or_default())
}

/// Tests that pass without the others and without a change: they depend on what ran before them. Every candidate would
/// seem to mend them.
pub(super) fn without_changes(
    targets: &[String],
    overlay: &Overlay<'_>,
    budget: &Budget<'_>,
    verifier: &dyn Verifier,
) -> Result<BTreeSet<String>, SearchError> {
    let poll = budget.poll;
    let cancel = || poll() != Stop::Continue;
    if cancel() {
        return Ok(BTreeSet::new());
    }
    let nothing = Candidate { changes: overlay.changes(), sites: Vec::new() };
    let results = asking::ask(verifier, &[nothing], targets, &cancel)?;
    Ok(results.into_iter().next().map(|result| passing(targets, result)).unwrap_or_default())
}

fn passing(targets: &[String], result: TargetResult) -> BTreeSet<String> {
    if result.ended == Ended::Cancelled {
        return BTreeSet::new();
    }
    result.passed.into_iter().filter_map(|index| targets.get(index).cloned()).collect()
}
