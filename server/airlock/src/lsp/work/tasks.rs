//! Jobs that a model does: a call of `airlock run` with nobody at a terminal.

use airlock_core::session::Resumed;
use airlock_core::status::{ErrorCode, Status};
use clap::Parser;

use super::projects::locate;
use super::records::NO_TEST;
use super::{At, Interrupted, Job, Located, Repaired, context, document, repairs};
use crate::cli::args::{Cli, Command, RunArgs};
use crate::cli::document::{Body, RunBody};
use crate::cli::run as run_command;
use crate::config::{Config, Sources, Variables};
use crate::failure::Failure;
use crate::sessions::PROGRAM;
use crate::sessions::log::Log;

/// Most open documents that a model is shown first.
const MOST_OPEN: usize = 6;

/// Whether the user has configured a model. What is wrong with the configuration is told where it is needed.
pub fn has_model() -> bool {
    let config = Config::load(&Sources::of_user(&Variables::process()));
    config.is_ok_and(|config| config.model().provider.is_some())
}

/// Does a task. `arguments`: those of the call, the user's words last.
///
/// # Errors
/// No model is configured, or it cannot be asked; nothing can be run.
pub fn run(job: &Job, at: &At, mut arguments: Vec<String>) -> Result<Repaired, Failure> {
    let near = match at {
        At::Root(root) => root.clone(),
        At::Near(paths) => {
            paths.first().cloned().ok_or_else(|| Failure::error(ErrorCode::Usage, "open a folder or a file first"))?
        }
    };
    let located = locate(&near)?;
    let open = job.open.keys().filter(|path| path.starts_with(&located.repository) && path.is_file());
    let open = open.take(MOST_OPEN).flat_map(|path| ["--files".to_owned(), path.to_string_lossy().into_owned()]);
    arguments.splice(1..1, open);
    work(job, located, arguments, None)
}

/// Goes on with a task that was cut off; what the model said whole is not asked again.
///
/// # Errors
/// Somebody else works on it, or it says nothing of the project as it is now.
pub fn resume(job: &Job, interrupted: &Interrupted) -> Result<Repaired, Failure> {
    match go_on(job, interrupted) {
        // There is nothing to go on with any more, now or later.
        Err(failure) if matches!(failure.code, ErrorCode::SessionOver | ErrorCode::SessionStale) => {
            let why = failure.to_string().replace('\n', "; ");
            Ok(Repaired { status: failure.status, why, waiting: None, answer: None })
        }
        other => other,
    }
}

fn go_on(job: &Job, interrupted: &Interrupted) -> Result<Repaired, Failure> {
    let (writer, _) = interrupted.store.0.take_up(&interrupted.session)?;
    let log = Log::new(writer);
    let opened = log.look(|session| session.opened().cloned().filter(|_| session.may_resume()));
    let Some(opened) = opened else {
        return Err(Failure::error(ErrorCode::SessionOver, format!("session {} has ended", interrupted.session)));
    };
    log.write(Resumed { program: PROGRAM.to_owned() }, Vec::new())?;
    work(job, interrupted.located.clone(), opened.arguments, Some(log))
}

fn work(job: &Job, located: Located, arguments: Vec<String>, taken: Option<Log>) -> Result<Repaired, Failure> {
    let args = read(&arguments)?;
    let context = context(job, located.root.clone(), arguments);
    let (report, waiting) = run_command::propose(&context, &args, taken)?;
    let Body::Run(body) = report.body else {
        return Err(Failure::error(ErrorCode::Internal, "a task has no result"));
    };
    let answer = match report.status {
        Status::Ok => Some(document(&answer_name(&body), answer(&args, &body).as_bytes())?),
        _ => None,
    };
    let why = match (&waiting, &body.patch.reason) {
        (None, _) if body.ended == "let_through" => {
            "the model's change cannot land: nothing of it can be kept, as the log says".to_owned()
        }
        (_, Some(reason)) => reason.detail.clone(),
        (_, None) => report.status.as_str().replace('_', " "),
    };
    let explanation = body.patch.proposal.and_then(|proposal| proposal.explanation).unwrap_or_default();
    let test = args.tests.first().map_or(NO_TEST, String::as_str);
    let waiting = waiting.map(|waiting| repairs::of(waiting, located.root, test, explanation)).transpose()?;
    Ok(Repaired { status: report.status, why, waiting, answer })
}

/// A call's words, as the command line reads them.
fn read(arguments: &[String]) -> Result<RunArgs, Failure> {
    let words = std::iter::once("airlock").chain(arguments.iter().map(String::as_str));
    let said = |error: clap::Error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        Failure::error(ErrorCode::Usage, line.strip_prefix("error: ").unwrap_or(line).to_owned())
    };
    match Cli::try_parse_from(words).map_err(said)?.command {
        Command::Run(args) => Ok(*args),
        _ => Err(Failure::error(ErrorCode::Internal, "it is no task")),
    }
}

fn answer_name(body: &RunBody) -> String {
    let session = body.patch.session.clone().unwrap_or_else(|| "answer".to_owned());
    format!("{session}.md")
}

fn answer(args: &RunArgs, body: &RunBody) -> String {
    let about = args.at.iter().map(|at| format!("about    {at}\n"));
    let asked = Some(args.task.trim()).filter(|words| !words.is_empty()).map(|words| format!("asked    {words}\n"));
    let head: String = about.chain(asked).collect();
    let usage = &body.usage;
    let text = format!(
        "Airlock: an answer of {}; nothing was changed\n\n{head}\n{}\n\n{} tokens in, {} out\n",
        body.model,
        body.answer.trim(),
        usage.input,
        usage.output
    );
    airlock_core::text::visible(&text).into_owned()
}
