//! `airlock fix`: search a small patch that makes failing tests pass, prove it, show it, and land it if asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_core::check::Approval;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal};
use airlock_core::report::{Outcome, Reason};
use airlock_core::session::Task;
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::Decision;
use airlock_repair::outcome::{Group, GroupOutcome, Patch, Progress, SearchEnd, SearchResult};
use airlock_repair::search::{self, Budget, Options, SearchError, Stop, Task as SearchTask};
use airlock_repair::verifier::{FileChange, Verifier};

use super::args::{COLUMNS, FixArgs};
use super::context::Context;
use super::document::{Body, FixBody, PatchBody, ProposalBody, Report};
use super::landing::{Waiting, Worked};
use super::record::Record;
use super::targets::{self, Targets};
use super::terminal::{self, Style};
use super::{again, hidden, ids, landing, patch, unfixed};
use crate::failure::Failure;
use crate::fixing::{Clock, Tester};
use crate::judge::Judge;
use crate::sessions::log::Log;
use crate::sessions::verifier::Remembering;
use crate::workbench::Project;

/// Repairs failing tests.
///
/// # Errors
/// [`Failure`] where the project cannot be run or the search could not do its work.
pub fn run(context: &Context, args: &FixArgs) -> Result<Report, Failure> {
    run_in(context, args, None)
}

/// The same in a session that was taken up again.
///
/// # Errors
/// As for [`run`]; and the project is not what the session is about.
pub fn run_in(context: &Context, args: &FixArgs, taken: Option<Log>) -> Result<Report, Failure> {
    let project = project(context, args)?;
    let mut record = Record::open(context, &project, args.apply, taken)?;
    let result = work(context, args, &project, &mut record);
    record.end(result.map(|(report, _)| report))
}

/// Searches a repair, and leaves it waiting where there is one to look at. `taken`: the session goes on.
///
/// # Errors
/// As for [`run_in`].
pub fn propose(context: &Context, args: &FixArgs, taken: Option<Log>) -> Result<(Report, Option<Waiting>), Failure> {
    let project = project(context, args)?;
    let mut record = Record::open(context, &project, false, taken)?;
    match work(context, args, &project, &mut record) {
        Ok((report, Some((proposal, verdict))))
            if matches!(verdict.decision, Decision::Verified | Decision::PartlyFixed) =>
        {
            Ok((report, Waiting::of(&project, proposal, verdict, record)))
        }
        other => Ok((record.end(other.map(|(report, _)| report))?, None)),
    }
}

fn project(context: &Context, args: &FixArgs) -> Result<Project, Failure> {
    let mut project = context.project(&args.paths, &args.project, args.flags()?)?;
    targets::give_a_part(&mut project);
    Ok(project)
}

