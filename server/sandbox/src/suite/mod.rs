//! A project's tests: start the guest, collect once, run what is asked for, and survive what single tests do.
//!
//! Images are layered: a booted interpreter (one for all projects), then one with the project collected. A job starts
//! from the deepest image that has seen nothing of what its overlay changes; so a patch to a module that collection
//! imported starts from the booted interpreter, and one that nothing has read yet starts from the collected project.

mod images;
mod jobs;
mod leftovers;
mod once;
mod reports;
mod run;
mod screen;
mod spec;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use airlock_core::report::Reason;
use serde_json::json;

use crate::guest::event::{self, Booted, Event, Fatal};
use crate::vfs::{Source, Trace};
use crate::worker::client::{Worker, WorkerError};
use crate::worker::protocol::{Failure, MountSpec, Origin, OverlayEntry};
use crate::worker::source::FIRST_REMOTE;
use images::Store;
use screen::Screening;

pub use images::disk_bytes;
pub use once::{Attempt, Bounds};
pub use run::{Options, Progress, Ran};
pub use screen::Screened;
pub use spec::{Ready, Spec, SuiteError};

/// Damaged images that one call passes over: more than are ever kept of what it looks for.
const MAX_DAMAGED: usize = 4;
/// Native modules stood in for in one project: more are a sign of a loop.
const MOST_PLACEHOLDERS: usize = 16;

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
    /// The started interpreter, where this suite had to start it: with no folder for images, or one that takes none, each
    /// candidate would start it again.
    started: Mutex<Option<Started>>,
    /// Work of the suite's tests on the base, in fuel; see [`Suite::attempt`].
    base_work: OnceLock<u64>,
    on_compiling: Box<dyn Fn() + Send + Sync + 'a>,
    /// Files that candidates may change, as guest paths; see [`Suite::screen`].
    screened: Vec<String>,
    screening: Mutex<Screening>,
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
            started: Mutex::default(),
            base_work: OnceLock::new(),
            on_compiling: Box::new(|| {}),
            screened: Vec::new(),
            screening: Mutex::default(),
        })
    }

    /// Has `told` called when an attempt needs a build of the guest that is not there yet: that takes a while, once.
    #[must_use]
    pub fn on_compiling(mut self, told: impl Fn() + Send + Sync + 'a) -> Self {
        self.on_compiling = Box::new(told);
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
        let job = self.job(Origin::Cold, mounts, &[], command);
        let (done, events, origin) = self.prepare(job, &key)?;
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

    /// Collects the project with `overlay` laid over it, or finds it collected.
    ///
    /// Where a native module that is not there costs whole files (or a conftest, and with it everything), collection is
    /// tried again with placeholders in their stead, whose uses are recorded. Not at the first try: packages fall back on
    /// an `ImportError`.
    ///
    /// # Errors
    /// [`SuiteError`]; errors in single files are part of the [`Collected`](crate::guest::event::Collected).
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
                    (ready, Some(fatal)) => {
                        self.forget(&ready);
                        Err(fatal_error(fatal))
                    }
                };
            }
            if let Ok((ready, _)) = &tried {
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
        let (all_mounts, command) = self.configuration(placeholders, None);
        let key = self.store.key(&all_mounts, &command, overlay);
        if let Some(found) = self.store.find(&key, &*self.source)
            && let Some(collected) = event::collected(&found.events).map(Arc::new)
        {
            let fatal = collected.fatal.clone();
            let ready = Ready {
                origin: found.origin,
                trace: found.trace,
                collected,
                from_cache: true,
                placeholders: placeholders.clone(),
                // One that met a limit is not kept.
                limits: Vec::new(),
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
        let Some(collected) = event::collected(&events).map(Arc::new) else {
            self.forget_image(&origin);
            return Err(self.harness_error(&done, &events));
        };
        let fatal = collected.fatal.clone();
        let ready = Ready {
            origin,
            trace: Arc::new(done.trace),
            collected,
            from_cache: false,
            placeholders: placeholders.clone(),
            limits: done.limits.iter().map(|limit| format!("{limit} (while the tests were collected)")).collect(),
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

    /// All mounts, and the command that configures and collects; `candidates` for them, and the files to screen them in.
    fn configuration(
        &self,
        placeholders: &BTreeSet<String>,
        candidates: Option<&[String]>,
    ) -> (Vec<MountSpec>, String) {
        let spec = &self.spec;
        let modules: Vec<_> =
            spec.modules.iter().map(|(module, guest)| json!({"module": module, "guest": guest})).collect();
        let command = json!({
            "cmd": "configure", "modules": modules, "root": spec.cwd, "cwd": spec.cwd, "args": spec.args, "env": spec.env,
            "sys_path": spec.sys_path, "threads": spec.threads, "python": spec.python, "placeholders": placeholders,
            "drop_options": [], "output": spec.limits.output, "imported": candidates.is_none(),
            "screening": candidates.unwrap_or_default(),
        });
        (spec.environment.iter().chain(&spec.mounts).cloned().collect(), command.to_string())
    }

    /// Lets go of an image that [`Suite::collect`] made for an overlay.
    pub fn forget(&self, ready: &Ready) {
        self.forget_image(&ready.origin);
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
