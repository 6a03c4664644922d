//! A project's tests: start the guest, collect once, run what is asked for, and survive what single tests do.
//!
//! Images are layered: a booted interpreter (one for all projects), then one with the project collected. A job starts
//! from the deepest image that has seen nothing of what its overlay changes; so a patch to a module that collection
//! imported starts from the booted interpreter, and one that nothing has read yet starts from the collected project.

mod collect;
mod images;
mod jobs;
mod leftovers;
mod once;
mod program;
mod reports;
mod rounds;
mod run;
mod screen;
mod spec;
mod stacks;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::guest::event::{Booted, Event, Fatal};
use crate::vfs::{Source, Trace};
use crate::worker::client::{Worker, WorkerError};
use crate::worker::protocol::{Failure, MountSpec, Origin};
use crate::worker::source::FIRST_REMOTE;
use collect::Known;
use images::Store;
use screen::Screening;

pub use images::disk_bytes;
pub use once::{Attempt, Bounds, Patience};
pub use program::{Program, ProgramEnd, ProgramRan, ProgramSource};
pub use run::{Brief, LOST, Options, Progress, Ran};
pub use screen::Screened;
pub use spec::{Ready, Spec, SuiteError};

/// Damaged images that one call passes over: more than are ever kept of what it looks for.
const MAX_DAMAGED: usize = 4;

/// An image of the started interpreter that only the worker's memory holds.
struct Started {
    origin: Origin,
    trace: Arc<Trace>,
    /// What of the trace may change under it.
    outside: Trace,
}

/// One project's tests on one worker.
pub struct Suite<'a> {
    worker: &'a Worker,
    source: Arc<dyn Source>,
    spec: Spec,
    store: Store,
    cancelled: Arc<AtomicBool>,
    /// Whether its time is up.
    over: Box<dyn Fn() -> bool + Send + Sync + 'a>,
    /// The started interpreter, where this suite had to start it: with no folder for images, or one that takes none, each
    /// candidate would start it again.
    started: Mutex<Option<Started>>,
    /// Work of the suite's tests on the base, in fuel; see [`Suite::attempt`].
    base_work: OnceLock<u64>,
    /// The most rounds of loops that a test goes on the base, where candidates needed that.
    base_rounds: OnceLock<u64>,
    on_compiling: Box<dyn Fn() + Send + Sync + 'a>,
    /// Files that candidates may change, as guest paths; see [`Suite::screen`].
    screened: Vec<String>,
    screening: Mutex<Screening>,
    /// Held together by candidates, and alone by one that runs again because the worker was lost.
    together: RwLock<()>,
    /// What compiling took so far, in milliseconds: no part of any run's time.
    compiled_ms: AtomicU64,
}

/// A moment from which a run's time is counted.
#[derive(Clone, Copy)]
pub(crate) struct Since {
    at: Instant,
    compiled_ms: u64,
}

impl Drop for Suite<'_> {
    fn drop(&mut self) {
        if let Some(started) = self.started.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.forget_image(&started.origin);
        }
        self.forget_screening();
    }
}

impl<'a> Suite<'a> {
    /// `source` is what the worker was started with: cached images are compared with it.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] where the guest's folder is damaged.
    pub fn new(
        worker: &'a Worker,
        source: Arc<dyn Source>,
        spec: Spec,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Self, SuiteError> {
        let identity = crate::guest::install::identity(&spec.guest, &crate::guest::Description::python())
            .map_err(WorkerError::from)?;
        let store = Store::new(spec.images.clone(), identity);
        Ok(Self {
            worker,
            source,
            spec,
            store,
            cancelled,
            over: Box::new(|| false),
            started: Mutex::default(),
            base_work: OnceLock::new(),
            base_rounds: OnceLock::new(),
            on_compiling: Box::new(|| {}),
            screened: Vec::new(),
            screening: Mutex::default(),
            together: RwLock::default(),
            compiled_ms: AtomicU64::new(0),
        })
    }

    /// Has `told` called when an attempt needs a build of the guest that is not there yet: that takes a while, once.
    #[must_use]
    pub fn on_compiling(mut self, told: impl Fn() + Send + Sync + 'a) -> Self {
        self.on_compiling = Box::new(told);
        self
    }

    /// Has every job stopped, and none begun, once `over` says so; as after a cancel, but the worker is kept, for others.
    #[must_use]
    pub fn until(mut self, over: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        self.over = Box::new(over);
        self
    }

    /// Names the files that candidates will change, for [`Suite::screen`].
    #[must_use]
    pub fn screening(mut self, files: Vec<String>) -> Self {
        self.screened = files;
        self
    }

    /// Every mount of the server's sources.
    pub fn mounts(&self) -> Vec<MountSpec> {
        self.spec.environment.iter().chain(&self.spec.mounts).cloned().collect()
    }

    /// What this suite runs.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether nothing more is to be run: cancelled, or out of time.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled() || (self.over)()
    }

    pub(crate) fn since(&self) -> Since {
        Since { at: Instant::now(), compiled_ms: self.compiled_ms.load(Ordering::Relaxed) }
    }

    /// Wall time that counts as a run's own since then.
    pub(crate) fn spent(&self, since: Since) -> Duration {
        let compiled = self.compiled_ms.load(Ordering::Relaxed).saturating_sub(since.compiled_ms);
        since.at.elapsed().saturating_sub(Duration::from_millis(compiled))
    }

    /// What is left of a run's wall time after `spent`, for its next job.
    pub(crate) fn left_ms(&self, spent: Duration) -> u64 {
        let spent = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
        // A job with no time at all could say that its step ended it; one millisecond is over before any step is.
        self.spec.limits.job_ms.saturating_sub(spent).max(1)
    }

