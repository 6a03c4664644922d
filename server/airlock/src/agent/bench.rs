//! Who runs a model's tests and programs. Tools may be called on any thread; what runs them belongs to one, so a call is handed
//! over to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use airlock_agent::bench::{Bench, Program, ProgramRun, Source, TestsRun};
use airlock_core::overlay::{Change, Overlay};
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal};
use airlock_core::text::one_line;
use airlock_sandbox::suite::{self, ProgramEnd, ProgramSource, Progress};
use airlock_sandbox::worker::protocol::Limits;

use crate::files::WORKSPACE;
use crate::judge::{Judge, entries, file_state};
use crate::workbench::Project;

/// What the thread that has the sandbox is asked.
pub enum Job {
    Tests {
        overlay: Overlay,
        ids: Vec<String>,
        answer: Sender<Result<TestsRun, String>>,
    },
    Python {
        overlay: Overlay,
        program: Program,
        answer: Sender<Result<ProgramRun, String>>,
    },
    /// The call is over, and nothing more comes of it.
    Over,
}

/// Hands calls over.
pub struct Remote {
    pub jobs: Mutex<Sender<Job>>,
    /// The user stopped the task.
    pub cancelled: Arc<AtomicBool>,
}

impl Remote {
    fn ask<T>(&self, job: impl FnOnce(Sender<Result<T, String>>) -> Job) -> Result<T, String> {
        let (answer, result) = channel();
        let gone = |_| "the sandbox is not there any more".to_owned();
        let jobs = self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        jobs.send(job(answer)).map_err(|_| gone(()))?;
        drop(jobs);
        result.recv().map_err(|_| gone(()))?
    }
}

impl Bench for Remote {
    fn run_tests(&self, overlay: &Overlay, ids: &[String]) -> Result<TestsRun, String> {
        self.ask(|answer| Job::Tests { overlay: overlay.clone(), ids: ids.to_vec(), answer })
    }

    fn run_python(&self, overlay: &Overlay, program: &Program) -> Result<ProgramRun, String> {
        self.ask(|answer| Job::Python { overlay: overlay.clone(), program: program.clone(), answer })
    }

    fn stopped(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Runs tests with an overlay: the base's as they are there, and new ones.
///
/// # Errors
/// In plain words, why nothing was run.
pub fn run_tests(
    project: &Project,
    judge: &Judge<'_>,
    allow: &[WorkspacePath],
    (overlay, ids): (&Overlay, &[String]),
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<TestsRun, String> {
    let mut states = Vec::new();
    for (path, change) in overlay.iter() {
        let base = file_state(project, path)?;
        let new = match change {
            Change::Write { bytes, executable } => {
                let kept = base.as_ref().is_some_and(FileState::executable);
                Some(FileState::new(bytes.clone(), executable.unwrap_or(kept)))
            }
            Change::Delete => None,
        };
        states.push((path.clone(), base, new));
    }
    let proposal = Proposal::new("", states).map_err(|error| error.to_string())?;
    let plan = judge.plan(&proposal, allow);
    // Tests of its own run too; those that the base has are the base's.
    let mut laid = plan.judged;
    for path in &plan.new_tests {
        if let Some(change) = overlay.get(path) {
            laid.set(path.clone(), change.clone());
        }
    }
    let (report, _) = judge.run(&laid, progress).map_err(|failure| failure.message)?;
    let mut report = (*report).clone();
    if !ids.is_empty() {
        let named = |id: &str| ids.iter().any(|whole| is_in(id, whole.trim_start_matches("./").trim_end_matches('/')));
        report.tests.retain(|test| named(&test.id));
        report.unreported.retain(|id| named(id));
        if report.tests.is_empty() && report.unreported.is_empty() {
            return Err(format!("no test is named {}; without ids all run", ids.join(", ")));
        }
    }
    let mut run = TestsRun::of(&report);
    let unused: Vec<String> =
        overlay.iter().filter(|(path, _)| laid.get(path).is_none()).map(|(path, _)| path.to_string()).collect();
    if !unused.is_empty() {
        run.notes.push(format!("taken as before the task, as tests or their configuration: {}", unused.join(", ")));
    }
    Ok(run)
}

/// Longest that a program may run, in milliseconds.
const PROGRAM_MS: u64 = 20_000;
/// Bytes that a program may print to each of its outputs.
const PROGRAM_OUTPUT: u64 = 1 << 20;
/// Refused calls that are told of one program, and letters of each.
const REFUSED: usize = 8;
const REFUSED_LETTERS: usize = 200;

/// Runs a program with an overlay, all of which it sees. Nothing of it is in any report.
///
/// # Errors
/// In plain words, why nothing was run.
pub fn run_python(judge: &Judge<'_>, overlay: &Overlay, program: &Program) -> Result<ProgramRun, String> {
    let suite = judge.suite();
    let usual = suite.spec().limits;
    let step_ms = usual.step_ms.min(PROGRAM_MS);
    let limits = Limits { step_ms, job_ms: step_ms, output: usual.output.min(PROGRAM_OUTPUT), ..usual };
    let source = match &program.source {
        Source::File(path) => ProgramSource::File(format!("{WORKSPACE}/{path}")),
        Source::Text(text) => ProgramSource::Text(text.clone()),
    };
    let run = suite::Program { source, arguments: program.arguments.clone(), input: program.input.clone() };
    let ran = suite.program(&entries(overlay), &run, limits).map_err(|error| error.to_string())?;
    let mut ended = match &ran.ended {
        ProgramEnd::Exited(code) => format!("exit code {code}"),
        ProgramEnd::Stopped => format!("stopped after {} s, all the time that it may take", step_ms / 1000),
        ProgramEnd::Broke(what) => format!("the interpreter could not go on: {what}"),
    };
    for limit in &ran.limits {
        ended.push_str(&format!("; a limit was met: {limit}"));
    }
    for refused in ran.refused.iter().take(REFUSED) {
        ended.push_str(&format!("; not there in the sandbox: {}", one_line(&refused.detail, REFUSED_LETTERS)));
    }
    Ok(ProgramRun { ended, succeeded: ran.ended == ProgramEnd::Exited(0), output: ran.output, errors: ran.errors })
}

/// Whether a test's id is `whole`, or lies in it.
fn is_in(id: &str, whole: &str) -> bool {
    id.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with(['[', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_learns_that_the_user_stopped_the_task() {
        let cancelled = Arc::new(AtomicBool::new(false));
        let remote = Remote { jobs: Mutex::new(channel().0), cancelled: Arc::clone(&cancelled) };
        assert!(!remote.stopped());
        cancelled.store(true, Ordering::Relaxed);
        assert!(remote.stopped());
    }
}
