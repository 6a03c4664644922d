//! Which of the failing tests `fix` is to repair.

use airlock_core::report::{Outcome, SuiteReport};
use airlock_core::verdict;
use airlock_repair::outcome::SearchResult;

use super::args::COLUMNS;
use super::context::Context;
use super::landing;
use super::terminal::{self, Style};
use crate::workbench::Project;

/// Failing tests named in one place.
const SHOWN: usize = 10;

/// A failing test that does not end would take all the time there is, so in a call of `fix` one test has a part of it.
const TEST_PART: u64 = 4;

/// Lowers what one test may take to its part of the call.
pub fn give_a_part(project: &mut Project) {
    let part = (project.settings.search_seconds / TEST_PART).max(1);
    project.settings.test_seconds = project.settings.test_seconds.min(part);
}

/// What one test may take by the user's own settings, in seconds.
fn asked_seconds(project: &Project) -> u64 {
    project.config.settings(&project.found.root).test_seconds
}

/// Failing tests, sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct Targets {
    /// To be repaired: those that the user named and that fail, else all that fail.
    pub targets: Vec<String>,
    /// Stopped after a part of the time that the user gives one test: most such tests never end, but they may be slow and
    /// healthy, and a patch that makes them end sooner would be none that anybody asked for. Targets where they were named, or
    /// where nothing else fails and nothing lands unseen.
    pub unsure: Vec<String>,
}

impl Targets {
    /// `lands`: what is found is applied without anybody having seen it.
    pub fn of(base: &SuiteReport, project: &Project, named: &[String], lands: bool) -> Self {
        let is_lowered = project.settings.test_seconds < asked_seconds(project);
        Self::sort(base, is_lowered, named, lands)
    }

    fn sort(base: &SuiteReport, is_lowered: bool, named: &[String], lands: bool) -> Self {
        let failing = verdict::failing(base);
        if !named.is_empty() {
            let targets = failing.into_iter().filter(|id| named.contains(id)).collect();
            return Self { targets, unsure: Vec::new() };
        }
        let (unsure, targets): (Vec<String>, Vec<String>) =
            failing.into_iter().partition(|id| is_lowered && was_stopped(base, id));
        if targets.is_empty() && !lands {
            return Self { targets: unsure.clone(), unsure };
        }
        Self { targets, unsure }
    }
}

/// Whether the limit on one test's time ended this one, or the collection of this file.
fn was_stopped(base: &SuiteReport, id: &str) -> bool {
    let of_test = format!(" ({id})");
    let of_file = format!(" ({id}, while it was collected)");
    let stopped = |limit: &String| {
        limit.starts_with("time: one test") && (limit.ends_with(&of_test) || limit.ends_with(&of_file))
    };
    base.limits.iter().any(stopped)
}

/// That some tests are no targets, and how they become some; or that they are, and may be only slow.
pub fn unsure_note(Targets { targets, unsure }: &Targets, project: &Project) -> Option<String> {
    let (first, more) = (unsure.first()?, unsure.len() - 1);
    let names = unsure.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let names = if unsure.len() > SHOWN { format!("{names} and {} more", unsure.len() - SHOWN) } else { names };
    let (part, asked) = (project.settings.test_seconds, asked_seconds(project));
    let (was, it, is) =
        if more == 0 { ("was", "it", "it is no target") } else { ("were", "they", "they are no targets") };
    if targets.contains(first) {
        return Some(format!(
            "{names} {was} stopped after {part} s, the part of --time-limit that one test has, and {was} taken for a test that \
             never ends; if {it} only slow, give a --time-limit of {} s",
            asked.saturating_mul(TEST_PART),
            it = if more == 0 { "it is" } else { "they are" },
        ));
    }
    Some(format!(
        "{names} {was} stopped after {part} s, the part of --time-limit that one test has; with the {asked} s of \
         test_seconds {it} might have ended, so {is}; to repair such a test, name it (--test {first}), or give a \
         --time-limit of {} s",
        asked.saturating_mul(TEST_PART)
    ))
}

