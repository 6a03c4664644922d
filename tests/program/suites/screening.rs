//! Every candidate of the fixtures' bugs, judged both ways: by an exchange of code and by an import. What the search
//! counts out in the first must fail in the second, or repairs are lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use airlock_program_tests::{cache, fixture, program};
use airlock_repair::search::{Budget, Options as SearchOptions, Stop, Task, repair};
use airlock_repair::verifier::{Cancel, Candidate, Confirmation, Ended, TargetResult, Verifier, VerifierError};
use airlock_sandbox::suite::{Attempt, Bounds, Options, Screened, Spec, Suite};
use airlock_sandbox::vfs::{EntryKind, Source, SourceEntry, SourceError};
use airlock_sandbox::worker::client::{Launch, Worker};
use airlock_sandbox::worker::protocol::{Installed, Limits, MountSpec, OverlayEntry};
use airlock_sandbox::worker::source::FIRST_REMOTE;

/// A folder's files, read once.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of(folder: &Path) -> Self {
        fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
            for entry in fs::read_dir(folder.join(below)).expect("listed") {
                let entry = entry.expect("an entry");
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if below.is_empty() { name } else { format!("{below}/{name}") };
                if entry.file_type().expect("a type").is_dir() {
                    read(folder, &path, files);
                } else {
                    files.insert(path, fs::read(entry.path()).expect("read"));
                }
            }
        }
        let mut files = BTreeMap::new();
        read(folder, "", &mut files);
        Self(files)
    }
}

impl Source for Files {
    fn list(&self, _: u32, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let mut names = BTreeMap::new();
        for (path, content) in &self.0 {
            let rest = if folder.is_empty() { Some(path.as_str()) } else { path.strip_prefix(&format!("{folder}/")) };
            let Some(rest) = rest else { continue };
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (name, EntryKind::Dir),
                None => (rest, EntryKind::File { len: content.len() as u64, executable: false }),
            };
            names.insert(name.to_owned(), kind);
        }
        if names.is_empty() {
            return Err(SourceError::NotFound);
        }
        Ok(names.into_iter().map(|(name, kind)| SourceEntry { name, kind }).collect())
    }

    fn read(&self, _: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.0.get(path).map(|content| content.as_slice().into()).ok_or(SourceError::NotFound)
    }
}

/// Judges both ways, and confirms nothing, so that the search goes on to its last candidate.
struct Both<'a> {
    suite: &'a Suite<'a>,
    bounds: Bounds,
    exchanged: AtomicUsize,
    imported: AtomicUsize,
    differing: Mutex<Vec<String>>,
}

impl Both<'_> {
    fn judge(&self, candidate: &Candidate) -> Result<Attempt, VerifierError> {
        let overlay: Vec<OverlayEntry> = candidate
            .changes
            .iter()
            .map(|change| OverlayEntry {
                path: format!("/workspace/{}", change.path),
                content: Some(change.text.as_bytes().to_vec()),
                executable: false,
            })
            .collect();
        let imported = self.suite.attempt(&overlay, self.bounds)?;
        self.imported.fetch_add(1, Ordering::Relaxed);
        if let Screened::Judged(exchanged) = self.suite.screen(&overlay, self.bounds)? {
            self.exchanged.fetch_add(1, Ordering::Relaxed);
            if (&exchanged.passed, exchanged.endless) != (&imported.passed, imported.endless) {
                let sites = format!("{:?}", candidate.sites);
                self.differing
                    .lock()
                    .expect("no panic")
                    .push(format!("{sites}\nexchanged: {exchanged:?}\nimported: {imported:?}"));
            }
        }
        Ok(imported)
    }
}

impl Verifier for Both<'_> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        _: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Attempt, VerifierError>>>> =
            candidates.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(candidate) = candidates.get(at) else { return };
                        *results[at].lock().expect("no panic") = Some(self.judge(candidate));
                    }
                });
            }
        });
        results
            .into_iter()
            .map(|result| {
                let attempt = result.into_inner().expect("no panic").expect("judged")?;
                let passed: BTreeSet<&String> = attempt.passed.iter().collect();
                let passed = (0..targets.len()).filter(|at| passed.contains(&targets[*at])).collect();
                let ended = if attempt.endless { Ended::Endless } else { Ended::Finished };
                Ok(TargetResult { ran: attempt.ran, passed, ended })
            })
            .collect()
    }

    fn confirm(&self, _: &Candidate, _: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        Ok(Confirmation {
            fixed: Vec::new(),
            broken: vec!["another".to_owned()],
            gone: Vec::new(),
            skipped: Vec::new(),
            newly_not_testable: Vec::new(),
            ended: Ended::Finished,
        })
    }
}

/// An endless candidate is stopped early, and then judged by its work.
fn limits() -> Limits {
    Limits { step_ms: 2000, ..Limits::default() }
}

