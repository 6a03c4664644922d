//! The search engine's verifier: candidates screened in forks on all cores, by an exchange of code where that shows what an
//! import would; survivors confirmed by the whole suite.

mod turns;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airlock_core::overlay::{Change, Overlay};
use airlock_core::report::SuiteReport;
use airlock_core::verdict;
use airlock_repair::verifier::{Cancel, Candidate, Confirmation, Ended, TargetResult, Verifier, VerifierError};
use airlock_sandbox::suite::{Attempt, Bounds, LOST, Patience, Screened, Suite, SuiteError};
use airlock_sandbox::worker::protocol::Limits;

use crate::failure::Failure;
use crate::files::WORKSPACE;
use crate::judge::{Judge, entries};
use crate::workbench::{Bench, Project};
use turns::{Call, Turns};

/// A candidate's time for its targets: so many times what the base took for them, plus a slack. Who meets the first is run
/// again with the rounds of its loops counted, and who then meets the second with all its work counted: so a machine that is slow
/// for a while costs time and changes nothing.
const PATIENCE: (u64, u64) = (3, 20);

/// See [`PATIENCE`]; milliseconds, mostly for the imports, on a loaded machine.
const SLACK_MS: (u64, u64) = (2_000, 5_000);

/// The same where nothing is imported: whoever is endless holds a core for so long.
const SCREEN_SLACK_MS: (u64, u64) = (300, 2_000);

/// A candidate that breaks more tests than this is not looked at any further.
const MOST_BROKEN: usize = 10;

/// How much longer than its limit a search may take to show the whole suite what passed its tests by then; and, at least, what
/// the verdict on that may take after it.
const GRACE: Duration = Duration::from_secs(5);

/// The verdict may take this part of the limit beyond the search's end: the whole suite runs again for it where a limit of
/// wall time decided something the last time.
const VERDICT_PART: u32 = 4;

/// How long a call may go on.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    limit: Duration,
}

