//! Jobs about a project as it is: find it, run its tests, tell what it lacks; and the guest that runs them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;
use airlock_core::report::{Outcome, TestReport};
use airlock_core::status::ErrorCode;

use super::{Checked, Found, Job, Located, context, document};
use crate::cli::args::{CheckArgs, DoctorArgs, InstallArgs, ProjectArgs};
use crate::cli::context::GUEST;
use crate::cli::document::Body;
use crate::cli::{causes, check as check_command, doctor as doctor_command, guests};
use crate::config::Variables;
use crate::failure::Failure;
use crate::lsp::documents::read_plain;
use crate::project::root::{self, Request};

/// The project that pytest would take, from a file or folder in it.
///
/// # Errors
/// There is none.
pub fn locate(path: &Path) -> Result<Located, Failure> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let home = Variables::process().home();
    let request = Request { cwd: folder, args: &[], root: None, home: home.as_deref() };
    let found = root::find(&request)?;
    Ok(Located { root: found.root, repository: found.repository })
}

/// Runs a project's tests: all, or those named.
///
/// # Errors
/// They cannot be run.
pub fn check(job: &Job, located: Located, tests: Vec<String>) -> Result<Checked, Failure> {
    let context = context(job, located.root.clone(), Vec::new());
    let report = check_command::run(&context, &CheckArgs { tests, ..check_arguments() })?;
    let Body::Check(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a check has no result"));
    };
    let failed = body.tests.iter().filter(|test| test.outcome.is_failure() || test.outcome == Outcome::NotTestable);
    let found: Vec<Found> = failed.flat_map(|test| found(test, &located)).collect();
    // Were one of them changed on the disk during the run, that would have failed.
    let text = |path: &Path| match job.open.get(path) {
        Some(text) => Some(ContentHash::of(text)),
        None => read_plain(path).map(|bytes| ContentHash::of(&bytes)),
    };
    let files: BTreeSet<&PathBuf> = found.iter().map(|found| &found.path).collect();
    let texts = files.into_iter().filter_map(|path| Some((path.clone(), text(path)?))).collect();
    let nothing = body.reason.filter(|_| body.counts.ran() == 0).map(|reason| reason.detail);
    Ok(Checked { located, counts: body.counts, nothing, found, texts, notes: body.notes })
}

/// Most places that a failure is shown to have come through.
const MOST_PLACES: usize = 8;

/// A test that did not pass, where it failed; and where that is not in the test's own file, there as well.
fn found(test: &TestReport, located: &Located) -> Vec<Found> {
    let own = below(&located.root, test.id.split("::").next().unwrap_or_default());
    let place = test.location.as_ref();
    let path = place.map_or_else(|| own.clone(), |place| below(&located.root, &place.path));
    // Code under test can say what it likes of places.
    let path = if path.starts_with(&located.repository) { path } else { own.clone() };
    let line = place.map_or(0, |place| place.line.saturating_sub(1));
    let reason = test.reason.as_ref().filter(|_| test.outcome == Outcome::NotTestable);
    let message = match reason {
        Some(reason) => format!("{}\nWhat to do: {}", reason.detail, causes::cure(&reason.kind)),
        None => test.message.clone().unwrap_or_else(|| "it failed without a message".to_owned()),
    };
    let frames = test.detail.as_deref().map(|detail| frames(detail, located)).unwrap_or_default();
    let at = |path: &Path, line: u32| Found {
        id: test.id.clone(),
        path: path.to_owned(),
        line,
        through: frames.iter().filter(|frame| **frame != (path.to_owned(), line)).cloned().collect(),
        message: message.clone(),
        reason: reason.map(|reason| reason.kind.clone()),
    };
    let mut found = vec![at(&path, line)];
    if path != own
        && let Some((_, line)) = frames.iter().rev().find(|(path, _)| *path == own)
    {
        found.push(at(&own, *line));
    }
    found
}

/// The places of a traceback as pytest prints it, `path:line: …`; only files of the repository.
fn frames(detail: &str, located: &Located) -> Vec<(PathBuf, u32)> {
    let mut frames = Vec::new();
    for text in detail.lines() {
        let Some((path, rest)) = text.split_once(".py:") else { continue };
        let Some(line) = rest.split_once(':').and_then(|(line, _)| line.parse::<u32>().ok()) else { continue };
        if path.len() > 1_000 || path.starts_with(char::is_whitespace) {
            continue;
        }
        let frame = (below(&located.root, &format!("{path}.py")), line.saturating_sub(1));
        if frame.0.starts_with(&located.repository) && !frames.contains(&frame) && frame.0.is_file() {
            frames.push(frame);
        }
        if frames.len() >= MOST_PLACES {
            break;
        }
    }
    frames
}

/// A check of everything.
pub fn check_arguments() -> CheckArgs {
    CheckArgs {
        paths: Vec::new(),
        tests: Vec::new(),
        patch: None,
        apply: false,
        allow: Vec::new(),
        without_targets: false,
        project: ProjectArgs::default(),
    }
}

/// A path relative to the root, which may climb out of it into the repository.
fn below(root: &Path, path: &str) -> PathBuf {
    let mut whole = root.to_owned();
    for part in path.split('/') {
        match part {
            ".." => {
                whole.pop();
            }
            "." | "" => {}
            part => whole.push(part),
        }
    }
    whole
}

/// Tells what can be tested in a project, and what stands in the way of the rest; the text is in a file.
///
/// # Errors
/// The project cannot be looked at.
pub fn doctor(job: &Job, path: &Path) -> Result<PathBuf, Failure> {
    let located = locate(path)?;
    let context = context(job, located.root, Vec::new());
    let report = doctor_command::run(&context, &DoctorArgs { path: None, project: ProjectArgs::default() })?;
    let Body::Doctor(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a doctor has no result"));
    };
    document("doctor.txt", doctor_command::text(&body).as_bytes())
}

/// Downloads, checks and compiles the guest: the user said so.
///
/// # Errors
/// It cannot be had.
pub fn install(job: &Job) -> Result<String, Failure> {
    let context = context(job, std::env::temp_dir(), Vec::new());
    guests::install(&context, &InstallArgs { name: GUEST.to_owned(), from: None })?;
    Ok(format!("the guest {GUEST} is installed"))
}
