//! The verdict: what the tests said on the base and with the proposal, and whether that lets the proposal through.
//!
//! [`judge`] is a pure function of two or three reports. The judged run has the proposal's code and the **base's** test
//! material (see [`crate::material`]). Where what lands is more than that (tests that the proposal brings, protected files
//! that were named), the tree as it lands is run as well: new tests are listed and never count as a repair, and nothing may
//! be worse there either. What each pair of outcomes means is one table (in this module's `table`). These alone keep a
//! proposal out: a test that is broken (a new one that fails among them), gone, newly skipped or newly not testable; a limit
//! that was hit with the proposal and not on the base; a protected file that nobody named; no test that passed.

mod compare;
mod reasons;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, RangeInclusive};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hash::ContentHash;
use crate::path::WorkspacePath;
use crate::proposal::Proposal;
use crate::protect::{Level, Protected};
use crate::report::{Counts, Outcome, SuiteReport};
use crate::status::Status;
use compare::{Side, compare_sides, is_collector};
use table::Before;

pub use compare::{Comparison, compare};

/// What becomes of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every target passes, nothing got worse.
    Verified,
    /// There was no target, nothing got worse.
    NoRegression,
    /// Every test of at least one group of targets passes, another does not; nothing got worse.
    PartlyFixed,
    /// No group of targets passes; nothing got worse.
    NotFixed,
    /// Kept out; the reasons say why.
    Refused,
}

impl Decision {
    /// The status of a command that ends with this decision.
    pub const fn status(self) -> Status {
        match self {
            Self::Verified => Status::Verified,
            Self::NoRegression => Status::NoRegression,
            Self::PartlyFixed => Status::PartlyFixed,
            Self::NotFixed => Status::NotFixed,
            Self::Refused => Status::Refused,
        }
    }
}

/// Changed lines of one file that no test ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncovered {
    /// The file.
    pub path: WorkspacePath,
    /// Lines of the new content, from 1, in order.
    pub lines: Vec<u32>,
}

/// What a verdict says; read through [`Verdict`], or as a session has kept it: by itself it lets nothing through. Lists of ids
/// are in order of the base's run, then the proposal's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Tests on the base.
    pub before: Counts,
    /// Tests with the proposal, without the added ones.
    pub after: Counts,
    /// Targets that failed on the base and pass with the proposal.
    pub fixed: Vec<String>,
    /// Targets that do not pass with the proposal.
    pub still_failing: Vec<String>,
    /// Every test that failed on the base.
    pub failing_before: Vec<String>,
    /// Not known to fail on the base, failing with the proposal; new tests of its own that fail too.
    pub broken: Vec<String>,
    /// On the base, not in the run with the proposal.
    pub gone: Vec<String>,
    /// Ran on the base, now skipped or made an expected failure.
    pub skipped: Vec<String>,
    /// Tests that the proposal brings.
    pub added: Vec<String>,
    /// Could not run with the proposal.
    pub not_testable: Vec<String>,
    /// Could not run with the proposal, and was not so on the base.
    pub newly_not_testable: Vec<String>,
    /// Changed lines that no test ran.
    pub uncovered: Vec<Uncovered>,
    /// Files of the proposal that land only where the user names them, and those that never do.
    pub protected: Vec<WorkspacePath>,
    /// Limits that were hit, on either side.
    pub limits: Vec<String>,
    /// What else the user should know.
    pub notes: Vec<String>,
    /// The command that was run.
    pub command: String,
    /// Whether the run was taken from the cache.
    pub reused: bool,
    /// What becomes of the proposal.
    pub decision: Decision,
    /// Why, in plain words; empty where everything is well.
    pub reasons: Vec<String>,
}

/// A verdict, bound to the proposal it was made for. Only [`judge`] makes one, and nothing changes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Verdict {
    findings: Findings,
    #[serde(skip)]
    proposal: ContentHash,
    /// The decision were every protected file named.
    #[serde(skip)]
    merit: Decision,
    /// Protected files that may land where they are named, and of those the ones that were not when it was judged.
    #[serde(skip)]
    by_name: Vec<WorkspacePath>,
    #[serde(skip)]
    needs_naming: Vec<WorkspacePath>,
    #[serde(skip)]
    forbidden: Vec<WorkspacePath>,
}

impl Deref for Verdict {
    type Target = Findings;

    fn deref(&self) -> &Findings {
        &self.findings
    }
}

