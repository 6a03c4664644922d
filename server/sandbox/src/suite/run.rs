//! Running collected tests: one after the other in one fork, and past whatever a single test does to its guest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use airlock_core::report::{SuiteReport, TestReport};
use serde_json::json;

use super::reports::{add_limits, collection_report, stopped_report, test_report};
use super::{Ready, Suite, SuiteError};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::vfs::Trace;
use crate::worker::client::WorkerError;
use crate::worker::protocol::{Build, Done, Failure, Freeze, Job, OverlayEntry};

/// Failures run again alone because a limit was met in their guest: more are a suite that fails anyway.
const MOST_SUSPECTS: usize = 64;

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only these ids; `None`: all that were collected.
    pub only: Option<Vec<String>>,
    /// Record the lines each test runs, in files below these guest paths.
    pub coverage: Option<Vec<String>>,
    /// Stop after the first test that fails: for candidates that must pass them all.
    pub stop_at_failure: bool,
}

/// Told as the run goes on.
#[derive(Debug)]
pub enum Progress<'a> {
    Started {
        id: &'a str,
    },
    /// A test needs compiled parts of the guest that are made now, once, for a minute or two.
    CompilingWhole {
        id: &'a str,
    },
    Finished {
        test: &'a TestReport,
        done: usize,
        total: usize,
    },
}

/// What a run came to, with what it depended on.
#[derive(Debug)]
pub struct Ran {
    pub report: SuiteReport,
    /// What the runs saw beyond what the image had seen.
    pub trace: Trace,
    /// A limit of wall time decided something: such a result is never kept.
    pub by_wall_time: bool,
}

/// What is known so far.
struct State {
    tests: Vec<TestReport>,
    index: HashMap<String, usize>,
    after_refusal: Vec<String>,
    limits: Vec<String>,
    trace: Trace,
    by_wall_time: bool,
}

impl State {
    /// Every failure so far is to be run again alone, up to a bound.
    fn suspect_failures(&mut self) {
        let failed = self.tests.iter().filter(|test| test.outcome.is_failure() && !test.collection);
        for id in failed.map(|test| test.id.clone()).take(MOST_SUSPECTS) {
            if !self.after_refusal.contains(&id) {
                self.after_refusal.push(id);
            }
        }
    }

    fn record(&mut self, report: TestReport) {
        match self.index.get(&report.id) {
            Some(at) => self.tests[*at] = report,
            None => {
                self.index.insert(report.id.clone(), self.tests.len());
                self.tests.push(report);
            }
        }
    }
}

/// What one fork did.
struct Fork {
    done: Done,
    /// The test that had started and not reported.
    open: Option<(String, Instant)>,
    finished: Option<String>,
    broken: Option<String>,
}

