//! Running collected tests: one after the other in one fork, and past whatever a single test does to its guest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use airlock_core::report::{Location, SuiteReport, TestReport};
use serde::Serialize;
use serde_json::json;

use super::jobs::last_words;
use super::leftovers::Sequence;
use super::reports::{add_limits, broken_report, collection_report, lost_report, stopped_report, test_report};
use super::rounds::{LOOK, Rounds};
use super::{Ready, Since, Suite, SuiteError};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::vfs::Trace;
use crate::worker::client::WorkerError;
use crate::worker::protocol::{Build, Done, Failure, Origin, OverlayEntry};

/// Forks that may end because a test broke the runner: after so many the project breaks it, and not a test.
const MOST_BROKEN: usize = 64;

/// A run of which only the outcomes matter: the words of a failure cost more than most tests do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Brief {
    /// Told with all their words all the same.
    pub in_full: Vec<String>,
    /// After more failures than this nobody asks for the rest.
    pub most: usize,
}

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only these ids; `None`: all that were collected.
    pub only: Option<Vec<String>>,
    /// Record the lines each test runs, in files below these guest paths.
    pub coverage: Option<Vec<String>>,
    /// See what a test does that its time has stopped, and end others early that are in the same loop.
    pub look_closer: bool,
    /// Leave out what only a reader would miss.
    pub brief: Option<Brief>,
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
    /// More tests failed than [`Brief::most`], and what came after them was not run.
    pub cut_short: bool,
}

/// What is known so far.
pub(super) struct State {
    pub tests: Vec<TestReport>,
    pub index: HashMap<String, usize>,
    pub notes: Vec<String>,
    pub limits: Vec<String>,
    pub trace: Trace,
    pub by_wall_time: bool,
    /// Forks in which a test broke the runner.
    broken: usize,
    /// What each fork ran, for failures that may be the leftovers of refused calls.
    pub sequences: Vec<Sequence>,
    /// The guest's whole module is needed from here on.
    pub whole: bool,
    /// Loops of tests that did not end.
    pub loops: Vec<Location>,
    cut_short: bool,
}

impl State {
    pub fn record(&mut self, report: TestReport) {
        match self.index.get(&report.id) {
            Some(at) => self.tests[*at] = report,
            None => {
                self.index.insert(report.id.clone(), self.tests.len());
                self.tests.push(report);
            }
        }
    }

    fn forget(&mut self, id: &str) {
        let Some(at) = self.index.remove(id) else { return };
        self.tests.swap_remove(at);
        if let Some(moved) = self.tests.get(at) {
            self.index.insert(moved.id.clone(), at);
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// One run's unchanging half: what is run, and how.
pub(super) struct Plan<'a> {
    pub overlay: &'a [OverlayEntry],
    pub options: &'a Options,
    pub total: usize,
    /// When it began, and what of its wall time was spent before.
    since: Since,
    spent: Duration,
}

impl<'a> Plan<'a> {
    /// The same with other options.
    pub fn with<'b>(&'b self, options: &'b Options) -> Plan<'b>
    where
        'a: 'b,
    {
        Plan { overlay: self.overlay, options, total: self.total, since: self.since, spent: self.spent }
    }
}

/// What one fork is to do.
pub(super) struct Batch<'a> {
    pub ids: &'a [String],
    /// On the guest's whole module.
    pub whole: bool,
    /// Tests that are known already.
    pub known: usize,
    pub rounds: Option<Rounds>,
}

/// A result as a fork reported it.
pub(super) struct Said {
    pub report: TestReport,
    /// It failed after a refused call of an earlier test in the same fork.
    pub after_refusal: bool,
    /// A refused call of its own that may have left something behind.
    pub lasting: Option<String>,
    pub limit: Option<String>,
    /// It had started before; others are inventions of the code under test, or modules that skip themselves.
    started: bool,
}

/// What one fork did.
pub(super) struct Fork {
    pub done: Done,
    pub said: Vec<Said>,
    /// The test that had started and not reported.
    pub open: Option<(String, Instant)>,
    finished: Option<String>,
    /// The harness ended the fork because something that its tests share is used up.
    used_up: bool,
    /// It ended as enough had failed.
    enough: bool,
    /// The harness could not go on: why, and where in the project that began.
    broken: Option<(String, Option<Location>)>,
}

/// How a limit begins that is the loss of the worker. Another run may come to another end, whatever limits it has.
pub const LOST: &str = "process:";

/// What a run has lost so far.
#[derive(Default)]
pub(super) struct Losses {
    /// Tests in which the worker was lost once. The second time it is theirs.
    once: HashSet<String>,
    /// The image was made anew since the last loss.
    renewed: bool,
}

impl Losses {
    /// Holds the lock of the suite's jobs: together with others, or alone where the worker was lost before.
    fn turn<'a>(
        &self,
        together: &'a RwLock<()>,
    ) -> (Option<RwLockReadGuard<'a, ()>>, Option<RwLockWriteGuard<'a, ()>>) {
        if self.once.is_empty() {
            (Some(together.read().unwrap_or_else(PoisonError::into_inner)), None)
        } else {
            (None, Some(together.write().unwrap_or_else(PoisonError::into_inner)))
        }
    }

