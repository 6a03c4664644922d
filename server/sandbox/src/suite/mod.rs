//! A project's tests: start the guest, collect once, run what is asked for, and survive what single tests do.
//!
//! Images are layered: a booted interpreter (one for all projects), then one with the project collected. A job starts
//! from the deepest image that has seen nothing of what its overlay changes; so a patch to a module that collection
//! imported starts from the booted interpreter, and one that nothing has read yet starts from the collected project.

mod images;
mod once;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_core::report::Reason;
use serde_json::json;

use crate::guest::event::{Booted, Collected, Event, Fatal};
use crate::run::Ending;
use crate::vfs::{Source, Trace};
use crate::worker::client::{Worker, WorkerError};
use crate::worker::protocol::{Done, Failure, Freeze, Installed, Job, Limits, MountSpec, Origin, OverlayEntry};
use crate::worker::source::FIRST_REMOTE;
use images::Store;

pub use once::Attempt;
pub use run::{Options, Progress, Ran};

/// Where the project's tests come from and how they run. Paths are the guest's.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The installed guest's folder on disk.
    pub guest: PathBuf,
    /// Where images are kept between runs; none: in the worker's memory only.
    pub images: Option<PathBuf>,
    /// The environment's site-packages, which a pytest of the project's own comes from.
    pub environment: Vec<MountSpec>,
    /// Everything else: the project, its editable installs.
    pub mounts: Vec<MountSpec>,
    /// The environment has a pytest of its own.
    pub own_runner: bool,
    /// pytest is started in this folder.
    pub cwd: String,
    /// pytest's arguments: files, folders, ids.
    pub args: Vec<String>,
    /// Added to `sys.path`, after the project and before the runner that comes with the guest.
    pub sys_path: Vec<String>,
    /// Modules that no folder of `sys_path` gives: dotted name, and the package's folder or the module's path without
    /// `.py` in the guest.
    pub modules: Vec<(String, String)>,
    pub env: BTreeMap<String, String>,
    /// Native modules to stand in for from the first try: those an earlier collection needed.
    pub placeholders: BTreeSet<String>,
    /// `inline` or `refuse`.
    pub threads: String,
    pub limits: Limits,
    /// Names the state of the sources; see [`Job::generation`].
    pub generation: u64,
}

/// Why the suite could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The project cannot be collected: its configuration or a conftest fails, natively too.
    #[error("{message}")]
    Project { message: String, place: Option<airlock_core::report::Location> },
    /// The project cannot be collected here, for a reason of the sandbox's.
    #[error("{message}")]
    NotTestable { message: String, reason: Reason },
    /// The guest did what its harness never does.
    #[error("the test harness failed: {0}")]
    Harness(String),
    /// A limit was met before the first test ran.
    #[error("the tests could not be collected: {0}")]
    Limit(String),
    #[error("cancelled")]
    Cancelled,
}

/// A collected project, ready to run.
#[derive(Clone, Debug)]
pub struct Ready {
    pub(crate) origin: Origin,
    /// What boot and collection saw; an overlay that touches it needs a collection of its own.
    pub(crate) trace: Arc<Trace>,
    pub collected: Arc<Collected>,
    /// Whether the image was there already.
    pub from_cache: bool,
    /// Native modules that had to be stood in for; see [`Spec::placeholders`].
    pub placeholders: BTreeSet<String>,
}

impl Ready {
    /// Whether collecting with these changes could give something else.
    pub fn is_touched_by(&self, overlay: &[OverlayEntry], mounts: &[MountSpec]) -> bool {
        images::touches(&self.trace, overlay, mounts)
    }

    /// What boot and collection saw.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Whether these changes could change what a run saw.
    pub fn trace_touches(trace: &Trace, overlay: &[OverlayEntry], mounts: &[MountSpec]) -> bool {
        images::touches(trace, overlay, mounts)
    }
}

/// Damaged images that one call passes over: more than are ever kept of what it looks for.
const MAX_DAMAGED: usize = 4;
/// Native modules stood in for in one project: more are a sign of a loop.
const MOST_PLACEHOLDERS: usize = 16;

