//! Why tests cannot run here, grouped by cause, each with what mends it.

use airlock_core::report::{Outcome, Reason, TestReport};

use super::document::Cause;

/// Causes whose details are worth telling apart; of the others the first detail stands for all.
const BY_DETAIL: [&str; 4] = ["module", "native_module", "program", "guest_difference"];

/// Causes of the tests that could not run, those of most tests first.
pub fn of_tests(tests: &[TestReport]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for test in tests.iter().filter(|test| test.outcome == Outcome::NotTestable) {
        let reason = test
            .reason
            .clone()
            .unwrap_or_else(|| Reason { kind: "unknown".to_owned(), detail: test.message.clone().unwrap_or_default() });
        let apart = BY_DETAIL.contains(&reason.kind.as_str());
        match causes.iter_mut().find(|cause| cause.kind == reason.kind && (!apart || cause.detail == reason.detail)) {
            Some(cause) => {
                cause.tests += 1;
                if cause.detail != reason.detail && !cause.detail.ends_with(AND_MORE) {
                    cause.detail.push_str(AND_MORE);
                }
            }
            None => causes.push(cause(reason, &test.id, 1)),
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.tests));
    causes
}

/// Ends the detail of a cause that has several.
const AND_MORE: &str = ", and similar";

/// The cause that keeps a whole project from being collected.
pub fn of_project(reason: &Reason, message: &str) -> Cause {
    cause(reason.clone(), message, 0)
}

fn cause(reason: Reason, example: &str, tests: u32) -> Cause {
    let cure = cure(&reason.kind).to_owned();
    Cause { kind: reason.kind, detail: reason.detail, tests, example: example.to_owned(), cure }
}

/// What mends a cause that is none of the known ones.
const OTHERWISE: &str = "run it natively: python -m pytest";

/// What mends a cause, by the reason's word.
pub fn cure(kind: &str) -> &'static str {
    match kind {
        "module" => "install it in the project's environment, or name that with --environment DIR",
        "native_module" => "compiled for this machine, not the sandbox; its pure Python form would run",
        "thread" => "threads take turns here, they do not run side by side; run it natively",
        "limit" => "it took the sandbox's process with it; run it natively",
        "trap" => "it ended the sandbox's interpreter; run it natively",
        "runner" | "no_report" => "pytest gave no report of it; run it natively, or without the plugin: -p no:NAME",
        "leftover" => "it runs once the test before it does; run that one natively, or this one alone",
        "chmod" => "the sandbox enforces no permissions; run it natively",
        "file_too_large" => "the sandbox takes no file of this size; run it natively",
        "deadlock" => "the thread waits for one that cannot run at the same time; run it natively",
        "subprocess" | "program" => "the sandbox starts no programs; run it natively",
        "socket" => "the sandbox has no network; run it natively, or give the test a fake",
        "hidden_file" => "if the tests may read it, name it in your own setting `read`",
        "guest_difference" => "the sandbox's Python differs here; run it natively",
        "signal" => "signals reach nobody in the sandbox; run it natively",
        "locale" => "the sandbox has no country's locale; run it natively",
        "missing_function" | "chown" | "dup" => "the sandbox does not have this part of the system; run it natively",
        _ => OTHERWISE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(kind: &str, detail: &str) -> TestReport {
        TestReport {
            id: format!("t.py::{detail}"),
            outcome: Outcome::NotTestable,
            time_ms: 0.0,
            message: None,
            exception: None,
            detail: None,
            reason: Some(Reason { kind: kind.into(), detail: detail.into() }),
            fingerprint: None,
            location: None,
            coverage: None,
            notes: Vec::new(),
            collection: false,
        }
    }

    /// The reasons are those that the README explains; a test of the repository holds it together with the sources.
    #[test]
    fn every_reason_has_a_cure_of_its_own() {
        let readme = include_str!("../../../../README.md");
        let table = readme.split_once("| reason | |").expect("a table").1.split("\n\n").next().expect("a part");
        let names = table.lines().filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
        let kinds: Vec<&str> = names.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
        assert!(kinds.len() > 15, "{kinds:?}");
        for kind in kinds {
            let cure = cure(kind);
            assert_ne!(cure, OTHERWISE, "{kind}");
            // Something that can be done, and not only how it is.
            let does = ["run it", "run that one", "install it", "would run", "name it"];
            assert!(does.iter().any(|word| cure.contains(word)), "{kind}: {cure}");
        }
    }

    #[test]
    fn causes_are_grouped_and_the_commonest_comes_first() {
        let tests = [
            test("module", "numpy"),
            test("subprocess", "ls"),
            test("module", "pandas"),
            test("subprocess", "cat"),
            test("subprocess", "ls"),
            test("module", "pandas"),
        ];
        let causes = of_tests(&tests);
        let told: Vec<_> =
            causes.iter().map(|cause| (cause.tests, cause.kind.as_str(), cause.detail.as_str())).collect();
        assert_eq!(told, [(3, "subprocess", "ls, and similar"), (2, "module", "pandas"), (1, "module", "numpy")]);
        assert_eq!(causes[0].example, "t.py::ls");
        assert!(causes[1].cure.contains("--environment"));
    }
}