    /// The worker was lost in this test: whether that came before.
    fn is_second(&mut self, id: &str) -> bool {
        !self.once.insert(id.to_owned())
    }
}

/// Why a fork came to no end, and the test that it was in.
pub(super) struct Broke {
    pub error: SuiteError,
    open: Option<(String, Instant)>,
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
        let is_wanted = |id: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(id));
        let mut left: Vec<String> =
            ready.collected.items.iter().map(|item| &item.id).filter(|id| is_wanted(id)).cloned().collect();
        let plan = Plan { overlay, options, total: left.len(), since: self.since(), spent: ready.spent };
        let mut state = State {
            tests: Vec::with_capacity(left.len()),
            index: HashMap::new(),
            notes: ready.collected.notes.clone(),
            limits: ready.limits.clone(),
            trace: Trace::default(),
            by_wall_time: ready.limits.iter().any(|limit| limit.starts_with("time:")),
            broken: 0,
            sequences: Vec::new(),
            whole: false,
            loops: Vec::new(),
            cut_short: false,
        };
        for error in ready.collected.errors.iter().filter(|error| is_wanted(&error.id)) {
            state.record(collection_report(error));
        }
        let mut unreported = Vec::new();
        let mut losses = Losses::default();
        while !left.is_empty() {
            let origin = ready.origin.get();
            let fork = {
                let _turn = losses.turn(&self.together);
                let rounds =
                    (!state.loops.is_empty()).then(|| Rounds { most: LOOK, at: state.loops.clone(), give_up: false });
                let (whole, known) = (state.whole, state.tests.len());
                self.fork(ready, &origin, &plan, &Batch { ids: &left, whole, known, rounds }, progress)
            };
            let (words, open) = match fork {
                Ok(fork) => {
                    self.take(&mut state, ready, fork, &mut left, &mut unreported, &plan, progress)?;
                    continue;
                }
                Err(Broke { error, open }) => (self.recover(error, ready, &origin, &mut losses)?, open),
            };
            if let (Some(words), Some((id, started))) = (words, open)
                && losses.is_second(&id)
            {
                let report = lost_report(&id, started, &words);
                progress(Progress::Finished { test: &report, done: state.tests.len() + 1, total: plan.total });
                add_limits(&mut state.limits, &[format!("{LOST} the sandbox's process ended")], Some(&id));
                state.note(format!("the sandbox was started anew after {id}"));
                state.record(report);
                state.by_wall_time = true;
                left.retain(|other| *other != id);
            }
        }
        self.settle_leftovers(ready, &plan, &mut state, progress)?;
        self.settle_stacks(ready, &plan, &mut state, progress)?;
        let collected = &ready.collected;
        // Reports come in the order they ran; the suite's own order is that of collection.
        let order: HashMap<&str, usize> =
            collected.items.iter().enumerate().map(|(at, item)| (item.id.as_str(), at)).collect();
        state.tests.sort_by_key(|test| order.get(test.id.as_str()).copied().unwrap_or(usize::MAX));
        if !collected.ignored_options.is_empty() {
            state.notes.push(format!("options ignored here: {}", collected.ignored_options.join(" ")));
        }
        Ok(Ran {
            report: SuiteReport {
                tests: state.tests,
                notes: state.notes,
                limits: state.limits,
                unreported,
                imported: if options.coverage.is_some() { collected.imported.clone() } else { BTreeMap::new() },
                python: collected.python.clone(),
                runner: collected.pytest.clone(),
            },
            trace: state.trace,
            by_wall_time: state.by_wall_time,
            cut_short: state.cut_short,
        })
    }

    /// Makes another fork possible after one that came to no end: an image that is gone or damaged is made anew, once, and a
    /// lost worker started anew, which gives its last words.
    pub(super) fn recover(
        &self,
        error: SuiteError,
        ready: &Ready,
        origin: &Origin,
        losses: &mut Losses,
    ) -> Result<Option<String>, SuiteError> {
        match error {
            SuiteError::Worker(error @ WorkerError::Lost(_)) => {
                self.survive()?;
                losses.renewed = false;
                Ok(Some(error.to_string()))
            }
            // Another process cleaned up, or the disk lost it.
            SuiteError::Worker(WorkerError::Failed(Failure::Image { path, .. })) if !losses.renewed => {
                self.store.discard(&path);
                losses.renewed = true;
                self.renew(ready, origin).map(|()| None)
            }
            // It went with a worker that was lost.
            SuiteError::Worker(WorkerError::Failed(Failure::NoImage { .. })) if !losses.renewed => {
                losses.renewed = true;
                self.renew(ready, origin).map(|()| None)
            }
            other => Err(other),
        }
    }

    /// Takes what a fork did into account; what is `left` then runs in the next one.
    #[allow(clippy::too_many_arguments, reason = "one step of `run`, with what it changes")]
    fn take(
        &self,
        state: &mut State,
        ready: &Ready,
        fork: Fork,
        left: &mut Vec<String>,
        unreported: &mut Vec<String>,
        plan: &Plan<'_>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SuiteError> {
        let Fork { done, said, open, finished, used_up, enough, mut broken } = fork;
        state.cut_short |= enough;
        if matches!(done.ending, Ending::Returned(_)) && finished.is_none() {
            broken.get_or_insert_with(|| (last_words(&done), None));
        }
        state.trace.merge(&done.trace);
        let before = left.len();
        let last = said.iter().rev().find(|said| said.started).map(|said| said.report.id.clone());
        let ran = said.iter().filter(|said| said.started).count();
        let sequence = Sequence::of(&said);
        let most = most_reports(ready);
        for said in said {
            // Code under test can invent tests; what is kept of them is bounded.
            if state.tests.len() > most && !state.index.contains_key(&said.report.id) {
                continue;
            }
            if let Some(limit) = said.limit {
                add_limits(&mut state.limits, &[limit], Some(&said.report.id));
            }
            state.record(said.report);
        }
        left.retain(|id| !state.index.contains_key(id));
        state.sequences.extend(sequence);
        if let Some((message, place)) = broken {
            let Some(who) = open.as_ref().map(|(id, _)| id.clone()).or_else(|| last.clone()) else {
                return Err(SuiteError::Project { message: format!("the tests cannot be run: {message}"), place });
            };
            // Natively it would be the end of pytest, too; the tests after it are innocent.
            let where_ = if open.is_some() { "in" } else { "after" };
            add_limits(&mut state.limits, &[format!("the test runner broke {where_} {who}: {message}")], None);
            if let Some((id, started)) = open {
                let report = broken_report(&id, started, &message);
                progress(Progress::Finished { test: &report, done: state.tests.len() + 1, total: plan.total });
                state.record(report);
                left.retain(|other| *other != id);
            }
            state.broken += 1;
            if state.broken == MOST_BROKEN {
                unreported.append(left);
            }
            return Ok(());
        }
        match &done.ending {
            Ending::Returned(_) if used_up && let Some(last) = last => {
                if ran > 1 {
                    // It shared what is used up with those before it: what it may have for itself shows in a new guest.
                    state.note(format!("run in several guests, as one was used up ({})", done.limits.join("; ")));
                    state.forget(&last);
                    left.insert(0, last);
                } else {
                    add_limits(&mut state.limits, &done.limits, Some(&last));
                }
            }
            Ending::Returned(_) => {
                add_limits(&mut state.limits, &done.limits, None);
                if let Some(message) = finished.filter(|message| !message.is_empty()) {
                    state.limits.push(format!("the run was interrupted: {message}"));
                }
                unreported.append(left);
            }
            // An exit before the last report takes the rest with it, as it would natively.
            Ending::Exited(code) => {
                let who = open.map_or_else(String::new, |(id, _)| format!(" in {id}"));
                state.limits.push(format!("the interpreter was ended with code {code}{who}"));
                unreported.append(left);
            }
            Ending::Stopped | Ending::OutOfWork | Ending::Trapped { .. } => {
                state.by_wall_time |= done.ending == Ending::Stopped;
                let run_is_over = done.limits.iter().any(|limit| limit.starts_with("time: the run"));
                if run_is_over {
                    // Whoever happens to run then is as innocent as those that never did.
                    add_limits(&mut state.limits, &done.limits, None);
                } else if let Some((id, started)) = open {
                    if matches!(done.ending, Ending::Trapped { removed: true, .. }) && !state.whole {
                        // The run is thrown away, and what is left runs on the whole module, from the same image.
                        progress(Progress::CompilingWhole { id: &id });
                        self.compile(Build { whole: true, counted: false })?;
                        state.whole = true;
                        return Ok(());
                    }
                    add_limits(&mut state.limits, &done.limits, Some(&id));
                    let mut report = stopped_report(&id, started, &done);
                    if plan.options.look_closer && done.ending == Ending::Stopped {
                        self.look_closer(ready, plan, state, &mut report);
                    }
                    progress(Progress::Finished { test: &report, done: state.tests.len() + 1, total: plan.total });
                    state.record(report);
                    left.retain(|other| *other != id);
                } else {
                    // Between tests, or behind the last: something that one of them left behind.
                    let after = last.map_or_else(|| "before the first test".to_owned(), |last| format!("after {last}"));
                    add_limits(&mut state.limits, &done.limits, Some(&after));
                    if let Ending::Trapped { what, .. } = &done.ending {
                        state.note(format!("the interpreter stopped {after}: {what}"));
                    }
                    if left.len() == before {
                        return Err(self.harness_error(&done, &[]));
                    }
                }
                if run_is_over {
                    unreported.append(left);
                }
            }
        }
        Ok(())
    }

    /// Runs these tests in one fork.
    pub(super) fn fork(
        &self,
        ready: &Ready,
        origin: &Origin,
        plan: &Plan<'_>,
        batch: &Batch<'_>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Fork, Broke> {
        let Batch { ids, whole, known, rounds } = batch;
        let all = ids.len() == ready.collected.items.len();
        let coverage = &plan.options.coverage;
        let command = json!({
            "cmd": "run",
            "items": if all { None } else { Some(ids) },
            "coverage": coverage.is_some(),
            "coverage_roots": coverage.clone().unwrap_or_default(),
            "rounds": rounds,
            "brief": plan.options.brief,
        })
        .to_string();
        let mut job = self.job(origin.clone(), Vec::new(), plan.overlay, command);
        job.whole = *whole;
        job.left_ms = Some(self.left_ms(plan.spent + self.spent(plan.since)));
        let most = most_reports(ready);
        let mut open: Option<(String, Instant)> = None;
        let (mut said, mut index) = (Vec::<Said>::new(), HashMap::new());
        let (mut finished, mut broken, mut used_up, mut enough) = (None, None, false, false);
        let ended = self.follow(job, |bytes| match Event::decode(bytes) {
            Ok(Event::Start { id }) => {
                progress(Progress::Started { id: &id });
                open = Some((id, Instant::now()));
            }
            Ok(Event::Result(result)) => {
                // A report of some other test, invented by the one that runs, ends nothing.
                let started = open.take_if(|(id, _)| *id == result.id).map(|(_, started)| started);
                if said.len() > most && !index.contains_key(&result.id) {
                    return;
                }
                let (after_refusal, limit) =
                    (result.after_refusal && result.outcome.is_failure(), result.limit.clone());
                let (lasting, id) = (result.lasting.clone(), result.id.clone());
                let report = test_report(*result, started);
                progress(Progress::Finished { test: &report, done: known + said.len() + 1, total: plan.total });
                let one = Said { report, after_refusal, lasting, limit, started: started.is_some() };
                match index.get(&id) {
                    Some(at) => said[*at] = one,
                    None => {
                        index.insert(id, said.len());
                        said.push(one);
                    }
                }
            }
            Ok(Event::Finished { exit, message, .. }) => {
                used_up = exit == "used_up";
                enough = exit == "enough";
                finished =
                    Some(if exit == "ok" || used_up || enough { String::new() } else { message.unwrap_or(exit) });
            }
            Ok(Event::Broken { message, location, .. }) => broken = Some((message, location)),
            Ok(
                Event::Booted(_)
                | Event::Collecting { .. }
                | Event::CollectedPart { .. }
                | Event::Collected(_)
                | Event::Screened { .. }
                | Event::Prepared {}
                | Event::Program { .. }
                | Event::NeedsImport { .. },
            ) => {}
            Err(error) => broken = Some((format!("an event that cannot be read: {error}"), None)),
        });
        match ended {
            Ok(done) => Ok(Fork { done, said, open, finished, used_up, enough, broken }),
            Err(error) => Err(Broke { error, open }),
        }
    }
}

/// Skipped modules are reported besides the collected items.
fn most_reports(ready: &Ready) -> usize {
    2 * ready.collected.items.len() + ready.collected.errors.len() + 1000
}
