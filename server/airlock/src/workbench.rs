//! One project, ready to be worked on: root, configuration, files, environment, guest, worker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_core::path::WorkspacePath;
use airlock_core::protect;
use airlock_core::status::ErrorCode;
use airlock_sandbox::suite::{Spec, Suite};
use airlock_sandbox::vfs::{Source, Trace};
use airlock_sandbox::worker::client::{Launch, Worker};
use airlock_sandbox::worker::protocol::{Build, Installed, Limits, MountSpec};

use crate::config::{Config, Flags, Settings, Sources, Variables};
use crate::failure::Failure;
use crate::files::{Files, Mounts};
use crate::guest_install::{self, Cache, GuestState};
use crate::project::environment::{self, Query, Search};
use crate::project::host_tree::IsHidden;
use crate::project::root::{self, Found, Request};
use crate::project::walk::{self, Options};
use crate::project::workspace::{Entry, Workspace};

/// Texts that an editor has open, by path on this machine: what it shows stands for what is on the disk.
pub type OpenTexts = Arc<BTreeMap<PathBuf, Arc<[u8]>>>;

/// What the user asked for, before anything was looked at.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub cwd: PathBuf,
    /// Paths and test ids.
    pub args: Vec<String>,
    pub root: Option<PathBuf>,
    pub flags: Flags,
    pub open: OpenTexts,
}

/// A project and its settings: what can be known without a guest.
pub struct Project {
    /// What it was opened by.
    ask: Ask,
    pub found: Found,
    pub config: Config,
    pub settings: Settings,
    pub environment: Search,
    pub files: Arc<Files>,
    pub mounts: Mounts,
    pub notes: Vec<String>,
}

/// Whether a path, relative with `/`, holds a secret. What cannot be a path is one.
pub fn is_secret(path: &str) -> bool {
    path.parse::<WorkspacePath>().map_or(true, |path| protect::is_secret(&path))
}

fn lay_open(workspace: &mut Workspace, open: &OpenTexts) {
    let root = workspace.path().to_owned();
    for (path, bytes) in open.iter() {
        // The editor may name the file by another way; folders that are not there have no file in the snapshot.
        let real = path.parent().and_then(|parent| parent.canonicalize().ok()).zip(path.file_name());
        let Some(real) = real.map(|(parent, name)| parent.join(name)) else { continue };
        let inside = real.strip_prefix(&root).ok().and_then(Path::to_str);
        let inside = inside.map(|inside| inside.replace('\\', "/")).and_then(|inside| inside.parse().ok());
        if let Some(inside) = inside {
            workspace.lay(&inside, Arc::clone(bytes));
        }
    }
}

impl Project {
    /// Reads configuration, finds the root and the environment, walks the tree. Runs nothing.
    ///
    /// # Errors
    /// [`Failure`] with the code of what is wrong.
    pub fn open(ask: &Ask) -> Result<Self, Failure> {
        let variables = Variables::process();
        let mut sources = Sources { flags: ask.flags.clone(), ..Sources::of_user(&variables) };
        // The root can be a setting of the project's own, which is found from where the user is.
        let request = Request { cwd: &ask.cwd, args: &ask.args, root: ask.root.as_deref(), home: None };
        let home = variables.home();
        let request = Request { home: home.as_deref(), ..request };
        let mut found = root::find(&request)?;
        sources.project = Some(found.root.clone());
        sources.repository = Some(found.repository.clone());
        let mut config = Config::load(&sources)?;
        let mut settings = config.settings(&found.root);
        if ask.root.is_none()
            && let Some(root) = settings.root.clone()
        {
            found = root::find(&Request { root: Some(&root), ..request })?;
            sources.project = Some(found.root.clone());
            config = Config::load(&sources)?;
            settings = config.settings(&found.root);
        }
        let mut notes = found.notes.clone();
        notes.extend(config.warnings.iter().cloned());
        let options = Options {
            is_secret: &is_secret,
            ignore: &settings.ignore,
            secrets: &settings.secrets,
            read: &settings.read,
            global_ignore: walk::global_ignore_file(),
            limits: crate::project::workspace::Limits::default(),
        };
        let mut workspace = walk::walk(&found.repository, &options)?;
        lay_open(&mut workspace, &ask.open);
        let workspace = Arc::new(workspace);
        notes.extend(workspace.notes().sentences());
        let environment = environment::find(&Query {
            root: &found.root,
            repository: &found.repository,
            configured: settings.environment.as_deref(),
            variables: &variables,
        })?;
        if let Some(layout) = &environment.layout {
            notes.extend(layout.notes.iter().cloned());
        }
        // A working copy outside is someone's project too: what this one hides by kind, that one hides.
        let hides = |folder: &Path| -> Result<IsHidden, String> {
            let folder = folder.canonicalize().map_err(|error| error.to_string())?;
            let repository = root::repository_of(&folder, home.as_deref());
            let walked = walk::walk(repository, &options).map_err(|error| error.to_string())?;
            let inside = folder.strip_prefix(repository).map_err(|error| error.to_string())?;
            let inside = inside.to_str().ok_or("its name is not UTF-8")?.replace('\\', "/");
            Ok(Box::new(move |path| {
                let path = if inside.is_empty() { path.to_owned() } else { format!("{inside}/{path}") };
                path.parse::<WorkspacePath>().map_or(true, |path| !walked.entries().contains_key(&path))
            }))
        };
        let (files, mounts, unreadable) = Files::open(workspace, environment.layout.as_ref(), &hides);
        notes.extend(unreadable);
        Ok(Self { ask: ask.clone(), found, config, settings, environment, files: Arc::new(files), mounts, notes })
    }

