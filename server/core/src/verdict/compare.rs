//! Two runs of a suite beside each other: what each test's pair of outcomes means, by the one table of this module's parent.

use std::collections::{BTreeMap, BTreeSet};

use super::JudgeError;
use super::table::{Before, Effect, effect};
use crate::report::{Outcome, SuiteReport, TestReport};

/// One run's tests by id.
pub(super) struct Side<'a> {
    report: &'a SuiteReport,
    pub(super) tests: BTreeMap<&'a str, &'a TestReport>,
    pub(super) unreported: BTreeSet<&'a str>,
}

impl<'a> Side<'a> {
    pub(super) fn new(report: &'a SuiteReport, side: &'static str) -> Result<Self, JudgeError> {
        let mut tests = BTreeMap::new();
        for test in &report.tests {
            if tests.insert(test.id.as_str(), test).is_some() {
                return Err(JudgeError::DuplicateId { side, id: test.id.clone() });
            }
        }
        let unreported = report.unreported.iter().map(String::as_str).collect();
        Ok(Self { report, tests, unreported })
    }

    pub(super) fn outcome(&self, id: &str) -> Option<Outcome> {
        self.tests.get(id).map(|test| test.outcome)
    }

    /// The tests whose file, class or folder this id is.
    pub(super) fn beneath(&self, id: &'a str) -> impl Iterator<Item = &'a TestReport> + '_ {
        self.tests
            .range(id..)
            .take_while(move |(other, _)| other.starts_with(id))
            .filter(move |(other, _)| {
                let rest = &other[id.len()..];
                rest.starts_with("::") || rest.starts_with('/')
            })
            .map(|(_, test)| *test)
    }

    /// The outcome of the nearest file, class or folder this test lies in: there is one where that could not be collected.
    fn collector(&self, id: &str) -> Option<Outcome> {
        let ends = id.match_indices("::").chain(id.match_indices('/')).map(|(at, _)| at);
        let found = ends.filter_map(|end| self.tests.get_key_value(&id[..end]));
        let nearest = found.filter(|(_, test)| is_collector(test)).max_by_key(|(id, _)| id.len());
        nearest.map(|(_, test)| test.outcome)
    }

    /// What is known of a test of the base.
    pub(super) fn before(&self, id: &str) -> Before {
        if let Some(outcome) = self.outcome(id) {
            return Before::Was(outcome);
        }
        if self.unreported.contains(id) {
            return Before::Unreported;
        }
        match self.collector(id) {
            Some(outcome) if outcome.is_failure() => Before::Uncollected,
            Some(outcome @ (Outcome::Skipped | Outcome::NotTestable)) => Before::Was(outcome),
            _ => Before::Absent,
        }
    }
}

/// Whether a report stands for a file, class or folder, not for a test: only then can others lie beneath it. Were any report
/// taken so, a test could be replaced by one whose id continues its own.
pub(super) fn is_collector(test: &TestReport) -> bool {
    test.collection || !test.id.contains("::")
}

/// What the tests of two runs say beside each other, target or not. Lists of ids are in order of the base's run, then the
/// other's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Failed on the base, pass now.
    pub fixed: Vec<String>,
    /// Failed on the base, fail now.
    pub still_failing: Vec<String>,
    /// Not known to fail on the base, failing now.
    pub broken: Vec<String>,
    /// On the base, not there now.
    pub gone: Vec<String>,
    /// Ran on the base, now skipped or made an expected failure.
    pub skipped: Vec<String>,
    /// Not on the base.
    pub added: Vec<String>,
    /// Cannot run now.
    pub not_testable: Vec<String>,
    /// Cannot run now, and was not so on the base.
    pub newly_not_testable: Vec<String>,
}

/// Compares two runs by the table of outcomes, without targets and without deciding anything.
///
/// # Errors
/// A report that names a test twice.
pub fn compare(base: &SuiteReport, after: &SuiteReport) -> Result<Comparison, JudgeError> {
    Ok(compare_sides(&Side::new(base, "on the base")?, &Side::new(after, "with the proposal")?))
}

/// See [`compare`].
pub(super) fn compare_sides(base: &Side<'_>, after: &Side<'_>) -> Comparison {
    let only_after = after.report.tests.iter().filter(|test| !base.tests.contains_key(test.id.as_str()));
    let mut lists = Comparison::default();
    for test in base.report.tests.iter().chain(only_after) {
        let id = test.id.as_str();
        let outcome = after.outcome(id);
        let found = match base.before(id) {
            // A file that could not be collected and now can be: its tests stand for it.
            Before::Was(before) if outcome.is_none() && is_collector(test) && after.beneath(id).next().is_some() => {
                let passes = after.beneath(id).any(|test| test.outcome == Outcome::Passed);
                let fails = after.beneath(id).any(|test| test.outcome.is_failure());
                match (before.is_failure(), passes && !fails) {
                    (false, _) => Effect::Nothing,
                    (true, true) => Effect::Fixed,
                    (true, false) => Effect::StillFailing,
                }
            }
            // A file whose tests were collected and now is one report: skipped or refused as a whole.
            Before::Absent if outcome == Some(Outcome::Skipped) && base.beneath(id).next().is_some() => Effect::Skipped,
            before => effect(before, outcome),
        };
        let list = match found {
            Effect::Broken => Some(&mut lists.broken),
            Effect::Gone => Some(&mut lists.gone),
            Effect::Skipped => Some(&mut lists.skipped),
            Effect::NewlyNotTestable => Some(&mut lists.newly_not_testable),
            Effect::Added => Some(&mut lists.added),
            Effect::Fixed => Some(&mut lists.fixed),
            Effect::StillFailing => Some(&mut lists.still_failing),
            Effect::Nothing => None,
        };
        if let Some(list) = list {
            list.push(id.to_owned());
        }
        if outcome == Some(Outcome::NotTestable) {
            lists.not_testable.push(id.to_owned());
        }
    }
    let vanished =
        base.unreported.iter().filter(|id| !after.unreported.contains(*id) && !after.tests.contains_key(*id));
    lists.gone.extend(vanished.map(|id| (*id).to_owned()));
    lists
}
