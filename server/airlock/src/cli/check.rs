//! `airlock check`: run the project's tests and say what they said.

use airlock_core::report::{Counts, Location, Outcome, Reason, SuiteReport, TestReport};
use airlock_core::status::Status;
use airlock_sandbox::guest::event::Collected;
use airlock_sandbox::suite::{Options, SuiteError};

use super::args::CheckArgs;
use super::context::Context;
use super::document::{Body, CheckBody, Report, to_microseconds};
use super::places::Places;
use super::{again, causes, hidden, ids, nested, render};
use crate::failure::Failure;
use crate::fingerprints;
use crate::workbench::Project;

/// Runs the tests that the arguments name.
///
/// # Errors
/// [`Failure`] where nothing could be run.
pub fn run(context: &Context, args: &CheckArgs) -> Result<Report, Failure> {
    let project = context.project(&args.paths, &args.project, args.project.settings.flags()?)?;
    let bench = context.bench(&project, &args.project)?;
    let suite = bench.suite(&project, project.found.pytest_args(), &context.cancelled)?;
    let ready = match context.collect(&suite) {
        Ok(ready) => ready,
        Err(SuiteError::Project { message, place: Some(place) }) => {
            return Ok(stopped(context, &project, args, message, place));
        }
        Err(error) => return Err(ids::failed(context, &bench, &project, error)),
    };
    let only = match args.tests.as_slice() {
        [] => None,
        named => Some(ids::resolve(named, &ready.collected)?),
    };
    let options = Options { only, ..Options::default() };
    let ran = context.run(&suite, &ready, &[], &options).map_err(|error| context.told(error))?;
    context.unchanged(&project, [ready.trace(), &ran.trace])?;
    let mut report = ran.report;
    crate::hidden::explain(&mut report, &project);
    fingerprints::fill(&mut report, &project, &ready.collected);
    report.notes.extend(hidden::asked(&project, &[ready.trace(), &ran.trace]));
    Ok(finish(context, &project, args, report, &ready.collected))
}

/// A project of which one of its own files keeps everything from being collected: an error in collection like any other.
fn stopped(context: &Context, project: &Project, args: &CheckArgs, message: String, place: Location) -> Report {
    let mut report = SuiteReport { tests: vec![collection_error(message, place)], ..SuiteReport::default() };
    fingerprints::fill(&mut report, project, &Collected::default());
    finish(context, project, args, report, &Collected::default())
}

fn collection_error(message: String, place: Location) -> TestReport {
    TestReport {
        id: place.path.clone(),
        outcome: Outcome::Error,
        time_ms: 0.0,
        message: Some(message),
        exception: None,
        detail: None,
        reason: None,
        fingerprint: None,
        location: Some(place),
        coverage: None,
        notes: Vec::new(),
        collection: true,
    }
}

fn finish(
    context: &Context,
    project: &Project,
    args: &CheckArgs,
    mut report: SuiteReport,
    collected: &Collected,
) -> Report {
    Places::of(project).tell(&mut report.tests);
    let (status, mut reason) = judge(&report, !args.tests.is_empty());
    if let Some(reason) = reason.as_mut().filter(|reason| reason.kind == "no_tests") {
        reason.detail = hidden::no_tests(project);
    }
    let counts = Counts::of(&report);
    for test in &mut report.tests {
        test.time_ms = to_microseconds(test.time_ms);
    }
    let mut notes = project.notes.clone();
    notes.extend(hidden::notes(project, &report.tests));
    notes.extend(report.notes);
    if counts.failing() > 0 {
        notes.extend(other_python(project, &report.python));
        notes.extend(nested::ids(project, &context.cwd).filter(|_| args.project.root.is_none()));
    }
    if counts.error > 0 || counts.ran() == 0 {
        notes.extend(nested::hint(project));
    }
    let body = CheckBody {
        root: project.found.root.to_string_lossy().into_owned(),
        python: report.python,
        pytest: report.runner,
        counts,
        tests: report.tests,
        unreported: report.unreported,
        limits: report.limits,
        notes,
        reason,
        command_line: super::patch::command_line(&project.found.pytest_args()),
    };
    let wall = context.started.elapsed();
    let again = |name: &str, tests: &[String]| {
        let paths = if name == "doctor" { args.paths.get(..1).unwrap_or_default() } else { &args.paths };
        let tests = if tests.is_empty() && name == "fix" { &args.tests } else { tests };
        again::command(name, &[], tests, paths, &args.project)
    };
    for line in render::check(context.terminal.out, &body, status, wall, collected.items.len(), &again) {
        context.terminal.say(&line);
    }
    Report { status, body: Body::Check(Box::new(body)) }
}

