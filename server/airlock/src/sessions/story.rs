//! A session told: its events as lines that one likes to read.

use airlock_core::report::Counts;
use airlock_core::session::{BaseJudged, ChangedFile, Cursor, Event, Judged, Outcome, Settlement, Tried};
use airlock_core::verdict::Decision;
use airlock_store::{Listed, Stored};

use super::time;

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
        Some(summary) if summary.waits => "waiting",
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
    let words = quoted.collect::<Vec<_>>().join(" ");
    // An editor's command, which the command line does not have.
    let between = if arguments.first().is_some_and(|word| word == "undo") { '.' } else { ' ' };
    format!("airlock{between}{words}")
}

/// The steps of a session, in order. Batches of one search are one step.
pub fn tell(events: &[Stored]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut search: Option<Search> = None;
    let (mut runs, mut base) = (0, None);
    for stored in events {
        if let Event::Tried(tried) = &stored.event {
            let search = search.get_or_insert_with(|| Search { from: stored.at, ..Search::default() });
            search.add(stored.at, tried);
            runs += tried.results.len() as u64;
            continue;
        }
        let has_found = matches!(stored.event, Event::Proposed(_));
        steps.extend(search.take().map(|search| search.tell(has_found)));
        let (text, details) = match &stored.event {
            Event::Resumed(_) if runs > 0 => {
                let were = if runs == 1 { "was" } else { "were" };
                (format!("taken up again; {} {were} known", plural(runs, "finished run")), Vec::new())
            }
            // Whoever takes it up looks at the base again; told twice it would hide what is new.
            Event::BaseJudged(judged) if base.as_ref().is_some_and(|was| is_same(was, judged)) => {
                ("the tests are as they were".to_owned(), Vec::new())
            }
            event => step(event),
        };
        if let Event::BaseJudged(judged) = &stored.event {
            base = Some(judged.clone());
        }
        steps.push(Step { at: stored.at, text, details });
    }
    steps.extend(search.map(|search| search.tell(false)));
    steps
}

fn is_same(was: &BaseJudged, now: &BaseJudged) -> bool {
    was.base == now.base && was.counts == now.counts && was.groups == now.groups
}

#[derive(Default)]
struct Search {
    from: i64,
    until: i64,
    screened: u64,
    confirmed: u64,
    cursor: Option<Cursor>,
}

impl Search {
    fn add(&mut self, at: i64, tried: &Tried) {
        self.until = at;
        for result in &tried.results {
            match result.outcome {
                Outcome::Screened(_) => self.screened += 1,
                Outcome::Confirmed(_) => self.confirmed += 1,
            }
        }
        self.cursor = tried.cursor.clone().or(self.cursor.take());
    }

    /// `has_found`: a proposal came of it; where it stood says no more then.
    fn tell(self, has_found: bool) -> Step {
        // Not of candidates: one run may be of the targets with nothing changed, to see whether they are steady.
        let mut text = format!("searched: {} of the failing tests", plural(self.screened, "run"));
        if self.confirmed > 0 {
            text.push_str(&format!(", {} of the whole suite", self.confirmed));
        }
        text.push_str(&format!(", in {}", time::length(self.until - self.from)));
        let mut details = Vec::new();
        if let Some(cursor) = self.cursor {
            if !has_found {
                let cause = if cursor.groups > 1 {
                    format!("cause {} of {}, ", cursor.group + 1, cursor.groups)
                } else {
                    String::new()
                };
                details.push(format!("came to {cause}{} of {} tried", cursor.tried, plural(cursor.known, "edit")));
            }
            if let Some(best) = cursor.best {
                let word = if best.confirmed { "found" } else { "nearest" };
                let place = format!("{}:{}", best.path, best.line);
                // Most explanations name the place themselves.
                let what = if best.why.contains(&best.path) { best.why } else { format!("{place} ({})", best.why) };
                details.push(format!("{word}: {what}"));
                let is_open = best.passing == best.targets && !best.confirmed;
                let doubt = if is_open { ", unconfirmed by the whole suite" } else { "" };
                details.push(format!("  {} of {} pass with it{doubt}", best.passing, plural(best.targets, "test")));
            }
        }
        Step { at: self.from, text, details }
    }
}