    /// Makes the image of the started interpreter, so that the first project finds it.
    ///
    /// # Errors
    /// [`SuiteError`] where the guest does not start.
    pub fn warm(&self) -> Result<(), SuiteError> {
        self.booted().map(drop)
    }

    /// A started interpreter with pytest loaded, from the cache where it is there.
    fn booted(&self) -> Result<(Origin, Arc<Trace>), SuiteError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = started.take() {
            if found.outside.holds(&*self.source) {
                let found = started.insert(found);
                return Ok((found.origin.clone(), Arc::clone(&found.trace)));
            }
            self.forget_image(&found.origin);
        }
        let (origin, trace, here) = self.boot()?;
        if here {
            let outside = images::outside(&trace);
            *started = Some(Started { origin: origin.clone(), trace: Arc::clone(&trace), outside });
        }
        Ok((origin, trace))
    }

    /// The same, and whether it was started just now.
    fn boot(&self) -> Result<(Origin, Arc<Trace>, bool), SuiteError> {
        let spec = &self.spec;
        let (mounts, pytest, sys_path) = if spec.own_runner {
            (spec.environment.clone(), "environment", spec.sys_path.clone())
        } else {
            (Vec::new(), "/airlock/pytest", Vec::new())
        };
        let command = json!({"cmd": "boot", "sys_path": sys_path, "pytest": pytest, "env": {}}).to_string();
        let key = self.store.key(&mounts, &command, &[]);
        if let Some(found) = self.store.find(&key, &*self.source) {
            return Ok((found.origin, found.trace, false));
        }
        let mut job = self.job(Origin::Cold, mounts, &[], command);
        // The runner's own start is no test, however little time the user gives one.
        job.limits.step_ms = job.limits.job_ms;
        let (done, events, origin) = self.prepare(job, &key)?;
        let origin = origin.ok_or_else(|| self.harness_error(&done, &events))?;
        let booted = events.iter().find_map(|event| match Event::decode(event) {
            Ok(Event::Booted(booted)) => Some(booted),
            _ => None,
        });
        match booted {
            Some(Booted { fatal: None, .. }) => Ok((origin, Arc::new(done.trace), true)),
            Some(Booted { fatal: Some(fatal), .. }) => {
                self.forget_image(&origin);
                Err(fatal_error(fatal))
            }
            None => {
                self.forget_image(&origin);
                Err(self.harness_error(&done, &events))
            }
        }
    }

    /// Does `work`, again where an image on disk turns out to be damaged or gone: it is made anew.
    pub(crate) fn past_damage<T>(&self, mut work: impl FnMut() -> Result<T, SuiteError>) -> Result<T, SuiteError> {
        for _ in 0..MAX_DAMAGED {
            match work() {
                Err(SuiteError::Worker(WorkerError::Failed(Failure::Image { path, .. }))) => self.store.discard(&path),
                Err(SuiteError::Worker(WorkerError::Failed(Failure::NoImage { .. }))) => {
                    // It went with a worker that was lost, and so did the started interpreter.
                    self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
                }
                other => return other,
            }
        }
        work()
    }

    /// Has another process in the place of a lost one.
    ///
    /// # Errors
    /// [`SuiteError::Cancelled`] where nothing more is to be run; [`SuiteError::Worker`] where that happened too often.
    pub(crate) fn survive(&self) -> Result<(), SuiteError> {
        if self.is_over() {
            return Err(SuiteError::Cancelled);
        }
        Ok(self.worker.restart()?)
    }

    /// Does `work`, once more where the worker was lost: that may have had nothing to do with it.
    pub(crate) fn past_one_loss<T>(&self, work: impl Fn() -> Result<T, SuiteError>) -> Result<T, SuiteError> {
        match work() {
            Err(SuiteError::Worker(WorkerError::Lost(_))) => {
                self.survive()?;
                work()
            }
            other => other,
        }
    }

    /// What is mounted after the boot.
    fn project_mounts(&self) -> Vec<MountSpec> {
        let spec = &self.spec;
        let mut mounts = spec.mounts.clone();
        if !spec.own_runner {
            mounts.extend(spec.environment.iter().cloned());
        }
        mounts
    }

    /// All mounts, and the command that configures and collects; `candidates` for them, and the files to screen them in.
    fn configuration(&self, known: &Known, candidates: Option<&[String]>) -> (Vec<MountSpec>, String) {
        let spec = &self.spec;
        let modules: Vec<_> =
            spec.modules.iter().map(|(module, guest)| json!({"module": module, "guest": guest})).collect();
        let command = json!({
            "cmd": "configure", "modules": modules, "root": spec.cwd, "cwd": spec.cwd, "args": spec.args, "env": spec.env,
            "sys_path": spec.sys_path, "threads": spec.threads, "python": spec.python, "placeholders": known.placeholders,
            "endless": known.endless, "drop_options": [], "output": spec.limits.output, "imported": candidates.is_none(),
            "screening": candidates.unwrap_or_default(),
        });
        (spec.environment.iter().chain(&spec.mounts).cloned().collect(), command.to_string())
    }

    /// Lets go of an image that [`Suite::collect`] made for an overlay.
    pub fn forget(&self, ready: &Ready) {
        self.forget_image(&ready.origin.get());
    }

    fn forget_image(&self, origin: &Origin) {
        if let Origin::Image(image) = origin {
            self.worker.forget(*image);
        }
    }
}

fn fatal_error(fatal: Fatal) -> SuiteError {
    match fatal.reason {
        Some(reason) => SuiteError::NotTestable { message: fatal.message, reason },
        None => SuiteError::Project { message: fatal.message, place: fatal.location },
    }
}

/// Whether a mount is one of the server's sources, as opposed to the guest's own files.
pub(crate) fn is_remote(mount: u32) -> bool {
    mount >= FIRST_REMOTE
}
