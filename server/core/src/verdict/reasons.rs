//! The reasons of a decision, in plain words.

use crate::path::WorkspacePath;
use crate::protect::{Level, Protected};

use super::{Evidence, Findings};

/// How many ids a sentence names before it counts the rest.
const SHOWN: usize = 3;

/// `test a`, `3 tests (a, b, c)` or `9 tests (a, b, c and 6 more)`.
pub(super) fn named<T: AsRef<str>>(ids: &[T], noun: &str) -> String {
    match ids {
        [one] => format!("the {noun} {}", one.as_ref()),
        _ => {
            let shown: Vec<_> = ids.iter().take(SHOWN).map(AsRef::as_ref).collect();
            let more = match ids.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} {noun}s ({}{more})", ids.len(), shown.join(", "))
        }
    }
}

fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// Limits that were hit with the proposal, each once.
pub(super) fn limits(evidence: &Evidence<'_>) -> Vec<String> {
    let of_landing = evidence.landing.map(|report| report.limits.as_slice()).unwrap_or_default();
    super::joined(&evidence.after.limits, of_landing)
}

/// Limits that were hit with the proposal and not on the base.
pub(super) fn new_limits(evidence: &Evidence<'_>) -> Vec<String> {
    limits(evidence).into_iter().filter(|limit| !evidence.base.limits.contains(limit)).collect()
}

/// What keeps a proposal out, whatever its targets do.
pub(super) fn of_tests(findings: &Findings, limits: &[String]) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut say = |ids: &[String], one: &'static str, many: &'static str| {
        if !ids.is_empty() {
            reasons.push(format!("{} {}", named(ids, "test"), verb(ids.len(), one, many)));
        }
    };
    say(
        &findings.broken,
        "fails with the proposal and was not known to fail without it",
        "fail with the proposal and were not known to fail without it",
    );
    say(&findings.gone, "is not run any more with the proposal", "are not run any more with the proposal");
    say(
        &findings.skipped,
        "ran on the base and is skipped or expected to fail with the proposal",
        "ran on the base and are skipped or expected to fail with the proposal",
    );
    say(
        &findings.newly_not_testable,
        "cannot be run in the sandbox with the proposal",
        "cannot be run in the sandbox with the proposal",
    );
    for limit in limits {
        reasons.push(format!("a limit was hit with the proposal and not without it: {limit}"));
    }
    if findings.after.passed == 0 {
        reasons.push("no test passed with the proposal, so nothing speaks for it".to_owned());
    }
    reasons
}

/// Protected files, each with what makes it so.
pub(super) fn of_protected(protected: &[Protected], needs_naming: &[WorkspacePath]) -> Vec<String> {
    let mut reasons = Vec::new();
    for file in protected {
        if file.level == Level::Never {
            reasons.push(format!("`{}` must not be changed: {}", file.path, file.why));
        } else if needs_naming.contains(&file.path) {
            reasons.push(format!("`{}` is protected ({}) and lands only where you name it", file.path, file.why));
        }
    }
    reasons
}

/// Why a target does not count as fixed.
pub(super) fn of_targets(findings: &Findings, unjudged: &[&str]) -> Vec<String> {
    let mut reasons = Vec::new();
    if !findings.still_failing.is_empty() {
        let count = findings.still_failing.len();
        let verb = verb(count, "does not pass", "do not pass");
        reasons.push(format!("{} {verb} with the proposal", named(&findings.still_failing, "target")));
    }
    if !unjudged.is_empty() {
        let verb = verb(unjudged.len(), "was not seen to fail", "were not seen to fail");
        reasons.push(format!("{} {verb} on the base, so it cannot be said to be fixed", named(unjudged, "target")));
    }
    reasons
}