fn step(event: &Event) -> (String, Vec<String>) {
    match event {
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
        Event::ApprovalAsked(asked) => ("asked whether it may land".to_owned(), vec![line(&asked.why)]),
        Event::Approved(_) => ("the user said that it may land".to_owned(), Vec::new()),
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
        Event::Started(started) => {
            (format!("told the task to {} at {}", line(&started.model), started.host), Vec::new())
        }
        Event::Replied(replied) => {
            let what = match replied.calls.as_slice() {
                [] => "the model replied".to_owned(),
                calls => format!("the model called {}", line(&calls.join(", "))),
            };
            (format!("{what} ({} tokens in, {} out)", replied.usage.input, replied.usage.output), Vec::new())
        }
        Event::Called(called) => {
            let failed = if called.is_error { ", which failed" } else { "" };
            let changed: Vec<String> = called.changed.iter().map(|path| format!("changed {path}")).collect();
            (format!("carried out {}{failed}", line(&called.tool)), listed(&changed))
        }
        Event::Steered(steered) => (line(&steered.text), Vec::new()),
        Event::Ended(ended) => {
            let word = if ended.open { "stopped" } else { "ended" };
            (format!("{word}: {}", ended.status.as_str().replace('_', " ")), ended.reason.iter().cloned().collect())
        }
    }
}

/// A text of a model's as one short line.
fn line(text: &str) -> String {
    airlock_core::text::one_line(text, 200)
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

    fn opened(arguments: &[&str]) -> Event {
        Opened {
            task: Task::Fix,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            folder: String::new(),
            apply: true,
            partial: false,
            settings: [].into(),
            program: "0.1.0".into(),
            guest: "3.15".into(),
        }
        .into()
    }

    fn base() -> Event {
        BaseJudged {
            base: ContentHash::of(b""),
            counts: Counts { passed: 41, failed: 2, ..Counts::default() },
            groups: vec![TargetGroup { fingerprint: None, tests: vec!["t.py::a".into(), "t.py::b".into()] }],
            python: "3.15.0".into(),
            runner: "9".into(),
            files: None,
        }
        .into()
    }

    fn screened(key: &[u8]) -> RunResult {
        let outcome = Outcome::Screened(Screened { ran: true, passed: vec![], ended: RunEnd::Finished });
        RunResult { key: ContentHash::of(key), outcome }
    }

    fn lines(events: Vec<Event>) -> Vec<String> {
        let lines =
            |step: Step| std::iter::once(step.text).chain(step.details.into_iter().map(|line| format!("  {line}")));
        tell(&stored(events)).into_iter().flat_map(lines).collect()
    }

    #[test]
    fn what_is_taken_up_again_tells_what_was_known_and_no_base_twice() {
        let best = |passing, confirmed| Best {
            path: "a.py".into(),
            line: 3,
            why: "`1` on line 3 of a.py should be `2`".into(),
            passing,
            targets: 2,
            confirmed,
        };
        let tried = |key: &[u8], best| {
            let cursor = Cursor { group: 0, groups: 2, tried: 32, known: 900, best: Some(best) };
            Event::from(Tried { results: vec![screened(key)], cursor: Some(cursor) })
        };
        let again = Event::from(Resumed { program: "0.1.0".into() });
        let ended = |open| Event::from(Ended { status: Status::NotFixed, reason: None, open });
        let events = vec![
            opened(&["fix"]),
            base(),
            tried(b"1", best(1, false)),
            again.clone(),
            base(),
            tried(b"2", best(2, false)),
            ended(true),
            again,
            base(),
            ended(false),
        ];
        assert_eq!(
            lines(events),
            [
                "asked: airlock fix",
                "ran the tests as they are: 41 passed, 2 failed; 2 to repair",
                "  t.py::a",
                "  t.py::b",
                "searched: 1 run of the failing tests, in 0.0 s",
                "  came to cause 1 of 2, 32 of 900 edits tried",
                "  nearest: `1` on line 3 of a.py should be `2`",
                "    1 of 2 tests pass with it",
                "taken up again; 1 finished run was known",
                "the tests are as they were",
                "searched: 1 run of the failing tests, in 0.0 s",
                "  came to cause 1 of 2, 32 of 900 edits tried",
                "  nearest: `1` on line 3 of a.py should be `2`",
                "    2 of 2 tests pass with it, unconfirmed by the whole suite",
                "stopped: not fixed",
                "taken up again; 2 finished runs were known",
                "the tests are as they were",
                "ended: not fixed",
            ]
        );
    }

    #[test]
    fn a_session_reads_as_a_story() {
        let hash = ContentHash::of(b"");
        let state = Some(FileRef { hash, executable: false });
        let files = vec![ChangedFile { path: "src/money.py".parse().unwrap(), before: state, after: state }];
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
            opened(&["fix", "tests/a b.py", "--apply"]),
            base(),
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
        assert_eq!(tell(&stored(events.clone()))[2].at, 2000, "a search is told at its first batch");
        assert_eq!(
            lines(events),
            [
                "asked: airlock fix 'tests/a b.py' --apply",
                "ran the tests as they are: 41 passed, 2 failed; 2 to repair",
                "  t.py::a",
                "  t.py::b",
                "searched: 2 runs of the failing tests, in 1.0 s",
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
    }
}
