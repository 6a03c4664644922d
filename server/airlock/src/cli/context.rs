//! What every command is given, and the steps they share: open the project, have the guest, run, mend a damaged cache.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use airlock_core::status::ErrorCode;
use airlock_sandbox::suite::{Options, Progress, Ran, Ready, Suite, SuiteError};
use airlock_sandbox::worker::client::WorkerError;
use airlock_sandbox::worker::protocol::{Failure as WorkerFailure, OverlayEntry};

use super::args::ProjectArgs;
use super::guests;
use super::places::Places;
use super::stop::Ending;
use super::terminal::Terminal;
use crate::config::{Flags, Variables};
use crate::failure::Failure;
use crate::guest_install::Cache;
use crate::workbench::{Ask, Bench, Project};

/// The guest that runs Python projects.
pub const GUEST: &str = "python";

/// How long a lost worker may have been lost by the same Ctrl-C that is just being told to this process.
const INTERRUPT_DELAY: Duration = Duration::from_millis(100);

/// The most damaged images that are removed before giving up: one of the interpreter, one of the project, twice.
const IMAGE_RETRIES: usize = 4;

/// One call of the program.
pub struct Context {
    pub cwd: PathBuf,
    pub terminal: Terminal,
    /// Set by Ctrl-C.
    pub cancelled: Arc<AtomicBool>,
    /// The worker's process, for who has to end it in a hurry; 0 where there is none.
    pub worker: Arc<AtomicU32>,
    /// The same for the program that downloads a guest.
    pub fetcher: Arc<AtomicU32>,
    /// Who tells how the call ended.
    pub ending: Ending,
    pub started: Instant,
    /// What the guest's folders are on this machine, once the project is known.
    pub places: OnceLock<Places>,
}

impl Context {
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The project that arguments name.
    ///
    /// # Errors
    /// See [`Project::open`].
    pub fn project(&self, paths: &[String], args: &ProjectArgs, flags: Flags) -> Result<Project, Failure> {
        let ask = Ask { cwd: self.cwd.clone(), args: paths.to_vec(), root: args.root.clone(), flags };
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
            Bench::open(&cache, &guest, project.files.clone(), project.settings.jobs, args.no_cache)
        });
        let bench = opened.map_err(|failure| self.told(failure))?;
        self.worker.store(bench.worker.pid(), Ordering::Relaxed);
        Ok(bench)
    }

    /// Collects the project, with damaged images removed as they are met.
    ///
    /// # Errors
    /// [`SuiteError`].
    pub fn collect(&self, suite: &Suite<'_>) -> Result<Ready, SuiteError> {
        self.terminal.progress("collecting tests", true);
        self.mended(suite, || suite.collect(&[]))
    }

    /// Collects and runs; a damaged image leads to a new collection.
    ///
    /// # Errors
    /// [`SuiteError`].
    pub fn run(
        &self,
        suite: &Suite<'_>,
        ready: &mut Ready,
        overlay: &[OverlayEntry],
        options: &Options,
    ) -> Result<Ran, SuiteError> {
        let mut show = |progress: Progress<'_>| self.show(&progress);
        let first = suite.run(ready, overlay, options, &mut show);
        let ran = match first {
            Err(error) if self.drop_image(suite, &error) => {
                *ready = self.collect(suite)?;
                suite.run(ready, overlay, options, &mut show)
            }
            other => other,
        };
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

    fn mended<T>(&self, suite: &Suite<'_>, mut work: impl FnMut() -> Result<T, SuiteError>) -> Result<T, SuiteError> {
        for _ in 0..IMAGE_RETRIES {
            match work() {
                Err(error) if self.drop_image(suite, &error) => {}
                other => return other,
            }
        }
        work()
    }

    /// Removes the image that an error names; whether there was one. Images are made again when they are missed.
    fn drop_image(&self, suite: &Suite<'_>, error: &SuiteError) -> bool {
        let SuiteError::Worker(WorkerError::Failed(WorkerFailure::Image { path, .. })) = error else { return false };
        let Some(images) = &suite.spec().images else { return false };
        // Nothing outside of the cache's own folder is ever removed.
        path.starts_with(images) && path != images && std::fs::remove_dir_all(path).is_ok()
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
