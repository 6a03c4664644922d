//! Jobs that make a proposal and have it judged.

use std::path::{Path, PathBuf};

use airlock_core::proposal::Proposal;
use airlock_core::session::Resumed;
use airlock_core::status::{ErrorCode, Status};

use super::projects::{check_arguments, locate};
use super::records::NO_TEST;
use super::{At, Interrupted, Job, Located, Repaired, StoreOf, Waiting, context, document, is_file_of};
use crate::cli::args::{FixArgs, ProjectArgs};
use crate::cli::document::{Body, VerdictBody};
use crate::cli::{fix, landing, patch};
use crate::failure::Failure;
use crate::lsp::review;
use crate::sessions::PROGRAM;
use crate::sessions::log::Log;

/// Searches a repair of a test.
///
/// # Errors
/// There is no such test, or nothing can be run.
pub fn repair(job: &Job, test: &str, at: &At) -> Result<Repaired, Failure> {
    let root = match at {
        At::Root(root) => root.clone(),
        At::Near(paths) => project_of(paths, test)?,
    };
    search(job, root, test, None)
}

/// The project that has a test's file; else the first there is, which then says what it has.
fn project_of(paths: &[PathBuf], test: &str) -> Result<PathBuf, Failure> {
    let mut first = Err(Failure::error(ErrorCode::Usage, "open a folder or a file first"));
    for (number, path) in paths.iter().enumerate() {
        let found = locate(path).map(|located| located.root);
        if found.as_ref().is_ok_and(|root| is_file_of(root, test)) {
            return found;
        }
        if number == 0 {
            first = found;
        }
    }
    first
}

/// Goes on with a repair that was cut off; what was run of it is not run again.
///
/// # Errors
/// Somebody else works on it, or it says nothing of the project as it is now.
pub fn resume(job: &Job, interrupted: &Interrupted) -> Result<Repaired, Failure> {
    match go_on(job, interrupted) {
        // There is nothing to go on with any more, now or later.
        Err(failure) if matches!(failure.code, ErrorCode::SessionOver | ErrorCode::SessionStale) => Ok(Repaired {
            status: failure.status,
            why: failure.to_string().replace('\n', "; "),
            waiting: None,
            answer: None,
        }),
        other => other,
    }
}

fn go_on(job: &Job, interrupted: &Interrupted) -> Result<Repaired, Failure> {
    let (writer, _) = interrupted.store.0.take_up(&interrupted.session)?;
    let log = Log::new(writer);
    if !log.look(airlock_core::session::Session::may_resume) {
        return Err(Failure::error(ErrorCode::SessionOver, format!("session {} has ended", interrupted.session)));
    }
    log.write(Resumed { program: PROGRAM.to_owned() }, Vec::new())?;
    search(job, interrupted.located.root.clone(), &interrupted.asked, Some(log))
}

fn search(job: &Job, root: PathBuf, test: &str, taken: Option<Log>) -> Result<Repaired, Failure> {
    let words = ["fix", "--test", test].map(str::to_owned).to_vec();
    let context = context(job, root.clone(), words);
    let arguments = FixArgs {
        paths: Vec::new(),
        tests: vec![test.to_owned()],
        apply: false,
        partial: false,
        time_limit: None,
        seed: None,
        project: ProjectArgs::default(),
    };
    let (report, waiting) = fix::propose(&context, &arguments, taken)?;
    let Body::Fix(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a search has no result"));
    };
    let why = match (&waiting, &body.patch.reason, report.status) {
        (None, _, Status::Verified | Status::PartlyFixed) => format!(
            "a repair of {test} was found, and cannot land: nothing of it can be kept, as the log says; `airlock fix` on the \
             command line shows it"
        ),
        (_, Some(reason), _) => reason.detail.clone(),
        (_, None, Status::NothingToFix) => format!("{test} does not fail here"),
        (_, None, status) => status.as_str().replace('_', " "),
    };
    let explanation = body.patch.proposal.and_then(|proposal| proposal.explanation).unwrap_or_default();
    let waiting = waiting.map(|waiting| of(waiting, root, test, explanation)).transpose()?;
    Ok(Repaired { status: report.status, why, waiting, answer: None })
}

/// Judges a proposal that was merged with what changed since it was made.
///
/// # Errors
/// It cannot be judged.
pub fn judge_again(
    job: &Job,
    root: &Path,
    test: &str,
    proposal: Proposal,
    (partial, unchecked): (bool, Option<String>),
) -> Result<Repaired, Failure> {
    let mut words = ["check", "--patch", "-"].map(str::to_owned).to_vec();
    let mut arguments = check_arguments();
    // A patch that somebody proposed may have had no test to mend.
    if test != NO_TEST {
        words.extend(["--test", test].map(str::to_owned));
        arguments.tests.push(test.to_owned());
    } else {
        arguments.without_targets = true;
    }
    let context = context(job, root.to_owned(), words);
    let explanation = proposal.reason().to_owned();
    let (report, waiting) = patch::propose(&context, &arguments, proposal, (partial, unchecked.as_deref()))?;
    let Body::Patch(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a judgement has no result"));
    };
    let why = match (body.reason, &body.verdict) {
        (Some(reason), _) => reason.detail,
        (None, Some(VerdictBody::Made(verdict))) => verdict.reasons.join("; "),
        (None, _) => report.status.as_str().replace('_', " "),
    };
    let waiting = waiting.map(|waiting| of(waiting, root.to_owned(), test, explanation)).transpose()?;
    Ok(Repaired { status: report.status, why, waiting, answer: None })
}

/// A proposal that waits, in a session that nobody holds any more: whoever accepts it takes it up.
pub fn of(waiting: landing::Waiting, root: PathBuf, test: &str, explanation: String) -> Result<Box<Waiting>, Failure> {
    let unchecked = waiting.log.look(|session| session.needs_approval().map(|asked| asked.why.clone()));
    let mut waiting = Waiting {
        unchecked,
        session: waiting.log.id().to_owned(),
        test: test.to_owned(),
        located: Located { root, repository: waiting.repository },
        proposal: waiting.proposal,
        findings: waiting.verdict.findings().clone(),
        explanation,
        store: StoreOf(waiting.log.store()),
        document: PathBuf::new(),
    };
    waiting.document = document(&format!("{}.diff", waiting.session), &review::document(&waiting))?;
    Ok(Box::new(waiting))
}
