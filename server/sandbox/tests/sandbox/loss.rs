//! Cancelled, killed, slow: what happens to a run is said, and the next one is none the worse.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Attempt, Bounds, Options, Progress, Screened, Suite, SuiteError};
use airlock_sandbox::vfs::{Source, SourceEntry, SourceError};
use airlock_sandbox::worker::client::{Worker, WorkerError};
use airlock_sandbox::worker::protocol::{Failure, Freeze, Job, Origin, OverlayEntry};

use crate::support::{Files, Project, assert_all_pass, limits, report, spec, worker};

const ENDLESS: &str = "def test_it():\n    while True: pass\n";

#[test]
fn a_cancel_ends_a_run_within_a_tenth_of_a_second() {
    let project = Project::of(ENDLESS);
    let cancelled = Arc::new(AtomicBool::new(false));
    let suite =
        Suite::new(&project.worker, project.files.clone(), spec(limits()), Arc::clone(&cancelled)).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    let pid = project.worker.pid();
    let mut since = None;
    let ended = suite.run(&ready, &[], &Options::default(), &mut |progress| {
        if let Progress::Started { .. } = progress {
            since = Some(Instant::now());
            cancelled.store(true, Ordering::Relaxed);
        }
    });
    assert!(matches!(ended, Err(SuiteError::Cancelled)), "{ended:?}");
    let took = since.expect("started").elapsed();
    // The bound is 100 ms on a machine of its own.
    assert!(took < Duration::from_millis(400), "{took:?}");
    // By the guest's end, not the worker's.
    assert!(!project.worker.is_lost());
    assert_eq!(project.worker.pid(), pid);
    assert!(matches!(suite.collect(&[]), Err(SuiteError::Cancelled)));
}

#[test]
fn a_key_that_takes_long_to_derive_holds_no_cancel_up() {
    // A second of the host's time for each call; natively it is more than a test has to wait for.
    for call in
        ["hashlib.pbkdf2_hmac('sha256', b'p', b's', 2_000_000)", "hashlib.scrypt(b'p', salt=b's', n=2**14, r=8, p=15)"]
    {
        let text = format!("import hashlib\ndef test_it():\n    print('derives')\n    while True: {call}\n");
        let project = Project::of(&text);
        let cancelled = Arc::new(AtomicBool::new(false));
        let suite = Suite::new(&project.worker, project.files.clone(), spec(limits()), Arc::clone(&cancelled))
            .expect("a suite");
        let ready = suite.collect(&[]).expect("collected");
        let canceller = Arc::clone(&cancelled);
        let mut cancel = None;
        let ended = suite.run(&ready, &[], &Options::default(), &mut |progress| {
            if let Progress::Started { .. } = progress {
                let canceller = Arc::clone(&canceller);
                cancel = Some(std::thread::spawn(move || {
                    // In the midst of a derivation, whichever it is.
                    std::thread::sleep(Duration::from_millis(150));
                    canceller.store(true, Ordering::Relaxed);
                    Instant::now()
                }));
            }
        });
        let since = cancel.expect("started").join().expect("no panic");
        let took = since.elapsed();
        assert!(matches!(ended, Err(SuiteError::Cancelled)), "{call}: {ended:?}");
        // The bound is 100 ms on a machine of its own.
        assert!(took < Duration::from_millis(400), "{call}: {took:?}");
        assert!(!project.worker.is_lost(), "{call}");
    }
}

/// Two good tests with one between them that takes the worker with it.
const FATAL: &str = "def test_a(): pass\n\ndef test_it():\n    while True: pass\n\ndef test_z(): pass\n";