impl Verdict {
    /// The [`Proposal::hash`] it was made for.
    pub fn proposal(&self) -> ContentHash {
        self.proposal
    }

    /// What it says.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether no test says anything, for it or against it: there is none that could run.
    pub fn says_nothing(&self) -> bool {
        let is_silent = |counts: Counts| counts.passed == 0 && counts.failing() == 0;
        let findings = &self.findings;
        // One reason: that no test passed. Each other one would be a further reason.
        self.merit == Decision::Refused
            && findings.reasons.len() == 1
            && is_silent(findings.before)
            && is_silent(findings.after)
            && findings.still_failing.is_empty()
    }

    /// The same verdict, told from the cache.
    pub fn into_reused(mut self) -> Self {
        self.findings.reused = true;
        self
    }

    /// The decision were every protected file named.
    pub fn merit(&self) -> Decision {
        self.merit
    }

    pub(crate) fn by_name(&self) -> &[WorkspacePath] {
        &self.by_name
    }

    pub(crate) fn needs_naming(&self) -> &[WorkspacePath] {
        &self.needs_naming
    }

    pub(crate) fn forbidden(&self) -> &[WorkspacePath] {
        &self.forbidden
    }
}

/// Changed lines of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedCode {
    /// Lines of the new content, from 1, in order.
    pub lines: Vec<u32>,
    /// All lines of the statement; it ran where one of them did, since interpreters report few of a statement's lines.
    pub statement: RangeInclusive<u32>,
}

impl ChangedCode {
    /// One line that stands for itself.
    pub fn line(line: u32) -> Self {
        Self { lines: vec![line], statement: line..=line }
    }
}

/// What a verdict is made of.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The proposal that was run.
    pub proposal: &'a Proposal,
    /// Ids of the tests it should make pass; none for a patch without a target.
    pub targets: &'a [String],
    /// The run on the base.
    pub base: &'a SuiteReport,
    /// The run with the proposal's code and the base's test material.
    pub after: &'a SuiteReport,
    /// The run of the tree as it lands, where that is not what was judged.
    pub landing: Option<&'a SuiteReport>,
    /// Changed code by file; `None` takes each of [`Proposal::changed_python_lines`] by itself.
    pub changed: Option<&'a BTreeMap<WorkspacePath, Vec<ChangedCode>>>,
    /// Folder of the project in the workspace, which the reports' paths are relative to; `None` for the workspace itself.
    pub root: Option<&'a WorkspacePath>,
    /// The proposal's protected files (see [`crate::material::Plan::protected`]).
    pub protected: &'a [Protected],
    /// Files that the user named.
    pub allowed: &'a [WorkspacePath],
    /// The command that was run, as the user would type it.
    pub command: &'a str,
}

/// The reports cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JudgeError {
    /// A report names a test twice, so it is not the harness's.
    #[error("the report of the run {side} names the test `{id}` twice, so it cannot be trusted")]
    DuplicateId {
        /// Which run.
        side: &'static str,
        /// The id.
        id: String,
    },
    /// The runs were made by different interpreters or runners.
    #[error("the two runs cannot be compared: {before} on the base, {after} with the proposal")]
    Versions {
        /// Versions on the base.
        before: String,
        /// Versions with the proposal.
        after: String,
    },
}

/// The ids of the tests that failed, in order: the targets where the user named none.
pub fn failing(report: &SuiteReport) -> Vec<String> {
    report.tests.iter().filter(|test| test.outcome.is_failure()).map(|test| test.id.clone()).collect()
}

