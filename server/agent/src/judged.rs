//! A verdict in words for the model whose change it keeps out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use airlock_core::text::clipped;
use airlock_core::verdict::Findings;

use crate::bench::TestsRun;
use crate::outward::Outward;
use crate::tools::ends;

/// Most tests named of each kind, and most of them with their messages.
const MAX_NAMED: usize = 30;
const MAX_TOLD: usize = 8;
/// Longest message of a test, in bytes.
const MAX_MESSAGE: usize = 1_500;

/// Why a change is kept out, as [`crate::task::Judgement::KeptOut`] takes it. `after` is what the tests said with the change.
pub fn kept_out(findings: &Findings, after: &TestsRun, outward: &Outward) -> String {
    let mut out = String::new();
    for reason in findings.reasons.iter().take(MAX_NAMED) {
        let _ = writeln!(out, "- {}", clipped(&outward.redacted(reason), 500));
    }
    let kinds: [(&str, &[String]); 5] = [
        ("Tests that were to pass and do not", &findings.still_failing),
        ("Tests that passed before and fail now, or are new and fail", &findings.broken),
        ("Tests that are gone", &findings.gone),
        ("Tests that ran before and are skipped now", &findings.skipped),
        ("Tests that cannot be run here any more", &findings.newly_not_testable),
    ];
    let mut bad: BTreeSet<&str> = BTreeSet::new();
    for (what, tests) in kinds {
        if tests.is_empty() {
            continue;
        }
        bad.extend(tests.iter().map(String::as_str));
        let _ = writeln!(out, "\n{what}:");
        for test in tests.iter().take(MAX_NAMED) {
            let _ = writeln!(out, "  {}", clipped(&outward.redacted(test), 300));
        }
        if tests.len() > MAX_NAMED {
            let _ = writeln!(out, "  … and {} more", tests.len() - MAX_NAMED);
        }
    }
    for limit in findings.limits.iter().take(MAX_NAMED) {
        let _ = writeln!(out, "\nA limit was met: {}", clipped(&outward.redacted(limit), 500));
    }
    for failure in after.failing.iter().filter(|failure| bad.contains(failure.id.as_str())).take(MAX_TOLD) {
        let place = failure.location.as_ref().map(|at| format!(" ({}:{})", at.path, at.line)).unwrap_or_default();
        let message = ends(outward.redacted(&failure.message).trim(), MAX_MESSAGE);
        let _ = writeln!(out, "\n{}{place}:\n{message}", clipped(&outward.redacted(&failure.id), 300));
    }
    outward.show(out.trim()).text
}

#[cfg(test)]
mod tests {
    use airlock_core::report::{Counts, Location, Outcome};
    use airlock_core::verdict::Decision;

    use super::*;
    use crate::bench::TestFailure;

    fn findings() -> Findings {
        Findings {
            before: Counts::default(),
            after: Counts::default(),
            fixed: vec![],
            still_failing: vec!["t.py::test_a".into()],
            failing_before: vec![],
            broken: (0..40).map(|n| format!("t.py::test_b{n}")).collect(),
            gone: vec![],
            skipped: vec![],
            added: vec![],
            not_testable: vec![],
            newly_not_testable: vec![],
            uncovered: vec![],
            protected: vec![],
            limits: vec!["10 s".into()],
            notes: vec![],
            command: String::new(),
            reused: false,
            decision: Decision::Refused,
            reasons: vec!["it broke 40 tests".into()],
        }
    }

    #[test]
    fn a_model_is_told_why_and_what_the_tests_said() {
        let failure = |id: &str, message: &str| TestFailure {
            id: id.into(),
            outcome: Outcome::Failed,
            message: message.into(),
            location: Some(Location { path: "a.py".into(), line: 7 }),
        };
        let failing = vec![
            failure("t.py::test_a", "assert 1 == 2\u{202e} sk-canary0123456789abcdef"),
            failure("other.py::test_failed_before", "never told"),
        ];
        let text = kept_out(&findings(), &TestsRun { failing, ..TestsRun::default() }, &Outward::default());
        assert!(
            text.starts_with("- it broke 40 tests\n\nTests that were to pass and do not:\n  t.py::test_a\n"),
            "{text}"
        );
        assert!(text.contains("  … and 10 more") && text.contains("A limit was met: 10 s"), "{text}");
        assert!(text.contains("t.py::test_a (a.py:7):\nassert 1 == 2\\u{202e} [key hidden by Airlock]"), "{text}");
        assert!(!text.contains("never told"));

        let mut long = findings();
        long.reasons = vec![format!("{} sk-canary0123456789abcdef", "x".repeat(485))];
        let text = kept_out(&long, &TestsRun::default(), &Outward::default());
        assert!(!text.contains("sk-"), "what is cut was hidden before: {text}");
    }
}
