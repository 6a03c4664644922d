//! A program that is no test, run over the project in a fork of the started interpreter. Nothing is kept of the fork: what it
//! writes is gone with it, and no report and no image knows of it.

use airlock_core::report::Reason;
use serde_json::{Value, json};

use super::{Suite, SuiteError, images};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::protocol::{Limits, OverlayEntry};

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub source: ProgramSource,
    /// `sys.argv[1:]`.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: String,
}

/// Where a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramSource {
    /// A file, by its path in the guest.
    File(String),
    Text(String),
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRan {
    pub ended: ProgramEnd,
    /// The end of its standard output and error, 16 KiB each.
    pub output: String,
    pub errors: String,
    /// What the sandbox refused it.
    pub refused: Vec<Reason>,
    /// Limits that it met, in plain words.
    pub limits: Vec<String>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramEnd {
    /// By itself, with this code.
    Exited(i32),
    /// After all the time that it had.
    Stopped,
    /// The interpreter could not go on: a trap of the guest, or the loss of its process.
    Broke(String),
}

impl Suite<'_> {
    /// Runs a program in the suite's folder, with the project's `sys.path`, on the project with `overlay` laid over it.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] and [`SuiteError::Cancelled`]; [`SuiteError::Harness`] where the overlay changes what the
    /// interpreter was started with. What the program does wrong is in what it comes to.
    pub fn program(
        &self,
        overlay: &[OverlayEntry],
        program: &Program,
        limits: Limits,
    ) -> Result<ProgramRan, SuiteError> {
        let lost = |words: String| ProgramRan {
            ended: ProgramEnd::Broke(words),
            output: String::new(),
            errors: String::new(),
            refused: Vec::new(),
            limits: Vec::new(),
        };
        self.past_loss(lost, || self.past_damage(|| self.program_once(overlay, program, limits)))
    }

    fn program_once(
        &self,
        overlay: &[OverlayEntry],
        program: &Program,
        limits: Limits,
    ) -> Result<ProgramRan, SuiteError> {
        let (origin, boot_trace) = self.booted()?;
        if images::touches(&boot_trace, overlay, &self.mounts()) {
            let message = "the changes are to what the interpreter itself is started with".to_owned();
            return Err(SuiteError::Harness(message));
        }
        let mut job = self.job(origin, self.project_mounts(), overlay, self.program_command(program, limits));
        job.limits = limits;
        let (done, said) = self.follow_anew(job, |said: &mut Said, bytes| match Event::decode(bytes) {
            Ok(Event::Program { exit, refused }) => {
                said.exit = Some(exit);
                said.refused = refused;
            }
            Ok(Event::Broken { message, .. }) => said.broken = Some(message),
            // A program shares its interpreter with the harness, so it may say what it likes; nothing of it counts.
            _ => {}
        })?;
        let ended = match &done.ending {
            Ending::Exited(code) => ProgramEnd::Exited(i32::try_from(*code).unwrap_or(i32::MAX)),
            Ending::Returned(_) => match said.exit {
                Some(code) => ProgramEnd::Exited(code),
                None => ProgramEnd::Broke(said.broken.unwrap_or_else(|| "it ended without a word".to_owned())),
            },
            Ending::Stopped | Ending::OutOfWork => ProgramEnd::Stopped,
            Ending::Trapped { what, .. } => ProgramEnd::Broke(what.clone()),
        };
        let is_time = |limit: &String| limit.starts_with("time:");
        let limits = done.limits.into_iter().filter(|limit| !is_time(limit)).collect();
        Ok(ProgramRan { ended, output: done.stdout, errors: done.stderr, refused: said.refused, limits })
    }

    fn program_command(&self, program: &Program, limits: Limits) -> String {
        let spec = &self.spec;
        let modules: Vec<_> =
            spec.modules.iter().map(|(module, guest)| json!({"module": module, "guest": guest})).collect();
        let (path, text) = match &program.source {
            ProgramSource::File(path) => (Value::from(path.as_str()), Value::Null),
            ProgramSource::Text(text) => (Value::Null, Value::from(text.as_str())),
        };
        json!({
            "cmd": "program", "path": path, "text": text, "arguments": program.arguments, "input": program.input,
            "cwd": spec.cwd, "modules": modules, "sys_path": spec.sys_path, "env": spec.env, "threads": spec.threads,
            "python": spec.python, "placeholders": self.known().placeholders, "output": limits.output,
        })
        .to_string()
    }
}

#[derive(Default)]
struct Said {
    exit: Option<i32>,
    refused: Vec<Reason>,
    broken: Option<String>,
}