/// Compares the runs and decides. Ids may come in any order; a report that names one twice is refused.
pub fn judge(evidence: &Evidence<'_>) -> Result<Verdict, JudgeError> {
    let base = Side::new(evidence.base, "on the base")?;
    let after = Side::new(evidence.after, "with the proposal")?;
    let versions = |report: &SuiteReport| format!("Python {} and pytest {}", report.python, report.runner);
    let (before_versions, after_versions) = (versions(evidence.base), versions(evidence.after));
    if before_versions != after_versions {
        return Err(JudgeError::Versions { before: before_versions, after: after_versions });
    }

    let mut compared = compare_sides(&base, &after);
    if let Some(landing) = evidence.landing {
        let side = Side::new(landing, "of the tree as it lands")?;
        let landed = versions(landing);
        if before_versions != landed {
            return Err(JudgeError::Versions { before: before_versions, after: landed });
        }
        add_landing(evidence, &base, &compare_sides(&base, &side), &mut compared);
    }
    let improved: BTreeSet<String> = compared.fixed.into_iter().collect();
    let mut findings = Findings {
        before: Counts::of(evidence.base),
        after: Counts::of(evidence.after),
        fixed: Vec::new(),
        still_failing: Vec::new(),
        failing_before: failing(evidence.base),
        broken: compared.broken,
        gone: compared.gone,
        skipped: compared.skipped,
        added: compared.added,
        not_testable: compared.not_testable,
        newly_not_testable: compared.newly_not_testable,
        uncovered: Vec::new(),
        protected: evidence.protected.iter().map(|protected| protected.path.clone()).collect(),
        limits: joined(&evidence.base.limits, &reasons::limits(evidence)),
        notes: Vec::new(),
        command: evidence.command.to_owned(),
        reused: false,
        decision: Decision::Refused,
        reasons: Vec::new(),
    };
    findings.uncovered = uncovered(evidence, &mut findings.notes);
    findings.notes.push(format!("run with {after_versions}"));
    for note in joined(&evidence.base.notes, &evidence.after.notes) {
        findings.notes.push(note);
    }

    let targets = divide_targets(evidence.targets, &base, &after, &improved, &mut findings);
    let of_level = |level| {
        let protected = evidence.protected.iter().filter(move |protected| protected.level == level);
        protected.map(|protected| protected.path.clone()).collect::<Vec<_>>()
    };
    let (by_name, forbidden) = (of_level(Level::Named), of_level(Level::Never));
    let needs_naming: Vec<_> = by_name.iter().filter(|path| !evidence.allowed.contains(path)).cloned().collect();

    let kept_out = reasons::of_tests(&findings, &reasons::new_limits(evidence));
    let merit = match () {
        () if !kept_out.is_empty() || !forbidden.is_empty() => Decision::Refused,
        () if targets.count == 0 && targets.unjudged.is_empty() => Decision::NoRegression,
        () if findings.still_failing.is_empty() && targets.unjudged.is_empty() => Decision::Verified,
        () if targets.some_group_fixed => Decision::PartlyFixed,
        () => Decision::NotFixed,
    };
    findings.reasons = kept_out;
    findings.reasons.extend(reasons::of_protected(evidence.protected, &needs_naming));
    findings.reasons.extend(reasons::of_targets(&findings, &targets.unjudged));
    findings.decision = if needs_naming.is_empty() { merit } else { Decision::Refused };
    Ok(Verdict { findings, proposal: evidence.proposal.hash(), merit, by_name, needs_naming, forbidden })
}

struct Targets<'a> {
    /// Targets that failed on the base.
    count: usize,
    /// Targets that did not fail on the base and do not pass with the proposal.
    unjudged: Vec<&'a str>,
    some_group_fixed: bool,
}

/// Divides the targets that failed on the base into fixed and still failing. A target that did not fail is told in a note:
/// that it passes is no merit of the proposal.
fn divide_targets<'a>(
    targets: &'a [String],
    base: &Side<'_>,
    after: &Side<'_>,
    improved: &BTreeSet<String>,
    findings: &mut Findings,
) -> Targets<'a> {
    let mut groups: BTreeMap<&str, bool> = BTreeMap::new();
    let mut unjudged = Vec::new();
    let mut passed_before = Vec::new();
    let mut seen = BTreeSet::new();
    for target in targets.iter().filter(|target| seen.insert(target.as_str())) {
        let before = base.before(target);
        let failed = match before {
            Before::Was(outcome) => outcome.is_failure(),
            Before::Uncollected => true,
            Before::Unreported | Before::Absent => false,
        };
        if failed {
            let fixed = improved.contains(target);
            let list = if fixed { &mut findings.fixed } else { &mut findings.still_failing };
            list.push(target.clone());
            // Without a fingerprint a test is a group of its own.
            let fingerprint = base.tests.get(target.as_str()).and_then(|test| test.fingerprint.as_deref());
            *groups.entry(fingerprint.unwrap_or(target)).or_insert(true) &= fixed;
        } else if before == Before::Was(Outcome::Passed) {
            // Where it does not pass any more it is in one of the lists that keep the proposal out.
            passed_before.push(target.clone());
        } else if after.outcome(target) == Some(Outcome::Passed) && matches!(before, Before::Was(Outcome::Xpassed)) {
            passed_before.push(target.clone());
        } else {
            unjudged.push(target.as_str());
        }
    }
    if !passed_before.is_empty() {
        findings.notes.push(format!("{} passed on the base already", reasons::named(&passed_before, "target")));
    }
    let others = improved.iter().map(String::as_str).filter(|id| !seen.contains(*id));
    // What only stands for a target, its file, is no test of its own.
    let others: Vec<_> = others.filter(|id| base.tests.get(id).is_some_and(|test| !is_collector(test))).collect();
    if !others.is_empty() {
        findings.notes.push(format!("passing now, though no target: {}", reasons::named(&others, "test")));
    }
    Targets { count: groups.len(), unjudged, some_group_fixed: groups.values().any(|fixed| *fixed) }
}

