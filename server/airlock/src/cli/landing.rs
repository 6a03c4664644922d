//! What `check --patch` and `fix` share: a verdict told to a person, a proposal in a document, the landing.

use std::path::PathBuf;

use airlock_core::check::{Approval, CheckError, check};
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::session::{Applied, ApplyFailed, Work};
use airlock_core::status::ErrorCode;
use airlock_core::text;
use airlock_core::verdict::Verdict;
use airlock_sandbox::suite::Progress;

use super::args::COLUMNS;
use super::context::Context;
use super::document::{ProposalBody, Report};
use super::record::Record;
use super::terminal::Style;
use super::{render, terminal};
use crate::apply::{self, ApplyError};
use crate::failure::Failure;
use crate::judge::Stage;
use crate::sessions::log::Log;
use crate::sessions::proposals;
use crate::workbench::Project;

/// What was found, and the proposal that is not applied yet.
pub type Worked = (Report, Option<(Proposal, Verdict)>);

/// A proposal whose verdict lets it through, waiting for somebody to look at it, in the session that has it.
pub struct Waiting {
    pub proposal: Proposal,
    pub verdict: Verdict,
    /// What its paths are relative to.
    pub repository: PathBuf,
    pub log: Log,
}

impl Waiting {
    /// None where nothing could be kept: then nothing may land either.
    pub fn of(project: &Project, proposal: Proposal, verdict: Verdict, record: Record<'_>) -> Option<Self> {
        let repository = project.found.repository.clone();
        record.wait().map(|log| Self { proposal, verdict, repository, log })
    }
}

/// A proposal as documents have it.
pub fn body(proposal: &Proposal, explanation: Option<String>) -> ProposalBody {
    ProposalBody {
        diff: String::from_utf8_lossy(&proposal.diff()).into_owned(),
        files: proposal.files().map(|(path, _)| path.to_string()).collect(),
        explanation,
    }
}

/// Shows a run's progress.
pub fn show(context: &Context, stage: Stage, progress: &Progress<'_>) {
    let what = match stage {
        Stage::Base => "without the change",
        Stage::Proposal => "with the change",
        Stage::Landing => "the tree as it would land",
    };
    match progress {
        Progress::Started { id } => context.terminal.progress(&format!("{what}: {id}"), false),
        Progress::CompilingWhole { .. } => {
            context.terminal.progress("compiling the whole guest, once (minutes)", true);
        }
        Progress::Finished { test, done, total } => {
            context.terminal.progress(&format!("{what}: {done}/{total} {}", test.id), done == total);
        }
    }
}

/// Prints a proposal's diff, flagged where it has what cannot be seen.
pub fn print_diff(context: &Context, proposal: &Proposal) {
    for line in terminal::diff(context.terminal.out, &proposal.diff()) {
        context.terminal.say(&line);
    }
    if let Some(note) = hidden_note(proposal) {
        for line in terminal::wrap(&format!("warning: {note}"), "", COLUMNS) {
            context.terminal.say(&context.terminal.out.paint(Style::Yellow, &line));
        }
    }
}

/// Says that a change brings what cannot be seen, or what changes how the rest is seen: a text that looks harmless may do
/// something else.
pub fn hidden_note(proposal: &Proposal) -> Option<String> {
    let diff = proposal.diff();
    let count = added(&diff).flat_map(str::chars).filter(|c| text::is_hidden(*c)).count();
    let what = if count == 1 { "character that is" } else { "characters that are" };
    (count > 0).then(|| {
        format!("the change brings {count} invisible or control {what} shown as escapes; look at them before it lands")
    })
}

