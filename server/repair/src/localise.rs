//! Where the fault may be: statements ranked by the tests that run them.
//!
//! Spectrum-based fault localisation with the Ochiai coefficient (Abreu, Zoeteweij and van Gemund, "On the accuracy of
//! spectrum-based fault localization", TAICPART-MUTATION 2007): a line run by `ef` of `F` failing and `ep` passing
//! tests scores `ef / √(F · (ef + ep))`. A statement takes its best line. Two things are added to it: the places the
//! failures' tracebacks name, and code that ran at import, which no test's coverage shows, by the names it binds; where no
//! test runs a line of a file at all (one of constants), what ran in it at import is all there is to go by.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use airlock_core::report::{Outcome, SuiteReport, TestReport};

use crate::source::{NameKind, ScopeKind, Source, preorder};

/// Added for the innermost place of every failure's traceback; places further out get a half, a third, …
const TRACEBACK_BOOST: f64 = 0.3;
/// Share of a use's score that the module- or class-level statement binding the name gets.
const BINDING_SHARE: f64 = 0.6;
/// Share of the best score that other code run at import gets, in the files failing tests run.
const IMPORT_SHARE: f64 = 0.05;
/// Frames of a traceback that are looked at.
const MAX_FRAMES: usize = 64;

/// Gives files to look into, and where lines of the report are in them.
pub trait Files {
    /// None for what is not to be changed: test material, generated or vendored code, what cannot be parsed.
    fn source(&mut self, path: &str) -> Option<Arc<Source>>;

    /// Where a line of the report's text is now.
    fn line_now(&self, path: &str, line: u32) -> u32;
}

/// A statement and how suspicious it is.
#[derive(Clone, Debug)]
pub struct Suspect {
    pub source: Arc<Source>,
    /// Index into the source's statements.
    pub statement: usize,
    /// Above 0; larger is more suspicious. Only comparisons within one ranking mean anything.
    pub score: f64,
}

/// How many tests run a line.
#[derive(Clone, Copy, Default)]
struct Hits {
    failing: u32,
    passing: u32,
    /// The last test counted, from 1: a line that a test names twice counts once.
    last: usize,
}

type Lines<'r> = BTreeMap<&'r str, HashMap<u32, Hits>>;

/// The Ochiai coefficient, 0 to 1.
pub fn ochiai(failing_here: u32, passing_here: u32, failing_in_all: u32) -> f64 {
    let product = f64::from(failing_in_all) * (f64::from(failing_here) + f64::from(passing_here));
    if product == 0.0 { 0.0 } else { f64::from(failing_here) / product.sqrt() }
}

/// Ranks the statements that may be at fault for `targets`, most suspicious first, ties in the order of paths and
/// lines. Tests that fail but are no targets count neither way: they may have another cause.
pub fn rank(report: &SuiteReport, targets: &BTreeSet<&str>, files: &mut dyn Files) -> Vec<Suspect> {
    let failing: Vec<&TestReport> = report.tests.iter().filter(|test| targets.contains(test.id.as_str())).collect();
    let mut lines = Lines::new();
    for test in &failing {
        for (path, covered) in test.coverage.iter().flatten() {
            let file = lines.entry(path).or_default();
            for line in covered {
                file.entry(*line).or_default();
            }
        }
    }
    let mut with_coverage = 0;
    for (index, test) in report.tests.iter().enumerate() {
        if targets.contains(test.id.as_str()) {
            with_coverage += u32::from(test.coverage.is_some());
            count(index + 1, test, &mut lines, |hits| hits.failing += 1);
        } else if test.outcome == Outcome::Passed {
            count(index + 1, test, &mut lines, |hits| hits.passing += 1);
        }
    }
    let mut boosts: BTreeMap<String, BTreeMap<u32, f64>> = BTreeMap::new();
    for test in &failing {
        for (distance, (path, line)) in frames(test).into_iter().enumerate() {
            let boost = TRACEBACK_BOOST / (distance + 1) as f64 / failing.len() as f64;
            *boosts.entry(path).or_default().entry(line).or_default() += boost;
        }
    }
    let covered = lines.keys().map(|path| (*path).to_owned());
    let paths: BTreeSet<String> =
        covered.chain(boosts.keys().cloned()).chain(report.imported.keys().cloned()).collect();
    let mut suspects = Vec::new();
    for path in paths {
        let Some(source) = files.source(&path) else {
            continue;
        };
        let mut by_line: BTreeMap<u32, f64> = BTreeMap::new();
        for (line, hits) in lines.get(path.as_str()).into_iter().flatten() {
            let score = ochiai(hits.failing, hits.passing, with_coverage);
            let now = by_line.entry(files.line_now(&path, *line)).or_default();
            *now = now.max(score);
        }
        for (line, boost) in boosts.get(&path).into_iter().flatten() {
            *by_line.entry(files.line_now(&path, *line)).or_default() += boost;
        }
        let only_imported = by_line.is_empty();
        for line in report.imported.get(&path).into_iter().flatten().filter(|_| only_imported) {
            by_line.insert(files.line_now(&path, *line), IMPORT_SHARE);
        }
        rank_file(&source, &by_line, &mut suspects);
    }
    // Stable: paths and statements are in order already.
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score));
    suspects
}