/// Adds what the run of the tree as it lands says. A test that is not there any more, or skips itself, because its own file
/// is changed, is the user's decision, who names that file.
fn add_landing(evidence: &Evidence<'_>, base: &Side<'_>, landing: &Comparison, compared: &mut Comparison) {
    let changed: BTreeSet<&str> = evidence
        .protected
        .iter()
        .map(|protected| {
            let path = &protected.path;
            evidence.root.and_then(|root| path.strip_prefix(root)).unwrap_or(path.as_str())
        })
        .collect();
    let own_file = |id: &&String| changed.contains(id.split("::").next().unwrap_or(id));
    let add = |list: &mut Vec<String>, from: &mut dyn Iterator<Item = &String>| {
        for id in from {
            if !list.contains(id) {
                list.push(id.clone());
            }
        }
    };
    let new = |id: &&String| base.before(id) == Before::Absent && base.beneath(id).next().is_none();
    add(&mut compared.broken, &mut landing.broken.iter());
    add(&mut compared.added, &mut landing.added.iter().chain(&landing.broken).filter(new));
    add(&mut compared.gone, &mut landing.gone.iter().filter(|id| !own_file(id)));
    add(&mut compared.skipped, &mut landing.skipped.iter().filter(|id| !own_file(id)));
    // A new test that cannot run here is told among the added ones, and speaks neither way.
    let not_testable = landing.newly_not_testable.iter().filter(|id| !own_file(id));
    add(&mut compared.newly_not_testable, &mut not_testable.clone().filter(|id| !new(id)));
    add(&mut compared.added, &mut not_testable.filter(new));
    compared.fixed.retain(|id| !landing.still_failing.contains(id));
}

fn uncovered(evidence: &Evidence<'_>, notes: &mut Vec<String>) -> Vec<Uncovered> {
    let own: BTreeMap<_, _>;
    let changed = match evidence.changed {
        Some(changed) => changed,
        None => {
            let lines = evidence.proposal.changed_python_lines().into_iter();
            own = lines.map(|(path, lines)| (path, lines.into_iter().map(ChangedCode::line).collect())).collect();
            &own
        }
    };
    let reports = [Some(evidence.after), evidence.landing];
    let tests = || reports.into_iter().flatten().flat_map(|report| &report.tests);
    if tests().all(|test| test.coverage.is_none()) {
        if !changed.is_empty() {
            notes.push("which changed lines the tests ran was not measured".to_owned());
        }
        return Vec::new();
    }
    let mut ran: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (path, lines) in tests().filter_map(|test| test.coverage.as_ref()).flatten() {
        ran.entry(path).or_default().extend(lines);
    }
    for (path, lines) in reports.into_iter().flatten().flat_map(|report| &report.imported) {
        ran.entry(path).or_default().extend(lines);
    }
    let mut found = Vec::new();
    for (path, code) in changed {
        let relative = evidence.root.and_then(|root| path.strip_prefix(root)).unwrap_or(path.as_str());
        let ran = ran.get(relative);
        let did_run = |code: &&ChangedCode| ran.is_some_and(|ran| ran.range(code.statement.clone()).next().is_some());
        let lines: BTreeSet<u32> =
            code.iter().filter(|code| !did_run(code)).flat_map(|code| code.lines.iter().copied()).collect();
        if !lines.is_empty() {
            found.push(Uncovered { path: path.clone(), lines: lines.into_iter().collect() });
        }
    }
    found
}

/// Both lists, each text once, in order.
fn joined(first: &[String], second: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    first.iter().chain(second).filter(|text| seen.insert(text.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests;
