//! The command line: reads it, does what it says, and ends with one exit code and, with `--json`, one document.
//!
//! Invariants: with `--json` stdout holds one document, whatever happens, panics and Ctrl-C included; without, stdout
//! holds results and stderr everything else; nothing here is needed by who works without a terminal.

mod again;
pub mod args;
pub mod causes;
pub mod check;
mod config;
pub mod context;
pub mod doctor;
pub mod document;
#[cfg(test)]
mod document_tests;
pub mod fix;
pub mod guests;
mod hearing;
mod hidden;
pub mod ids;
pub mod landing;
mod misuse;
mod models;
mod nested;
pub mod patch;
pub mod places;
pub mod record;
pub mod render;
pub mod run;
mod search_first;
mod sessions;
pub mod stop;
mod targets;
pub mod terminal;
mod unfixed;
mod wish;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::{Duration, Instant};

use airlock_core::status::{ErrorCode, Status};
use clap::Parser;
use clap::error::ErrorKind;

use crate::failure::Failure;
use args::{Cli, Command, GuestCommand, ModelsCommand, SessionsCommand, When};
use context::Context;
use document::{Body, Document, Report};
use stop::Ending;
use terminal::{Style, Terminal, wrap};

/// Runs the program with its arguments.
pub fn run() -> ExitCode {
    let started = Instant::now();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Not a command of the user's, so the parser, which names all it knows, does not know it.
    if arguments.len() == 2 && arguments[1] == "worker" {
        return worker();
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(misuse::advised(error, &arguments), &arguments, started),
    };
    if matches!(cli.command, Command::Lsp(_)) {
        crate::lsp::exit(crate::lsp::run());
    }
    if let Command::Mcp(args) = &cli.command {
        crate::mcp::exit(crate::mcp::run(args.path.as_deref()));
    }
    let name = cli.command.name();
    let json = cli.global.json;
    let cwd = match std::env::current_dir() {
        Ok(cwd) => cwd,
        Err(error) => {
            let failure =
                Failure::error(ErrorCode::NotReadable, format!("the folder you are in cannot be used: {error}"));
            let terminal = Terminal::new(json, cli.global.color);
            return end(&terminal, json, name, &Err(failure), started);
        }
    };
    let context = Context {
        cwd,
        arguments: arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect(),
        terminal: Arc::new(Terminal::new(json, cli.global.color)),
        cancelled: Arc::new(AtomicBool::new(false)),
        worker: Arc::new(AtomicU32::new(0)),
        fetcher: Arc::default(),
        ending: Ending::new(),
        started,
        open: Arc::default(),
        preset: crate::config::Flags::default(),
        steering: context::Steering::default(),
        places: Arc::new(std::sync::OnceLock::new()),
    };
    stop::on_interrupt(&context, json, name);
    stop::on_panic();
    let result = stop::caught(|| dispatch(&context, &cli.command));
    let result = match result {
        Err(failure) if context.is_cancelled() && failure.status == Status::Error => Err(Failure::cancelled()),
        Err(failure) => Err(match context.places.get() {
            Some(places) => places.failure(failure),
            None => failure,
        }),
        other => other,
    };
    context.terminal.clear();
    context.ending.tell();
    end(&context.terminal, json, name, &result, started)
}

fn dispatch(context: &Context, command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Check(args) => match &args.patch {
            Some(file) => patch::run(context, args, file),
            None => check::run(context, args),
        },
        Command::Fix(args) => fix::run(context, args),
        Command::Guest { command: GuestCommand::List } => guests::list(context),
        Command::Guest { command: GuestCommand::Install(args) } => guests::install(context, args),
        Command::Guest { command: GuestCommand::Remove(args) } => guests::remove(context, args),
        Command::Guest { command: GuestCommand::Clean } => guests::clean(context),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Sessions { command: SessionsCommand::List(args) } => sessions::list(context, args),
        Command::Sessions { command: SessionsCommand::Show(args) } => sessions::show(context, args),
        Command::Sessions { command: SessionsCommand::Resume(args) } => sessions::resume(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Models { command: ModelsCommand::List(args) } => models::list(context, args),
        Command::Models { command: ModelsCommand::Test(args) } => models::test(context, args),
        Command::Config(args) => config::run(context, args),
        Command::Lsp(_) | Command::Mcp(_) => {
            Err(Failure::error(ErrorCode::Internal, "a server is no command among others"))
        }
    }
}

/// The sandbox's process. Its standard streams are the protocol's.
fn worker() -> ExitCode {
    match airlock_sandbox::worker::server::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(Status::Error.exit_code())
        }
    }
}

