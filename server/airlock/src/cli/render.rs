//! Results in words, in lines of at most 80 columns.

use std::time::Duration;

use airlock_core::report::{Counts, Outcome, Reason, TestReport};
use airlock_core::status::Status;
use airlock_core::verdict::Findings;
use unicode_width::UnicodeWidthStr;

use super::args::COLUMNS;
use super::causes;
use super::document::CheckBody;
use super::terminal::{Painter, Style, wrap};

/// Most failures shown with their messages; the rest are listed by id, and then only counted.
const FULL: usize = 10;
const LISTED: usize = 30;

/// Most lines of one message.
const MESSAGE_LINES: usize = 12;

/// Most notes shown.
const NOTES: usize = 8;

/// A command to type next, with these tests, on the project of this call.
pub type Again<'a> = &'a dyn Fn(&str, &[String]) -> String;

/// What `check` prints: failures, what could not run and why, notes, counts, and what to type next.
pub fn check(
    painter: Painter,
    body: &CheckBody,
    status: Status,
    wall: Duration,
    collected: usize,
    again: Again<'_>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let failures: Vec<&TestReport> = body.tests.iter().filter(|test| test.outcome.is_failure()).collect();
    for test in failures.iter().take(FULL) {
        lines.extend(failure(painter, test));
        lines.push(String::new());
    }
    for test in failures.iter().skip(FULL).take(LISTED) {
        lines.extend(heading(painter, test));
    }
    if failures.len() > FULL + LISTED {
        lines.push(format!("and {} more that fail; --json lists them all", failures.len() - FULL - LISTED));
    }
    if failures.len() > FULL {
        lines.push(String::new());
    }
    let causes = untestable(painter, &body.tests);
    let told = !causes.is_empty();
    lines.extend(causes);
    if !body.unreported.is_empty() {
        lines.extend(list(painter, "Not run, because the run ended before", &body.unreported));
    }
    lines.extend(notes(&body.limits, "limit: "));
    lines.extend(notes(&body.notes, "note: "));
    if !lines.is_empty() && lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    lines.extend(summary(painter, body.counts, status, wall));
    // Where tests could not run, it is one of the causes above.
    if let Some(Reason { kind, detail }) = body.reason.as_ref().filter(|_| !told) {
        lines.extend(wrap(&format!("{kind}: {detail}"), "  ", COLUMNS).into_iter().take(MESSAGE_LINES));
    }
    lines.extend(next(painter, status, &failures, collected, again));
    lines
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "PASSED",
        Outcome::Failed => "FAILED",
        Outcome::Error => "ERROR",
        Outcome::Skipped => "SKIPPED",
        Outcome::Xfailed => "XFAILED",
        Outcome::Xpassed => "XPASSED",
        Outcome::NotTestable => "NOT TESTABLE",
    }
}

/// A test's outcome and id.
fn heading(painter: Painter, test: &TestReport) -> Vec<String> {
    let word = word(test.outcome);
    let indent = " ".repeat(word.len() + 1);
    let mut lines = painter.id(&test.id, &indent);
    if let Some(first) = lines.first_mut() {
        *first = format!("{} {}", painter.paint(Style::Red, word), first.trim_start());
    }
    lines
}

/// A failing test: its id, its message, its place.
pub fn failure(painter: Painter, test: &TestReport) -> Vec<String> {
    let mut lines = heading(painter, test);
    if let Some(message) = &test.message {
        let message = wrap(message, "  ", COLUMNS);
        let more = message.len().saturating_sub(MESSAGE_LINES);
        lines.extend(message.into_iter().take(MESSAGE_LINES));
        if more > 0 {
            lines.push(format!("  … {more} more lines"));
        }
    }
    if let Some(place) = &test.location {
        let place = painter.id(&format!("at {}:{}", place.path, place.line), "  ");
        lines.extend(place.iter().map(|line| painter.paint(Style::Dim, line)));
    }
    lines
}