#[test]
fn a_test_that_takes_the_worker_with_it_is_named_and_the_others_run() {
    // With an image on the disk, and with one that goes with the worker.
    for overlay in [Vec::new(), vec![laid("test_it.py", &format!("{FATAL}\ndef test_zz(): pass\n"))]] {
        let project = Project::of(FATAL);
        let suite = project.suite();
        let ready = suite.collect(&overlay).expect("collected");
        let first = project.worker.pid();
        let mut kill = |progress: Progress<'_>| {
            if let Progress::Started { id: "test_it.py::test_it" } = progress {
                project.worker.kill();
            }
        };
        let ran = suite.run(&ready, &[], &Options::default(), &mut kill).expect("run");
        let lost = report(&ran, "test_it");
        assert_eq!(lost.outcome, Outcome::NotTestable, "{lost:#?}");
        assert_eq!(lost.reason.as_ref().map(|reason| reason.kind.as_str()), Some("limit"));
        assert!(lost.message.as_deref().is_some_and(|message| message.contains("ended unexpectedly")), "{lost:#?}");
        let others = if overlay.is_empty() { &["test_a", "test_z"][..] } else { &["test_a", "test_z", "test_zz"][..] };
        for other in others {
            assert_eq!(report(&ran, other).outcome, Outcome::Passed, "{other}");
        }
        assert_eq!(ran.report.tests.len(), others.len() + 1);
        assert!(ran.report.notes.iter().any(|note| note.contains("started anew after test_it.py::test_it")));
        assert!(
            ran.report.limits.iter().any(|limit| limit.ends_with("(test_it.py::test_it)")),
            "{:?}",
            ran.report.limits
        );
        assert!(ran.by_wall_time && ran.report.unreported.is_empty());
        assert!(!project.worker.is_lost() && project.worker.pid() != first);
        // What was collected before is collected again for who runs it now.
        let only = Options { only: Some(vec!["test_it.py::test_z".to_owned()]), ..Options::default() };
        assert_all_pass(&suite.run(&ready, &[], &only, &mut |_| {}).expect("run"));
    }
}

#[test]
fn a_worker_that_is_always_lost_is_not_started_for_ever() {
    let tests: String = (0..20).map(|n| format!("def test_{n}():\n    while True: pass\n")).collect();
    let project = Project::of(&tests);
    let ready = project.collect();
    let mut started = 0;
    let ended = project.suite().run(&ready, &[], &Options::default(), &mut |progress| {
        if let Progress::Started { .. } = progress {
            started += 1;
            project.worker.kill();
        }
    });
    assert!(matches!(ended, Err(SuiteError::Worker(WorkerError::Lost(_)))), "{ended:?}");
    // Each twice, before it is a test's own doing.
    assert_eq!(started, 9);
    let again = project.suite().run(&ready, &[], &Options::default(), &mut |_| {});
    assert!(matches!(again, Err(SuiteError::Worker(WorkerError::Lost(_)))), "it says so from then on: {again:?}");
}

fn laid(path: &str, text: &str) -> OverlayEntry {
    OverlayEntry { path: format!("/workspace/{path}"), content: Some(text.as_bytes().to_vec()), executable: false }
}

/// A source in which one file ends the worker that asks for it, as often as is left.
struct Deadly {
    files: Arc<Files>,
    worker: OnceLock<Worker>,
    left: AtomicUsize,
    /// Set with it.
    ended: AtomicBool,
}

impl Deadly {
    fn new(files: &[(&str, &str)], times: usize) -> Arc<Self> {
        let files = Files::new(&[files, &[("deadly.txt", "4")]].concat());
        let (worker, ended) = (OnceLock::new(), AtomicBool::new(false));
        let source = Arc::new(Self { files, worker, left: AtomicUsize::new(times), ended });
        let started = worker_of(&source);
        source.worker.set(started).ok().expect("the first");
        source
    }

    fn worker(&self) -> &Worker {
        self.worker.get().expect("set")
    }

    fn suite(self: &Arc<Self>) -> Suite<'_> {
        let never = Arc::new(AtomicBool::new(false));
        Suite::new(self.worker(), Arc::clone(self) as Arc<dyn Source>, spec(limits()), never)
            .expect("a suite")
            .screening(vec!["/workspace/codes.py".to_owned()])
    }
}

fn worker_of(source: &Arc<Deadly>) -> Worker {
    worker(Arc::clone(source) as Arc<dyn Source>)
}

impl Source for Deadly {
    fn list(&self, mount: u32, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.files.list(mount, folder)
    }

    fn read(&self, mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        let one_less = |left: usize| left.checked_sub(1);
        if path == "deadly.txt" && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            self.ended.store(true, Ordering::SeqCst);
            self.worker().kill();
        }
        self.files.read(mount, path)
    }
}