impl Suite<'_> {
    /// Runs tests of a collected project with `overlay` laid over it.
    ///
    /// # Errors
    /// [`SuiteError`] where nothing could be run; what tests do is in the report.
    pub fn run(
        &self,
        ready: &Ready,
        overlay: &[OverlayEntry],
        options: &Options,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Ran, SuiteError> {
        let wanted: Option<HashSet<&str>> = options.only.as_ref().map(|only| only.iter().map(String::as_str).collect());
        let mut left: Vec<String> = ready
            .collected
            .items
            .iter()
            .map(|item| &item.id)
            .filter(|id| wanted.as_ref().is_none_or(|wanted| wanted.contains(id.as_str())))
            .cloned()
            .collect();
        let total = left.len();
        let mut state = State {
            tests: Vec::with_capacity(total),
            index: HashMap::new(),
            after_refusal: Vec::new(),
            limits: Vec::new(),
            trace: Trace::default(),
            by_wall_time: false,
        };
        for error in &ready.collected.errors {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(error.id.as_str())) {
                state.record(collection_report(error));
            }
        }
        let mut unreported = Vec::new();
        let mut whole = false;
        let mut again = None;
        while !left.is_empty() {
            let current = again.as_ref().unwrap_or(ready);
            let fork = match self.fork(current, overlay, &left, options, &mut state, progress, total, whole) {
                // Another process cleaned up, or the disk lost it. Only what had no overlay is ever on disk.
                Err(SuiteError::Worker(WorkerError::Failed(Failure::Image { path, .. }))) if again.is_none() => {
                    self.store.discard(&path);
                    again = Some(self.collect(&[])?);
                    continue;
                }
                other => other?,
            };
            if let Some(broken) = fork.broken {
                return Err(SuiteError::Harness(broken));
            }
            state.trace.merge(&fork.done.trace);
            let before = left.len();
            left.retain(|id| !state.index.contains_key(id));
            let failed = state.tests.last().is_some_and(|test| test.outcome.is_failure());
            if options.stop_at_failure && failed {
                break;
            }
            match &fork.done.ending {
                Ending::Returned(_) => {
                    add_limits(&mut state.limits, &fork.done.limits, None);
                    // Who used up the guest's memory or files left less to those after it: each failure counts only if
                    // it comes again alone.
                    if !fork.done.limits.is_empty() {
                        state.suspect_failures();
                    }
                    if let Some(message) = fork.finished.filter(|message| !message.is_empty()) {
                        state.limits.push(format!("the run was interrupted: {message}"));
                    }
                    unreported.append(&mut left);
                }
                // An exit before the last report takes the rest with it, as it would natively.
                Ending::Exited(code) => {
                    let who = fork.open.map_or_else(String::new, |(id, _)| format!(" in {id}"));
                    state.limits.push(format!("the interpreter was ended with code {code}{who}"));
                    unreported.append(&mut left);
                }
                Ending::Stopped | Ending::OutOfWork | Ending::Trapped { .. } => {
                    let Some((id, started)) = fork.open else {
                        if left.len() == before {
                            return Err(self.harness_error(&fork.done, &[]));
                        }
                        continue;
                    };
                    if matches!(fork.done.ending, Ending::Trapped { removed: true, .. }) && !whole {
                        // The run is thrown away, and what is left runs on the whole module, from the same image.
                        progress(Progress::CompilingWhole { id: &id });
                        self.compile(Build { whole: true, counted: false })?;
                        whole = true;
                        continue;
                    }
                    add_limits(&mut state.limits, &fork.done.limits, Some(&id));
                    let whole = fork.done.limits.iter().any(|limit| limit.starts_with("time: the run"));
                    state.by_wall_time |= fork.done.ending == Ending::Stopped;
                    let report = stopped_report(&id, started, &fork.done);
                    progress(Progress::Finished { test: &report, done: state.tests.len() + 1, total });
                    state.record(report);
                    left.retain(|other| *other != id);
                    if whole {
                        unreported.append(&mut left);
                    }
                }
            }
        }
        self.run_again_alone(again.as_ref().unwrap_or(ready), overlay, options, &mut state, progress)?;
        let collected = &ready.collected;
        // Reports come in the order they ran; the suite's own order is that of collection.
        let order: HashMap<&str, usize> =
            collected.items.iter().enumerate().map(|(at, item)| (item.id.as_str(), at)).collect();
        state.tests.sort_by_key(|test| order.get(test.id.as_str()).copied().unwrap_or(usize::MAX));
        let mut notes = collected.notes.clone();
        if !collected.ignored_options.is_empty() {
            notes.push(format!("options ignored here: {}", collected.ignored_options.join(" ")));
        }
        Ok(Ran {
            report: SuiteReport {
                tests: state.tests,
                notes,
                limits: state.limits,
                unreported,
                imported: if options.coverage.is_some() { collected.imported.clone() } else { BTreeMap::new() },
                python: collected.python.clone(),
                runner: collected.pytest.clone(),
            },
            trace: state.trace,
            by_wall_time: state.by_wall_time,
        })
    }

    /// A failure that follows a refused call may be its leftover: it counts only if the test fails alone too.
    fn run_again_alone(
        &self,
        ready: &Ready,
        overlay: &[OverlayEntry],
        options: &Options,
        state: &mut State,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SuiteError> {
        let mut whole = false;
        for id in std::mem::take(&mut state.after_refusal) {
            let before = state.index.get(&id).map(|at| state.tests[*at].clone());
            let only = std::slice::from_ref(&id);
            let mut again = self.fork(ready, overlay, only, options, state, &mut |_| {}, 1, whole)?;
            if matches!(again.done.ending, Ending::Trapped { removed: true, .. }) && !whole {
                progress(Progress::CompilingWhole { id: &id });
                self.compile(Build { whole: true, counted: false })?;
                whole = true;
                again = self.fork(ready, overlay, only, options, state, &mut |_| {}, 1, whole)?;
            }
            state.trace.merge(&again.done.trace);
            // A test that needs those before it does not run alone; then its first report stands.
            if again.open.is_some()
                && let Some(before) = before
            {
                state.record(before);
            }
        }
        state.after_refusal.clear();
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "one private step of `run`, with its whole state")]
    fn fork(
        &self,
        ready: &Ready,
        overlay: &[OverlayEntry],
        ids: &[String],
        options: &Options,
        state: &mut State,
        progress: &mut dyn FnMut(Progress<'_>),
        total: usize,
        whole: bool,
    ) -> Result<Fork, SuiteError> {
        let all = ids.len() == ready.collected.items.len();
        let command = json!({
            "cmd": "run",
            "items": if all { None } else { Some(ids) },
            "coverage": options.coverage.is_some(),
            "coverage_roots": options.coverage.clone().unwrap_or_default(),
            "stop_at_failure": options.stop_at_failure,
        })
        .to_string();
        let job = Job {
            origin: ready.origin.clone(),
            mounts: Vec::new(),
            generation: self.spec().generation,
            overlay: overlay.to_vec(),
            commands: vec![command],
            whole,
            work: None,
            limits: self.spec().limits,
            freeze: Freeze::No,
        };
        // Skipped modules are reported besides the collected items.
        let most = 2 * ready.collected.items.len() + ready.collected.errors.len() + 1000;
        let mut open: Option<(String, Instant)> = None;
        let (mut finished, mut broken) = (None, None);
        let done = self.follow(job, |bytes| match Event::decode(bytes) {
            Ok(Event::Start { id }) => {
                progress(Progress::Started { id: &id });
                open = Some((id, Instant::now()));
            }
            Ok(Event::Result(result)) => {
                // A report of some other test, invented by the one that runs, ends nothing.
                let started = open.take_if(|(id, _)| *id == result.id).map(|(_, started)| started);
                if result.after_refusal && result.outcome.is_failure() {
                    state.after_refusal.push(result.id.clone());
                }
                // Code under test can invent tests; what is kept of them is bounded.
                if state.tests.len() > most && !state.index.contains_key(&result.id) {
                    return;
                }
                if let Some(limit) = &result.limit {
                    add_limits(&mut state.limits, std::slice::from_ref(limit), Some(&result.id));
                }
                let report = test_report(*result, started);
                progress(Progress::Finished { test: &report, done: state.tests.len() + 1, total });
                state.record(report);
            }
            Ok(Event::Finished { exit, message }) => {
                finished = Some(if exit == "ok" { String::new() } else { message.unwrap_or(exit) });
            }
            Ok(Event::Broken { message, detail }) => broken = Some(detail.unwrap_or(message)),
            Ok(Event::Booted(_) | Event::CollectedPart { .. } | Event::Collected(_)) => {}
            Err(error) => broken = Some(format!("an event that cannot be read: {error}")),
        })?;
        Ok(Fork { done, open, finished, broken })
    }
}