/// That failures may come of another Python than the project's own.
fn other_python(project: &Project, ran_on: &str) -> Option<String> {
    let short = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    let own = short(project.environment.layout.as_ref()?.python_version.as_deref()?);
    let here = short(ran_on);
    (own != here && !here.is_empty()).then(|| format!("your environment has Python {own}; this ran on {here}"))
}

/// The status of a run, and why it is not more. With `named`, every test of the report was named and has to run.
pub fn judge(report: &SuiteReport, named: bool) -> (Status, Option<Reason>) {
    let reason = |kind: &str, detail: &str| Some(Reason { kind: kind.to_owned(), detail: detail.to_owned() });
    let counts = Counts::of(report);
    // What the run ended before was not run, and natively the run would have ended there too.
    if counts.failing() > 0 || !report.unreported.is_empty() {
        return (Status::Failed, None);
    }
    let untestable = report.tests.iter().find(|test| test.outcome == Outcome::NotTestable);
    let why = || untestable.and_then(|test| test.reason.clone());
    if counts.ran() == 0 {
        // Of several the one that keeps most tests from running.
        let reason = match causes::of_tests(&report.tests).into_iter().next() {
            Some(cause) => Some(Reason { kind: cause.kind, detail: cause.detail }),
            None if counts.skipped > 0 => reason("all_skipped", "the project skips every test itself"),
            None => reason("no_tests", "no test was found"),
        };
        return (Status::NotTestable, reason);
    }
    if named && untestable.is_some() {
        return (Status::NotTestable, why());
    }
    (Status::Passed, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[Outcome]) -> SuiteReport {
        let place = Location { path: "t.py".into(), line: 1 };
        let test = |(at, outcome): (usize, &Outcome)| TestReport {
            id: format!("t.py::test_{at}"),
            outcome: *outcome,
            reason: (*outcome == Outcome::NotTestable)
                .then(|| Reason { kind: "socket".into(), detail: "connect".into() }),
            ..collection_error("m".into(), place.clone())
        };
        SuiteReport { tests: outcomes.iter().enumerate().map(test).collect(), ..SuiteReport::default() }
    }

    #[test]
    fn the_status_follows_from_the_outcomes() {
        use Outcome::{Error, Failed, NotTestable, Passed, Skipped, Xfailed, Xpassed};
        let cases: &[(&[Outcome], bool, Status, Option<&str>)] = &[
            (&[], false, Status::NotTestable, Some("no_tests")),
            (&[Passed], false, Status::Passed, None),
            (&[Passed, Skipped, Xfailed, Xpassed], false, Status::Passed, None),
            (&[Passed, NotTestable], false, Status::Passed, None),
            (&[Passed, NotTestable], true, Status::NotTestable, Some("socket")),
            (&[NotTestable, NotTestable], false, Status::NotTestable, Some("socket")),
            (&[Skipped], false, Status::NotTestable, Some("all_skipped")),
            (&[Skipped, NotTestable], false, Status::NotTestable, Some("socket")),
            (&[Failed, NotTestable], true, Status::Failed, None),
            (&[Error], false, Status::Failed, None),
            (&[Passed, Failed], false, Status::Failed, None),
        ];
        for (outcomes, named, status, kind) in cases {
            let (found, reason) = judge(&report(outcomes), *named);
            assert_eq!((found, reason.as_ref().map(|reason| reason.kind.as_str())), (*status, *kind), "{outcomes:?}");
        }
    }

    #[test]
    fn a_run_that_ends_early_is_no_pass() {
        let mut early = report(&[Outcome::Passed]);
        early.unreported.push("t.py::test_9".into());
        assert_eq!(judge(&early, false).0, Status::Failed);
    }
}
