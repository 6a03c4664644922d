//! A session told: its events as lines that one likes to read.

use airlock_core::report::Counts;
use airlock_core::session::{BaseJudged, ChangedFile, Cursor, Event, Judged, Outcome, Settlement};
use airlock_core::verdict::Decision;
use airlock_store::{Listed, Stored};

/// Ids and paths listed in one step; the rest is counted.
const LISTED: usize = 8;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds since 1970.
    pub at: i64,
    pub text: String,
    pub details: Vec<String>,
}

/// How a session stands, in a word of the documents.
pub fn state(listed: &Listed, is_live: bool) -> &'static str {
    match &listed.summary {
        None => "unreadable",
        Some(_) if is_live => "running",
        Some(summary) if summary.unsettled => "unsettled",
        Some(summary) if summary.status.is_none() => "interrupted",
        Some(summary) if summary.open => "stopped",
        Some(_) => "ended",
    }
}

/// The call as it was typed, in the words of a shell.
pub fn call(arguments: &[String]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-:+=@%,".contains(letter);
    let quoted = arguments.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    std::iter::once("airlock".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

/// The steps of a session, in order. Batches of one search are one step.
pub fn tell(events: &[Stored]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut search: Option<Search> = None;
    for stored in events {
        if let Event::Tried(tried) = &stored.event {
            let search = search.get_or_insert_with(|| Search { at: stored.at, ..Search::default() });
            search.batches += 1;
            for result in &tried.results {
                match result.outcome {
                    Outcome::Screened(_) => search.screened += 1,
                    Outcome::Confirmed(_) => search.confirmed += 1,
                }
            }
            search.cursor = tried.cursor.clone().or(search.cursor.take());
            continue;
        }
        steps.extend(search.take().map(Search::tell));
        steps.push(step(stored));
    }
    steps.extend(search.map(Search::tell));
    steps
}

#[derive(Default)]
struct Search {
    at: i64,
    batches: u64,
    screened: u64,
    confirmed: u64,
    cursor: Option<Cursor>,
}

impl Search {
    fn tell(self) -> Step {
        let mut text = format!("tried {}", plural(self.screened, "candidate"));
        if self.confirmed > 0 {
            text.push_str(&format!(", {} of them with the whole suite", self.confirmed));
        }
        let mut details = Vec::new();
        if let Some(cursor) = self.cursor {
            if cursor.groups > 1 {
                details.push(format!("cause {} of {}", cursor.group + 1, cursor.groups));
            }
            if let Some(best) = cursor.best {
                let word = if best.confirmed { "found" } else { "nearest" };
                details.push(format!("{word}: {}:{} ({})", best.path, best.line, best.why));
                details.push(format!("  {} of {} pass with it", best.passing, plural(best.targets, "test")));
            }
        }
        Step { at: self.at, text, details }
    }
}

fn step(stored: &Stored) -> Step {
    let (text, details) = match &stored.event {
        Event::Opened(opened) => (format!("asked: {}", call(&opened.arguments)), Vec::new()),
        Event::Resumed(_) => ("taken up again".to_owned(), Vec::new()),
        Event::BaseJudged(base) => base_judged(base),
        // Told together, above.
        Event::Tried(_) => (String::new(), Vec::new()),
        Event::Proposed(proposed) => {
            let reason = proposed.reason.lines().map(str::to_owned);
            (format!("proposed a change of {}", files(&proposed.files)), reason.collect())
        }
        Event::Judged(judged) => self::judged(judged),
        Event::ApplyIntended(intended) => (format!("began to write {}", files(&intended.files)), Vec::new()),
        Event::Applied(_) => ("wrote all of it".to_owned(), Vec::new()),
        Event::ApplyFailed(failed) => ("wrote nothing".to_owned(), vec![failed.reason.clone()]),
        Event::ApplySettled(settled) => match &settled.settlement {
            Settlement::Landed => ("found that all of it is written".to_owned(), Vec::new()),
            Settlement::NotLanded => ("found that nothing of it was written".to_owned(), Vec::new()),
            Settlement::Unclear(paths) => {
                let paths = paths.iter().map(ToString::to_string).collect::<Vec<_>>();
                ("found files that are neither as before nor as proposed; touched nothing".to_owned(), listed(&paths))
            }
        },
        Event::Ended(ended) => {
            let word = if ended.open { "stopped" } else { "ended" };
            (format!("{word}: {}", ended.status.as_str().replace('_', " ")), ended.reason.iter().cloned().collect())
        }
    };
    Step { at: stored.at, text, details }
}

fn base_judged(base: &BaseJudged) -> (String, Vec<String>) {
    let mut text = format!("ran the tests as they are: {}", counts(base.counts));
    let targets: Vec<String> = base.groups.iter().flat_map(|group| group.tests.clone()).collect();
    if !targets.is_empty() {
        text.push_str(&format!("; {} to repair", targets.len()));
        if base.groups.len() > 1 {
            text.push_str(&format!(", of {} causes", base.groups.len()));
        }
    }
    (text, listed(&targets))
}

fn judged(judged: &Judged) -> (String, Vec<String>) {
    let word = match judged.decision {
        Decision::Verified => "verified",
        Decision::NoRegression => "no regression",
        Decision::PartlyFixed => "partly fixed",
        Decision::NotFixed => "not fixed",
        Decision::Refused => "refused",
    };
    let mut text = format!("judged it: {word}; {}", counts(judged.after));
    if !judged.fixed.is_empty() {
        text.push_str(&format!("; {} repaired", judged.fixed.len()));
    }
    let mut details = judged.reasons.clone();
    details.extend(listed(&judged.broken).into_iter().map(|id| format!("breaks {id}")));
    (text, details)
}

fn counts(counts: Counts) -> String {
    let all = [
        (counts.passed, "passed"),
        (counts.failed, "failed"),
        (counts.error, "in error"),
        (counts.skipped, "skipped"),
        (counts.xfailed + counts.xpassed, "expected to fail"),
        (counts.not_testable, "not testable"),
    ];
    let some: Vec<String> =
        all.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    if some.is_empty() { "no test".to_owned() } else { some.join(", ") }
}

fn files(files: &[ChangedFile]) -> String {
    match files {
        [one] => one.path.to_string(),
        many => {
            let names: Vec<String> = many.iter().take(3).map(|file| file.path.to_string()).collect();
            let more = if many.len() > 3 { ", …" } else { "" };
            format!("{} files ({}{more})", many.len(), names.join(", "))
        }
    }
}

fn listed(all: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(LISTED).cloned().collect();
    if all.len() > LISTED {
        lines.push(format!("and {} more", all.len() - LISTED));
    }
    lines
}

fn plural(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use airlock_core::hash::ContentHash;
    use airlock_core::session::*;
    use airlock_core::status::Status;

    use super::*;

    fn stored(events: Vec<Event>) -> Vec<Stored> {
        (0_u64..).zip(events).map(|(number, event)| Stored { number, at: 1000 * number as i64, event }).collect()
    }

    #[test]
    fn a_session_reads_as_a_story() {
        let hash = ContentHash::of(b"");
        let state = Some(FileRef { hash, executable: false });
        let files = vec![ChangedFile { path: "src/money.py".parse().unwrap(), before: state, after: state }];
        let screened = |key: &[u8]| RunResult {
            key: ContentHash::of(key),
            outcome: Outcome::Screened(Screened { ran: true, passed: vec![], ended: RunEnd::Finished }),
        };
        let best = Best {
            path: "src/money.py".into(),
            line: 14,
            why: "adds 1".into(),
            passing: 1,
            targets: 2,
            confirmed: false,
        };
        let cursor = Cursor { group: 0, groups: 1, tried: 2, known: 9, best: Some(best) };
        let events = vec![
            Opened {
                task: Task::Fix,
                arguments: ["fix", "tests/a b.py", "--apply"].map(str::to_owned).into(),
                folder: String::new(),
                apply: true,
                partial: false,
                settings: [].into(),
                program: "0.1.0".into(),
                guest: "3.15".into(),
            }
            .into(),
            BaseJudged {
                base: hash,
                counts: Counts { passed: 41, failed: 2, ..Counts::default() },
                groups: vec![TargetGroup { fingerprint: None, tests: vec!["t.py::a".into(), "t.py::b".into()] }],
                python: "3.15.0".into(),
                runner: "9".into(),
            }
            .into(),
            Tried { results: vec![screened(b"1")], cursor: None }.into(),
            Tried { results: vec![screened(b"2")], cursor: Some(cursor) }.into(),
            Proposed { proposal: hash, reason: "It was too small.".into(), files: files.clone(), diff: hash }.into(),
            Judged {
                proposal: hash,
                decision: Decision::Verified,
                before: Counts::default(),
                after: Counts { passed: 43, ..Counts::default() },
                fixed: vec!["t.py::a".into(), "t.py::b".into()],
                still_failing: vec![],
                broken: vec![],
                reasons: vec![],
                command: "python -m pytest".into(),
                verdict: hash,
            }
            .into(),
            ApplyIntended { proposal: hash, files, allowed: vec![], partial: false }.into(),
            Applied { proposal: hash }.into(),
            Ended { status: Status::Verified, reason: None, open: false }.into(),
        ];
        let steps = tell(&stored(events));
        let lines: Vec<String> = steps
            .iter()
            .flat_map(|step| {
                std::iter::once(step.text.clone()).chain(step.details.iter().map(|line| format!("  {line}")))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "asked: airlock fix 'tests/a b.py' --apply",
                "ran the tests as they are: 41 passed, 2 failed; 2 to repair",
                "  t.py::a",
                "  t.py::b",
                "tried 2 candidates",
                "  nearest: src/money.py:14 (adds 1)",
                "    1 of 2 tests pass with it",
                "proposed a change of src/money.py",
                "  It was too small.",
                "judged it: verified; 43 passed; 2 repaired",
                "began to write src/money.py",
                "wrote all of it",
                "ended: verified",
            ]
        );
        assert_eq!(steps[2].at, 2000, "a search is told at its first batch");
    }
}
