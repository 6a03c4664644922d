//! Tests that are written in Python, so that the one command for all tests runs them too.

use std::process::Command;

use airlock_program_tests::{cache, repository, text};

fn passes(command: &mut Command) {
    let done = command
        .current_dir(repository())
        // The tree stays as it is.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 can be started");
    assert!(done.status.success(), "{}\n{}", text(&done.stdout), text(&done.stderr));
}

#[test]
fn the_harness_s_pure_parts() {
    // The guest's own pytest runs on any Python: its wheels are pure.
    let pytest = cache().join("airlock/guests/python-3.15.0/pytest");
    passes(
        Command::new("python3")
            .args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "server/sandbox/guests/python/tests"])
            .env("PYTHONPATH", pytest),
    );
}

#[test]
fn the_corpus_s_scripts() {
    passes(Command::new("python3").args(["-m", "unittest", "discover", "-s", "tests/corpus"]));
}