fn work(context: &Context, args: &FixArgs, project: &Project, record: &mut Record<'_>) -> Result<Worked, Failure> {
    let bench = context.bench(project, &args.project)?;
    let pytest_args = project.found.pytest_args();
    let command = patch::command_line(&pytest_args);
    let clock = Clock::start(Duration::from_secs(project.settings.search_seconds));
    let judging = AtomicBool::new(false);
    let suite = bench.suite(project, pytest_args, &context.cancelled)?;
    // What was found by then is judged, for which there is some time more.
    let suite = suite.until(|| if judging.load(Ordering::Relaxed) { clock.is_late() } else { clock.is_up() });
    let mut body = FixBody { patch: PatchBody::default(), candidates: 0, remembered: 0, alternatives: Vec::new() };
    body.patch.notes = project.notes.clone();
    // Cut off by its own time, and not by the user.
    let is_late = |failure: &Failure| failure.status == Status::Cancelled && !context.is_cancelled();
    let ready = match ids::collect(context, &bench, project, &suite) {
        Err(failure) if is_late(&failure) => return Ok(too_slow(context, project.settings.search_seconds, body)),
        other => other?,
    };
    let named = ids::resolve(&args.tests, &ready.collected)?;
    record.begin(Task::Fix, project, &bench, (args.apply, args.partial))?;
    let runs = record.runs(project, &suite, args.project.no_cache);
    let mut show = |stage, progress: airlock_sandbox::suite::Progress<'_>| landing::show(context, stage, &progress);
    let judge = match Judge::of_base(project, &suite, runs, true, &mut show) {
        Err(failure) if is_late(&failure) => {
            record.more_could_help = true;
            return Ok(too_slow(context, project.settings.search_seconds, body));
        }
        other => other.map_err(|failure| context.told(failure))?,
    };
    judging.store(true, Ordering::Relaxed);
    context.terminal.clear();

    body.patch.notes.extend(hidden::asked(project, &[judge.seen()]));
    if let Some(reason) = patch::untestable(project, &judge, &named) {
        landing::print_wrapped(context, &format!("not testable: {}: {}", reason.kind, reason.detail));
        body.patch.reason = Some(reason);
        return Ok((Report { status: Status::NotTestable, body: Body::Fix(Box::new(body)) }, None));
    }
    let sorted = Targets::of(judge.base(), project, &named, args.apply);
    let note = targets::unsure_note(&sorted, project);
    if let Some(note) = &note {
        landing::print_wrapped(context, note);
        body.patch.notes.push(note.clone());
    }
    let Targets { targets, unsure } = sorted;
    if let Some(note) = note.filter(|_| targets.is_empty() && !unsure.is_empty()) {
        // It failed, so there is something to fix.
        body.patch.reason = Some(Reason { kind: "not_fixed".to_owned(), detail: note });
        return Ok((Report { status: Status::NotFixed, body: Body::Fix(Box::new(body)) }, None));
    }
    if targets.is_empty() {
        let untestable = judge.base().tests.iter().filter(|test| test.outcome == Outcome::NotTestable).count();
        context.terminal.say(&nothing_to_fix(untestable));
        return Ok((Report { status: Status::NothingToFix, body: Body::Fix(Box::new(body)) }, None));
    }
    record.base(&judge, &targets)?;
    targets::print(context, judge.base(), &targets);

    let compiling = || context.terminal.progress("compiling the guest for an exact measure of work, once", true);
    let tester = Tester::new(project, &bench, &judge, &context.cancelled, &compiling, clock);
    let result = match record.log() {
        Some(log) => {
            search(context, project, &judge, &Remembering { inner: &tester, log }, Some(log), &targets, clock)?
        }
        None => search(context, project, &judge, &tester, None, &targets, clock)?,
    };
    context.terminal.clear();
    body.candidates = result.counts.ran;
    body.patch.notes.extend(result.notes.iter().cloned());
    let targets = targets::without_unsteady(context, targets, &result, &mut body.patch.notes);
    if context.is_cancelled() {
        return Err(Failure::cancelled());
    }
    body.alternatives = alternatives(project, &result);

    record.more_could_help = result.end == SearchEnd::TimeUp;
    context.unchanged(project, &[judge.seen().clone()])?;
    if result.changes().is_empty() {
        let why = unfixed::told(&result);
        print_not_fixed(context, &why, &result);
        body.patch.reason = Some(Reason { kind: "not_fixed".to_owned(), detail: why });
        return Ok((Report { status: Status::NotFixed, body: Body::Fix(Box::new(body)) }, None));
    }
    let explanation = result.patches().map(|patch| patch.explanation.clone()).collect::<Vec<_>>().join(". ");
    let proposal = proposal(project, &explanation, result.changes())?;
    record.proposed(&proposal);
    let verdict = judge.verdict(&proposal, &targets, &[], &command, &mut show);
    context.unchanged(project, &judge.traces())?;
    let verdict = match verdict {
        Err(failure) if is_late(&failure) => {
            record.more_could_help = true;
            return Ok(judged_too_late(context, project.settings.search_seconds, body));
        }
        other => other.map_err(|failure| context.told(failure))?,
    };
    record.judged(&proposal, &verdict);
    context.terminal.clear();
    context.terminal.say("");
    for line in terminal::wrap(&explanation, "", COLUMNS) {
        context.terminal.say(&line);
    }
    context.terminal.say("");
    landing::print_diff(context, &proposal);
    landing::print_verdict(context, &verdict);
    if !result.all_fixed() {
        body.patch.reason = Some(Reason { kind: "not_fixed".to_owned(), detail: unfixed::told(&result) });
    }
    let status = verdict.decision.status();
    body.patch.proposal = Some(landing::body(&proposal, Some(explanation)));
    body.patch.verdict = Some(verdict.clone().into());
    let mut left = None;
    if args.apply {
        let approval = Approval { partial: args.partial, ..Approval::default() };
        body.patch.applied = landing::land(context, project, proposal, verdict, &approval, record)?;
    } else {
        print_next(context, status, args);
        left = Some((proposal, verdict));
    }
    Ok((Report { status, body: Body::Fix(Box::new(body)) }, left))
}