/// The lines that a diff adds, without the end that files of other systems have.
fn added(diff: &[u8]) -> impl Iterator<Item = &str> {
    let lines = diff.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let added = lines.filter(|line| line.starts_with('+') && !line.starts_with("+++ "));
    added.map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// Prints a verdict: counts before and after, what changed its mind, and why it is kept out, if it is.
pub fn print_verdict(context: &Context, verdict: &Verdict) {
    context.terminal.say("");
    for line in render::verdict(context.terminal.out, verdict, context.started.elapsed(), verdict.reused) {
        context.terminal.say(&line);
    }
}

/// Prints a text in lines that fit.
pub fn print_wrapped(context: &Context, text: &str) {
    for line in terminal::wrap(text, "  ", COLUMNS) {
        context.terminal.say(&line);
    }
}

/// Lands a proposal whose verdict lets it through; false, with the reason said, where it does not.
///
/// # Errors
/// [`Failure`] where the files changed meanwhile or could not be written.
pub fn land(
    context: &Context,
    project: &Project,
    proposal: Proposal,
    verdict: Verdict,
    approval: &Approval,
    record: &Record<'_>,
) -> Result<bool, Failure> {
    let checked = match check(proposal, verdict, approval) {
        Ok(checked) => checked,
        Err(error) => {
            context.terminal.say("");
            match &error {
                // The verdict has just said them.
                CheckError::Refused(_) => print_wrapped(context, "not applied, for the reasons above"),
                error => print_wrapped(context, &format!("not applied: {error}")),
            }
            if let CheckError::NotAllowed(paths) = &error {
                let allow: Vec<String> = paths.iter().map(|path| format!("--allow {path}")).collect();
                print_wrapped(context, &format!("to let it change them, add {}", allow.join(" ")));
            }
            return Ok(false);
        }
    };
    if context.is_cancelled() {
        return Err(Failure::cancelled());
    }
    context.ending.land();
    let Some(log) = record.log() else {
        return Err(Failure::error(
            ErrorCode::DatabaseUnavailable,
            "nothing can land without a session to write that down in",
        ));
    };
    record.whole()?;
    // One at a time, so that nobody is settled while he writes.
    let _landing = log.store().landing()?;
    let name = checked.proposal().hash();
    if !log.look(|session| session.decide().iter().any(|effect| effect.work == Work::Apply(name))) {
        let message = format!("session {} does not come to landing this", log.id());
        return Err(Failure::error(ErrorCode::Internal, message));
    }
    log.write(proposals::intended(checked.proposal(), approval), Vec::new()).map_err(|error| {
        let failure = Failure::from(error);
        let message = format!("nothing was applied, since that could not be written down first: {}", failure.message);
        Failure { message, ..failure }
    })?;
    let landed = match apply::land(project.files.workspace().path(), &checked, project.folders()) {
        Ok(landed) => landed,
        Err(error) => {
            // What could not be taken back stays open: the next to come looks at the files.
            if !matches!(error, ApplyError::Stuck { .. }) {
                log.keep(ApplyFailed { proposal: name, reason: error.to_string() }, Vec::new());
            }
            return Err(failure_of(error));
        }
    };
    log.keep(Applied { proposal: name }, Vec::new());
    context.terminal.say("");
    for path in landed.written.iter().chain(&landed.deleted) {
        context.terminal.say(&format!("applied: {}", terminal::fit(path.as_str(), COLUMNS - 9)));
    }
    for leftover in &landed.leftovers {
        context.terminal.note(leftover);
    }
    if let [first, ..] = landed.swept.as_slice() {
        let what = match landed.swept.len() {
            1 => format!("a temporary file that an interrupted --apply had left was removed: {first}"),
            count => {
                format!("{count} temporary files that an interrupted --apply had left were removed, such as {first}")
            }
        };
        for line in terminal::wrap(&what, "", COLUMNS) {
            context.terminal.note(&line);
        }
    }
    Ok(true)
}

fn failure_of(error: ApplyError) -> Failure {
    let message = error.to_string();
    match error {
        ApplyError::Refused { .. } => {
            Failure::error(ErrorCode::ApplyConflict, message).hint("run the command again on the files as they are")
        }
        ApplyError::Failed { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Failure::error(ErrorCode::DiskFull, message)
        }
        _ => Failure::error(ErrorCode::ApplyFailed, message),
    }
}

/// Files that the user named with `--allow`.
///
/// # Errors
/// A word that is no path inside the workspace.
pub fn allowed(words: &[String]) -> Result<Vec<WorkspacePath>, Failure> {
    words
        .iter()
        .map(|word| {
            word.parse().map_err(|error| {
                Failure::error(ErrorCode::Usage, format!("--allow {word}: {error}"))
                    .hint("name the file as the patch does, relative to the repository")
            })
        })
        .collect()
}