impl Clock {
    pub fn start(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// What of the call goes on all the same must end by [`Clock::is_over`].
    pub fn is_up(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    pub fn is_over(&self) -> bool {
        self.started.elapsed() >= self.over()
    }

    /// By then there is a verdict, or there will be none.
    pub fn is_late(&self) -> bool {
        self.started.elapsed() >= self.late()
    }

    fn over(&self) -> Duration {
        self.limit.saturating_add(GRACE)
    }

    fn late(&self) -> Duration {
        self.over().saturating_add(GRACE.max(self.limit / VERDICT_PART))
    }
}

/// Tries candidates on a project.
pub struct Tester<'a> {
    pub project: &'a Project,
    pub bench: &'a Bench,
    pub judge: &'a Judge<'a>,
    pub jobs: usize,
    pub cancelled: &'a Arc<AtomicBool>,
    /// Told when a build of the guest that is needed is made: that takes a while, once.
    pub on_compiling: &'a (dyn Fn() + Send + Sync),
    clock: Clock,
    /// Runs the whole suite; it has a little longer than candidates.
    confirming: OnceLock<Suite<'a>>,
    suites: Mutex<Vec<(Vec<String>, Arc<Suite<'a>>)>>,
    turns: Turns,
}

/// Seed of the run that shows which targets are flaky.
const OTHER_SEED: u64 = 1;

/// Suites of targets that are kept: a search works on one failing group, and looks at earlier ones now and then.
const KEPT_SUITES: usize = 4;

impl<'a> Tester<'a> {
    pub fn new(
        project: &'a Project,
        bench: &'a Bench,
        judge: &'a Judge<'a>,
        cancelled: &'a Arc<AtomicBool>,
        on_compiling: &'a (dyn Fn() + Send + Sync),
        clock: Clock,
    ) -> Self {
        let jobs = project.settings.jobs;
        let (confirming, suites) = (OnceLock::new(), Mutex::default());
        let turns = Turns::new(jobs);
        Self { project, bench, judge, jobs, cancelled, on_compiling, clock, confirming, suites, turns }
    }

    fn confirming(&self) -> Result<&Suite<'a>, Failure> {
        if let Some(suite) = self.confirming.get() {
            return Ok(suite);
        }
        let (clock, spec) = (self.clock, self.judge.suite().spec().clone());
        let suite = Suite::new(&self.bench.worker, self.project.files.clone(), spec, Arc::clone(self.cancelled))?;
        Ok(self.confirming.get_or_init(|| suite.until(move || clock.is_over())))
    }

    /// The suite of these targets; what was measured on one batch holds for the next.
    fn suite(&self, targets: &[String]) -> Result<Arc<Suite<'a>>, Failure> {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, suite)) = suites.iter().find(|(known, _)| known == targets) {
            return Ok(Arc::clone(suite));
        }
        let mut arguments = self.judge.configuration();
        arguments.extend(targets.iter().cloned());
        let suite = self.bench.suite_with(self.project, arguments, self.judge.placeholders(), self.cancelled)?;
        let clock = self.clock;
        let suite = suite.until(move || clock.is_up()).on_compiling(self.on_compiling);
        let suite = Arc::new(suite.screening(self.covered(targets)));
        if suites.len() >= KEPT_SUITES {
            suites.remove(0);
        }
        suites.push((targets.to_vec(), Arc::clone(&suite)));
        Ok(suite)
    }

    /// The files, as guest paths, that the targets run on the base: where candidates are.
    fn covered(&self, targets: &[String]) -> Vec<String> {
        let tests = self.judge.base().tests.iter().filter(|test| targets.contains(&test.id));
        let paths: BTreeSet<&String> =
            tests.flat_map(|test| test.coverage.iter().flatten().map(|(path, _)| path)).collect();
        paths
            .into_iter()
            .filter(|path| !self.judge.is_material(path))
            .filter_map(|path| Some(format!("{WORKSPACE}/{}", self.project.from_root(path)?)))
            .collect()
    }

    /// The candidate as a proposal has it, modes included: what is confirmed here is judged already.
    fn overlay(&self, candidate: &Candidate) -> Result<Overlay, VerifierError> {
        let mut overlay = Overlay::new();
        for change in &candidate.changes {
            let path = self
                .project
                .from_root(&change.path)
                .ok_or_else(|| format!("{} lies outside the workspace", change.path))?;
            let executable = self.judge.snapshot().get(&path).is_some_and(|entry| entry.executable);
            let bytes = Arc::from(change.text.as_bytes());
            overlay.set(path, Change::Write { bytes, executable: Some(executable) });
        }
        Ok(overlay)
    }

    fn bounds(&self, targets: &[String]) -> Bounds {
        let base = self.judge.base();
        let is_stopped = |id: &str| {
            let of_test = format!("({id})");
            base.limits.iter().any(|limit| limit.starts_with("time:") && limit.ends_with(&of_test))
        };
        let (stopped, ended): (Vec<_>, Vec<_>) =
            base.tests.iter().filter(|test| targets.contains(&test.id)).partition(|test| is_stopped(&test.id));
        let base_ms: f64 = ended.iter().map(|test| test.time_ms).sum();
        // Rounded up, and far below what a number of milliseconds can hold.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded by the setting right below"
        )]
        let base_ms = base_ms.ceil() as u64;
        let limits = self.project.limits();
        let patience = |(quick, long): (u64, u64)| {
            let ms = |times: u64, slack: u64| base_ms.saturating_mul(times).saturating_add(slack).min(limits.step_ms);
            Patience { quick_ms: ms(PATIENCE.0, quick), long_ms: ms(PATIENCE.1, long) }
        };
        let (import, screen) = (patience(SLACK_MS), patience(SCREEN_SLACK_MS));
        Bounds { limits: Limits { step_ms: import.long_ms, ..limits }, import, screen, base_ends: stopped.is_empty() }
    }
}

impl Verifier for Tester<'_> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        let suite = self.suite(targets).map_err(boxed)?;
        let bounds = self.bounds(targets);
        let results: Vec<Mutex<Option<Result<TargetResult, VerifierError>>>> =
            candidates.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let call = self.turns.call();
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(candidate) = candidates.get(at) else { return };
                let _turn = self.turns.wait(call);
                let result = if cancel() {
                    Ok(TargetResult::cancelled())
                } else {
                    self.overlay(candidate).and_then(|overlay| attempt(&suite, &overlay, targets, bounds))
                };
                *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.max(1) {
                scope.spawn(work);
            }
            work();
        });
        results
            .into_iter()
            .map(|slot| {
                slot.into_inner()
                    .unwrap_or_else(PoisonError::into_inner)
                    .unwrap_or_else(|| Ok(TargetResult::cancelled()))
            })
            .collect()
    }

    fn again(&self, targets: &[String], cancel: Cancel<'_>) -> Result<Option<TargetResult>, VerifierError> {
        if cancel() {
            return Ok(Some(TargetResult::cancelled()));
        }
        let suite = self.suite(targets).map_err(boxed)?;
        told(suite.again(OTHER_SEED, self.bounds(targets)), targets).map(Some)
    }

    fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        if cancel() {
            return Ok(cancelled());
        }
        let overlay = self.overlay(candidate)?;
        let suite = self.confirming().map_err(boxed)?;
        // It may be the repair: the candidates of the next batch can wait.
        let _turn = self.turns.wait(Call::FIRST);
        match self.judge.try_candidate(suite, &overlay, MOST_BROKEN) {
            Ok((after, cut_short)) => {
                let base = self.judge.base();
                let mut said = confirmation(base, &after, ended(base, &after))?;
                if cut_short {
                    // They are not gone, nobody asked for them.
                    said.gone.clear();
                }
                Ok(said)
            }
            Err(failure) if failure.status == airlock_core::status::Status::Cancelled => Ok(cancelled()),
            Err(failure) => Err(boxed(failure)),
        }
    }
}