    /// A path that is no longer as runs found it: one of those that they read, listed, or looked for in vain; in the guest's
    /// words, or none where all is as it was. The project is opened anew for it, and nothing is run.
    pub fn changed<'t>(&self, traces: impl IntoIterator<Item = &'t Trace>) -> Option<String> {
        let now = match Self::open(&self.ask) {
            Ok(now) => now,
            Err(failure) => return Some(failure.message),
        };
        if (&now.found.root, &now.found.inifile) != (&self.found.root, &self.found.inifile) {
            let file = now.found.inifile.as_ref().or(self.found.inifile.as_ref()).unwrap_or(&now.found.root);
            return Some(file.display().to_string());
        }
        let mounts = || self.mounts.workspace.iter().chain(&self.mounts.environment).chain(&self.mounts.editable);
        let (source, path) = traces
            .into_iter()
            .find_map(|trace| trace.changed(&*now.files, |source| mounts().any(|m| m.source == source)))?;
        let at = mounts().find(|mount| mount.source == source).map_or("", |mount| mount.at.as_str());
        Some(if at == crate::files::WORKSPACE { path } else { format!("{at}/{path}") })
    }

    /// Says where files that runs looked at are not what they were: what the runs said is of another tree then.
    ///
    /// # Errors
    /// `files_changed`.
    pub fn unchanged<'t>(
        &self,
        traces: impl IntoIterator<Item = &'t Trace>,
        cancelled: &AtomicBool,
    ) -> Result<(), Failure> {
        match self.changed(traces) {
            None => Ok(()),
            Some(_) if cancelled.load(Ordering::Relaxed) => Err(Failure::cancelled()),
            Some(path) => {
                let message = format!("files changed during the call: {path}; nothing was applied");
                Err(Failure::error(ErrorCode::FilesChanged, message).hint("run the command again"))
            }
        }
    }

    /// The root as the guest sees it.
    pub fn guest_root(&self) -> String {
        self.found.guest_path(&self.found.root).unwrap_or_else(|| crate::files::WORKSPACE.to_owned())
    }

    /// Every folder of the snapshot, relative to the repository; `""` is the repository's own.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let folders = self.files.workspace().entries().iter().filter(|(_, entry)| matches!(entry, Entry::Folder));
        std::iter::once("").chain(folders.map(|(path, _)| path.as_str()))
    }

    /// A path relative to pytest's root as one of the repository, which snapshot and proposals use.
    #[allow(
        clippy::wrong_self_convention,
        reason = "it says where the path comes from; nothing is converted into a project"
    )]
    pub fn from_root(&self, path: &str) -> Option<WorkspacePath> {
        let root = self.guest_root();
        let prefix = root.strip_prefix(crate::files::WORKSPACE)?.trim_start_matches('/');
        let whole = if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
        // Ids may climb out of the root into the repository (`../tests/test_a.py`).
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                ".." => {
                    parts.pop()?;
                }
                "." | "" => {}
                part => parts.push(part),
            }
        }
        parts.join("/").parse().ok()
    }

    /// Limits of one job, from the settings.
    pub fn limits(&self) -> Limits {
        let settings = &self.settings;
        Limits {
            step_ms: settings.test_seconds * 1000,
            job_ms: settings.run_seconds * 1000,
            memory: settings.memory_mb << 20,
            output: settings.output_kb << 10,
            files: settings.files,
            written: settings.written_mb << 20,
            ..Limits::default()
        }
    }

    /// What the suite is to run. `args` are pytest's, relative to the root.
    pub fn spec(&self, guest: PathBuf, images: Option<PathBuf>, args: Vec<String>) -> Spec {
        let mut mounts: Vec<MountSpec> = self.mounts.workspace.clone();
        mounts.extend(self.mounts.editable.iter().cloned());
        let sys_path = self.environment.layout.as_ref().map(|layout| layout.sys_path.clone()).unwrap_or_default();
        let modules = self.environment.layout.iter().flat_map(|layout| &layout.modules);
        let modules = modules.map(|mapping| (mapping.module.clone(), mapping.guest.clone())).collect();
        let own_runner = self.mounts.environment.iter().any(|mount| {
            self.files.list(mount.source, "pytest").is_ok() && self.files.list(mount.source, "_pytest").is_ok()
        });
        let root = self.guest_root();
        let mut arguments = self.found.configuration();
        arguments.extend(self.settings.pytest_args.iter().cloned());
        arguments.extend(args);
        Spec {
            guest,
            images,
            environment: self.mounts.environment.clone(),
            mounts,
            own_runner,
            cwd: root,
            args: arguments,
            sys_path,
            modules,
            env: BTreeMap::new(),
            placeholders: BTreeSet::new(),
            threads: self.settings.threads.word().to_owned(),
            python: self.environment.layout.as_ref().and_then(|layout| layout.python_version.clone()),
            limits: self.limits(),
            generation: 1,
        }
    }
}