/// Counts a test on the lines that failing tests run; others cannot be suspicious. With thousands of tests this is where
/// the time goes.
fn count(number: usize, test: &TestReport, lines: &mut Lines<'_>, mut add: impl FnMut(&mut Hits)) {
    for (path, covered) in test.coverage.iter().flatten() {
        let Some(file) = lines.get_mut(path.as_str()) else {
            continue;
        };
        for line in covered {
            if let Some(hits) = file.get_mut(line).filter(|hits| hits.last != number) {
                hits.last = number;
                add(hits);
            }
        }
    }
}

/// The statements of one file, with what ran at import.
fn rank_file(source: &Arc<Source>, by_line: &BTreeMap<u32, f64>, out: &mut Vec<Suspect>) {
    let mut scores: Vec<f64> = source
        .statements()
        .iter()
        .map(|statement| by_line.range(statement.lines.clone()).map(|(_, score)| *score).fold(0.0, f64::max))
        .collect();
    let best = scores.iter().copied().fold(0.0, f64::max);
    let used = names_used(source, &scores);
    let mut by_scope: BTreeMap<usize, f64> = BTreeMap::new();
    for (statement, score) in source.statements().iter().zip(&scores) {
        let entry = by_scope.entry(statement.scope).or_default();
        *entry = entry.max(*score);
    }
    for (index, statement) in source.statements().iter().enumerate() {
        if !statement.at_import || scores[index] > 0.0 {
            continue;
        }
        let bound = source.scopes()[statement.scope]
            .names
            .iter()
            .filter(|name| name.kind == NameKind::Global && statement.range.contains(&name.at))
            .filter_map(|name| used.get(name.text.as_str()))
            .copied()
            .fold(0.0, f64::max);
        // The defaults of a function are evaluated where it is defined.
        let defaults = if statement.kind == "function_definition" {
            body_scope(source, statement).map_or(0.0, |scope| by_scope.get(&scope).copied().unwrap_or(0.0))
        } else {
            0.0
        };
        scores[index] = (bound.max(defaults) * BINDING_SHARE).max(best * IMPORT_SHARE);
    }
    for (statement, score) in scores.into_iter().enumerate() {
        if score > 0.0 {
            out.push(Suspect { source: source.clone(), statement, score });
        }
    }
}

/// The best score of a statement that reads each name, as a variable or as an attribute.
fn names_used<'s>(source: &'s Source, scores: &[f64]) -> BTreeMap<&'s str, f64> {
    // Statements by where they begin; each identifier belongs to the last one that began before it.
    let starts: Vec<usize> = source.statements().iter().map(|s| s.range.start).collect();
    let mut used: BTreeMap<&str, f64> = BTreeMap::new();
    preorder(source.root(), |node| {
        if node.kind() == "identifier" {
            let after = starts.partition_point(|start| *start <= node.start_byte());
            let score = after.checked_sub(1).map_or(0.0, |index| scores[index]);
            if score > 0.0 {
                let entry = used.entry(&source.text()[node.byte_range()]).or_default();
                *entry = entry.max(score);
            }
        }
        true
    });
    used
}

/// The scope of the function whose header this is.
fn body_scope(source: &Source, header: &crate::source::Statement) -> Option<usize> {
    source
        .statements()
        .iter()
        .find(|statement| {
            statement.range.start >= header.range.end
                && statement.range.end <= header.whole.end
                && source.scopes()[statement.scope].kind == ScopeKind::Function
                && source.scopes()[statement.scope].parent == Some(header.scope)
        })
        .map(|statement| statement.scope)
}

/// Places a failure names, innermost first: its own location, then the traceback's lines `path.py:12: …`.
fn frames(test: &TestReport) -> Vec<(String, u32)> {
    let mut found: Vec<(String, u32)> = Vec::new();
    let mut push = |path: &str, line: u32| {
        if found.len() < MAX_FRAMES && !found.iter().any(|frame| frame.0 == path && frame.1 == line) {
            found.push((path.to_owned(), line));
        }
    };
    if let Some(location) = &test.location {
        push(&location.path, location.line);
    }
    let detail = test.detail.as_deref().unwrap_or("");
    for text in detail.lines().rev() {
        let Some((path, rest)) = text.trim().split_once(".py:") else {
            continue;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(line) = digits.parse()
            && !path.contains(char::is_whitespace)
        {
            push(&format!("{path}.py"), line);
        }
    }
    found
}

#[cfg(test)]
mod tests;