fn boxed(failure: Failure) -> VerifierError {
    failure.to_string().into()
}

fn attempt(
    suite: &Suite<'_>,
    overlay: &Overlay,
    targets: &[String],
    bounds: Bounds,
) -> Result<TargetResult, VerifierError> {
    let entries = entries(overlay);
    let judged = suite.screen(&entries, bounds).and_then(|screened| match screened {
        Screened::Judged(attempt) => Ok(attempt),
        Screened::NeedsImport(_) => suite.attempt(&entries, bounds),
    });
    told(judged, targets)
}

fn told(attempt: Result<Attempt, SuiteError>, targets: &[String]) -> Result<TargetResult, VerifierError> {
    match attempt {
        Ok(Attempt { passed, ran, limit, endless, lost }) => {
            let passed: BTreeSet<&str> = passed.iter().map(String::as_str).collect();
            Ok(TargetResult {
                ran,
                passed: (0..targets.len()).filter(|at| passed.contains(targets[*at].as_str())).collect(),
                ended: match limit {
                    _ if endless => Ended::Endless,
                    Some(words) if lost => Ended::Lost(words),
                    Some(limit) => Ended::Limit(limit),
                    None => Ended::Finished,
                },
            })
        }
        Err(SuiteError::Cancelled) => Ok(TargetResult::cancelled()),
        Err(SuiteError::Worker(error)) => Err(error.to_string().into()),
        // What cannot even be collected passes nothing.
        Err(error) => Ok(TargetResult { ran: false, passed: Vec::new(), ended: Ended::Limit(error.to_string()) }),
    }
}

/// How the whole suite ended, by the limits that it met and the base did not.
fn ended(base: &SuiteReport, after: &SuiteReport) -> Ended {
    let mut new = after.limits.iter().filter(|limit| !base.limits.contains(limit));
    match new.clone().find(|limit| limit.starts_with(LOST)) {
        Some(lost) => Ended::Lost(lost.clone()),
        None => new.next().map_or(Ended::Finished, |limit| Ended::Limit(limit.clone())),
    }
}

/// Of a candidate that the whole suite did not judge.
fn cancelled() -> Confirmation {
    let none = Vec::new;
    Confirmation {
        fixed: none(),
        broken: none(),
        gone: none(),
        skipped: none(),
        newly_not_testable: none(),
        ended: Ended::Cancelled,
    }
}

/// What the whole suite said, compared with the base by the rules of a verdict.
fn confirmation(base: &SuiteReport, after: &SuiteReport, ended: Ended) -> Result<Confirmation, VerifierError> {
    let compared = verdict::compare(base, after).map_err(|error| error.to_string())?;
    Ok(Confirmation {
        fixed: compared.fixed,
        broken: compared.broken,
        gone: compared.gone,
        skipped: compared.skipped,
        newly_not_testable: compared.newly_not_testable,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_sandbox_is_told_from_limits() {
        let lost = Attempt { limit: Some("it ended".to_owned()), lost: true, ..Attempt::default() };
        assert_eq!(told(Ok(lost), &[]).expect("told").ended, Ended::Lost("it ended".to_owned()));
        let limits = |limits: &[&str]| SuiteReport {
            limits: limits.iter().map(|limit| (*limit).to_owned()).collect(),
            ..SuiteReport::default()
        };
        let (of_base, lost) = ("time: one test ran for 1 s (a)", "process: the sandbox's process ended (b)");
        let base = limits(&[of_base]);
        assert_eq!(ended(&base, &limits(&[of_base])), Ended::Finished);
        assert_eq!(ended(&base, &limits(&["memory: too much", lost])), Ended::Lost(lost.to_owned()));
        assert_eq!(ended(&base, &limits(&["memory: too much"])), Ended::Limit("memory: too much".to_owned()));
    }

    #[test]
    fn a_call_ends_a_bounded_time_after_its_limit() {
        let seconds = Duration::from_secs;
        for (limit, over, late) in [(1, 6, 11), (20, 25, 30), (60, 65, 80), (3600, 3605, 4505)] {
            let clock = Clock::start(seconds(limit));
            assert_eq!((clock.over(), clock.late()), (seconds(over), seconds(late)), "{limit} s");
        }
        assert!(!Clock::start(Duration::MAX).is_late());
    }
}
