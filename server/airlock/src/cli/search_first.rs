//! The search of `fix` before a model: where failing tests are to pass, its repair saves asking.

use std::time::Duration;

use airlock_core::proposal::Proposal;
use airlock_core::verdict::{self, Decision, Verdict};

use super::context::Context;
use super::record::Record;
use super::{fix, landing};
use crate::failure::Failure;
use crate::fixing::{Clock, Tester};
use crate::judge::Judge;
use crate::sessions::verifier::Remembering;
use crate::workbench::{Bench, Project};

/// What the search came to.
#[derive(Debug, Default)]
pub struct Searched {
    /// Candidates that were run.
    pub candidates: u64,
    /// A repair that makes every target pass and breaks nothing.
    pub found: Option<(Proposal, Verdict)>,
    pub notes: Vec<String>,
}

/// Searches a repair of the targets for as long as the settings say, and has it judged. In a session whose model was told the
/// task already nothing is searched: that was in vain.
///
/// # Errors
/// [`Failure`] where the sandbox could not do its work, or the call was cancelled.
pub fn search(
    context: &Context,
    (project, bench): (&Project, &Bench),
    judge: &Judge<'_>,
    targets: &[String],
    command: &str,
    record: &Record<'_>,
) -> Result<Searched, Failure> {
    let seconds = project.settings.model.search_seconds;
    let log = record.log();
    let failing: Vec<String> = verdict::failing(judge.base()).into_iter().filter(|id| targets.contains(id)).collect();
    let is_told = log.is_some_and(|log| log.look(|session| session.talk().started().is_some()));
    if seconds == 0 || is_told || failing.is_empty() || failing.len() < targets.len() {
        return Ok(Searched::default());
    }
    let clock = Clock::start(Duration::from_secs(seconds));
    let compiling = || context.terminal.progress("compiling the guest for an exact measure of work, once", true);
    let tester = Tester::new(project, bench, judge, &context.cancelled, &compiling, clock);
    let result = match log {
        Some(log) => {
            let remembering = Remembering { inner: &tester, log };
            fix::search(context, project, judge, &remembering, Some(log), &failing, clock)?
        }
        None => fix::search(context, project, judge, &tester, None, &failing, clock)?,
    };
    context.terminal.clear();
    if context.is_cancelled() {
        return Err(Failure::cancelled());
    }
    let candidates = result.counts.ran;
    let mut searched = Searched { candidates, notes: result.notes.clone(), ..Searched::default() };
    if result.all_fixed() && result.unsteady.is_empty() && !result.changes().is_empty() {
        context.unchanged(project, &[judge.seen().clone()])?;
        let words = result.patches().map(|patch| patch.explanation.clone()).collect::<Vec<_>>().join(". ");
        let proposal = fix::proposal(project, &words, result.changes())?;
        record.proposed(&proposal);
        let mut show = |stage, progress: airlock_sandbox::suite::Progress<'_>| landing::show(context, stage, &progress);
        let verdict = judge.verdict(&proposal, targets, &[], command, &mut show);
        context.unchanged(project, &judge.traces())?;
        let verdict = verdict.map_err(|failure| context.told(failure))?;
        record.judged(&proposal, &verdict);
        context.terminal.clear();
        if verdict.decision == Decision::Verified {
            searched.found = Some((proposal, verdict));
            return Ok(searched);
        }
    }
    searched.notes.push(format!(
        "the search ran {candidates} candidates before the model was asked, and found no repair; --no-search passes it over"
    ));
    Ok(searched)
}
