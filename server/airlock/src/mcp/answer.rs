//! What the tools answer: typed, short, with the rest by reference. The schemas that clients are given are made of these types.

use std::collections::BTreeMap;

use airlock_agent::outward::Outward;
use airlock_core::report::{Counts, Outcome, TestReport};
use airlock_core::text::one_line;
use airlock_core::verdict::Findings;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Entries of one list, and letters of one message; the rest is counted, and behind the references.
pub const LISTED: usize = 8;
pub const LETTERS: usize = 240;
/// Letters of an id or a path.
const WORD: usize = 300;

/// How many tests ended which way.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Tally {
    pub passed: u32,
    /// Failures and errors.
    pub failed: u32,
    /// The project skips them itself.
    #[serde(skip_serializing_if = "is_none")]
    pub skipped: u32,
    /// They fail, or pass, where the project expects a failure.
    #[serde(skip_serializing_if = "is_none")]
    pub expected_to_fail: u32,
    /// The sandbox cannot run them: neither a pass nor a failure.
    #[serde(skip_serializing_if = "is_none")]
    pub not_testable: u32,
}

// The form that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_none(number: &u32) -> bool {
    *number == 0
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        Self {
            passed: counts.passed,
            failed: counts.failing(),
            skipped: counts.skipped,
            expected_to_fail: counts.xfailed + counts.xpassed,
            not_testable: counts.not_testable,
        }
    }
}

impl Tally {
    /// In words.
    pub fn words(&self) -> String {
        let mut words = format!("{} passed, {} failed", self.passed, self.failed);
        for (number, what) in [(self.skipped, "skipped"), (self.not_testable, "could not run")] {
            if number > 0 {
                words.push_str(&format!(", {number} {what}"));
            }
        }
        words
    }
}

/// Tests that fail of one cause.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Failing {
    /// The first of them.
    pub test: String,
    /// How many others fail of the same cause.
    #[serde(skip_serializing_if = "is_none")]
    pub others: u32,
    pub message: String,
    /// File and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Names the cause, for `explain_failure`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Failures by their cause, in the order of the run. The second value counts the causes that are not listed.
pub fn failing(tests: &[TestReport]) -> (Vec<Failing>, u32) {
    let mut causes: Vec<Failing> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for test in tests.iter().filter(|test| test.outcome.is_failure()) {
        if let Some(at) = test.fingerprint.as_deref().and_then(|fingerprint| known.get(fingerprint)) {
            causes[*at].others += 1;
            continue;
        }
        if let Some(fingerprint) = test.fingerprint.as_deref() {
            known.insert(fingerprint, causes.len());
        }
        causes.push(Failing {
            test: word(&test.id),
            others: 0,
            message: one_line(test.message.as_deref().unwrap_or("it failed without a message"), LETTERS),
            place: test.location.as_ref().map(|place| format!("{}:{}", word(&place.path), place.line)),
            fingerprint: test.fingerprint.clone(),
        });
    }
    let more = causes.len().saturating_sub(LISTED);
    causes.truncate(LISTED);
    (causes, count(more))
}

/// Tests that cannot run, of one reason.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct NotTestable {
    /// A word of a fixed set, such as `socket` or `module`.
    pub reason: String,
    pub detail: String,
    pub tests: u32,
    /// The first of them.
    pub example: String,
}

/// Tests that cannot run, by their reason.
pub fn not_testable(tests: &[TestReport]) -> Vec<NotTestable> {
    let mut causes: Vec<NotTestable> = Vec::new();
    for test in tests.iter().filter(|test| test.outcome == Outcome::NotTestable) {
        let Some(reason) = &test.reason else { continue };
        if let Some(cause) = causes.iter_mut().find(|cause| cause.reason == reason.kind) {
            cause.tests += 1;
            continue;
        }
        causes.push(NotTestable {
            reason: reason.kind.clone(),
            detail: one_line(&reason.detail, LETTERS),
            tests: 1,
            example: word(&test.id),
        });
    }
    causes.truncate(LISTED);
    causes
}

/// What the tests say of a change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Verdict {
    /// Tests as the project is, and with the change.
    pub before: Tally,
    pub after: Tally,
    /// Why it is kept out, in plain words; empty where it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub still_failing: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// Tests that are no longer there, or no longer run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone_or_skipped: Vec<String>,
    /// New tests that the change brings; they are run, and prove nothing by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Changed lines that no test runs, as `path:line,line`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<String>,
    /// Files of the tests or of settings, which only the user can let a change touch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Lists are cut; all of it is in the resource `verdict`.
    pub cut: bool,
}

