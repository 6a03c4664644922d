//! Where the fault may be: statements ranked by the tests that run them.
//!
//! Spectrum-based fault localisation: lines are scored by how many failing and passing tests run them, with several
//! formulas combined (`formulas`). A statement takes its best line. What coverage cannot tell is added: the places that
//! the failures' tracebacks name (`frames`); how far a function is from the failure, by calls (`distance`), which
//! is all there is where every test fails; and code that ran at import, which no test's coverage shows, by the names it
//! binds; where no test runs a line of a file at all (one of constants), what ran in it at import is all there is to go by.

mod distance;
mod formulas;
mod frames;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use airlock_core::report::{Outcome, SuiteReport, TestReport};

pub use formulas::suspiciousness;

use crate::source::{NameKind, ScopeKind, Source, preorder};
use distance::Distances;
use formulas::Spectrum;

/// Added for the innermost place of every failure's traceback; places further out get a half, a third, …
const TRACEBACK_BOOST: f64 = 0.3;
/// Share of a use's score that the module- or class-level statement binding the name gets.
const BINDING_SHARE: f64 = 0.6;
/// Share of the best score that other code run at import gets, in the files failing tests run.
const IMPORT_SHARE: f64 = 0.05;

/// Gives files to look into, and where lines of the report are in them.
pub trait Files {
    /// None for what is not to be changed: test material, generated or vendored code, what cannot be parsed.
    fn source(&mut self, path: &str) -> Option<Arc<Source>>;