/// The targets that fail whenever they are run; the others are named.
pub fn without_unsteady(
    context: &Context,
    targets: Vec<String>,
    result: &SearchResult,
    notes: &mut Vec<String>,
) -> Vec<String> {
    for id in &result.unsteady {
        let note =
            format!("{id} failed, and passed when it was run again with nothing changed: it is flaky, no target");
        landing::print_wrapped(context, &note);
        notes.push(note);
    }
    targets.into_iter().filter(|id| !result.unsteady.contains(id)).collect()
}

/// Prints the targets, each with its place and what it said.
pub fn print(context: &Context, base: &SuiteReport, targets: &[String]) {
    let terminal = &context.terminal;
    for id in targets.iter().take(SHOWN) {
        let Some(test) = base.tests.iter().find(|test| test.id == *id) else { continue };
        let word = if test.outcome == Outcome::Error { "error " } else { "failed" };
        for (at, line) in terminal.out.id(id, "        ").iter().enumerate() {
            let word = terminal.out.paint(Style::Red, word);
            terminal.say(&if at == 0 { format!("{word}  {}", line.trim_start()) } else { line.clone() });
        }
        if let Some(place) = &test.location {
            terminal
                .out
                .id(&format!("{}:{}", place.path, place.line), "        ")
                .iter()
                .for_each(|line| terminal.say(line));
        }
        for line in terminal::wrap(test.message.as_deref().unwrap_or_default(), "        ", COLUMNS).iter().take(6) {
            terminal.say(line);
        }
    }
    if targets.len() > SHOWN {
        terminal.say(&format!("and {} more", targets.len() - SHOWN));
    }
}

#[cfg(test)]
mod tests {
    use airlock_core::report::TestReport;

    use super::*;

    fn failed(id: &str) -> TestReport {
        TestReport {
            id: id.to_owned(),
            outcome: Outcome::Failed,
            time_ms: 1.0,
            message: None,
            exception: None,
            detail: None,
            reason: None,
            fingerprint: None,
            location: None,
            coverage: None,
            notes: Vec::new(),
            collection: false,
        }
    }

    #[test]
    fn who_was_stopped_by_a_lowered_limit_is_a_target_only_where_it_is_named() {
        let ids = |of: &[&str]| -> Vec<String> { of.iter().map(|id| (*id).to_owned()).collect() };
        let base = SuiteReport {
            tests: ["t.py::wrong", "t.py::slow", "slow.py"].map(failed).into(),
            limits: ids(&[
                "time: one test ran for 15 s (t.py::slow)",
                "time: one test ran for 15 s (slow.py, while it was collected)",
                "memory: the guest asked for more than 64 MiB (t.py::wrong)",
            ]),
            ..SuiteReport::default()
        };
        let lowered = Targets::sort(&base, true, &[], false);
        assert_eq!(lowered, Targets { targets: ids(&["t.py::wrong"]), unsure: ids(&["t.py::slow", "slow.py"]) });
        let own = Targets::sort(&base, false, &[], false);
        assert_eq!(own, Targets { targets: ids(&["t.py::wrong", "t.py::slow", "slow.py"]), unsure: vec![] });
        let named = Targets::sort(&base, true, &ids(&["t.py::slow"]), true);
        assert_eq!(named, Targets { targets: ids(&["t.py::slow"]), unsure: vec![] });
        // Where nothing else fails it is most likely a test that never ends.
        let alone = SuiteReport { tests: vec![failed("t.py::slow")], ..base };
        let seen = Targets::sort(&alone, true, &[], false);
        assert_eq!(seen, Targets { targets: ids(&["t.py::slow"]), unsure: ids(&["t.py::slow"]) });
        let unseen = Targets::sort(&alone, true, &[], true);
        assert_eq!(unseen, Targets { targets: vec![], unsure: ids(&["t.py::slow"]) });
    }
}