impl From<&Findings> for Verdict {
    fn from(of: &Findings) -> Self {
        let mut cut = false;
        let mut list = |items: &mut dyn Iterator<Item = String>| -> Vec<String> {
            let mut listed: Vec<String> = items.take(LISTED + 1).collect();
            cut |= listed.len() > LISTED;
            listed.truncate(LISTED);
            listed
        };
        let words = |ids: &'_ [String]| ids.iter().map(|id| word(id)).collect::<Vec<_>>().into_iter();
        let uncovered = of.uncovered.iter().map(|of| {
            let lines: Vec<String> = of.lines.iter().take(LISTED).map(ToString::to_string).collect();
            let more = if of.lines.len() > LISTED { ",…" } else { "" };
            format!("{}:{}{more}", word(of.path.as_str()), lines.join(","))
        });
        let gone = of.gone.iter().chain(&of.skipped).chain(&of.newly_not_testable).map(|id| word(id));
        let sentences =
            |texts: &[String]| texts.iter().map(|text| one_line(text, LETTERS)).collect::<Vec<_>>().into_iter();
        Self {
            before: of.before.into(),
            after: of.after.into(),
            reasons: list(&mut sentences(&of.reasons)),
            fixed: list(&mut words(&of.fixed)),
            still_failing: list(&mut words(&of.still_failing)),
            broken: list(&mut words(&of.broken)),
            gone_or_skipped: list(&mut gone.into_iter()),
            added: list(&mut words(&of.added)),
            uncovered: list(&mut uncovered.into_iter()),
            protected: list(&mut of.protected.iter().map(|path| word(path.as_str()))),
            limits: list(&mut sentences(&of.limits)),
            notes: list(&mut sentences(&of.notes)),
            cut,
        }
    }
}

impl Verdict {
    /// In words, a line each.
    pub fn words(&self) -> Vec<String> {
        let mut lines = vec![format!("before: {}; after: {}", self.before.words(), self.after.words())];
        lines.extend(self.reasons.iter().map(|reason| format!("why: {reason}")));
        let lists = [
            ("fixed", &self.fixed),
            ("still failing", &self.still_failing),
            ("broken", &self.broken),
            ("gone or skipped", &self.gone_or_skipped),
            ("no test runs", &self.uncovered),
            ("protected", &self.protected),
        ];
        lines.extend(lists.iter().filter(|(_, items)| !items.is_empty()).map(|(name, items)| {
            let more = if items.len() == LISTED && self.cut { ", …" } else { "" };
            format!("{name}: {}{more}", items.join(", "))
        }));
        lines
    }
}

/// An id or a path as it is shown.
pub fn word(text: &str) -> String {
    one_line(text, WORD)
}

/// Sentences besides the result, the first few.
pub fn notes(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts.into_iter().take(LISTED).map(|text| one_line(&text, LETTERS)).collect()
}

/// A number that clients read.
pub fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A value with every string in it as it may go out: without keys, and with what cannot be seen shown.
pub fn shown(value: Value, outward: &Outward) -> Value {
    match value {
        Value::String(text) => Value::String(outward.show(&text).text),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| shown(item, outward)).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, member)| (name, shown(member, outward))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(id: &str, fingerprint: Option<&str>) -> TestReport {
        TestReport {
            id: id.to_owned(),
            outcome: Outcome::Failed,
            time_ms: 0.0,
            message: Some("m\nn".repeat(200)),
            exception: None,
            detail: None,
            reason: None,
            fingerprint: fingerprint.map(str::to_owned),
            location: None,
            coverage: None,
            notes: Vec::new(),
            collection: false,
        }
    }

    #[test]
    fn failures_of_one_cause_are_one_entry_and_lists_are_bounded() {
        let mut tests = vec![test("a", Some("f")), test("b", Some("f")), test("c", None), test("d", None)];
        let (found, more) = failing(&tests);
        let told: Vec<(&str, u32)> = found.iter().map(|of| (of.test.as_str(), of.others)).collect();
        assert_eq!((told, more), (vec![("a", 1), ("c", 0), ("d", 0)], 0));
        assert!(found[0].message.chars().count() <= LETTERS && !found[0].message.contains('\n'));
        tests.extend((0..20).map(|number| test(&format!("x{number}"), Some(&format!("g{number}")))));
        let (found, more) = failing(&tests);
        assert_eq!((found.len(), more), (LISTED, 15));
    }

    #[test]
    fn what_goes_out_holds_no_key_and_nothing_hidden() {
        let key = format!("sk-{}", "a1B2c3D4e5F6g7H8i9J0");
        let value = serde_json::json!({"a": [format!("x {key}"), 3, {"b": "\u{202e}y"}], "c": null});
        let out = shown(value, &Outward::default()).to_string();
        assert!(!out.contains(&key) && !out.contains('\u{202e}') && out.contains("u{202e}"), "{out}");
    }
}
