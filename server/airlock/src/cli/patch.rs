//! `airlock check --patch`: is the patch any good? And with `--apply`: then land it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use airlock_core::check::Approval;
use airlock_core::limits::MAX_PATCH_BYTES;
use airlock_core::patch;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::report::{Outcome, Reason};
use airlock_core::session::Task;
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::{self, Decision};

use super::args::CheckArgs;
use super::context::Context;
use super::document::{Body, PatchBody, Report};
use super::landing::{Waiting, Worked};
use super::record::Record;
use super::{hidden, ids, landing};
use crate::failure::Failure;
use crate::judge::{self, Judge};
use crate::sessions::log::Log;
use crate::sessions::proposals;
use crate::workbench::Project;

/// Judges the patch of `--patch`.
///
/// # Errors
/// [`Failure`] where the patch cannot be read or does not fit, or nothing could be run.
pub fn run(context: &Context, args: &CheckArgs, file: &Path) -> Result<Report, Failure> {
    run_in(context, args, file, None)
}

/// The same in a session that was taken up again; then the patch is the session's.
///
/// # Errors
/// As for [`run`]; and the project is not what the session is about.
pub fn run_in(context: &Context, args: &CheckArgs, file: &Path, taken: Option<Log>) -> Result<Report, Failure> {
    let allow = landing::allowed(&args.allow)?;
    let project = context.project(&args.paths, &args.project, args.project.settings.flags()?)?;
    let kept = match &taken {
        Some(log) => match log.look(|session| session.proposed().cloned()) {
            Some(proposed) => Some(proposals::rebuild(&log.store(), &proposed)?),
            // The file may hold another one by now, and standard input is another.
            None => {
                let message = format!("session {} was cut off before its patch was kept", log.id());
                return Err(
                    Failure::error(ErrorCode::SessionOver, message).hint("give the patch to `airlock check` anew")
                );
            }
        },
        None => None,
    };
    let (proposal, notes) = match kept {
        Some(proposal) => (proposal, Vec::new()),
        None => proposed(&project, &read_patch(context, file)?, "a patch given by the user")?,
    };
    let mut record = Record::open(context, &project, args.apply, taken)?;
    let result = work(context, args, &project, proposal, notes, allow, &mut record);
    record.end(result.map(|(report, _)| report))
}

/// What a patch comes to on the files as they are, and what is to be known of it.
fn proposed(project: &Project, patch: &[u8], reason: &str) -> Result<(Proposal, Vec<String>), Failure> {
    let invalid = |error: &patch::PatchError| Failure::error(error.code(), error.to_string());
    let parsed = patch::parse(patch).map_err(|error| invalid(&error))?;
    let read = |path: &_| judge::file_state(project, path);
    let applied = parsed.apply(reason, read).map_err(|error| {
        let mismatch = error.code() == ErrorCode::PatchMismatch;
        if mismatch && parsed.reversed().is_some_and(|back| back.apply("its reverse", read).is_ok()) {
            return invalid(&error).hint(
                "the files have this change already, and a patch is judged against files without it: take it out first, by \
                 `git stash` or `git apply --reverse`",
            );
        }
        invalid(&error)
    })?;
    Ok((applied.proposal, applied.notes))
}

/// A patch that somebody else than the user at the command line hands in.
pub struct Given<'a> {
    pub patch: &'a [u8],
    /// Who gives it, and why.
    pub reason: &'a str,
    /// Whether a file, by its path on this machine, may be changed by them.
    pub is_open: &'a dyn Fn(&Path) -> bool,
    /// Where its verdict lets it through, it waits for the user.
    pub waits: bool,
}

/// Judges a patch that is handed in, and may leave it waiting.
///
/// # Errors
/// As for [`run`]; and it changes files that it may not.
pub fn given(context: &Context, args: &CheckArgs, given: &Given<'_>) -> Result<(Report, Option<Waiting>), Failure> {
    let project = context.project(&args.paths, &args.project, args.project.settings.flags()?)?;
    let (proposal, notes) = proposed(&project, given.patch, given.reason)?;
    let workspace = project.files.workspace().path();
    let outside = proposal.files().find(|(path, _)| !(given.is_open)(&workspace.join(path.as_str())));
    if let Some((path, _)) = outside {
        let message = format!("the patch changes {path}, which lies outside the folders that are open here");
        return Err(Failure::error(ErrorCode::Usage, message)
            .hint(format!("its paths are relative to the repository, {}", workspace.display())));
    }
    let mut record = Record::open(context, &project, false, None)?;
    match work(context, args, &project, proposal, notes, Vec::new(), &mut record) {
        Ok((report, Some((proposal, verdict))))
            if given.waits && matches!(verdict.decision, Decision::Verified | Decision::NoRegression) =>
        {
            Ok((report, Waiting::of(&project, proposal, verdict, record)))
        }
        other => Ok((record.end(other.map(|(report, _)| report))?, None)),
    }
}

/// Judges a proposal that was made from another one, and leaves it waiting where its verdict lets it through. `partial`: a
/// repair of some of the targets is enough.
///
/// # Errors
/// As for [`run`].
pub fn propose(
    context: &Context,
    args: &CheckArgs,
    proposal: Proposal,
    (partial, unchecked): (bool, Option<&str>),
) -> Result<(Report, Option<Waiting>), Failure> {
    let is_enough = |decision: Decision| match decision {
        Decision::Verified | Decision::NoRegression => true,
        Decision::PartlyFixed => partial,
        Decision::NotFixed | Decision::Refused => false,
    };
    let project = context.project(&args.paths, &args.project, args.project.settings.flags()?)?;
    let mut record = Record::open(context, &project, false, None)?;
    match work(context, args, &project, proposal, Vec::new(), Vec::new(), &mut record) {
        Ok((report, Some((proposal, verdict))))
            if is_enough(verdict.decision) || (unchecked.is_some() && verdict.says_nothing()) =>
        {
            if let Some(why) = unchecked {
                record.ask_approval(&proposal, &verdict, why, false);
            }
            Ok((report, Waiting::of(&project, proposal, verdict, record)))
        }
        other => Ok((record.end(other.map(|(report, _)| report))?, None)),
    }
}

