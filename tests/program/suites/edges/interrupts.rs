//! Ctrl-C, and a worker that is lost in the middle.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Project, Running, airlock};
use airlock_program_tests::{linked_cache, repository};
use rustix::process::{Signal, kill_process};

use crate::damage::{COMPILED, GUEST};
use crate::support::{assert_gone, busy_worker, children, code, press_twice, process, word};

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
        let pressed = Instant::now();
        kill_process(process(running.id()), Signal::INT).expect("it can be interrupted");
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
fn requests_to_end_are_taken_like_ctrl_c() {
    for signal in [Signal::TERM, Signal::HUP] {
        let project = endless();
        let running = project.airlock(&["check", "--json"]).start();
        let worker = busy_worker(running.id(), WELL_IN);
        kill_process(process(running.id()), signal).expect("it can be told to end");
        let ended = running.wait();
        assert_eq!(ended.code, 130, "{signal:?}: {}", ended.stderr);
        assert_eq!(word(&ended.document(), "status"), "cancelled", "{signal:?}");
        assert_gone(worker);
    }
}

#[test]
fn files_that_change_during_a_check_keep_the_patch_out() {
    const SLOW: &str = "import time\n\n\ndef test_slow():\n    end = time.perf_counter() + 4\n    while time.perf_counter() < end:\n        pass\n";
    let project = Project::new(&[
        ("app.py", "X = 1\n"),
        ("test_app.py", "import app\n\n\ndef test_app():\n    assert app.X\n"),
        ("test_slow.py", SLOW),
    ]);
    let patch = "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-X = 1\n+X = 2\n";
    let running = project.airlock(&["check", "--patch", "-", "--apply", "--json"]).input(patch).start();
    busy_worker(running.id(), WELL_IN);
    project.write("conftest.py", "raise SystemExit(1)\n");
    let ended = running.wait();
    let document = ended.document();
    assert_eq!(code(&document), "files_changed", "{document}");
    assert!(document["error"].to_string().contains("conftest.py"), "{document}");
    assert_eq!(project.read("app.py"), b"X = 1\n");
}

#[test]
fn a_worker_that_is_killed_once_costs_nothing_and_one_killed_twice_the_test_that_it_ran() {
    for kills in [1, 2] {
        let project = endless();
        let before = project.tree();
        let running = project.airlock(&["check", "--json", "--test-seconds", "9"]).start();
        let mut last = None;
        for _ in 0..kills {
            // In the test, and not on the way there, even if nothing is cached. The dead are listed for a moment.
            let worker = std::iter::repeat_with(|| busy_worker(running.id(), WELL_IN * 4)).find(|it| Some(*it) != last);
            last = worker;
            kill_process(worker.expect("some time"), Signal::KILL).expect("it can be killed");
        }
        let document = running.wait().document();
        let tests = document["tests"].as_array().expect("tests");
        let outcome = |id: &str| {
            let test = tests.iter().find(|test| test["id"] == id).unwrap_or_else(|| panic!("{id}: {document}"));
            word(test, "outcome")
        };
        // The one ended by its own limit, as ever; of the other nobody knows.
        let (status, endless) = if kills == 1 { ("failed", "failed") } else { ("passed", "not_testable") };
        assert_eq!(word(&document, "status"), status, "{document}");
        assert_eq!(outcome("test_endless.py::test_endless"), endless, "{document}");
        assert!(tests.len() > 1);
        assert_eq!(document["notes"].to_string().contains("started anew"), kills == 2, "{document}");
        before.assert_untouched("a lost worker");
    }
}

/// By then a command that was told once would have ended too.
const ONCE: Duration = Duration::from_millis(800);

/// Presses twice: it ends at once, with one document, and takes its children with it. Whether it was at once; on a busy
/// machine that can fail by no fault of the program's.
fn ends_at_once(running: Running, json: bool) -> bool {
    let all = children(running.id());
    assert!(!all.is_empty(), "nothing is under way");
    let pressed = press_twice(running.id());
    let ended = running.wait();
    let took = pressed.elapsed();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    if json {
        assert_eq!(word(&ended.document(), "status"), "cancelled");
    } else {
        assert!(ended.stderr.contains("cancelled; nothing was changed"), "{}", ended.stderr);
    }
    all.into_iter().for_each(assert_gone);
    took < ONCE
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    for arguments in [&["check", "--json"][..], &["fix", "--json"], &["check"]] {
        let project = endless();
        let before = project.tree();
        let quick = (0..3).any(|_| {
            let running = project.airlock(arguments).start();
            let worker = busy_worker(running.id(), WELL_IN);
            // A worker that answers nothing: by itself the program would wait for it.
            kill_process(worker, Signal::STOP).expect("it can be stopped");
            ends_at_once(running, arguments.contains(&"--json"))
        });
        assert!(quick, "{arguments:?}: the second made no difference");
        before.assert_untouched("a call that was interrupted twice");
    }
}

#[test]
fn a_second_ctrl_c_ends_a_download_and_nothing_half_done_is_found() {
    // A pip that downloads for ever.
    let tools = Project::new(&[("python3", "#!/bin/sh\nexec sleep 1000\n")]);
    fs::set_permissions(tools.join("python3"), fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").expect("PATH is set"));
    let cache = Project::empty();
    let quick = (0..3).any(|_| {
        let running = airlock(["guest", "install", "python", "--json"]).cache(cache.path()).env("PATH", &path).start();
        let patience = Instant::now() + Duration::from_secs(60);
        while children(running.id()).is_empty() {
            assert!(Instant::now() < patience, "no pip was started");
            std::thread::yield_now();
        }
        ends_at_once(running, true)
    });
    assert!(quick, "the second made no difference");
    let (document, _) = airlock(["guest", "list"]).cache(cache.path()).json();
    assert_eq!(word(&document["guests"][0], "state"), "missing", "{document}");
    assert!(!cache.join(GUEST).exists());
}

#[test]
fn a_second_ctrl_c_ends_a_compilation_and_leaves_no_part_of_it() {
    let cache = linked_cache();
    let folder = cache.join(GUEST);
    for name in COMPILED {
        fs::remove_file(folder.join(name)).expect("removed");
    }
    let names =
        || -> Vec<_> { fs::read_dir(&folder).expect("listed").map(|entry| entry.expect("one").file_name()).collect() };
    let before = names();
    let quick = (0..3).any(|_| {
        let running = airlock(["guest", "install", "python", "--json"]).cache(cache.path()).start();
        busy_worker(running.id(), WELL_IN);
        ends_at_once(running, true)
    });
    assert!(quick, "the second made no difference");
    assert_eq!(names(), before);
    let (document, _) = airlock(["guest", "list"]).cache(cache.path()).json();
    assert_eq!(word(&document["guests"][0], "state"), "installed", "{document}");
}
