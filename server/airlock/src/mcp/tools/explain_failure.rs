//! `explain_failure`: all there is to know of one failure.

use std::collections::BTreeMap;

use airlock_core::report::{Outcome, TestReport};
use airlock_core::status::ErrorCode;
use airlock_core::text::one_line;
use airlock_sandbox::suite::Options;
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, check_arguments, check_words, project_root};
use crate::cli::ids;
use crate::cli::places::Places;
use crate::failure::Failure;
use crate::fingerprints;
use crate::mcp::answer::{self, word};
use crate::mcp::call::Call;

/// Letters of a message and of a traceback, whose end says most; files whose lines are told, and letters of their lines.
const MESSAGE: usize = 1_500;
const TRACEBACK: usize = 3_000;
const FILES: usize = 12;
const LINES: usize = 300;

pub struct ExplainFailure;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub struct Input {
    /// The fingerprint of a failure that check_tree told of.
    #[serde(default)]
    #[schemars(length(max = 200))]
    fingerprint: Option<String>,
    /// The id of a failing test, in place of a fingerprint.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    test: Option<String>,
    /// A folder or file of the project, absolute or relative to the workspace; the workspace itself where none is given.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct Answer {
    test: String,
    /// `failed`, `error`, or what else it came to this time.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<String>,
    /// The message, with the values that pytest shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// File and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// The end of the traceback.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceback: Option<String>,
    /// Lines that the test runs, by file, as `3-5,9`.
    runs: BTreeMap<String, String>,
    /// Files whose lines are not told.
    more_files: u32,
}

impl Tool for ExplainFailure {
    type Input = Input;
    type Answer = Answer;
    const NAME: &'static str = "explain_failure";
    const TITLE: &'static str = "Explain a failure";
    const DESCRIPTION: &'static str = "Runs one failing test again in the sandbox and tells of it: the message with its values, \
        the place, the end of the traceback, and which lines of which files the test runs. Name the failure by the fingerprint \
        that check_tree gave, or the test by its id. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;

    fn check(input: &Input) -> Result<(), String> {
        match (&input.fingerprint, &input.test) {
            (None, None) => Err("it needs `fingerprint` or `test`".to_owned()),
            (Some(_), Some(_)) => Err("it takes `fingerprint` or `test`, and not both".to_owned()),
            (named, test) if named.as_ref().or(test.as_ref()).is_some_and(String::is_empty) => {
                Err("`fingerprint` or `test` is empty".to_owned())
            }
            (named, test) => {
                let words: Vec<String> = named.iter().chain(test).cloned().collect();
                check_words(input.path.as_ref(), &words)
            }
        }
    }

    fn run(call: &Call, input: Input) -> Result<Answer, Failure> {
        let known =
            input.fingerprint.as_deref().and_then(|name| call.memory.find(name, |root| call.folders.hold(root)));
        let (root, test) = match (known, input.test) {
            (Some(known), _) => (known.root, known.test),
            (None, Some(test)) => (project_root(call, input.path.as_deref())?, test),
            (None, None) => {
                let name = one_line(input.fingerprint.as_deref().unwrap_or_default(), 100);
                let message = format!("no failure {name} was told of since this server was started");
                return Err(Failure::error(ErrorCode::TestNotFound, message)
                    .hint("call check_tree, whose failures have fingerprints, or name the test"));
            }
        };
        let context = call.context(root, vec!["check".to_owned()]);
        let arguments = check_arguments(Vec::new());
        let project = context.project(&[], &arguments.project, arguments.project.settings.flags()?)?;
        let bench = context.bench(&project, &arguments.project)?;
        let suite = bench.suite(&project, project.found.pytest_args(), &context.cancelled)?;
        let ready = ids::collect(&context, &bench, &project, &suite)?;
        let only = ids::resolve(std::slice::from_ref(&test), &ready.collected)?;
        let options = Options { only: Some(only), coverage: Some(vec![project.guest_root()]), ..Options::default() };
        let ran = context.run(&suite, &ready, &[], &options).map_err(|error| context.told(error))?;
        let mut report = ran.report;
        crate::hidden::explain(&mut report, &project);
        fingerprints::fill(&mut report, &project, &ready.collected);
        Places::of(&project).tell(&mut report.tests);
        let failed = report.tests.iter().position(|test| test.outcome.is_failure()).unwrap_or(0);
        if failed >= report.tests.len() {
            return Err(Failure::error(ErrorCode::TestNotFound, format!("{} did not run", word(&test))));
        }
        Ok(of(report.tests.swap_remove(failed)))
    }

    fn words(answer: &Answer) -> String {
        let mut lines = vec![format!("{}: {}", answer.test, answer.outcome)];
        lines.extend(answer.place.iter().map(|place| format!("at {place}")));
        lines.extend(answer.message.clone());
        lines.extend(answer.traceback.clone());
        if !answer.runs.is_empty() {
            lines.push("it runs:".to_owned());
        }
        lines.extend(answer.runs.iter().map(|(path, lines)| format!("  {path}: {lines}")));
        lines.join("\n")
    }
}

fn of(test: TestReport) -> Answer {
    let outcome = match test.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "error",
        Outcome::Skipped => "skipped",
        Outcome::Xfailed => "xfailed",
        Outcome::Xpassed => "xpassed",
        Outcome::NotTestable => "not_testable",
    };
    let coverage = test.coverage.unwrap_or_default();
    // The project's own code first: a test's file is long, and known.
    let mut files: Vec<(&String, &Vec<u32>)> = coverage.iter().filter(|(_, lines)| !lines.is_empty()).collect();
    let own = test.id.split("::").next().unwrap_or_default();
    files.sort_by_key(|(path, _)| (path.as_str() == own, (*path).clone()));
    let more = files.len().saturating_sub(FILES);
    let reason = test.reason.map(|reason| format!("{}: {}", reason.kind, reason.detail));
    Answer {
        test: word(&test.id),
        outcome: outcome.to_owned(),
        fingerprint: test.fingerprint,
        exception: test.exception.map(|name| word(&name)),
        message: reason.or(test.message).map(|text| first(&text, MESSAGE)),
        place: test.location.map(|place| format!("{}:{}", word(&place.path), place.line)),
        traceback: test.detail.map(|text| last(&text, TRACEBACK)),
        runs: files
            .into_iter()
            .take(FILES)
            .map(|(path, lines)| (word(path), one_line(&ranges(lines), LINES)))
            .collect(),
        more_files: answer::count(more),
    }
}

/// Lines in short: `3-5,9`.
fn ranges(lines: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            _ => parts.push((*line, *line)),
        }
    }
    let part = |(start, end): &(u32, u32)| if start == end { start.to_string() } else { format!("{start}-{end}") };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

fn first(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn last(text: &str, most: usize) -> String {
    let letters = text.chars().count();
    if letters <= most {
        return text.to_owned();
    }
    format!("…{}", text.chars().skip(letters - most).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_in_short_and_texts_are_cut() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[3, 4, 5, 9, 11, 12]), "3-5,9,11-12");
        assert_eq!(ranges(&[u32::MAX - 1, u32::MAX]), format!("{}-{}", u32::MAX - 1, u32::MAX));
        assert_eq!((first("abc", 2), first("ab", 2)), ("ab…".to_owned(), "ab".to_owned()));
        assert_eq!((last("abc", 2), last("ab", 2)), ("…bc".to_owned(), "ab".to_owned()));
    }
}