/// Tells the result, once, and gives the exit code.
fn end(terminal: &Terminal, json: bool, command: &str, result: &Result<Report, Failure>, started: Instant) -> ExitCode {
    let status = match result {
        Ok(report) => report.status,
        Err(failure) => failure.status,
    };
    if let Err(failure) = result {
        for line in tell(terminal, failure) {
            terminal.note(&line);
        }
    }
    if json {
        terminal::print_out(&line(command, result, started.elapsed()));
    }
    let status = if terminal::output_lost() { Status::Error } else { status };
    ExitCode::from(status.exit_code())
}

/// The one document of a result.
fn line(command: &str, result: &Result<Report, Failure>, wall: Duration) -> String {
    match result {
        Ok(report) => Document::of_report(command, report, wall).to_line(),
        Err(failure) => Document::of_failure(command, failure, &body_of(failure), wall).to_line(),
    }
}

/// What a document says of a failure besides its error.
fn body_of(failure: &Failure) -> Body {
    match failure.status {
        Status::NotTestable => Body::Reason { reason: failure.reason.clone(), notes: vec![failure.message.clone()] },
        _ => Body::None {},
    }
}

/// A failure in words.
fn tell(terminal: &Terminal, failure: &Failure) -> Vec<String> {
    let (word, style) = match failure.status {
        Status::Cancelled => return vec!["cancelled; nothing was changed".to_owned()],
        Status::NotTestable => ("not testable", Style::Yellow),
        _ => ("error", Style::Red),
    };
    let mut lines = wrap(&format!("{word}: {}", failure.message), "", args::COLUMNS);
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.strip_prefix(word)
    {
        *first = format!("{}{rest}", terminal.err.paint(style, word));
    }
    if let Some(reason) = &failure.reason {
        lines.extend(wrap(&format!("{}: {}", reason.kind, reason.detail), "  ", args::COLUMNS));
        if failure.hint.is_none() {
            lines.extend(wrap(causes::cure(&reason.kind), "      ", args::COLUMNS));
        }
    }
    if let Some(hint) = &failure.hint {
        lines.extend(wrap(hint, "  ", args::COLUMNS));
    }
    lines
}

/// Wrong use, or help: what clap has to say, and with `--json` a document of it.
fn refuse(error: clap::Error, arguments: &[OsString], started: Instant) -> ExitCode {
    let words = || arguments.iter().skip(1).take_while(|word| *word != "--");
    let json = words().any(|word| word == "--json");
    let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let status = if shown { Status::Ok } else { Status::Error };
    if !json {
        // A pipe that is closed ends the help and nothing else.
        let lost = error.print().is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
        let status = if lost { Status::Error } else { status };
        return ExitCode::from(status.exit_code());
    }
    let command = misuse::command(arguments);
    let text = error.render().to_string();
    let wall = started.elapsed();
    if shown {
        let report = Report { status, body: Body::Text { text } };
        terminal::print_out(&Document::of_report(&command, &report, wall).to_line());
    } else {
        let terminal = Terminal::new(true, When::Auto);
        terminal.note(text.trim_end());
        let message = misuse::message(&text);
        let failure = Failure::error(ErrorCode::Usage, message).hint("`airlock --help` shows how it is used");
        terminal::print_out(&Document::of_failure(&command, &failure, &Body::None {}, wall).to_line());
    }
    let status = if terminal::output_lost() { Status::Error } else { status };
    ExitCode::from(status.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_document_and_plain_words() {
        type Work = fn() -> Result<Report, Failure>;
        let panics: [(&str, Work); 4] = [
            ("plain", || panic!("plain")),
            ("number 1", || panic!("number {}", std::hint::black_box(1))),
            ("index out of bounds", || panic!("{}", [0][std::hint::black_box(1)])),
            ("for no known reason", || std::panic::panic_any(1_u8)),
        ];
        for (said, panics) in panics {
            let result = stop::caught(panics);
            let failure = result.as_ref().expect_err("it panics");
            assert_eq!(failure.status.exit_code(), 2, "{said}");
            let document: serde_json::Value =
                serde_json::from_str(&line("check", &result, Duration::ZERO)).expect("one document");
            assert_eq!((&document["status"], &document["command"]), (&"error".into(), &"check".into()));
            assert_eq!(document["error"]["code"], "internal", "{document}");
            assert!(document["error"]["message"].as_str().is_some_and(|message| message.contains(said)), "{document}");
            assert!(document["error"]["hint"].as_str().is_some_and(|hint| hint.contains("report it")), "{document}");
            let words = tell(&Terminal::new(false, When::Never), failure).join("\n");
            assert!(words.starts_with("error: Airlock failed: ") && words.contains(said), "{words}");
            assert!(!words.contains('\x1b') && words.contains("report it"), "{words}");
        }
        // What does not panic is left as it is.
        let report = stop::caught(|| Ok(Report { status: Status::Passed, body: Body::None {} }));
        assert!(report.is_ok_and(|report| report.status == Status::Passed));
    }
}