fn work(
    context: &Context,
    args: &CheckArgs,
    project: &Project,
    proposal: Proposal,
    notes: Vec<String>,
    allow: Vec<WorkspacePath>,
    record: &mut Record<'_>,
) -> Result<Worked, Failure> {
    let bench = context.bench(project, &args.project)?;
    let pytest_args = project.found.pytest_args();
    let command = command_line(&pytest_args);
    let suite = bench.suite(project, pytest_args, &context.cancelled)?;
    let ready = ids::collect(context, &bench, project, &suite)?;
    let named = ids::resolve(&args.tests, &ready.collected)?;
    record.begin(Task::Check, project, &bench, (args.apply, false))?;
    record.proposed(&proposal);
    let runs = record.runs(project, &suite, args.project.no_cache);
    let mut show = |stage, progress: airlock_sandbox::suite::Progress<'_>| landing::show(context, stage, &progress);
    let judge = Judge::of_base(project, &suite, runs, false, &mut show).map_err(|failure| context.told(failure))?;

    let mut body = PatchBody { proposal: Some(landing::body(&proposal, None)), ..PatchBody::default() };
    body.notes = project.notes.clone();
    body.notes.extend(notes);
    body.notes.extend(hidden::asked(project, &[judge.seen()]));
    body.notes.extend(landing::hidden_note(&proposal));
    let untestable = if args.without_targets { None } else { untestable(project, &judge, &named) };
    if let Some(reason) = untestable {
        context.terminal.clear();
        landing::print_wrapped(context, &format!("not testable: {}: {}", reason.kind, reason.detail));
        body.reason = Some(reason);
        return Ok((Report { status: Status::NotTestable, body: Body::Patch(Box::new(body)) }, None));
    }
    let targets = match named.is_empty() {
        true if args.without_targets => Vec::new(),
        true => verdict::failing(judge.base()),
        false => named,
    };
    record.base(&judge, &targets)?;
    let verdict = judge.verdict(&proposal, &targets, &allow, &command, &mut show);
    context.unchanged(project, &judge.traces())?;
    let verdict = verdict.map_err(|failure| context.told(failure))?;
    record.judged(&proposal, &verdict);
    context.terminal.clear();
    landing::print_diff(context, &proposal);
    landing::print_verdict(context, &verdict);

    // A patch is let through or it is not; in how far it falls short is in the verdict.
    let status = match verdict.decision.status() {
        Status::NotFixed | Status::PartlyFixed => Status::Refused,
        status => status,
    };
    if status.exit_code() != 0 {
        context.terminal.aside(&format!("kept out: {}", verdict.reasons.join("; ")));
    }
    body.verdict = Some(verdict.clone().into());
    let mut left = None;
    if args.apply {
        let approval = Approval { allow, ..Approval::default() };
        body.applied = landing::land(context, project, proposal, verdict, &approval, record)?;
    } else {
        if status.exit_code() == 0 {
            context.terminal.say("");
            context.terminal.say("nothing was changed; add --apply to land it");
        }
        left = Some((proposal, verdict));
    }
    Ok((Report { status, body: Body::Patch(Box::new(body)) }, left))
}

/// Why the base's tests say nothing about a patch: there are none, none can run, or one that was named cannot.
pub fn untestable(project: &Project, judge: &Judge<'_>, named: &[String]) -> Option<Reason> {
    let base = judge.base();
    for id in named {
        let test = base.tests.iter().find(|test| test.id == *id);
        if let Some(test) = test.filter(|test| test.outcome == Outcome::NotTestable) {
            let reason = test.reason.clone();
            return reason.map(|reason| Reason { detail: format!("{id}: {}", reason.detail), ..reason });
        }
    }
    if base.tests.is_empty() && base.unreported.is_empty() {
        let detail = hidden::no_tests(project);
        return Some(Reason { kind: "no_tests".to_owned(), detail });
    }
    if base.tests.iter().all(|test| test.outcome == Outcome::NotTestable) {
        return base.tests.iter().find_map(|test| test.reason.clone());
    }
    None
}

/// The command as a user would type it natively.
pub fn command_line(args: &[String]) -> String {
    let mut command = "python -m pytest".to_owned();
    for arg in args {
        command.push(' ');
        if arg.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:=,".contains(c)) {
            command.push_str(arg);
        } else {
            command.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        }
    }
    command
}

fn read_patch(context: &Context, file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than the limit, so that a patch over it is told from one at it.
    let limit = MAX_PATCH_BYTES as u64 + 1;
    let read = if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        let path = context.cwd.join(file);
        match std::fs::metadata(&path) {
            Ok(meta) if !meta.is_file() => {
                let message = format!("{} is no plain file; --patch takes a file or -", file.display());
                return Err(Failure::error(ErrorCode::NotReadable, message));
            }
            _ => File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        }
    };
    read.map_err(|error| {
        let code =
            if error.kind() == io::ErrorKind::NotFound { ErrorCode::PathNotFound } else { ErrorCode::NotReadable };
        Failure::error(code, format!("the patch {} cannot be read: {error}", file.display()))
    })?;
    if bytes.len() > MAX_PATCH_BYTES {
        let message = format!("the patch is larger than {} MiB", MAX_PATCH_BYTES >> 20);
        return Err(Failure::error(ErrorCode::PatchInvalid, message));
    }
    Ok(bytes)
}
