//! `airlock guest`, and having a guest before anything else can be done.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_core::status::{ErrorCode, Status};
use airlock_sandbox::suite::{Spec, Suite, disk_bytes};
use airlock_sandbox::vfs::{Source, SourceEntry, SourceError};
use airlock_sandbox::worker::client::Worker;
use airlock_sandbox::worker::protocol::{Build, Installed, Limits};

use super::args::{InstallArgs, RemoveArgs};
use super::context::Context;
use super::document::{Body, GuestBody, GuestEntry, GuestsBody, Report};
use super::terminal::Style;
use crate::config::Variables;
use crate::failure::Failure;
use crate::guest_install::{self, Cache, GuestSpec, GuestState, How, Progress};
use crate::workbench;

/// `airlock guest list`.
///
/// # Errors
/// The cache folder cannot be used.
pub fn list(context: &Context) -> Result<Report, Failure> {
    let cache = Cache::open(&Variables::process())?;
    let guests: Vec<GuestEntry> =
        guest_install::list(&cache).into_iter().map(|(spec, state)| entry(spec, state)).collect();
    for guest in &guests {
        let style = if guest.state == "installed" { Style::Green } else { Style::Yellow };
        let state = context.terminal.out.paint(style, guest.state);
        let size = guest.bytes.unwrap_or(guest.download_bytes).div_ceil(1_000_000);
        let what = if guest.bytes.is_some() { "on disk" } else { "to download" };
        context.terminal.say(&format!("{} {}  {state}, {size} MB {what}", guest.name, guest.version));
        if let Some(why) = &guest.why {
            context.terminal.say(&format!("  {why}; type `airlock guest install {}`", guest.name));
        }
    }
    let images_bytes = disk_bytes(&cache.root().join("images"));
    if images_bytes > 0 {
        let size = images_bytes.div_ceil(1_000_000);
        context.terminal.say(&format!("kept images  {size} MB on disk; `airlock guest clean` removes them"));
    }
    Ok(Report { status: Status::Ok, body: Body::Guests(GuestsBody { guests, images_bytes }) })
}

/// `airlock guest clean`: images are made again when they are missed, at the price of a slower start.
///
/// # Errors
/// The cache folder cannot be changed.
pub fn clean(context: &Context) -> Result<Report, Failure> {
    let cache = Cache::open(&Variables::process())?;
    let folder = cache.root().join("images");
    let before = disk_bytes(&folder);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("{} cannot be removed: {error}", folder.display());
            return Err(Failure::error(ErrorCode::CacheNotWritable, message));
        }
        _ => {}
    }
    context.terminal.say(&format!("{} MB of kept images are removed", before.div_ceil(1_000_000)));
    Ok(Report { status: Status::Ok, body: Body::Cleaned { removed_bytes: before } })
}

/// `airlock guest install`.
///
/// # Errors
/// What went wrong, with nothing left half done.
pub fn install(context: &Context, args: &InstallArgs) -> Result<Report, Failure> {
    let spec = guest_install::guest(&args.name)?;
    let cache = Cache::open(&Variables::process())?;
    let before = guest_install::state(&cache, spec, false);
    let from = args.from.as_ref().map(|path| context.cwd.join(path));
    let avoid = repository_around(&context.cwd);
    let made = install_now(context, &cache, spec, from.as_deref(), avoid.as_deref())?;
    let state = guest_install::state(&cache, spec, false);
    let changed = made || before != state;
    let what = if changed { "is installed" } else { "was installed already" };
    context.terminal.say(&format!("{} {} {what}", spec.name, spec.version));
    Ok(Report { status: Status::Ok, body: Body::Guest(GuestBody { guest: entry(spec, state), changed }) })
}