    /// A test file, to read what it calls.
    fn test_source(&mut self, path: &str) -> Option<Arc<Source>>;

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
    /// Passing tests run it too, as far as is known.
    pub passing: bool,
    /// A failure's traceback names its function.
    pub in_traceback: bool,
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

/// What is known of one line.
#[derive(Clone, Copy, Default)]
struct Known {
    score: f64,
    passing: bool,
    in_traceback: bool,
}

/// Ranks the statements that may be at fault for `targets`, most suspicious first, ties in the order of paths and
/// lines. Tests that fail but are no targets count neither way: they may have another cause. Those of `mended`, failing
/// in the report, pass with what was changed since.
pub fn rank(
    report: &SuiteReport,
    targets: &BTreeSet<&str>,
    mended: &BTreeSet<&str>,
    files: &mut dyn Files,
) -> Vec<Suspect> {
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
    let mut spectrum = Spectrum::default();
    for (index, test) in report.tests.iter().enumerate() {
        if targets.contains(test.id.as_str()) {
            spectrum.failing += u32::from(test.coverage.is_some());
            count(index + 1, test, &mut lines, |hits| hits.failing += 1);
        } else if test.outcome == Outcome::Passed || mended.contains(test.id.as_str()) {
            spectrum.passing += u32::from(test.coverage.is_some());
            count(index + 1, test, &mut lines, |hits| hits.passing += 1);
        }
    }
    let mut boosts: BTreeMap<String, BTreeMap<u32, f64>> = BTreeMap::new();
    for test in &failing {
        for (distance, (path, line)) in frames::of(test).into_iter().enumerate() {
            let boost = TRACEBACK_BOOST / (distance + 1) as f64 / failing.len() as f64;
            *boosts.entry(path).or_default().entry(line).or_default() += boost;
        }
    }
    let covered = lines.keys().map(|path| (*path).to_owned());
    let paths: BTreeSet<String> =
        covered.chain(boosts.keys().cloned()).chain(report.imported.keys().cloned()).collect();
    let mut uncovered = true;
    let mut found: Vec<(Arc<Source>, BTreeMap<u32, Known>)> = Vec::new();
    for path in paths {
        let Some(source) = files.source(&path) else {
            continue;
        };
        let mut by_line: BTreeMap<u32, Known> = BTreeMap::new();
        for (line, hits) in lines.get(path.as_str()).into_iter().flatten() {
            let now = by_line.entry(files.line_now(&path, *line)).or_default();
            now.score = now.score.max(suspiciousness(hits.failing, hits.passing, spectrum));
            now.passing |= hits.passing > 0;
            uncovered &= hits.passing == 0;
        }
        for (line, boost) in boosts.get(&path).into_iter().flatten() {
            let now = by_line.entry(files.line_now(&path, *line)).or_default();
            now.score += boost;
            now.in_traceback = true;
        }
        let only_imported = by_line.is_empty();
        for line in report.imported.get(&path).into_iter().flatten().filter(|_| only_imported) {
            let known = Known { score: IMPORT_SHARE, passing: true, in_traceback: false };
            by_line.insert(files.line_now(&path, *line), known);
        }
        found.push((source, by_line));
    }
    let named: Vec<(Arc<Source>, BTreeSet<u32>)> = found
        .iter()
        .map(|(source, lines)| {
            (source.clone(), lines.iter().filter(|(_, known)| known.in_traceback).map(|(line, _)| *line).collect())
        })
        .collect();
    let distances = Distances::measure(&named, &failing, files);
    let mut suspects = Vec::new();
    for (source, by_line) in &found {
        rank_file(source, by_line, &distances, uncovered, &mut suspects);
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
fn rank_file(
    source: &Arc<Source>,
    by_line: &BTreeMap<u32, Known>,
    distances: &Distances,
    uncovered: bool,
    out: &mut Vec<Suspect>,
) {
    let statements = source.statements();
    let mut in_traceback: BTreeSet<usize> = BTreeSet::new();
    let mut known: Vec<Known> = statements
        .iter()
        .map(|statement| {
            let mut all = Known::default();
            for (_, line) in by_line.range(statement.lines.clone()) {
                all.score = all.score.max(line.score);
                all.passing |= line.passing;
                all.in_traceback |= line.in_traceback;
            }
            if all.in_traceback {
                in_traceback.insert(statement.scope);
            }
            all.score *= distances.factor(source.path(), statement.scope, uncovered);
            all
        })
        .collect();
    let best = known.iter().map(|known| known.score).fold(0.0, f64::max);
    let scores: Vec<f64> = known.iter().map(|known| known.score).collect();
    let used = names_used(source, &scores);
    let mut by_scope: BTreeMap<usize, f64> = BTreeMap::new();
    for (statement, score) in statements.iter().zip(&scores) {
        let entry = by_scope.entry(statement.scope).or_default();
        *entry = entry.max(*score);
    }
    let bodies = body_scopes(source);
    let mut names: Vec<BTreeMap<usize, &str>> = Vec::new();
    for scope in source.scopes() {
        names
            .push(scope.names.iter().filter(|n| n.kind == NameKind::Global).map(|n| (n.at, n.text.as_str())).collect());
    }
    for (index, statement) in statements.iter().enumerate() {
        let header = statement.kind == "function_definition";
        if known[index].score > 0.0 || !(statement.at_import || header) {
            continue;
        }
        let bound = names[statement.scope]
            .range(statement.range.clone())
            .filter_map(|(_, name)| used.get(name))
            .copied()
            .fold(0.0, f64::max);
        // The defaults of a function are evaluated where it is defined.
        let defaults = if header {
            let scope = bodies.get(&statement.whole.start);
            scope.and_then(|scope| by_scope.get(scope)).copied().unwrap_or(0.0)
        } else {
            0.0
        };
        let floor = if statement.at_import { best * IMPORT_SHARE } else { 0.0 };
        known[index].score = (bound.max(defaults) * BINDING_SHARE).max(floor);
        // Every test that imports the module runs it.
        known[index].passing = true;
    }
    for (statement, known) in known.into_iter().enumerate() {
        if known.score > 0.0 {
            out.push(Suspect {
                source: source.clone(),
                statement,
                score: known.score,
                passing: known.passing,
                in_traceback: in_traceback.contains(&statements[statement].scope),
            });
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

/// Functions by where they begin.
fn body_scopes(source: &Source) -> HashMap<usize, usize> {
    let functions = source.scopes().iter().enumerate().filter(|(_, scope)| scope.kind == ScopeKind::Function);
    functions.map(|(index, scope)| (scope.range.start, index)).collect()
}

#[cfg(test)]
mod tests;