fn spec(args: Vec<String>, limits: Limits) -> Spec {
    let guests = cache().join("airlock/guests");
    let guest = fs::read_dir(&guests)
        .expect("listed")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("python.wasm").exists())
        .expect("the guest is installed");
    Spec {
        guest,
        images: None,
        environment: Vec::new(),
        mounts: vec![MountSpec { at: "/workspace".to_owned(), source: FIRST_REMOTE, writable: true }],
        own_runner: false,
        cwd: "/workspace".to_owned(),
        args,
        sys_path: Vec::new(),
        modules: Vec::new(),
        env: BTreeMap::new(),
        python: None,
        placeholders: BTreeSet::new(),
        threads: "inline".to_owned(),
        limits,
        generation: 1,
    }
}

/// Breaks a line of a fixture, if it is not broken already, and judges all that the search makes of it.
fn every_candidate(name: &str, broken: Option<(&str, &str, &str)>) {
    let (_folder, project) = fixture(name);
    if let Some((path, old, new)) = broken {
        let text = fs::read_to_string(project.join(path)).expect("read");
        assert_eq!(text.matches(old).count(), 1, "{old:?} is not once in {path}");
        fs::write(project.join(path), text.replace(old, new)).expect("written");
    }
    let files = Arc::new(Files::of(&project));
    let launch = Launch { program: program().to_owned(), arguments: vec!["worker".to_owned()] };
    let worker = Worker::start(&launch, Arc::clone(&files) as _).expect("a worker");
    let patient = Limits::default();
    worker.open(&Installed::python(spec(Vec::new(), patient).guest, None), 2).expect("opened");
    let suite = |args, limits| {
        Suite::new(&worker, Arc::clone(&files) as _, spec(args, limits), Arc::default()).expect("a suite")
    };

    let all = suite(Vec::new(), patient);
    let options = Options { coverage: Some(vec!["/workspace".to_owned()]), ..Options::default() };
    let ready = all.collect(&[]).expect("collected");
    let report = all.run(&ready, &[], &options, &mut |_| {}).expect("run").report;
    // Some tests of a fixture may be there to fail.
    let failing: Vec<_> = report
        .tests
        .iter()
        .filter(|test| test.outcome.is_failure())
        .filter(|test| broken.is_none_or(|(path, ..)| test.coverage.iter().flatten().any(|(ran, _)| ran == path)))
        .collect();
    let targets: Vec<String> = failing.iter().map(|test| test.id.clone()).collect();
    assert!(!targets.is_empty(), "{name}: nothing fails");
    let covered: BTreeSet<&String> =
        failing.iter().flat_map(|test| test.coverage.iter().flatten().map(|(path, _)| path)).collect();
    let (tests, code): (BTreeSet<String>, BTreeSet<String>) = covered
        .into_iter()
        .cloned()
        .partition(|path| path.split('/').any(|part| part == "tests") || path.ends_with("conftest.py"));

    let narrow =
        suite(targets.clone(), limits()).screening(code.iter().map(|path| format!("/workspace/{path}")).collect());
    let both = Both {
        suite: &narrow,
        bounds: Bounds::patient(limits()),
        exchanged: AtomicUsize::new(0),
        imported: AtomicUsize::new(0),
        differing: Mutex::default(),
    };
    let task = Task {
        report: &report,
        targets: &targets,
        test_files: &tests,
        read: &|path| files.0.get(path).map(|content| content.as_slice().into()),
    };
    // The likeliest come first; `.ci/long` has them all judged.
    let max_candidates = if std::env::var_os("AIRLOCK_LONG").is_some() { u64::MAX } else { 60 };
    let options = SearchOptions { max_confirmations: u64::MAX, max_candidates, ..SearchOptions::default() };
    repair(&task, &options, &Budget { poll: &|| Stop::Continue }, &both, &mut |_| {}).expect("searched");
    let (exchanged, imported) = (both.exchanged.into_inner(), both.imported.into_inner());
    println!("{name}, {broken:?}: {imported} candidates, {exchanged} by an exchange of code");
    let differing = both.differing.into_inner().expect("no panic");
    assert!(differing.is_empty(), "{name}, {broken:?}: {}", differing.join("\n\n"));
    assert!(exchanged > 0 && 2 * exchanged >= imported, "only {exchanged} of {imported} by an exchange of code");
}

#[test]
fn the_bug_of_the_shop() {
    every_candidate("shop", None);
}

#[test]
fn other_bugs_of_the_shop() {
    every_candidate(
        "shop",
        Some(("src/shop/inventory.py", "self._on_shelf[sku] -= pieces", "self._on_shelf[sku] += pieces")),
    );
    every_candidate("shop", Some(("src/shop/money.py", "// 100", "// 10")));
}

#[test]
fn bugs_in_code_of_other_kinds() {
    every_candidate("kinds", Some(("src/kinds/text.py", "print(text.upper())", "print(text.title())")));
    every_candidate("kinds", Some(("src/kinds/tasks.py", "return number * number\n", "return number + number\n")));
}
