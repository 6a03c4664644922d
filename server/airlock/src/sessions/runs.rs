//! Runs of the whole suite that may be used again, by later calls too: a verdict is a function of what its run read.
//!
//! A run is found by a key (everything but files: program, guest, settings, tests) and holds for as long as all it read,
//! looked for and listed is what it was, and the overlay of now gives it nothing else than its own did. The report is kept
//! as a verdict needs it: without the long tracebacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_agent::outward::Outward;
use airlock_core::hash::ContentHash;
use airlock_core::overlay::{Change, Overlay};
use airlock_core::path::WorkspacePath;
use airlock_core::report::{Location, Outcome, Reason, SuiteReport, TestReport};
use airlock_sandbox::suite::{Ready, Spec, Suite};
use airlock_sandbox::vfs::{Source, Trace};
use airlock_sandbox::worker::source::FIRST_REMOTE;
use airlock_store::Store;
use serde::{Deserialize, Serialize};

use super::PROGRAM;
use crate::agent::model::keys_of_environment;
use crate::judge::entries;

/// Raised when what follows changes: older ones are passed over.
const FORMAT: u8 = 1;

/// The kept runs of one project with its settings.
pub struct Runs {
    store: Store,
    /// Of runs on the base, which are few and worth most, and of those with something laid over it.
    base: ContentHash,
    changed: ContentHash,
    source: Arc<dyn Source>,
    outward: Outward,
}

/// One file that an overlay gave a run, by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Given {
    Content([u8; 32], Option<bool>),
    Deleted,
}

