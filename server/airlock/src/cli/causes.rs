//! Why tests cannot run here, grouped by cause, each with what mends it.

use airlock_core::report::{Outcome, Reason, TestReport};

use super::document::Cause;

/// Causes of the tests that could not run, those of most tests first.
pub fn of_tests(tests: &[TestReport]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for test in tests.iter().filter(|test| test.outcome == Outcome::NotTestable) {
        let reason = test.reason.clone().unwrap_or_else(|| Reason {
            kind: "unknown".to_owned(),
            detail: test.message.clone().unwrap_or_default(),
        });
        match causes.iter_mut().find(|cause| cause.kind == reason.kind && cause.detail == reason.detail) {
            Some(cause) => cause.tests += 1,
            None => causes.push(cause(reason, &test.id, 1)),
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.tests));
    causes
}

/// The cause that keeps a whole project from being collected.
pub fn of_project(reason: &Reason, message: &str) -> Cause {
    cause(reason.clone(), message, 0)
}

fn cause(reason: Reason, example: &str, tests: u32) -> Cause {
    let cure = cure(&reason.kind).to_owned();
    Cause { kind: reason.kind, detail: reason.detail, tests, example: example.to_owned(), cure }
}

/// What mends a cause, by the reason's word.
pub fn cure(kind: &str) -> &'static str {
    match kind {
        "module" => "install it in the project's environment, or name that with --environment DIR",
        "native_module" => "compiled for this machine, not the sandbox; its pure Python form would run",
        "thread" => "with `threads = \"inline\"` threads run to their end at once; else run it natively",
        "deadlock" => "the thread waits for one that cannot run at the same time; run it natively",
        "subprocess" | "program" => "the sandbox starts no programs; run it natively",
        "socket" => "the sandbox has no network; run it natively, or give the test a fake",
        "guest_difference" => "the sandbox's Python differs here; run it natively",
        "trap" | "missing_function" | "signal" | "chown" | "dup" => {
            "the sandbox does not have this part of the system; run it natively"
        }
        _ => "run it natively: python -m pytest",
    }
}
