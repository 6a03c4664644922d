//! Jobs about a project as it is: find it, run its tests, tell what it lacks; and the guest that runs them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;
use airlock_core::report::Outcome;
use airlock_core::status::ErrorCode;

use super::{Checked, Found, Job, Located, context, document};
use crate::cli::args::{CheckArgs, DoctorArgs, InstallArgs, ProjectArgs};
use crate::cli::context::GUEST;
use crate::cli::document::Body;
use crate::cli::{check as check_command, doctor as doctor_command, guests};
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
    let found = body.tests.iter().filter(|test| test.outcome.is_failure() || test.outcome == Outcome::NotTestable);
    let found = found
        .map(|test| {
            let place = test.location.as_ref();
            let file = place.map_or_else(|| test.id.split("::").next().unwrap_or(&test.id), |place| &place.path);
            let reason = test.reason.as_ref().filter(|_| test.outcome == Outcome::NotTestable);
            // Code under test can say what it likes of places.
            let path = below(&located.root, file);
            let own = || below(&located.root, test.id.split("::").next().unwrap_or_default());
            let path = if path.starts_with(&located.repository) { path } else { own() };
            Found {
                id: test.id.clone(),
                path,
                line: place.map_or(0, |place| place.line.saturating_sub(1)),
                message: match reason {
                    Some(reason) => reason.detail.clone(),
                    None => test.message.clone().unwrap_or_else(|| "it failed without a message".to_owned()),
                },
                reason: reason.map(|reason| reason.kind.clone()),
            }
        })
        .collect();
    let found: Vec<Found> = found;
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

/// A check of everything.
pub fn check_arguments() -> CheckArgs {
    CheckArgs {
        paths: Vec::new(),
        tests: Vec::new(),
        patch: None,
        apply: false,
        allow: Vec::new(),
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
