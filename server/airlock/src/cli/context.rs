//! What every command is given, and the steps they share: open the project, have the guest, run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use airlock_core::status::ErrorCode;
use airlock_sandbox::suite::{Options, Progress, Ran, Ready, Suite, SuiteError};
use airlock_sandbox::vfs::Trace;
use airlock_sandbox::worker::protocol::OverlayEntry;

use super::args::ProjectArgs;
use super::guests;
use super::places::Places;
use super::stop::Ending;
use super::terminal::Terminal;
use crate::config::{Flags, Variables};
use crate::failure::Failure;
use crate::guest_install::Cache;
use crate::workbench::{Ask, Bench, OpenTexts, Project};

/// The guest that runs Python projects.
pub const GUEST: &str = "python";

/// How long a lost worker may have been lost by the same Ctrl-C that is just being told to this process.
const INTERRUPT_DELAY: Duration = Duration::from_millis(100);

/// Words of the user for a task that is under way, in their order, until it takes them.
#[derive(Clone, Debug, Default)]
pub struct Steering(Arc<Mutex<Vec<String>>>);

impl Steering {
    /// Most that waits; who says more is not heard.
    const MOST: usize = 20;

    /// Says something; false where too much waits already.
    pub fn say(&self, words: String) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < Self::MOST;
        if has_room {
            waiting.push(words);
        }
        has_room
    }

    /// Takes what waits.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One call of the program.
pub struct Context {
    pub cwd: PathBuf,
    /// Its words, without the program's name.
    pub arguments: Vec<String>,
    pub terminal: Arc<Terminal>,
    /// Set by Ctrl-C.
    pub cancelled: Arc<AtomicBool>,
    /// The worker's process, for who has to end it in a hurry; 0 where there is none.
    pub worker: Arc<AtomicU32>,
    /// The same for the program that downloads a guest.
    pub fetcher: Arc<Mutex<u32>>,
    /// Who tells how the call ended.
    pub ending: Ending,
    pub started: Instant,
    /// Texts that stand for files on the disk; none but in an editor's server.
    pub open: OpenTexts,
    /// Settings of whoever calls, over those of files and under those of the call itself; none but in an editor's server.
    pub preset: Flags,
    /// What the user says to a task while it is under way.
    pub steering: Steering,
    /// What the guest's folders are on this machine, once the project is known.
    pub places: Arc<OnceLock<Places>>,
}

impl Context {
    /// An earlier call, made again as part of this one.
    pub fn again(&self, cwd: PathBuf, arguments: Vec<String>) -> Self {
        Self {
            cwd,
            arguments,
            terminal: Arc::clone(&self.terminal),
            cancelled: Arc::clone(&self.cancelled),
            worker: Arc::clone(&self.worker),
            fetcher: Arc::clone(&self.fetcher),
            ending: self.ending.clone(),
            started: self.started,
            open: Arc::clone(&self.open),
            preset: self.preset.clone(),
            steering: self.steering.clone(),
            places: Arc::clone(&self.places),
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The project that arguments name.
    ///
    /// # Errors
    /// See [`Project::open`].
    pub fn project(&self, paths: &[String], args: &ProjectArgs, flags: Flags) -> Result<Project, Failure> {
        let ask = Ask {
            cwd: self.cwd.clone(),
            args: paths.to_vec(),
            root: args.root.clone(),
            flags: self.preset.clone().and(flags),
            open: Arc::clone(&self.open),
        };
        let project = Project::open(&ask)?;
        // A call has one project; a second would have the same folders.
        let _ = self.places.set(Places::of(&project));
        Ok(project)
    }

    /// The guest, installed first where the user says so, and a worker that has it open.
    ///
    /// # Errors
    /// [`Failure`] where it is missing or cannot be started.
    pub fn bench(&self, project: &Project, args: &ProjectArgs) -> Result<Bench, Failure> {
        let cache = Cache::open(&Variables::process())?;
        let avoid: &Path = &project.found.repository;
        let guest = guests::ensure(self, &cache, GUEST, args.install_guests, Some(avoid))?;
        let opened = guests::with_spinner(self, "starting the sandbox", || {
            let jobs = project.settings.jobs;
            let compiling = || guests::say_compiling(self);
            Bench::open(&cache, &guest, project.files.clone(), jobs, args.no_cache, &self.cancelled, &compiling)
        });
        let bench = opened.map_err(|failure| self.told(failure))?;
        bench.worker.tell_pid(Arc::clone(&self.worker));
        Ok(bench)
    }

    /// Says where files that runs looked at are not what they were: what the runs said is of another tree then.
    ///
    /// # Errors
    /// `files_changed`.
    pub fn unchanged<'t>(&self, project: &Project, traces: impl IntoIterator<Item = &'t Trace>) -> Result<(), Failure> {
        project.unchanged(traces, &self.cancelled)
    }

    /// Collects the project.
    ///
    /// # Errors
    /// [`SuiteError`].
    pub fn collect(&self, suite: &Suite<'_>) -> Result<Ready, SuiteError> {
        self.terminal.progress("collecting tests", true);
        suite.collect(&[])
    }

    /// Runs what was collected.
    ///
    /// # Errors
    /// [`SuiteError`].
    pub fn run(
        &self,
        suite: &Suite<'_>,
        ready: &Ready,
        overlay: &[OverlayEntry],
        options: &Options,
    ) -> Result<Ran, SuiteError> {
        let ran = suite.run(ready, overlay, options, &mut |progress| self.show(&progress));
        self.terminal.clear();
        ran
    }

    fn show(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Started { id } => self.terminal.progress(id, false),
            Progress::CompilingWhole { .. } => {
                self.terminal.progress("compiling the whole guest, once (minutes)", true)
            }
            Progress::Finished { test, done, total } => {
                self.terminal.progress(&format!("{done}/{total} {}", test.id), done == total);
            }
        }
    }

    /// A failure as it is to be told: what ends because of Ctrl-C was cancelled. A terminal sends that to the worker too,
    /// whose end may be seen before the signal is.
    pub fn told(&self, failure: impl Into<Failure>) -> Failure {
        let failure = failure.into();
        let lost = matches!(failure.code, ErrorCode::WorkerLost | ErrorCode::GuestDownload | ErrorCode::GuestFailed);
        let started = Instant::now();
        while lost && !self.is_cancelled() && started.elapsed() < INTERRUPT_DELAY {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is_cancelled() { Failure::cancelled() } else { failure }
    }
}