/// What could not run, grouped by cause; a cause that the user can mend comes with its cure.
fn untestable(painter: Painter, tests: &[TestReport]) -> Vec<String> {
    let causes = causes::of_tests(tests);
    if causes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![painter.paint(Style::Yellow, "Not testable here:")];
    for cause in causes.iter().take(NOTES) {
        let what = format!("{} × {}: {}", cause.tests, cause.kind, cause.detail);
        lines.extend(wrap(&what, "  ", COLUMNS).into_iter().take(4));
        let also = if cause.tests > 1 { " and others" } else { "" };
        let example = painter.id(&format!("{}{also}", cause.example), "      ");
        lines.extend(example.iter().map(|line| painter.paint(Style::Dim, line)));
        if cause.kind == "module" {
            lines.extend(wrap(&cause.cure, "      ", COLUMNS));
        }
    }
    if causes.len() > NOTES {
        lines.push(format!("  and for {} more reasons; --json lists them all", causes.len() - NOTES));
    }
    lines.push(String::new());
    lines
}

/// Notes, each with a word in front, as many as are read.
pub fn notes(notes: &[String], word: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for note in notes.iter().take(NOTES) {
        lines.extend(wrap(&format!("{word}{note}"), "", COLUMNS).into_iter().take(4));
    }
    if notes.len() > NOTES {
        lines.push(format!("and {} more; --json lists them all", notes.len() - NOTES));
    }
    lines
}

/// The counts in the order that matters, and the time.
pub fn summary(painter: Painter, counts: Counts, status: Status, wall: Duration) -> Vec<String> {
    let style = match status.exit_code() {
        0 => Style::Green,
        1 => Style::Red,
        _ => Style::Yellow,
    };
    let time =
        if wall.as_secs() >= 100 { format!("{} s", wall.as_secs()) } else { format!("{:.2} s", wall.as_secs_f64()) };
    let text = match tally(counts) {
        text if text.is_empty() => format!("no tests in {time}"),
        text => format!("{text} in {time}"),
    };
    let word = status.as_str().replace('_', " ");
    let mut lines = wrap(&format!("{word}: {text}"), "", COLUMNS);
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.strip_prefix(&word)
    {
        *first = format!("{}{rest}", painter.paint(style, &word));
    }
    lines
}

/// `2 failed, 53 passed, 1 not testable`; empty where there is no test.
pub fn tally(counts: Counts) -> String {
    let all = [
        (counts.failed, "failed"),
        (counts.error, if counts.error == 1 { "error" } else { "errors" }),
        (counts.passed, "passed"),
        (counts.skipped, "skipped"),
        (counts.xfailed, "xfailed"),
        (counts.xpassed, "xpassed"),
        (counts.not_testable, "not testable"),
    ];
    let parts: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}

fn next(painter: Painter, status: Status, failures: &[&TestReport], collected: usize, again: Again<'_>) -> Vec<String> {
    let type_this = |command: &str, what: &str| {
        let bold = painter.paint(Style::Bold, command);
        if command.width() + what.width() + 9 <= COLUMNS {
            vec![String::new(), format!("Next: {bold}   {what}")]
        } else {
            // A command is copied: it stays on one line, however long it is.
            vec![String::new(), format!("Next, to {what}:"), format!("  {bold}")]
        }
    };
    match (status, failures) {
        (Status::Failed, [one]) if !one.collection && one.id.len() < 30 => {
            type_this(&again("fix", std::slice::from_ref(&one.id)), "search a repair")
        }
        (Status::Failed, [.., last]) if collected > 0 && !last.collection => {
            type_this(&again("fix", &[]), "search a small patch that mends it")
        }
        (Status::NotTestable, _) => type_this(&again("doctor", &[]), "see what stands in the way, and the cure"),
        _ => Vec::new(),
    }
}

/// Ids under a heading, as many as are read.
fn list(painter: Painter, heading: &str, ids: &[String]) -> Vec<String> {
    let mut lines = vec![painter.paint(Style::Yellow, &format!("{heading} ({}):", ids.len()))];
    lines.extend(ids.iter().take(FULL).flat_map(|id| painter.id(id, "  ")));
    if ids.len() > FULL {
        lines.push(format!("  and {} more", ids.len() - FULL));
    }
    lines
}

