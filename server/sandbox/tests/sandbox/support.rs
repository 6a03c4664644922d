//! A project in memory, a worker, a suite.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use airlock_core::report::{Outcome, TestReport};
use airlock_sandbox::suite::{Options, Ran, Ready, Spec, Suite};
use airlock_sandbox::vfs::{EntryKind, Source, SourceEntry, SourceError};
use airlock_sandbox::worker::client::{Launch, Worker};
use airlock_sandbox::worker::protocol::{Installed, Limits, MountSpec};
use airlock_sandbox::worker::source::FIRST_REMOTE;

/// The installed Python guest; on a machine without it the program installs it, once, before anything is tested.
/// `AIRLOCK_TEST_CACHE` stands for `XDG_CACHE_HOME` here.
///
/// # Panics
/// Where it is not to be had: with what to type.
pub fn guest_folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
            let cache = variable("AIRLOCK_TEST_CACHE")
                .or_else(|| variable("XDG_CACHE_HOME"))
                .or_else(|| Some(variable("HOME")?.join(".cache")))
                .expect("one of AIRLOCK_TEST_CACHE, XDG_CACHE_HOME and HOME is set");
            let folder = cache.join("airlock/guests/python-3.15.0");
            if !folder.join("python.wasm").is_file() {
                // This crate knows how to run guests, not how to fetch them.
                let installed = std::process::Command::new(env!("CARGO"))
                    .args(["run", "--quiet", "--locked", "-p", "airlock", "--", "guest", "install", "python"])
                    .env("XDG_CACHE_HOME", &cache)
                    .status();
                assert!(
                    installed.is_ok_and(|status| status.success()),
                    "these tests need the Python guest in {}: `cargo run -p airlock -- guest install python` says why it \
                     cannot be installed",
                    folder.display()
                );
            }
            folder
        })
        .clone()
}

pub fn launch() -> Launch {
    Launch { program: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-worker")), arguments: Vec::new() }
}

/// A folder of this test run's own.
pub fn scratch(name: &str) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder).expect("made");
    folder
}

/// Images of all tests: the interpreter is booted once for them.
pub fn images() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("images")
}

/// A project's files by path; `->` in front of a content makes it a link.
#[derive(Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub fn new(files: &[(&str, &str)]) -> Arc<Self> {
        Arc::new(Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()))
    }
}

impl Source for Files {
    fn list(&self, _mount: u32, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let mut names = BTreeMap::new();
        for (path, content) in &self.0 {
            let rest = if folder.is_empty() {
                Some(path.as_str())
            } else {
                path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'))
            };
            let Some(rest) = rest else { continue };
            let kind = match rest.split_once('/') {
                Some(_) => EntryKind::Dir,
                None => match content.strip_prefix(b"->") {
                    Some(target) => EntryKind::Link { target: String::from_utf8_lossy(target).into_owned() },
                    None => EntryKind::File { len: content.len() as u64, executable: false },
                },
            };
            names.insert(rest.split('/').next().unwrap_or_default().to_owned(), kind);
        }
        if names.is_empty() && !folder.is_empty() {
            return Err(SourceError::NotFound);
        }
        Ok(names.into_iter().map(|(name, kind)| SourceEntry { name, kind }).collect())
    }

    fn read(&self, _mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.0.get(path).map(|content| content.as_slice().into()).ok_or(SourceError::NotFound)
    }
}

/// Bounds that a test on a busy machine meets only when it is endless.
pub fn limits() -> Limits {
    Limits { step_ms: 120_000, job_ms: 600_000, ..Limits::default() }
}

/// A worker with the guest open, over these sources.
pub fn worker(source: Arc<dyn Source>) -> Worker {
    static COMPILED: OnceLock<()> = OnceLock::new();
    let guest = Installed::python(guest_folder(), Some(images()));
    let worker = Worker::start(&launch(), source).expect("a worker");
    COMPILED.get_or_init(|| {
        let probe = Worker::start(&launch(), Files::new(&[])).expect("a worker");
        if probe.open(&guest, 1).is_err() {
            probe.compile(&guest).expect("compiled");
        }
        // One boot for all tests of this process, before they race for it.
        let files = Files::new(&[("test_it.py", "def test_it(): pass\n")]);
        let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
        worker.open(&guest, 1).expect("opened");
        suite(&worker, files, limits()).collect(&[]).expect("collected");
    });
    worker.open(&guest, 2).expect("opened");
    worker
}

pub fn spec(limits: Limits) -> Spec {
    Spec {
        guest: guest_folder(),
        images: Some(images()),
        environment: Vec::new(),
        mounts: vec![MountSpec { at: "/workspace".to_owned(), source: FIRST_REMOTE, writable: true }],
        own_runner: false,
        cwd: "/workspace".to_owned(),
        args: Vec::new(),
        sys_path: Vec::new(),
        modules: Vec::new(),
        placeholders: BTreeSet::new(),
        env: BTreeMap::new(),
        threads: "inline".to_owned(),
        python: None,
        limits,
        generation: 1,
    }
}

pub fn suite<'a>(worker: &'a Worker, files: Arc<Files>, limits: Limits) -> Suite<'a> {
    Suite::new(worker, files, spec(limits), Arc::new(AtomicBool::new(false))).expect("a suite")
}

/// A project, collected and ready to run as often as wanted.
pub struct Project {
    pub worker: Worker,
    pub files: Arc<Files>,
    pub limits: Limits,
}

impl Project {
    pub fn new(files: &[(&str, &str)], limits: Limits) -> Self {
        let files = Files::new(files);
        Self { worker: worker(Arc::clone(&files) as Arc<dyn Source>), files, limits }
    }

    /// One test file.
    pub fn of(text: &str) -> Self {
        Self::new(&[("test_it.py", text)], limits())
    }

    pub fn suite(&self) -> Suite<'_> {
        suite(&self.worker, Arc::clone(&self.files), self.limits)
    }

    pub fn collect(&self) -> Ready {
        self.suite().collect(&[]).expect("collected")
    }

    pub fn run(&self) -> Ran {
        self.suite().run(&self.collect(), &[], &Options::default(), &mut |_| {}).expect("run")
    }
}

/// Runs one test file's tests under `limits`.
pub fn run(text: &str, limits: Limits) -> Ran {
    Project::new(&[("test_it.py", text)], limits).run()
}

/// The report of one test of `test_it.py`.
pub fn report<'a>(ran: &'a Ran, name: &str) -> &'a TestReport {
    let id = format!("test_it.py::{name}");
    ran.report.tests.iter().find(|test| test.id == id).unwrap_or_else(|| panic!("no {id} in {:#?}", ran.report))
}

/// Everything passed; otherwise the whole report.
pub fn assert_all_pass(ran: &Ran) {
    assert!(!ran.report.tests.is_empty(), "{:#?}", ran.report);
    for test in &ran.report.tests {
        assert_eq!(test.outcome, Outcome::Passed, "{test:#?}");
    }
    assert!(ran.report.unreported.is_empty(), "{:#?}", ran.report);
}
