//! Cancelled, killed, slow: what happens to a run is said, and the next one is none the worse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Options, Progress, Suite, SuiteError};
use airlock_sandbox::vfs::{Source, SourceEntry, SourceError};
use airlock_sandbox::worker::client::WorkerError;

use crate::support::{Files, Project, assert_all_pass, limits, spec, worker};

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
fn a_worker_killed_in_mid_run_loses_that_run_and_a_new_one_works() {
    let files = [("test_it.py", ENDLESS), ("test_good.py", "def test_good(): pass\n")];
    let project = Project::new(&files, limits());
    let ready = project.collect();
    let ended = project.suite().run(&ready, &[], &Options::default(), &mut |progress| {
        if let Progress::Started { id } = progress
            && id.starts_with("test_it.py")
        {
            project.worker.kill();
        }
    });
    assert!(matches!(ended, Err(SuiteError::Worker(WorkerError::Lost(_)))), "{ended:?}");
    assert!(project.worker.is_lost());
    let again = project.suite().run(&ready, &[], &Options::default(), &mut |_| {});
    assert!(matches!(again, Err(SuiteError::Worker(WorkerError::Lost(_)))), "a lost worker says so: {again:?}");
    let project = Project::new(&files, limits());
    let only = Options { only: Some(vec!["test_good.py::test_good".to_owned()]), ..Options::default() };
    assert_all_pass(&project.suite().run(&project.collect(), &[], &only, &mut |_| {}).expect("run"));
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
        // Not let go before the run has ended: it is the reader's answer that is late. The worker answers the cancel, or is
        // ended; in either case the run does not wait for the file.
        while !run.is_finished() {
            if worker.is_lost() {
                break;
            }
            std::thread::yield_now();
            if run.is_finished() {
                break;
            }
            // The server's reading thread is in the source: the `Done` behind it is read once that returns.
            slow.let_go();
        }
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