impl Given {
    fn of(change: &Change) -> Self {
        match change {
            Change::Write { bytes, executable } => Self::Content(*ContentHash::of(bytes).as_bytes(), *executable),
            Change::Delete => Self::Deleted,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Run {
    format: u8,
    trace: Trace,
    overlay: BTreeMap<WorkspacePath, Given>,
    report: Report,
}

/// A report with what its JSON leaves out, coverage above all.
#[derive(Serialize, Deserialize)]
struct Report {
    tests: Vec<Test>,
    notes: Vec<String>,
    limits: Vec<String>,
    unreported: Vec<String>,
    imported: BTreeMap<String, Vec<u32>>,
    python: String,
    runner: String,
}

#[derive(Serialize, Deserialize)]
struct Test {
    id: String,
    outcome: Outcome,
    time_ms: f64,
    message: Option<String>,
    exception: Option<String>,
    reason: Option<Reason>,
    fingerprint: Option<String>,
    location: Option<Location>,
    coverage: Option<BTreeMap<String, Vec<u32>>>,
    notes: Vec<String>,
    collection: bool,
}

impl Runs {
    /// `source` is what the project's guests see; `guest` names the guest with its harness.
    pub fn new(store: Store, suite: &Suite<'_>, guest: [u8; 32], source: Arc<dyn Source>) -> Self {
        let [base, changed] = [b"base".as_slice(), b"changed"].map(|of| key(suite.spec(), guest, of));
        Self { store, base, changed, source, outward: Outward::new(keys_of_environment()) }
    }

    fn key(&self, overlay: &Overlay) -> ContentHash {
        if overlay.is_empty() { self.base } else { self.changed }
    }

    /// A run that would come out the same with this overlay over the project as it is.
    pub fn find(&self, suite: &Suite<'_>, overlay: &Overlay) -> Option<(Trace, Arc<SuiteReport>)> {
        // A database that fails gives nothing, which costs a run.
        let kept = self.store.reports(self.key(overlay)).ok()?;
        let given: BTreeMap<&WorkspacePath, Given> =
            overlay.iter().map(|(path, change)| (path, Given::of(change))).collect();
        for number in kept {
            let Ok(Some(body)) = self.store.report(number) else { continue };
            let Ok(run) = postcard::from_bytes::<Run>(&body) else { continue };
            if run.format != FORMAT || run.trace.incomplete {
                continue;
            }
            // What an overlay gave a run leaves no trace, so all of it has to be given now too.
            if !run.overlay.iter().all(|(path, was)| given.get(path) == Some(was)) {
                continue;
            }
            let mut besides = overlay.clone();
            run.overlay.keys().for_each(|path| drop(besides.reset(path)));
            if Ready::trace_touches(&run.trace, &entries(&besides), &suite.mounts()) {
                continue;
            }
            let mut outside = run.trace.clone();
            outside.mounts.retain(|mount, _| *mount >= FIRST_REMOTE);
            if outside.holds(&*self.source) {
                let _ = self.store.report_used(number);
                return Some((run.trace, Arc::new(report_of(run.report))));
            }
        }
        None
    }

    /// Keeps a run.
    pub fn keep(&self, trace: &Trace, overlay: &Overlay, report: &SuiteReport) {
        if trace.incomplete {
            return;
        }
        let given = overlay.iter().map(|(path, change)| (path.clone(), Given::of(change))).collect();
        let run = Run { format: FORMAT, trace: trace.clone(), overlay: given, report: kept(report, &self.outward) };
        if let Ok(body) = postcard::to_stdvec(&run) {
            // One that is not kept costs a run later.
            let _ = self.store.keep_report(self.key(overlay), body);
        }
    }
}

/// Everything besides files that a run's result depends on.
fn key(spec: &Spec, guest: [u8; 32], of: &[u8]) -> ContentHash {
    // Where the guest and its images lie on this machine decides nothing.
    let spec = Spec { guest: Default::default(), images: None, ..spec.clone() };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&guest).update(of).update(b"\0").update(PROGRAM.as_bytes()).update(b"\0");
    hasher.update(format!("{spec:?}").as_bytes());
    ContentHash::from_bytes(hasher.finalize().into())
}

fn kept(report: &SuiteReport, outward: &Outward) -> Report {
    let clean = |text: &String| outward.redacted(text).into_owned();
    let all = |texts: &[String]| texts.iter().map(clean).collect();
    let test = |test: &TestReport| Test {
        id: test.id.clone(),
        outcome: test.outcome,
        time_ms: test.time_ms,
        message: test.message.as_ref().map(clean),
        exception: test.exception.clone(),
        reason: test.reason.as_ref().map(|of| Reason { kind: of.kind.clone(), detail: clean(&of.detail) }),
        fingerprint: test.fingerprint.clone(),
        location: test.location.clone(),
        coverage: test.coverage.clone(),
        notes: all(&test.notes),
        collection: test.collection,
    };
    Report {
        tests: report.tests.iter().map(test).collect(),
        notes: all(&report.notes),
        limits: report.limits.clone(),
        unreported: report.unreported.clone(),
        imported: report.imported.clone(),
        python: report.python.clone(),
        runner: report.runner.clone(),
    }
}

fn report_of(report: Report) -> SuiteReport {
    let test = |test: Test| TestReport {
        id: test.id,
        outcome: test.outcome,
        time_ms: test.time_ms,
        message: test.message,
        exception: test.exception,
        detail: None,
        reason: test.reason,
        fingerprint: test.fingerprint,
        location: test.location,
        coverage: test.coverage,
        notes: test.notes,
        collection: test.collection,
    };
    SuiteReport {
        tests: report.tests.into_iter().map(test).collect(),
        notes: report.notes,
        limits: report.limits,
        unreported: report.unreported,
        imported: report.imported,
        python: report.python,
        runner: report.runner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_back_with_all_that_a_verdict_and_a_search_need() {
        let report = SuiteReport {
            tests: vec![TestReport {
                id: "t.py::test".into(),
                outcome: Outcome::Failed,
                time_ms: 1.5,
                message: Some("assert 1 == 2".into()),
                exception: Some("AssertionError".into()),
                detail: None,
                reason: Some(Reason { kind: "socket".into(), detail: "connect".into() }),
                fingerprint: Some("f".into()),
                location: Some(Location { path: "t.py".into(), line: 3 }),
                coverage: Some([("a.py".to_owned(), vec![1, 2])].into()),
                notes: vec!["n".into()],
                collection: true,
            }],
            notes: vec!["note".into()],
            limits: vec!["limit".into()],
            unreported: vec!["t.py::other".into()],
            imported: [("a.py".to_owned(), vec![1])].into(),
            python: "3.15.0".into(),
            runner: "9.0.2".into(),
        };
        let run = Run {
            format: FORMAT,
            trace: Trace::default(),
            overlay: [].into(),
            report: kept(&report, &Outward::default()),
        };
        let body = postcard::to_stdvec(&run).unwrap();
        let run: Run = postcard::from_bytes(&body).unwrap();
        assert_eq!(report_of(run.report), report);
    }
}