const CODE: &str = "def double(n):\n    return n * 3\n";
const DOUBLE: &str = "from codes import double\n\ndef test_it():\n    assert double(2) == 4\n";
/// Right, if its worker lives.
const DEADLY: &str = "def double(n):\n    return int(open('deadly.txt').read())\n";

fn bounds() -> Bounds {
    Bounds::patient(limits())
}

#[test]
fn a_candidate_that_takes_the_worker_with_it_is_no_repair_and_the_next_one_is_tried() {
    let source = Deadly::new(&[("codes.py", CODE), ("test_it.py", DOUBLE)], usize::MAX);
    let suite = source.suite();
    let bounds = bounds();
    let deadly = vec![laid("codes.py", DEADLY)];
    let repair = vec![laid("codes.py", "def double(n):\n    return n * 2\n")];
    let is_lost = |attempt: &Attempt| {
        let told = attempt.limit.as_deref().is_some_and(|limit| limit.contains("ended"));
        attempt.passed.is_empty() && attempt.lost && told
    };
    let attempt = suite.attempt(&deadly, bounds).expect("attempt");
    assert!(is_lost(&attempt), "{attempt:?}");
    assert_eq!(suite.attempt(&repair, bounds).expect("attempt").passed.len(), 1);
    let Screened::Judged(attempt) = suite.screen(&deadly, bounds).expect("screened") else { panic!("not screened") };
    assert!(is_lost(&attempt), "{attempt:?}");
    // The image that the first was screened in went with the worker.
    let Screened::Judged(attempt) = suite.screen(&repair, bounds).expect("screened") else { panic!("not screened") };
    assert_eq!(attempt.passed.len(), 1);
    // Several at once: only the one that ends it is counted out.
    let all: Vec<Attempt> = std::thread::scope(|scope| {
        let suite = &suite;
        let mut running = Vec::new();
        for overlay in [&deadly, &repair, &repair] {
            running.push(scope.spawn(move || suite.attempt(overlay, bounds).expect("attempt")));
        }
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(is_lost(&all[0]), "{all:?}");
    assert_eq!((all[1].passed.len(), all[2].passed.len()), (1, 1), "{all:?}");
}

#[test]
fn a_worker_that_is_lost_once_costs_no_test_no_candidate_and_no_collection() {
    const READS: &str = "def test_a(): pass\n\ndef test_it(): open('deadly.txt').read()\n\ndef test_z(): pass\n";
    let source = Deadly::new(&[("test_it.py", READS)], 1);
    let suite = source.suite();
    let ran = suite.run(&suite.collect(&[]).expect("collected"), &[], &Options::default(), &mut |_| {}).expect("run");
    assert!(source.ended.load(Ordering::SeqCst));
    assert_all_pass(&ran);
    assert!(!ran.by_wall_time && ran.report.limits.is_empty() && ran.report.notes.is_empty(), "{:#?}", ran.report);

    let source = Deadly::new(&[("test_it.py", &format!("open('deadly.txt').read()\n\n{READS}"))], 1);
    let suite = source.suite();
    let ready = suite.collect(&[]).expect("collected");
    assert!(source.ended.load(Ordering::SeqCst));
    assert_all_pass(&suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run"));

    let deadly = [laid("codes.py", DEADLY)];
    let tries: [&dyn Fn(&Suite<'_>) -> Attempt; 2] =
        [&|suite| suite.attempt(&deadly, bounds()).expect("attempt"), &|suite| match suite
            .screen(&deadly, bounds())
            .expect("screened")
        {
            Screened::Judged(attempt) => attempt,
            Screened::NeedsImport(why) => panic!("not screened: {why}"),
        }];
    for tried in tries {
        let source = Deadly::new(&[("codes.py", CODE), ("test_it.py", DOUBLE)], 1);
        let attempt = tried(&source.suite());
        assert!(source.ended.load(Ordering::SeqCst));
        assert!(attempt.passed.len() == 1 && attempt.limit.is_none() && !attempt.lost, "{attempt:?}");
    }

    let source = Deadly::new(&[("codes.py", DEADLY), ("test_it.py", DOUBLE)], 1);
    let attempt = source.suite().again(1, bounds()).expect("run again");
    assert!(source.ended.load(Ordering::SeqCst) && attempt.passed.len() == 1, "{attempt:?}");
}

#[test]
fn a_worker_that_is_lost_when_the_time_is_up_is_no_error() {
    let source = Deadly::new(&[("codes.py", DEADLY), ("test_it.py", DOUBLE)], 0);
    let over = Arc::clone(&source);
    let suite = source.suite().until(move || over.ended.load(Ordering::SeqCst));
    let ready = suite.collect(&[]).expect("collected");
    let tries: [&dyn Fn() -> Option<SuiteError>; 3] = [
        &|| suite.run(&ready, &[], &Options::default(), &mut |_| {}).err(),
        &|| suite.attempt(&[], bounds()).err(),
        &|| suite.again(1, bounds()).err(),
    ];
    for tried in tries {
        source.ended.store(false, Ordering::SeqCst);
        source.worker().restart().expect("another worker");
        source.left.store(1, Ordering::SeqCst);
        let error = tried();
        assert!(source.ended.load(Ordering::SeqCst));
        assert!(matches!(error, Some(SuiteError::Cancelled)), "{error:?}");
    }
}

/// How many of the images that were ever frozen the worker still holds.
fn images_held(worker: &Worker) -> usize {
    let job = |image| Job {
        origin: Origin::Image(image),
        mounts: Vec::new(),
        generation: 1,
        overlay: Vec::new(),
        over_seen: false,
        commands: vec![r#"{"cmd":"run","items":[],"coverage":false}"#.to_owned()],
        whole: false,
        work: None,
        limits: limits(),
        seed: None,
        left_ms: None,
        freeze: Freeze::No,
    };
    let submit = |image| worker.submit(job(image)).expect("sent");
    let is_held = |image: &u64| {
        let done = submit(*image).wait(&AtomicBool::new(false), |_| {});
        !matches!(done, Err(WorkerError::Failed(Failure::NoImage { .. })))
    };
    // An image has the number of the job that made it.
    (0..submit(0).id()).filter(is_held).count()
}

#[test]
fn images_made_anew_after_a_loss_take_the_place_of_the_lost_ones() {
    let reads = [laid("test_it.py", "def test_it(): open('deadly.txt').read()\n")];
    // The second time the test is said to have ended it.
    for (losses, outcome) in [(0, Outcome::Passed), (1, Outcome::Passed), (2, Outcome::NotTestable)] {
        let source = Deadly::new(&[("test_it.py", "def test_it(): assert 0\n")], losses);
        let suite = source.suite();
        // What is collected with an overlay is kept in the worker's memory alone.
        let ready = suite.collect(&reads).expect("collected");
        for outcome in [outcome, Outcome::Passed] {
            let ran = suite.run(&ready.clone(), &[], &Options::default(), &mut |_| {}).expect("run");
            assert_eq!(report(&ran, "test_it").outcome, outcome, "{ran:#?}");
        }
        assert_eq!(images_held(source.worker()), 1, "{losses}");
        suite.forget(&ready);
        assert_eq!(images_held(source.worker()), 0, "{losses}");
    }
}

#[cfg(unix)]
#[test]
fn a_worker_that_stands_still_when_the_time_is_up_is_not_waited_for() {
    let project = Project::of(ENDLESS);
    let mut worker = worker(Arc::clone(&project.files) as _);
    worker.set_silence(Duration::from_millis(500));
    let over = AtomicBool::new(false);
    let spec = spec(limits());
    let suite = Suite::new(&worker, project.files.clone(), spec, Arc::new(AtomicBool::new(false)))
        .expect("a suite")
        .until(|| over.load(Ordering::SeqCst));
    let ready = suite.collect(&[]).expect("collected");
    let started = Instant::now();
    let ended = suite.run(&ready, &[], &Options::default(), &mut |progress| {
        if let Progress::Started { .. } = progress {
            let pid = rustix::process::Pid::from_raw(worker.pid().cast_signed()).expect("a pid");
            rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
            over.store(true, Ordering::SeqCst);
        }
    });
    assert!(matches!(ended, Err(SuiteError::Cancelled)), "{ended:?}");
    // Its test might have been silent for forty minutes.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// A source that answers one path only when it is let go.
struct Slow {
    files: Arc<Files>,
    held: Mutex<bool>,
    asked: AtomicBool,
    changed: Condvar,
}

impl Slow {
    fn let_go(&self) {
        *self.held.lock().expect("unpoisoned") = false;
        self.changed.notify_all();
    }
}

impl Source for Slow {
    fn list(&self, mount: u32, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.files.list(mount, folder)
    }

    fn read(&self, mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        if path == "slow.txt" {
            self.asked.store(true, Ordering::SeqCst);
            let held = self.held.lock().expect("unpoisoned");
            drop(self.changed.wait_while(held, |held| *held).expect("unpoisoned"));
        }
        if path == "broken.txt" {
            panic!("a source that fails internally");
        }
        if path == "huge.bin" {
            // More than one message can hold.
            return Ok(vec![0; 300 << 20].into());
        }
        self.files.read(mount, path)
    }
}

#[test]
fn a_run_that_waits_for_a_slow_file_is_cancelled_and_stopped_in_time_all_the_same() {
    let files = Files::new(&[
        ("test_it.py", "def test_it(): open('slow.txt').read()\n\ndef test_other(): pass\n"),
        ("slow.txt", "slow"),
    ]);
    let slow = Arc::new(Slow {
        files: Arc::clone(&files),
        held: Mutex::new(true),
        asked: AtomicBool::new(false),
        changed: Condvar::new(),
    });
    let worker = worker(Arc::clone(&slow) as Arc<dyn Source>);
    let cancelled = Arc::new(AtomicBool::new(false));
    let suite = Suite::new(&worker, Arc::clone(&slow) as Arc<dyn Source>, spec(limits()), Arc::clone(&cancelled))
        .expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| suite.run(&ready, &[], &Options::default(), &mut |_| {}));
        while !slow.asked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        cancelled.store(true, Ordering::SeqCst);
        // The worker has answered by then; the server's thread that reads it is still in the source.
        slow.let_go();
        assert!(matches!(run.join().expect("no panic"), Err(SuiteError::Cancelled)));
    });
    assert!(!worker.is_lost(), "the worker had to be ended");
}

#[test]
fn a_source_that_panics_or_answers_too_much_fails_one_read() {
    let files = Files::new(&[
        (
            "test_it.py",
            "import pytest\n@pytest.mark.parametrize('name', ['broken.txt', 'huge.bin'])\ndef test_it(name):\n    with pytest.raises(OSError): open(name).read()\n",
        ),
        ("broken.txt", "broken"),
        ("huge.bin", "huge"),
    ]);
    let slow = Arc::new(Slow {
        files: Arc::clone(&files),
        held: Mutex::new(false),
        asked: AtomicBool::new(false),
        changed: Condvar::new(),
    });
    let worker = worker(Arc::clone(&slow) as Arc<dyn Source>);
    let suite =
        Suite::new(&worker, Arc::clone(&slow) as _, spec(limits()), Arc::new(AtomicBool::new(false))).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    assert_all_pass(&suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run"));
}

#[test]
fn two_images_on_two_threads_of_one_worker() {
    let project =
        Project::new(&[("a/test_a.py", "def test_a(): pass\n"), ("b/test_b.py", "def test_b(): assert 0\n")], limits());
    let suites: Vec<_> = ["a", "b"]
        .map(|folder| {
            let mut spec = spec(limits());
            spec.args = vec![folder.to_owned()];
            Suite::new(&project.worker, project.files.clone(), spec, Arc::new(AtomicBool::new(false))).expect("a suite")
        })
        .into();
    let ready: Vec<_> = suites.iter().map(|suite| suite.collect(&[]).expect("collected")).collect();
    std::thread::scope(|scope| {
        for (suite, ready) in suites.iter().zip(&ready) {
            scope.spawn(move || {
                for _ in 0..30 {
                    let ran = suite.run(ready, &[], &Options::default(), &mut |_| {}).expect("run");
                    let [test] = &ran.report.tests[..] else { panic!("{:#?}", ran.report) };
                    let expected = if test.id.starts_with("a/") { Outcome::Passed } else { Outcome::Failed };
                    assert_eq!(test.outcome, expected, "{test:#?}");
                    assert_eq!(&test.id, &ready.collected.items[0].id);
                }
            });
        }
    });
}
