//! `airlock doctor`: what can be tested here, and what stands in the way of the rest, in at most 20 lines.

use std::path::Path;

use airlock_core::report::{Counts, Outcome, SuiteReport};
use airlock_core::status::Status;
use airlock_sandbox::guest::event::Collected;
use airlock_sandbox::suite::{Options, SuiteError};

use super::args::{COLUMNS, DoctorArgs};
use super::causes;
use super::context::{Context, GUEST};
use super::document::{Body, DoctorBody, EnvironmentBody, Report};
use super::places::Places;
use super::render::tally;
use super::terminal::{Painter, Style, fit, wrap};
use super::{guests, hidden};
use crate::apply::leftovers;
use crate::config::Variables;
use crate::failure::Failure;
use crate::guest_install::{self, Cache};
use crate::workbench::Project;

/// Most lines printed.
const LINES: usize = 20;

/// Columns of the names in front.
const NAMES: usize = 15;

/// Looks at a project, runs its tests once, and says what is missing.
///
/// # Errors
/// The path, the configuration or the guest is wrong.
pub fn run(context: &Context, args: &DoctorArgs) -> Result<Report, Failure> {
    let paths: Vec<String> = args.path.iter().cloned().collect();
    let project = context.project(&paths, &args.project, args.project.settings.flags()?)?;
    let mut body = about(&project);
    if let [first, ..] = leftovers::find(project.files.workspace().path(), project.folders()).as_slice() {
        body.notes.push(format!("an --apply was interrupted and left {first} or more; the next one removes it"));
    }
    let bench = match context.bench(&project, &args.project) {
        Ok(bench) => bench,
        Err(failure) => {
            for line in lines(context.terminal.out, &body, Some("not looked for: the sandbox cannot start")) {
                context.terminal.say(&line);
            }
            return Err(failure);
        }
    };
    let cache = Cache::open(&Variables::process())?;
    let spec = guest_install::guest(GUEST)?;
    body.guest = Some(guests::entry(spec, guest_install::state(&cache, spec, false)));
    let suite = bench.suite(&project, project.found.pytest_args(), &context.cancelled)?;
    let trouble = match context.collect(&suite) {
        Ok(ready) => {
            let ran = context.run(&suite, &ready, &[], &Options::default());
            let ran = ran.map_err(|error| context.told(error))?;
            let mut report = ran.report;
            crate::hidden::explain(&mut report, &project);
            report.notes.splice(0..0, hidden::asked(&project, &[ready.trace(), &ran.trace]));
            Places::of(&project).tell(&mut report.tests);
            told_by(&mut body, report, &ready.collected);
            None
        }
        // A project that cannot be collected is what a doctor is for.
        Err(SuiteError::Project { message, place }) => {
            let place = place.map(|place| format!("{}:{}: ", place.path, place.line)).unwrap_or_default();
            Some(format!("cannot be collected: {place}{message}"))
        }
        Err(SuiteError::NotTestable { message, mut reason }) => {
            Places::of(&project).reason(&mut reason);
            body.not_testable = vec![causes::of_project(&reason, &message)];
            Some(format!("cannot be collected: {message}"))
        }
        Err(error) => return Err(context.told(error)),
    };
    if let Some(trouble) = &trouble {
        body.notes.insert(0, trouble.clone());
    }
    for line in lines(context.terminal.out, &body, trouble.as_deref()) {
        context.terminal.say(&line);
    }
    // Whatever was found, finding it was the work.
    Ok(Report { status: Status::Ok, body: Body::Doctor(Box::new(body)) })
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What is known before anything runs.
fn about(project: &Project) -> DoctorBody {
    DoctorBody {
        root: shown(&project.found.root),
        repository: shown(&project.found.repository),
        inifile: project.found.inifile.as_deref().map(shown),
        configuration: project.config.files.iter().map(|file| shown(file)).collect(),
        environment: project.environment.layout.as_ref().map(|layout| EnvironmentBody {
            path: shown(&layout.path),
            found_by: layout.via.describe().to_owned(),
            python: layout.python_version.clone(),
        }),
        looked_in: project.environment.looked_in.clone(),
        notes: project.notes.clone(),
        ..DoctorBody::default()
    }
}

/// What the run said.
fn told_by(body: &mut DoctorBody, report: SuiteReport, collected: &Collected) {
    body.counts = Counts::of(&report);
    body.testable = u32::try_from(report.tests.iter().filter(|test| test.outcome != Outcome::NotTestable).count())
        .unwrap_or(u32::MAX);
    body.not_testable = causes::of_tests(&report.tests);
    body.python = Some(collected.python.clone());
    body.pytest = Some(collected.pytest.clone());
    body.notes.extend(report.limits);
    body.notes.extend(report.notes);
}

/// The answer in words.
fn lines(painter: Painter, body: &DoctorBody, trouble: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |name: &str, value: &str| {
        let name = painter.paint(Style::Bold, &format!("{name:<NAMES$}"));
        lines.push(format!("{name}{}", fit(value, COLUMNS - NAMES)));
    };
    row("project", &body.root);
    if body.repository != body.root {
        row("repository", &body.repository);
    }
    let relative = |path: &String| path.strip_prefix(&format!("{}/", body.root)).unwrap_or(path).to_owned();
    row("pytest's file", &body.inifile.as_ref().map_or("none".to_owned(), relative));
    let own: Vec<String> = body.configuration.iter().map(relative).collect();
    match own.as_slice() {
        [] => row("settings", "the defaults (`airlock config` shows them)"),
        own => row("settings", &own.join(", ")),
    }
    match &body.environment {
        Some(found) => row("environment", &format!("{}, by {}", relative(&found.path), found.found_by)),
        None => row("environment", "none found; name it with --environment DIR"),
    }
    let there = body.environment.as_ref().and_then(|found| found.python.clone());
    let versions = match (&body.python, there) {
        (Some(guest), Some(there)) => format!("{guest} in the sandbox, {there} in the environment"),
        (Some(guest), None) => format!("{guest} in the sandbox"),
        (None, Some(there)) => format!("{there} in the environment"),
        (None, None) => "unknown".to_owned(),
    };
    row("python", &versions);
    if let Some(pytest) = &body.pytest {
        row("pytest", pytest);
    }
    match trouble {
        Some(trouble) => {
            // Three lines of it are enough to know where to look.
            for (at, line) in wrap(trouble, "", COLUMNS - NAMES).iter().take(3).enumerate() {
                row(if at == 0 { "tests" } else { "" }, line);
            }
        }
        None => {
            let cannot: u32 = body.not_testable.iter().map(|cause| cause.tests).sum();
            match tally(body.counts) {
                text if text.is_empty() => row("tests", "none found"),
                text => {
                    row("tests", &format!("{} can run here, {cannot} cannot", body.testable));
                    row("", &text);
                }
            }
        }
    }
    // Causes come first; what is left of the lines is for the notes.
    let most = (LINES - lines.len() - 2) / 2;
    for cause in body.not_testable.iter().take(most) {
        let what = format!("{} × {}: {}", cause.tests, cause.kind, cause.detail);
        lines.push(painter.paint(Style::Yellow, &format!("  {}", fit(&what, COLUMNS - 2))));
        lines.push(format!("      {}", fit(&cause.cure, COLUMNS - 6)));
    }
    if body.not_testable.len() > most {
        lines.push(format!("  and {} more causes; --json lists them all", body.not_testable.len() - most));
    }
    let notes: Vec<&String> = body.notes.iter().filter(|note| trouble != Some(note.as_str())).collect();
    let room = (LINES - lines.len()).saturating_sub(1);
    for note in notes.iter().take(room) {
        lines.push(format!("note: {}", fit(note, COLUMNS - 6)));
    }
    if notes.len() > room {
        lines.push(format!("and {} more notes; --json lists them all", notes.len() - room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::document::Cause;
    use unicode_width::UnicodeWidthStr;

    fn body(causes: usize, notes: usize) -> DoctorBody {
        let cause = |at: usize| Cause {
            kind: "module".into(),
            detail: format!("module{at} is not installed in the project's environment, which was looked for far away"),
            tests: 2,
            example: "tests/test_a.py::test_b".into(),
            cure: "install it in the project's environment, or name that with --environment DIR and more".into(),
        };
        DoctorBody {
            root: "/home/u/shop".into(),
            repository: "/home/u".into(),
            inifile: Some("/home/u/shop/pyproject.toml".into()),
            python: Some("3.15.0".into()),
            pytest: Some("9.2.0".into()),
            testable: 5,
            counts: Counts { passed: 5, not_testable: 4, ..Counts::default() },
            not_testable: (0..causes).map(cause).collect(),
            notes: (0..notes).map(|at| format!("note {at} {}", "x".repeat(100))).collect(),
            ..DoctorBody::default()
        }
    }

    #[test]
    fn the_answer_has_at_most_twenty_lines_of_eighty_columns() {
        for (causes, notes) in [(0, 0), (1, 1), (3, 40), (50, 0), (50, 50), (5, 1)] {
            for trouble in [None, Some("the conftest is broken ".repeat(40))] {
                let lines = lines(Painter { colour: false }, &body(causes, notes), trouble.as_deref());
                assert!(lines.len() <= LINES, "{causes} {notes}: {}", lines.len());
                assert!(lines.iter().all(|line| line.width() <= COLUMNS), "{lines:#?}");
            }
        }
    }

    #[test]
    fn a_cause_comes_with_its_cure() {
        let lines = lines(Painter { colour: false }, &body(1, 0), None);
        assert_eq!(
            lines,
            [
                "project        /home/u/shop",
                "repository     /home/u",
                "pytest's file  pyproject.toml",
                "settings       the defaults (`airlock config` shows them)",
                "environment    none found; name it with --environment DIR",
                "python         3.15.0 in the sandbox",
                "pytest         9.2.0",
                "tests          5 can run here, 2 cannot",
                "               5 passed, 4 not testable",
                "  2 × module: module0 is not installed in the project's environment, which was …",
                "      install it in the project's environment, or name that with --environment …",
            ]
        );
    }
}