/// `airlock guest remove`.
///
/// # Errors
/// The cache folder cannot be changed.
pub fn remove(context: &Context, args: &RemoveArgs) -> Result<Report, Failure> {
    let spec = guest_install::guest(&args.name)?;
    let cache = Cache::open(&Variables::process())?;
    let changed = guest_install::remove(&cache, spec, &|| context.is_cancelled())?;
    let what = if changed { "is removed" } else { "was not installed" };
    context.terminal.say(&format!("{} {} {what}", spec.name, spec.version));
    let guest = entry(spec, guest_install::state(&cache, spec, false));
    Ok(Report { status: Status::Ok, body: Body::Guest(GuestBody { guest, changed }) })
}

/// The folder of a guest that can be used; a missing one is installed where the user agrees. `avoid` is the project, none
/// of whose programs is started.
///
/// # Errors
/// `guest_missing` with the command to type, or what went wrong with the installation.
pub fn ensure(
    context: &Context,
    cache: &Cache,
    name: &str,
    agreed: bool,
    avoid: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let missing = match workbench::installed_guest(cache, name) {
        Err(failure) if matches!(failure.code, ErrorCode::GuestMissing | ErrorCode::GuestDamaged) => failure,
        other => return other,
    };
    let spec = guest_install::guest(name)?;
    let agreed = agreed || {
        let question = format!("{}\nInstall it into {}?", spec.question(), cache.root().display());
        context.terminal.asks() && context.terminal.confirm(&question)
    };
    if !agreed {
        return Err(missing);
    }
    install_now(context, cache, spec, None, avoid)?;
    workbench::installed_guest(cache, name)
}

/// Installs, compiles and starts a guest once, so that its first use is quick. Whether there was something to do.
fn install_now(
    context: &Context,
    cache: &Cache,
    spec: &'static GuestSpec,
    from: Option<&Path>,
    avoid: Option<&Path>,
) -> Result<bool, Failure> {
    let variables = Variables::process();
    let cancelled = || context.is_cancelled();
    let how = How { from, variables: &variables, avoid, cancelled: &cancelled, child: &context.fetcher };
    let mut made = false;
    let mut steps = Steps { context, last: None };
    // The installer's own error would lose the code of a full disk, of a lost worker, of a cancel.
    let mut failed: Option<Failure> = None;
    let compile = |folder: &Path, _: &mut dyn FnMut(Progress)| match compile(context, cache, folder) {
        Ok(compiled) => {
            made = compiled;
            Ok(())
        }
        Err(failure) => {
            let message = failure.message.clone();
            failed = Some(failure);
            Err(message)
        }
    };
    let mut fetched = false;
    let mut show = |progress| {
        fetched |= matches!(progress, Progress::Unpacking { .. });
        steps.show(progress);
    };
    let result = guest_install::install(cache, spec, &how, &mut show, compile);
    context.terminal.clear();
    match result {
        Ok(_) => Ok(fetched || made),
        Err(error) => Err(context.told(failed.unwrap_or_else(|| error.into()))),
    }
}

const COMPILING: &str = "compiling the guest, once (some ten seconds)";

/// Says that the guest is being compiled, to who sees no progress too.
pub fn say_compiling(context: &Context) {
    if std::io::stderr().is_terminal() {
        context.terminal.progress(COMPILING, true);
    } else {
        context.terminal.note(COMPILING);
    }
}

/// Compiles the guest in `folder` unless that is done, and starts it once. Whether it was compiled.
fn compile(context: &Context, cache: &Cache, folder: &Path) -> Result<bool, Failure> {
    let worker = Worker::start(&workbench::launch()?, Arc::new(Nothing))?;
    worker.tell_pid(Arc::clone(&context.worker));
    let installed = Installed::python(folder, Some(cache.root().join("images")));
    let compiled = worker.open(&installed, 1).is_err();
    if compiled {
        workbench::room_to_compile(cache)?;
        say_compiling(context);
        with_spinner(context, COMPILING, || {
            worker.compile_more(&installed, Build::default(), &|| context.is_cancelled(), &|| {})
        })?;
        worker.open(&installed, 1)?;
    }
    let spec = Spec {
        guest: folder.to_owned(),
        images: Some(cache.root().join("images")),
        environment: Vec::new(),
        mounts: Vec::new(),
        own_runner: false,
        cwd: "/".to_owned(),
        args: Vec::new(),
        sys_path: Vec::new(),
        modules: Vec::new(),
        placeholders: std::collections::BTreeSet::new(),
        env: std::collections::BTreeMap::new(),
        threads: "inline".to_owned(),
        python: None,
        limits: Limits::default(),
        generation: 1,
    };
    let suite = Suite::new(&worker, Arc::new(Nothing), spec, Arc::clone(&context.cancelled))?;
    with_spinner(context, "starting the guest once", || suite.warm())?;
    Ok(compiled)
}