/// A verdict: counts before and after, what changed, what it was refused for. `wall` is what the call took until now.
/// `reused`: the run with the proposal is one that was made before.
pub fn verdict(painter: Painter, verdict: &Findings, wall: Duration, reused: bool) -> Vec<String> {
    let row = |name: &str, before: u32, after: u32| {
        (before > 0 || after > 0).then(|| format!("  {name:<14}{before:>8}{after:>8}"))
    };
    let status = verdict.decision.status();
    let style = if status.exit_code() == 0 { Style::Green } else { Style::Red };
    let heading = status.as_str().replace('_', " ");
    let mut lines = vec![
        format!("Verdict: {}", painter.paint(style, &heading)),
        painter.paint(Style::Dim, &format!("  {:<14}{:>8}{:>8}", "tests", "before", "after")),
    ];
    let (before, after) = (verdict.before, verdict.after);
    let rows = [
        row("passed", before.passed, after.passed),
        row("failed", before.failed, after.failed),
        row("error", before.error, after.error),
        row("skipped", before.skipped, after.skipped),
        row("xfailed", before.xfailed, after.xfailed),
        row("xpassed", before.xpassed, after.xpassed),
        row("not testable", before.not_testable, after.not_testable),
    ];
    lines.extend(rows.into_iter().flatten());
    for reason in &verdict.reasons {
        lines.extend(wrap(&format!("- {reason}"), "  ", COLUMNS));
    }
    let lists: [(&str, &[String]); 8] = [
        ("Fixed", &verdict.fixed),
        ("Still failing", &verdict.still_failing),
        ("Broken", &verdict.broken),
        ("Gone", &verdict.gone),
        ("Newly skipped", &verdict.skipped),
        ("Newly not testable", &verdict.newly_not_testable),
        ("Added", &verdict.added),
        ("Limits", &verdict.limits),
    ];
    for (heading, ids) in lists {
        if !ids.is_empty() {
            lines.extend(list(painter, heading, ids));
        }
    }
    let paths: Vec<String> = verdict.protected.iter().map(ToString::to_string).collect();
    if !paths.is_empty() {
        lines.extend(list(painter, "Protected files it changes", &paths));
    }
    if !verdict.uncovered.is_empty() {
        let places = verdict.uncovered.iter().map(|part| {
            let numbers: Vec<String> = part.lines.iter().take(8).map(ToString::to_string).collect();
            format!("{} line {}", part.path, numbers.join(", "))
        });
        lines.extend(list(painter, "Changed lines that no test ran", &places.collect::<Vec<_>>()));
    }
    lines.extend(notes(&verdict.notes, "  note: "));
    let reused = if reused { ", taken from an earlier run of the same files" } else { "" };
    lines.extend(wrap(&format!("command: {}", verdict.command), "  ", COLUMNS));
    lines.push(format!("  time: {:.2} s{reused}", wall.as_secs_f64()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_core::report::Location;

    const PLAIN: Painter = Painter { colour: false, whole: false };

    fn test(id: &str, outcome: Outcome, message: &str) -> TestReport {
        TestReport {
            id: id.into(),
            outcome,
            time_ms: 1.0,
            message: Some(message.into()),
            exception: None,
            detail: None,
            reason: None,
            fingerprint: None,
            location: Some(Location { path: "tests/test_a.py".into(), line: 7 }),
            coverage: None,
            notes: Vec::new(),
            collection: false,
        }
    }

    fn untestable_test(id: &str, detail: &str) -> TestReport {
        let reason = Some(Reason { kind: "module".into(), detail: detail.into() });
        TestReport { reason, ..test(id, Outcome::NotTestable, "") }
    }

    fn body(tests: Vec<TestReport>) -> CheckBody {
        let report = airlock_core::report::SuiteReport { tests, ..Default::default() };
        CheckBody { counts: Counts::of(&report), tests: report.tests, ..CheckBody::default() }
    }

    fn shown(body: &CheckBody, status: Status) -> Vec<String> {
        let again = |name: &str, tests: &[String]| {
            let tests = tests.iter().map(|id| format!(" --test {id}"));
            format!("airlock {name}{}", tests.collect::<String>())
        };
        check(PLAIN, body, status, Duration::from_millis(1234), body.tests.len(), &again)
    }

    #[test]
    fn a_failure_is_told_with_its_message_its_place_and_what_to_type_next() {
        let mut body = body(vec![
            test("tests/test_a.py::test_b", Outcome::Failed, "assert 1 == 2\n + where 1 = f()"),
            test("tests/test_a.py::test_c", Outcome::Passed, ""),
            untestable_test("tests/test_n.py", "numpy is not installed"),
            untestable_test("tests/test_m.py", "numpy is not installed"),
        ]);
        body.limits.push("time: one test ran for 3 s".into());
        body.notes.push("options ignored here: -n auto".into());
        assert_eq!(
            shown(&body, Status::Failed),
            [
                "FAILED tests/test_a.py::test_b",
                "  assert 1 == 2",
                "   + where 1 = f()",
                "  at tests/test_a.py:7",
                "",
                "Not testable here:",
                "  2 × module: numpy is not installed",
                "      tests/test_n.py and others",
                "      install it in the project's environment, or name that with --environment",
                "      DIR",
                "",
                "limit: time: one test ran for 3 s",
                "note: options ignored here: -n auto",
                "",
                "failed: 1 failed, 1 passed, 2 not testable in 1.23 s",
                "",
                "Next: airlock fix --test tests/test_a.py::test_b   search a repair",
            ]
        );
    }

    #[test]
    fn nothing_to_say_is_one_line() {
        let body = body(vec![test("t.py::test_a", Outcome::Passed, "")]);
        assert_eq!(shown(&body, Status::Passed), ["passed: 1 passed in 1.23 s"]);
    }

    #[test]
    fn no_tests_are_told_with_the_reason() {
        let mut body = body(Vec::new());
        body.reason = Some(Reason { kind: "no_tests".into(), detail: "no test was found".into() });
        let lines = shown(&body, Status::NotTestable);
        assert_eq!(lines[..2], ["not testable: no tests in 1.23 s", "  no_tests: no test was found"]);
        assert!(lines.last().is_some_and(|line| line.starts_with("Next: airlock doctor")));
    }

    #[test]
    fn a_cause_is_told_once() {
        let reason = Some(Reason { kind: "module".into(), detail: "numpy is not installed".into() });
        let untestable = TestReport { reason: reason.clone(), ..test("t.py::test_a", Outcome::NotTestable, "") };
        let mut body = body(vec![untestable]);
        body.reason = reason;
        let lines = shown(&body, Status::NotTestable);
        assert_eq!(lines.iter().filter(|line| line.contains("numpy")).count(), 1, "{lines:#?}");
    }

    #[test]
    fn a_thousand_wild_failures_stay_short_narrow_and_harmless() {
        let wild = "\u{1b}[2J漢字 \u{202e}".repeat(50);
        let tests = (0..1000).map(|at| test(&format!("tests/test_{at}.py::{wild}"), Outcome::Failed, &wild)).collect();
        let mut body = body(tests);
        body.notes = vec![wild.clone(); 50];
        body.limits = vec![wild.clone(); 50];
        body.unreported = vec![wild.clone(); 50];
        body.reason = Some(Reason { kind: "x".into(), detail: wild });
        let lines = shown(&body, Status::Failed);
        assert!(lines.len() < 550, "{}", lines.len());
        for line in &lines {
            assert!(line.width() <= COLUMNS, "{line}");
            assert!(!line.contains(['\u{1b}', '\u{202e}']), "{line}");
        }
        assert!(lines.iter().any(|line| line == "and 960 more that fail; --json lists them all"));
    }
}