/// There was no time for the search.
fn too_slow(context: &Context, seconds: u64, body: FixBody) -> Worked {
    let why = format!(
        "the {seconds} s of --time-limit were up before the tests had run once on the project as it is; nothing was tried, \
         a higher --time-limit will help"
    );
    out_of_time(context, why, body)
}

/// Something was found, and no time left to judge it.
fn judged_too_late(context: &Context, seconds: u64, body: FixBody) -> Worked {
    let why = format!(
        "a patch was found that passes its tests, but the {seconds} s of --time-limit and the time for the verdict were up \
         before the whole suite had run with it once more; a higher --time-limit will help"
    );
    out_of_time(context, why, body)
}

fn out_of_time(context: &Context, why: String, mut body: FixBody) -> Worked {
    context.terminal.clear();
    context.terminal.say(&context.terminal.out.paint(Style::Yellow, "not fixed"));
    landing::print_wrapped(context, &why);
    body.patch.reason = Some(Reason { kind: "not_fixed".to_owned(), detail: why });
    (Report { status: Status::NotFixed, body: Body::Fix(Box::new(body)) }, None)
}

fn nothing_to_fix(untestable: usize) -> String {
    let nothing = "nothing to fix: no test fails here";
    match untestable {
        0 => nothing.to_owned(),
        count => format!("{nothing}; {count} could not run (airlock doctor says why)"),
    }
}

/// Searches a repair of the targets until the clock is up.
///
/// # Errors
/// [`Failure`] where the sandbox could not do its work.
pub fn search(
    context: &Context,
    project: &Project,
    judge: &Judge<'_>,
    verifier: &dyn Verifier,
    log: Option<&Log>,
    targets: &[String],
    clock: Clock,
) -> Result<SearchResult, Failure> {
    let base = judge.base();
    // Every file that the report names in any way may be looked into.
    let covered = base.tests.iter().flat_map(|test| test.coverage.iter().flatten().map(|(path, _)| path));
    let failed_at = base.tests.iter().filter_map(|test| test.location.as_ref()).map(|place| &place.path);
    let test_files: BTreeSet<String> =
        covered.chain(failed_at).chain(base.imported.keys()).filter(|path| judge.is_material(path)).cloned().collect();
    let read = |path: &str| -> Option<Arc<[u8]>> {
        let path = project.from_root(path)?;
        project.files.workspace_file(&path).ok()
    };
    let task = SearchTask { report: base, targets, test_files: &test_files, read: &read };
    let options = Options { seed: project.settings.search_seed, ..Options::default() };
    let started = Instant::now();
    let poll = || {
        if context.is_cancelled() {
            Stop::Cancelled
        } else if clock.is_over() {
            Stop::Over
        } else if clock.is_up() {
            Stop::TimeUp
        } else {
            Stop::Continue
        }
    };
    let mut show = |progress: &Progress| {
        if let Some(log) = log {
            log.at(progress);
        }
        let seconds = started.elapsed().as_secs_f64().max(0.001);
        // A count of candidates is far below what a float holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "for a rate shown with no decimals")]
        let rate = progress.ran as f64 / seconds;
        let best = match &progress.best {
            Some(best) => format!(", best: {}/{} at {}:{}", best.passing, best.targets, best.path, best.line),
            None => String::new(),
        };
        let of = if progress.groups > 1 {
            format!(" (cause {} of {})", progress.group + 1, progress.groups)
        } else {
            String::new()
        };
        context.terminal.progress(
            &format!("searching{of}: {} of {} tried, {rate:.0}/s{best}", progress.tried, progress.known),
            false,
        );
    };
    context.terminal.progress("searching", true);
    search::repair(&task, &options, &Budget { poll: &poll }, verifier, &mut show).map_err(|error| {
        let code = match &error {
            SearchError::Verifier(_) => ErrorCode::WorkerLost,
            _ => ErrorCode::Internal,
        };
        context.told(Failure::error(code, error.to_string()))
    })
}