/// The installed guest and a worker that has it open.
pub struct Bench {
    pub worker: Worker,
    pub guest: PathBuf,
    pub images: Option<PathBuf>,
}

/// How the worker process is started: this program again.
///
/// # Errors
/// Where the system does not say what this program is.
pub fn launch() -> Result<Launch, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::error(ErrorCode::WorkerStart, format!("cannot find this program's own file: {error}"))
    })?;
    Ok(Launch { program, arguments: vec!["worker".to_owned()] })
}

/// The folder of the installed guest.
///
/// # Errors
/// `guest_missing` or `guest_damaged`, with the command to type.
pub fn installed_guest(cache: &Cache, name: &str) -> Result<PathBuf, Failure> {
    let spec = guest_install::guest(name)?;
    match guest_install::state(cache, spec, false) {
        GuestState::Installed { path, .. } => Ok(path),
        GuestState::Missing => Err(Failure::error(
            ErrorCode::GuestMissing,
            format!("the guest {name} is not installed, so no test can run"),
        )
        .hint(format!("type `airlock guest install {name}`, or give --install-guests"))),
        GuestState::Damaged { path, why } => {
            Err(Failure::error(ErrorCode::GuestDamaged, format!("the guest in {} is damaged: {why}", path.display()))
                .hint(format!("type `airlock guest install {name}` to make it again")))
        }
    }
}

/// Bytes that a compiled guest takes, with what is written on the way.
const COMPILED: u64 = 128 << 20;

/// Whether what is compiled will find room: it takes long, and is written at the end.
///
/// # Errors
/// `disk_full`.
pub fn room_to_compile(cache: &Cache) -> Result<(), Failure> {
    match cache.free_bytes() {
        Some(free) if free < COMPILED => {
            let (free, needed) = (free >> 20, COMPILED >> 20);
            let place = cache.root().display();
            let message = format!("the guest cannot be compiled: {place} has {free} MiB free, and it needs {needed}");
            Err(Failure::error(ErrorCode::DiskFull, message)
                .hint("make room there, or name another folder with XDG_CACHE_HOME"))
        }
        _ => Ok(()),
    }
}

impl Bench {
    /// Starts a worker with the guest open; compiles it first where that is still to be done, and tells `on_compiling`.
    ///
    /// # Errors
    /// [`Failure`] where the guest cannot be compiled or loaded.
    pub fn open(
        cache: &Cache,
        guest: &Path,
        files: Arc<dyn Source>,
        jobs: usize,
        no_cache: bool,
        cancelled: &AtomicBool,
        on_compiling: &dyn Fn(),
    ) -> Result<Self, Failure> {
        let worker = Worker::start(&launch()?, files)?;
        let images = (!no_cache).then(|| cache.root().join("images"));
        let installed = Installed::python(guest, images.clone());
        if worker.open(&installed, jobs).is_err() {
            // Never compiled, compiled by another version or for another processor, or damaged: made again.
            room_to_compile(cache)?;
            on_compiling();
            worker.compile_more(&installed, Build::default(), &|| cancelled.load(Ordering::Relaxed), &|| {})?;
            worker.open(&installed, jobs)?;
        }
        Ok(Self { worker, guest: guest.to_owned(), images })
    }

    /// The suite of a project on this worker.
    ///
    /// # Errors
    /// [`Failure`] where the guest's folder is damaged.
    pub fn suite<'a>(
        &'a self,
        project: &Project,
        args: Vec<String>,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Suite<'a>, Failure> {
        self.suite_with(project, args, BTreeSet::new(), cancelled)
    }

    /// The same, with the placeholders that an earlier collection needed.
    ///
    /// # Errors
    /// [`Failure`] where the guest's folder is damaged.
    pub fn suite_with<'a>(
        &'a self,
        project: &Project,
        args: Vec<String>,
        placeholders: BTreeSet<String>,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Suite<'a>, Failure> {
        let mut spec = project.spec(self.guest.clone(), self.images.clone(), args);
        spec.placeholders = placeholders;
        let source: Arc<dyn Source> = project.files.clone();
        Ok(Suite::new(&self.worker, source, spec, Arc::clone(cancelled))?)
    }
}
