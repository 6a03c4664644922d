//! `airlock doctor`: what can be tested here, and what stands in the way of the rest, in at most 20 lines.

use std::path::Path;

use airlock_core::report::{Counts, Outcome, SuiteReport, TestReport};
use airlock_core::status::Status;
use airlock_sandbox::guest::event::Collected;
use airlock_sandbox::suite::{Options, SuiteError};

use super::args::{COLUMNS, DoctorArgs};
use super::causes;
use super::context::{Context, GUEST};
use super::document::{Body, DoctorBody, EnvironmentBody, Report};
use super::places::Places;
use super::render::tally;
use super::terminal::{Painter, Style, wrap};
use super::{guests, hidden, nested};
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
    body.python = Some(spec.version.to_owned());
    let suite = bench.suite(&project, project.found.pytest_args(), &context.cancelled)?;
    let trouble = match context.collect(&suite) {
        Ok(ready) => {
            let ran = context.run(&suite, &ready, &[], &Options::default());
            let ran = ran.map_err(|error| context.told(error))?;
            let mut report = ran.report;
            crate::hidden::explain(&mut report, &project);
            report.notes.splice(0..0, hidden::asked(&project, &[ready.trace(), &ran.trace]));
            Places::of(&project).tell(&mut report.tests);
            let lost = lost_files(&report);
            let empty = report.tests.is_empty();
            told_by(&mut body, report, &ready.collected);
            if lost.is_some() || body.testable == 0 {
                body.notes.splice(0..0, nested::hint(&project));
            }
            if empty {
                body.notes.insert(0, hidden::no_tests(&project));
            }
            if let Some(lost) = lost {
                body.notes.insert(0, lost.clone());
                if body.testable == 0 { Some(lost) } else { None }
            } else {
                None
            }
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
    if let Some(trouble) = trouble.as_ref().filter(|trouble| body.notes.first() != Some(*trouble)) {
        body.notes.splice(0..0, std::iter::once(trouble.clone()).chain(nested::hint(&project)));
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

fn runs(test: &TestReport) -> bool {
    test.outcome != Outcome::NotTestable && !test.collection
}

/// How many files cannot be collected, and why the first cannot.
fn lost_files(report: &SuiteReport) -> Option<String> {
    let mut lost = report.tests.iter().filter(|test| test.collection && test.outcome == Outcome::Error);
    let first = lost.next()?;
    let message = first.message.as_deref().unwrap_or("for no known reason");
    // Python's own words on an error stand at the end of what it says of it.
    let why = message.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(message).trim();
    Some(match lost.count() {
        0 => format!("{} cannot be collected: {why}", first.id),
        more => format!("{} files cannot be collected; the first is {}: {why}", more + 1, first.id),
    })
}

/// What the run said.
fn told_by(body: &mut DoctorBody, report: SuiteReport, collected: &Collected) {
    body.counts = Counts::of(&report);
    body.testable = u32::try_from(report.tests.iter().filter(|test| runs(test)).count()).unwrap_or(u32::MAX);
    body.not_testable = causes::of_tests(&report.tests);
    body.python = Some(collected.python.clone());
    body.pytest = Some(collected.pytest.clone());
    body.notes.extend(report.limits);
    body.notes.extend(report.notes);
}

/// Something to say, in whole lines, and how soon it gives way to what matters more.
struct Part {
    lines: Vec<String>,
    /// 0 stays in any case; of the others the highest goes first, the last of them before the others.
    rank: u8,
}

const STAYS: u8 = 0;
const CAUSE: u8 = 1;
const DETAIL: u8 = 2;
const NOTE: u8 = 3;

/// The answer in words, for a file.
pub fn text(body: &DoctorBody) -> String {
    let plain = Painter { colour: false, whole: true };
    lines(plain, body, None).into_iter().map(|line| line + "\n").collect()
}

/// The answer in words. What is printed is never cut: where there is too much, what matters less is left out and counted.
fn lines(painter: Painter, body: &DoctorBody, trouble: Option<&str>) -> Vec<String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut row = |rank: u8, name: &str, value: &str| {
        let indent = " ".repeat(NAMES);
        let mut lines = if value.contains(' ') { wrap(value, &indent, COLUMNS) } else { painter.id(value, &indent) };
        if let Some(first) = lines.first_mut() {
            *first = format!("{}{}", painter.paint(Style::Bold, &format!("{name:<NAMES$}")), first.trim_start());
        }
        parts.push(Part { lines, rank });
    };
    row(STAYS, "project", &body.root);
    if body.repository != body.root {
        row(DETAIL, "repository", &body.repository);
    }
    let relative = |path: &String| path.strip_prefix(&format!("{}/", body.root)).unwrap_or(path).to_owned();
    row(DETAIL, "pytest's file", &body.inifile.as_ref().map_or("none".to_owned(), relative));
    let own: Vec<String> = body.configuration.iter().map(relative).collect();
    match own.as_slice() {
        [] => row(DETAIL, "settings", "the defaults (`airlock config` shows them)"),
        own => row(DETAIL, "settings", &own.join(", ")),
    }
    match &body.environment {
        Some(found) => row(STAYS, "environment", &format!("{}, by {}", relative(&found.path), found.found_by)),
        None => row(STAYS, "environment", "none found; name it with --environment DIR"),
    }
    let there = body.environment.as_ref().and_then(|found| found.python.clone());
    let versions = match (&body.python, there) {
        (Some(guest), Some(there)) => format!("{guest} in the sandbox, {there} in the environment"),
        (Some(guest), None) => format!("{guest} in the sandbox"),
        (None, Some(there)) => format!("{there} in the environment"),
        (None, None) => "unknown".to_owned(),
    };
    row(DETAIL, "python", &versions);
    if let Some(pytest) = &body.pytest {
        row(DETAIL, "pytest", pytest);
    }
    match trouble {
        // The beginning of it is enough to know where to look; a program has it all.
        Some(trouble) if painter.whole => row(STAYS, "tests", trouble),
        Some(trouble) => {
            row(STAYS, "tests", &wrap(trouble, "", COLUMNS - NAMES).into_iter().take(3).collect::<Vec<_>>().join("\n"));
        }
        None => {
            let cannot: u32 = body.not_testable.iter().map(|cause| cause.tests).sum();
            match tally(body.counts) {
                text if text.is_empty() => row(STAYS, "tests", "none found: nothing can be tested here"),
                text => {
                    row(STAYS, "tests", &format!("{} can run here, {cannot} cannot", body.testable));
                    row(STAYS, "", &text);
                }
            }
        }
    }
    for cause in &body.not_testable {
        let tests =
            if cause.tests == 0 { "no test can be collected".to_owned() } else { format!("{} ×", cause.tests) };
        let separator = if cause.tests == 0 { ": " } else { " " };
        let what = wrap(&format!("{tests}{separator}{}: {}", cause.kind, cause.detail), "  ", COLUMNS);
        let most = if painter.whole { usize::MAX } else { 3 };
        let mut lines: Vec<String> =
            what.into_iter().take(most).map(|line| painter.paint(Style::Yellow, &line)).collect();
        lines.extend(wrap(&cause.cure, "      ", COLUMNS));
        parts.push(Part { lines, rank: CAUSE });
    }
    for note in body.notes.iter().filter(|note| trouble != Some(note.as_str())) {
        parts.push(Part { lines: wrap(&format!("note: {note}"), "", COLUMNS), rank: NOTE });
    }
    fitted(parts)
}

/// The lines of the parts, at most [`LINES`] unless those that stay are more.
fn fitted(mut parts: Vec<Part>) -> Vec<String> {
    let (mut causes, mut notes) = (0, 0);
    loop {
        let all: usize = parts.iter().map(|part| part.lines.len()).sum();
        let more = usize::from(causes > 0) + usize::from(notes > 0);
        let last = parts.iter().enumerate().filter(|(_, part)| part.rank > STAYS).max_by_key(|(_, part)| part.rank);
        let (Some((at, part)), true) = (last, all + more > LINES) else { break };
        match part.rank {
            CAUSE => causes += 1,
            NOTE => notes += 1,
            _ => {}
        }
        parts.remove(at);
    }
    let mut lines: Vec<String> = Vec::new();
    let is_note = |part: &Part| part.rank == NOTE;
    let of = |parts: &[Part], note: bool| -> Vec<String> {
        parts.iter().filter(|part| is_note(part) == note).flat_map(|part| part.lines.clone()).collect()
    };
    lines.extend(of(&parts, false));
    if causes > 0 {
        lines.push(format!(
            "  and {causes} more {}; --json lists them all",
            if causes == 1 { "cause" } else { "causes" }
        ));
    }
    lines.extend(of(&parts, true));
    if notes > 0 {
        lines.push(format!("and {notes} more {}; --json lists them all", if notes == 1 { "note" } else { "notes" }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::document::Cause;
    use unicode_width::UnicodeWidthStr;

    const PLAIN: Painter = Painter { colour: false, whole: false };

    #[test]
    fn what_keeps_all_from_being_collected_is_said_and_not_counted() {
        let mut body = body(1, 0);
        body.not_testable[0].tests = 0;
        let lines = lines(PLAIN, &body, Some("cannot be collected: no module"));
        assert!(lines.iter().any(|line| line.starts_with("  no test can be collected: module: module0")), "{lines:#?}");
        assert!(lines.iter().any(|line| line == "tests          cannot be collected: no module"), "{lines:#?}");
    }

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
                let lines = lines(PLAIN, &body(causes, notes), trouble.as_deref());
                let cures = lines.iter().filter(|line| line.contains("install it in")).count();
                let ends = lines.iter().filter(|line| line.ends_with("DIR and more")).count();
                assert_eq!(cures, ends, "a cure is whole or not there: {lines:#?}");
                assert!(!lines.iter().any(|line| line.contains('…')), "{lines:#?}");
                assert!(lines.len() <= LINES, "{causes} {notes}: {}", lines.len());
                assert!(lines.iter().all(|line| line.width() <= COLUMNS), "{lines:#?}");
            }
        }
    }

    #[test]
    fn a_cause_comes_with_its_cure() {
        let lines = lines(PLAIN, &body(1, 0), None);
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
                "  2 × module: module0 is not installed in the project's environment, which was",
                "  looked for far away",
                "      install it in the project's environment, or name that with --environment",
                "      DIR and more",
            ]
        );
    }
}