/// Does work while a line says what is done and for how long.
pub fn with_spinner<T>(context: &Context, what: &str, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let started = Instant::now();
    if !std::io::stderr().is_terminal() {
        // Who listens in place of a terminal is told once.
        context.terminal.progress(what, true);
        return work();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let seconds = started.elapsed().as_secs();
                // What is over at once needs no words.
                if started.elapsed() > Duration::from_millis(300) {
                    context.terminal.progress(&format!("{what} ({seconds} s)"), false);
                }
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

/// Tells a person how an installation goes: bytes on a terminal, else one line a step.
struct Steps<'a> {
    context: &'a Context,
    last: Option<std::mem::Discriminant<Progress>>,
}

impl Steps<'_> {
    fn show(&mut self, progress: Progress) {
        let terminal = &self.context.terminal;
        let percent = |done: u64, total: u64| done.saturating_mul(100) / total.max(1);
        let megabytes = |bytes: u64| bytes / 1_000_000;
        let (step, detail) = match &progress {
            Progress::Waiting => ("waiting for another installation", String::new()),
            Progress::AlreadyInstalled => ("the guest is installed", String::new()),
            Progress::Downloading { done, total } => {
                ("downloading the guest", format!("{} of {} MB", megabytes(*done), megabytes(*total)))
            }
            Progress::Verifying { done, total, .. } => ("checking its hash", format!("{} %", percent(*done, *total))),
            Progress::Unpacking { done, total } => ("unpacking", format!("{} %", percent(*done, *total))),
            Progress::Done { .. } => return,
        };
        let kind = std::mem::discriminant(&progress);
        let new = self.last.replace(kind) != Some(kind);
        if std::io::stderr().is_terminal() {
            terminal.progress(&format!("{step} {detail}"), new);
        } else {
            if new {
                terminal.note(step);
            }
            // It reaches who listens in place of a terminal, and nobody else.
            terminal.progress(&format!("{step} {detail}"), new);
        }
    }
}

/// A file system with nothing in it.
struct Nothing;

impl Source for Nothing {
    fn list(&self, _: u32, _: &str) -> Result<Vec<SourceEntry>, SourceError> {
        Err(SourceError::NotFound)
    }

    fn read(&self, _: u32, _: &str) -> Result<Arc<[u8]>, SourceError> {
        Err(SourceError::NotFound)
    }
}

/// A guest as documents have it.
pub fn entry(spec: &'static GuestSpec, state: GuestState) -> GuestEntry {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let (state, path, bytes, why) = match state {
        GuestState::Missing => ("missing", None, None, None),
        GuestState::Damaged { path, why } => ("damaged", Some(text(path)), None, Some(why)),
        // What was compiled of it since is most of it.
        GuestState::Installed { path, .. } => {
            let bytes = disk_bytes(&path);
            ("installed", Some(text(path)), Some(bytes), None)
        }
    };
    GuestEntry {
        name: spec.name,
        version: spec.version,
        state,
        path,
        bytes,
        download_bytes: spec.download_bytes,
        source: spec.source,
        why,
    }
}

/// The repository a folder lies in, whose programs an installation does not start.
fn repository_around(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find(|above| above.join(".git").exists() && above.parent().is_some()).map(Path::to_owned)
}