/// One project's tests on one worker.
pub struct Suite<'a> {
    worker: &'a Worker,
    source: Arc<dyn Source>,
    spec: Spec,
    store: Store,
    cancelled: Arc<AtomicBool>,
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
        Ok(Self { worker, source, spec, store, cancelled })
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

    /// Makes the image of the started interpreter, so that the first project finds it.
    ///
    /// # Errors
    /// [`SuiteError`] where the guest does not start.
    pub fn warm(&self) -> Result<(), SuiteError> {
        self.booted().map(drop)
    }

    /// A started interpreter with pytest loaded, from the cache where it is there.
    fn booted(&self) -> Result<(Origin, Arc<Trace>), SuiteError> {
        let spec = &self.spec;
        let (mounts, pytest, sys_path) = if spec.own_runner {
            (spec.environment.clone(), "environment", spec.sys_path.clone())
        } else {
            (Vec::new(), "/airlock/pytest", Vec::new())
        };
        let command = json!({"cmd": "boot", "sys_path": sys_path, "pytest": pytest, "env": {}}).to_string();
        let key = self.store.key(&mounts, &command, &[]);
        if let Some(found) = self.store.find(&key, &*self.source) {
            return Ok((found.origin, found.trace));
        }
        let job = self.job(Origin::Cold, mounts, &[], command);
        let (done, events, origin) = self.prepare(job, &key)?;
        let booted = events.iter().find_map(|event| match Event::decode(event) {
            Ok(Event::Booted(booted)) => Some(booted),
            _ => None,
        });
        match booted {
            Some(Booted { fatal: None, .. }) => Ok((origin, Arc::new(done.trace))),
            Some(Booted { fatal: Some(fatal), .. }) => Err(fatal_error(fatal)),
            None => Err(self.harness_error(&done, &events)),
        }
    }

    /// Collects the project with `overlay` laid over it, or finds it collected.
    ///
    /// Where a native module that is not there costs whole files (or a conftest, and with it everything), collection is
    /// tried again with placeholders in their stead, whose uses are recorded. Not at the first try: packages fall back on
    /// an `ImportError`.
    ///
    /// # Errors
    /// [`SuiteError`]; errors in single files are part of the [`Collected`].
    pub fn collect(&self, overlay: &[OverlayEntry]) -> Result<Ready, SuiteError> {
        let mut placeholders = self.spec.placeholders.clone();
        loop {
            let tried = self.past_damage(|| self.collect_with(overlay, &placeholders));
            let wanted: Vec<String> = match &tried {
                Ok((ready, None)) => {
                    ready.collected.errors.iter().filter_map(|error| error.placeholder.clone()).collect()
                }
                Ok((_, Some(fatal))) => fatal.placeholder.clone().into_iter().collect(),
                Err(_) => Vec::new(),
            };
            let known = placeholders.len();
            placeholders.extend(wanted);
            if placeholders.len() == known || known >= MOST_PLACEHOLDERS {
                return match tried? {
                    (ready, None) => Ok(ready),
                    (_, Some(fatal)) => Err(fatal_error(fatal)),
                };
            }
            if let Ok((ready, None)) = &tried {
                self.forget(ready);
            }
        }
    }

    /// Does `work`, again where an image on disk turns out to be damaged or gone: it is made anew.
    pub(crate) fn past_damage<T>(&self, mut work: impl FnMut() -> Result<T, SuiteError>) -> Result<T, SuiteError> {
        for _ in 0..MAX_DAMAGED {
            match work() {
                Err(SuiteError::Worker(WorkerError::Failed(Failure::Image { path, .. }))) => self.store.discard(&path),
                other => return other,
            }
        }
        work()
    }

    /// One try; the second value says why nothing was collected.
    fn collect_with(
        &self,
        overlay: &[OverlayEntry],
        placeholders: &BTreeSet<String>,
    ) -> Result<(Ready, Option<Fatal>), SuiteError> {
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        let (origin, boot_trace) = self.booted()?;
        let mounts = self.project_mounts();
        let (all_mounts, command) = self.configuration(placeholders);
        let key = self.store.key(&all_mounts, &command, overlay);
        if let Some(found) = self.store.find(&key, &*self.source)
            && let Some(collected) = collected_of(&found.events)
        {
            let fatal = collected.fatal.clone();
            let ready = Ready {
                origin: found.origin,
                trace: found.trace,
                collected,
                from_cache: true,
                placeholders: placeholders.clone(),
            };
            return Ok((ready, fatal));
        }
        if images::touches(&boot_trace, overlay, &all_mounts) {
            return Err(SuiteError::NotTestable {
                message: "the change replaces the test runner itself".to_owned(),
                reason: Reason { kind: "runner".to_owned(), detail: "a file of the test runner changes".to_owned() },
            });
        }
        let job = self.job(origin, mounts, overlay, command);
        // What an overlay made is of no use to the next call of the program.
        let (done, events, origin) =
            if overlay.is_empty() { self.prepare(job, &key)? } else { self.prepare_in_memory(job)? };
        let collected = collected_of(&events).ok_or_else(|| self.harness_error(&done, &events))?;
        let fatal = collected.fatal.clone();
        let ready = Ready {
            origin,
            trace: Arc::new(done.trace),
            collected,
            from_cache: false,
            placeholders: placeholders.clone(),
        };
        Ok((ready, fatal))
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

    /// All mounts, and the command that configures and collects.
    fn configuration(&self, placeholders: &BTreeSet<String>) -> (Vec<MountSpec>, String) {
        let spec = &self.spec;
        let modules: Vec<_> =
            spec.modules.iter().map(|(module, guest)| json!({"module": module, "guest": guest})).collect();
        let command = json!({
            "cmd": "configure", "modules": modules, "root": spec.cwd, "cwd": spec.cwd, "args": spec.args, "env": spec.env,
            "sys_path": spec.sys_path, "threads": spec.threads, "placeholders": placeholders, "drop_options": [],
        });
        (spec.environment.iter().chain(&spec.mounts).cloned().collect(), command.to_string())
    }

    /// Lets go of an image that [`Suite::collect`] made for an overlay.
    pub fn forget(&self, ready: &Ready) {
        if let Origin::Image(image) = ready.origin {
            self.worker.forget(image);
        }
    }

    fn job(&self, origin: Origin, mounts: Vec<MountSpec>, overlay: &[OverlayEntry], command: String) -> Job {
        Job {
            origin,
            mounts,
            generation: self.spec.generation,
            overlay: overlay.to_vec(),
            commands: vec![command],
            whole: false,
            limits: self.spec.limits,
            freeze: Freeze::No,
        }
    }

    fn prepare(&self, mut job: Job, key: &images::Key) -> Result<(Done, Vec<Vec<u8>>, Origin), SuiteError> {
        let folder = self.store.new_folder(key);
        job.freeze = folder.clone().map_or(Freeze::Keep, Freeze::Disk);
        let (done, events) = self.run_job(job)?;
        let image = done.image.ok_or_else(|| self.harness_error(&done, &events))?;
        if let Some(folder) = &folder {
            self.store.remember(key, folder, &done.trace, &events);
        }
        Ok((done, events, Origin::Image(image)))
    }

    fn prepare_in_memory(&self, mut job: Job) -> Result<(Done, Vec<Vec<u8>>, Origin), SuiteError> {
        job.freeze = Freeze::Keep;
        let (done, events) = self.run_job(job)?;
        let image = done.image.ok_or_else(|| self.harness_error(&done, &events))?;
        Ok((done, events, Origin::Image(image)))
    }

    fn run_job(&self, mut job: Job) -> Result<(Done, Vec<Vec<u8>>), SuiteError> {
        let mut events = Vec::new();
        let mut done = self.follow(job.clone(), |event| events.push(event.to_vec()))?;
        if matches!(done.ending, Ending::Trapped { removed: true, .. }) && !job.whole {
            self.compile_whole()?;
            job.whole = true;
            events.clear();
            done = self.follow(job, |event| events.push(event.to_vec()))?;
        }
        Ok((done, events))
    }

    /// Makes the guest's whole module, for what calls a function that is usually left out. Minutes, once; later calls
    /// find it made.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] where it cannot be compiled or written.
    pub(crate) fn compile_whole(&self) -> Result<(), SuiteError> {
        let guest = Installed::python(&self.spec.guest, None);
        match self.worker.compile_whole(&guest, &self.cancelled) {
            Err(_) if self.is_cancelled() => Err(SuiteError::Cancelled),
            made => Ok(made?),
        }
    }

    /// Runs a job to its end; a cancel of the suite stops it.
    pub(crate) fn follow(&self, job: Job, on_event: impl FnMut(&[u8])) -> Result<Done, SuiteError> {
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        let running = self.worker.submit(job)?;
        let done = running.wait(&self.cancelled, on_event)?;
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        Ok(done)
    }

    fn harness_error(&self, done: &Done, events: &[Vec<u8>]) -> SuiteError {
        for event in events {
            if let Ok(Event::Broken { message, detail }) = Event::decode(event) {
                return SuiteError::Harness(detail.unwrap_or(message));
            }
        }
        match &done.ending {
            Ending::Stopped => SuiteError::Limit(done.limits.join("; ")),
            Ending::Exited(code) => SuiteError::Project {
                message: format!("the project ended the interpreter with code {code} while its tests were collected"),
                place: None,
            },
            Ending::Trapped { what, .. } => SuiteError::NotTestable {
                message: match done.stderr.trim() {
                    "" => format!("the interpreter stopped while the tests were collected: {what}"),
                    said => format!("the interpreter stopped while the tests were collected: {what}\n{said}"),
                },
                reason: Reason { kind: "trap".to_owned(), detail: what.clone() },
            },
            Ending::Returned(code) => {
                let said = done.stderr.trim();
                SuiteError::Harness(if said.is_empty() { format!("it returned {code}") } else { said.to_owned() })
            }
        }
    }
}

fn collected_of(events: &[Vec<u8>]) -> Option<Arc<Collected>> {
    events.iter().rev().find_map(|event| match Event::decode(event) {
        Ok(Event::Collected(collected)) => Some(Arc::new(*collected)),
        _ => None,
    })
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
