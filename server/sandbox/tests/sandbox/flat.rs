//! Run after run leaves the worker as it was.

use std::fs;

use airlock_sandbox::suite::Options;

use crate::support::Project;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory of its own that no file gives back, in KiB. Clean pages of the guest's code count as private or shared by
    /// whether another worker has them mapped too.
    pub private_kib: u64,
    pub descriptors: usize,
    pub threads: usize,
}

pub fn usage(pid: u32) -> Usage {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let private_kib = rollup
        .lines()
        .filter(|line| line.starts_with("Private_Dirty:"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).expect("listed").count();
    Usage { private_kib, descriptors: count("fd"), threads: count("task") }
}

#[test]
fn a_hundred_runs_leave_memory_descriptors_and_threads_as_they_were() {
    let runs = if std::env::var_os("AIRLOCK_LONG").is_some() { 10_000 } else { 100 };
    let project = Project::of(
        "def test_a(tmp_path): (tmp_path / 'x').write_text('x' * 10000)\ndef test_b(): assert [1] == [2]\n",
    );
    let suite = project.suite();
    let ready = suite.collect(&[]).expect("collected");
    let run = || {
        let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
        assert_eq!(ran.report.tests.len(), 2);
    };
    // What grows only once grows now: caches, arenas of the allocator.
    for _ in 0..30 {
        run();
    }
    let before = usage(project.worker.pid());
    for _ in 0..runs {
        run();
    }
    let after = usage(project.worker.pid());
    assert_eq!((before.descriptors, before.threads), (after.descriptors, after.threads));
    assert!(after.private_kib < before.private_kib + (4 << 10), "{before:?} {after:?}");
}

#[test]
fn images_that_are_made_anew_do_not_pile_up() {
    let project = Project::of("def test_a(): pass\n");
    let suite = project.suite();
    let overlay = |n: u32| {
        vec![airlock_sandbox::worker::protocol::OverlayEntry {
            path: "/workspace/test_it.py".to_owned(),
            content: Some(format!("def test_a(): assert {n} + 1\n").into_bytes()),
            executable: false,
        }]
    };
    let once = |n| {
        let ready = suite.collect(&overlay(n)).expect("collected");
        suite.forget(&ready);
    };
    for n in 0..3 {
        once(n);
    }
    let before = usage(project.worker.pid());
    for n in 10..25 {
        once(n);
    }
    // Forgetting is a message: what comes after it finds it done.
    project.suite().run(&project.collect(), &[], &Options::default(), &mut |_| {}).expect("run");
    let after = usage(project.worker.pid());
    assert!(after.descriptors <= before.descriptors + 1, "{before:?} {after:?}");
}
