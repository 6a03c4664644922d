//! Ctrl-C, and a worker that is lost in the middle.

use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use airlock_program_tests::repository;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{assert_gone, busy_worker, code, word};

/// By then the worker is in the test that never ends: everything before takes less.
const WELL_IN: Duration = Duration::from_millis(700);

fn endless() -> Project {
    Project::copy_of(&repository().join("fixtures/bad/endless_loop"))
}

#[test]
fn ctrl_c_ends_within_a_second() {
    for arguments in [&["check", "--json"][..], &["fix", "--json"], &["check"]] {
        let project = endless();
        let before = project.tree();
        let running = project.airlock(arguments).start();
        let worker = busy_worker(running.id(), WELL_IN);
        let process = Pid::from_raw(i32::try_from(running.id()).expect("an id")).expect("an id");
        let pressed = Instant::now();
        kill_process(process, Signal::INT).expect("it can be interrupted");
        let ended = running.wait();
        let took = pressed.elapsed();
        assert_eq!(ended.code, 130, "{arguments:?}: {}", ended.stderr);
        assert!(took < Duration::from_secs(1), "{arguments:?}: {took:?}");
        if arguments.contains(&"--json") {
            assert_eq!(word(&ended.document(), "status"), "cancelled");
        }
        assert_gone(worker);
        before.assert_untouched("a cancelled call");
    }
}

#[test]
fn a_killed_worker_fails_what_it_ran_and_is_named() {
    let project = endless();
    let before = project.tree();
    let running = project.airlock(&["check", "--json", "--test-seconds", "20"]).start();
    let worker = busy_worker(running.id(), WELL_IN);
    kill_process(worker, Signal::KILL).expect("it can be killed");
    let document = running.wait().document();
    assert_eq!((word(&document, "status"), code(&document)), ("error", "worker_lost"), "{document}");
    before.assert_untouched("a lost worker");
}