/// A search's changes as a proposal, in the workspace's paths.
///
/// # Errors
/// [`Failure`] where a file cannot be read, or cannot be proposed.
pub fn proposal(project: &Project, reason: &str, changes: &[FileChange]) -> Result<Proposal, Failure> {
    let mut files: Vec<(WorkspacePath, Option<FileState>, Option<FileState>)> = Vec::new();
    for change in changes {
        let path = project.from_root(&change.path).ok_or_else(|| {
            Failure::error(ErrorCode::Internal, format!("{} lies outside the workspace", change.path))
        })?;
        let base = crate::judge::file_state(project, &path)
            .map_err(|message| Failure::error(ErrorCode::NotReadable, message))?;
        let executable = base.as_ref().is_some_and(FileState::executable);
        files.push((path, base, Some(FileState::new(change.text.as_bytes(), executable))));
    }
    Proposal::new(reason, files).map_err(|error| Failure::error(ErrorCode::Internal, error.to_string()))
}

fn alternatives(project: &Project, result: &SearchResult) -> Vec<ProposalBody> {
    let of_group = |group: &Group| match &group.outcome {
        GroupOutcome::Fixed { alternatives, .. } => alternatives.clone(),
        _ => Vec::new(),
    };
    let patches: Vec<Patch> = result.groups.iter().flat_map(of_group).collect();
    patches
        .iter()
        .filter_map(|patch| {
            let proposal = proposal(project, &patch.explanation, &patch.changes).ok()?;
            Some(landing::body(&proposal, Some(patch.explanation.clone())))
        })
        .collect()
}

fn print_not_fixed(context: &Context, why: &str, result: &SearchResult) {
    context.terminal.say("");
    context.terminal.say(&context.terminal.out.paint(Style::Yellow, "not fixed"));
    landing::print_wrapped(context, why);
    landing::print_wrapped(
        context,
        &format!(
            "{} candidates were run; the whole suite was run on {} of them",
            result.counts.ran, result.counts.confirmed
        ),
    );
}

fn print_next(context: &Context, status: Status, args: &FixArgs) {
    let terminal = &context.terminal;
    let (what, options) = match status {
        Status::Verified => ("this patch", "--apply"),
        Status::PartlyFixed => ("this much", "--apply --partial"),
        _ => return,
    };
    terminal.say("");
    let before = format!("nothing was changed; to land {what}:");
    let command = again::fix(&options.split(' ').collect::<Vec<_>>(), args);
    if before.len() + 2 + command.chars().count() <= COLUMNS {
        terminal.say(&format!("{before}  {command}"));
    } else {
        // A command is copied: it stays on one line, however long it is.
        terminal.say(&before);
        terminal.say(&format!("  {command}"));
    }
    // Who calls the program by its path has not put it on theirs, and the path may hold here alone.
    if status == Status::Verified
        && again::program() != "airlock"
        && let Ok(program) = std::env::current_exe()
    {
        let program = again::quoted(&program.to_string_lossy());
        terminal.say("for a project of your own:");
        terminal.say(&format!("  cd PROJECT && {program} fix"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_run_is_counted_where_nothing_fails() {
        assert_eq!(nothing_to_fix(0), "nothing to fix: no test fails here");
        assert!(nothing_to_fix(3).ends_with("; 3 could not run (airlock doctor says why)"));
    }
}
