//! What a suite is given, and what it can fail with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use airlock_core::report::Reason;

use super::images;
use crate::guest::event::Collected;
use crate::vfs::Trace;
use crate::worker::client::WorkerError;
use crate::worker::protocol::{Limits, MountSpec, Origin, OverlayEntry};

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
    /// The version of the environment's Python, such as `3.11.7`, where it is known: what the guest's newer one does
    /// differently is no failure of the project.
    pub python: Option<String>,
    pub limits: Limits,
    /// Names the state of the sources; see [`Job::generation`](crate::worker::protocol::Job::generation).
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
    /// The image, which all clones share: where it went with a lost worker, another takes its place for all of them.
    pub(super) origin: Image,
    /// What boot and collection saw; an overlay that touches it needs a collection of its own.
    pub(crate) trace: Arc<Trace>,
    pub collected: Arc<Collected>,
    /// Whether the image was there already.
    pub from_cache: bool,
    /// Native modules that had to be stood in for; see [`Spec::placeholders`].
    pub placeholders: BTreeSet<String>,
    /// Limits that were met while it was collected, in words.
    pub(crate) limits: Vec<String>,
    /// Wall time that it took, which is part of the run's.
    pub(crate) spent: Duration,
    /// What was laid over the project, for a worker that has to collect it anew.
    pub(crate) overlay: Arc<[OverlayEntry]>,
}

/// Where the guests of a collected project start; see [`Suite::renew`](super::Suite).
#[derive(Clone, Debug)]
pub(super) struct Image(Arc<Mutex<Origin>>);

impl Image {
    pub fn new(origin: Origin) -> Self {
        Self(Arc::new(Mutex::new(origin)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Origin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self) -> Origin {
        self.lock().clone()
    }
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
