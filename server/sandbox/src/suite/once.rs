//! Candidates of a search: collect and run in one fork, nothing kept. Only whether the tests pass matters.

use std::sync::PoisonError;

use airlock_core::report::Outcome;
use serde_json::json;

use super::rounds::Rounds;
use super::{Suite, SuiteError, images};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::client::WorkerError;
use crate::worker::protocol::{Done, Job, Limits, OverlayEntry};

/// A candidate may do this many times the work of the base before it counts as endless, plus [`SLACK`]: a repair does about as
/// much as the base, and what does ten times as much on the tests of one failure is slow, not endless.
const PATIENCE: u64 = 10;

/// The same of rounds of loops, plus [`ROUNDS`]. What bounds them is what the busiest of the tests does on the base.
const MORE_ROUNDS: u64 = 3;

/// See [`PATIENCE`]; in fuel, which is about one instruction of WebAssembly: some seconds. For tests that ended early on the
/// base, because they failed.
const SLACK: u64 = 3_000_000_000;

/// See [`MORE_ROUNDS`]; where the base ends and where it does not: there all candidates are counted, and most go round
/// for ever. A round that makes an object takes some microseconds.
const ROUNDS: (u64, u64) = (1_000_000, 250_000);

/// Where none of so many tests passes, the others of a candidate are not run: one cause of failure breaks all that it reaches,
/// and what mends it mends most of them.
pub(super) const FIRST: usize = 6;

/// How the limit on memory begins.
const MEMORY: &str = "memory:";

/// What one attempt said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Ids of the tests that passed.
    pub passed: Vec<String>,
    /// At least one test ran.
    pub ran: bool,
    /// A limit ended the run or one of its tests, in plain words.
    pub limit: Option<String>,
    /// It, or one of its tests, did far more work than the base and did not end.
    pub endless: bool,
    /// The limit is that the worker was lost with it, twice: that may be another one's doing, and is no result to keep.
    pub lost: bool,
}

impl Attempt {
    pub(super) fn lost(words: String) -> Self {
        Self { limit: Some(words), lost: true, ..Self::default() }
    }
}

/// What a candidate's run said.
#[derive(Default)]
pub(super) struct Said {
    pub attempt: Attempt,
    /// The tests of a screened candidate ran to their end.
    pub screened: bool,
    pub needs_import: Option<String>,
    /// The most rounds of loops that one test went, where they were counted.
    rounds: u64,
    /// Regular expressions that its tests use, where they were asked for.
    pub patterns: Vec<String>,
    /// It met the limit on memory.
    pub ate: bool,
    pub broken: Option<String>,
}

/// How long a candidate may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What holds for every attempt; its time per step ([`Limits::step_ms`]) holds for one whose work is counted.
    pub limits: Limits,
    /// Of one that is imported.
    pub import: Patience,
    /// Of one that is screened: nothing is imported in it.
    pub screen: Patience,
    /// Whether the tests end on the base. Where they do not, what they do there is no measure.
    pub base_ends: bool,
}

impl Bounds {
    /// These limits, and no suspicion before a step has all of its time. The base ends.
    pub fn patient(limits: Limits) -> Self {
        let patience = Patience { quick_ms: limits.step_ms, long_ms: limits.step_ms };
        Self { limits, import: patience, screen: patience, base_ends: true }
    }
}

/// Times in milliseconds that a candidate has for one step. They only raise suspicion: what is decided is decided by counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Who meets this is run again with the rounds of its loops counted.
    pub quick_ms: u64,
    /// Who then meets this is run again with all its work counted.
    pub long_ms: u64,
}

/// The command that runs all tests, as a function of what is counted.
type Command<'a> = &'a dyn Fn(Option<&Rounds>) -> String;

impl Suite<'_> {
    /// Runs the tests that the suite's arguments name on a project with `overlay` laid over it, in one fork of the booted
    /// interpreter: everything of the project is imported afresh.
    ///
    /// What comes out does not depend on the machine's speed: a candidate that meets its first limit of time is run again from
    /// the same image with the rounds of its loops counted, and a test that goes some times those of the base and more has
    /// failed; where that does not end it either, on a build of the guest that counts all its work, by the same measure. The job's
    /// own wall limit holds all the same, and is named where it is met.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] and [`SuiteError::Cancelled`]; a candidate that cannot be imported or ends its guest is an
    /// attempt in which nothing passed.
    pub fn attempt(&self, overlay: &[OverlayEntry], bounds: Bounds) -> Result<Attempt, SuiteError> {
        self.past_loss(Attempt::lost, || {
            self.past_damage(|| {
                let Some(job) = self.attempt_job(overlay, bounds.limits)? else { return Ok(Attempt::default()) };
                let (done, said) = self.try_in_steps(&job, &run_candidate, bounds, bounds.import)?;
                if done.ending == Ending::Stopped { self.count(job, bounds) } else { Ok(said.attempt) }
            })
        })
    }

    /// Runs a candidate. Where the worker is lost meanwhile, another is started and the candidate runs once more, alone: with
    /// others any of them may have ended the worker, and something else on this machine even if there were none. Where it is
    /// lost again, the candidate comes to what `lost` makes of that.
    pub(super) fn past_loss<T>(
        &self,
        lost: impl Fn(String) -> T,
        work: impl Fn() -> Result<T, SuiteError>,
    ) -> Result<T, SuiteError> {
        let first = {
            let _together = self.together.read().unwrap_or_else(PoisonError::into_inner);
            work()
        };
        let Err(SuiteError::Worker(WorkerError::Lost(_))) = first else { return first };
        let _alone = self.together.write().unwrap_or_else(PoisonError::into_inner);
        self.survive()?;
        match work() {
            Err(SuiteError::Worker(error @ WorkerError::Lost(_))) => {
                self.survive()?;
                Ok(lost(error.to_string()))
            }
            other => other,
        }
    }

    /// Runs a job and then `command`, which runs tests: quickly first, and where that is stopped with the rounds of its loops
    /// counted.
    pub(super) fn try_in_steps(
        &self,
        job: &Job,
        command: Command<'_>,
        bounds: Bounds,
        patience: Patience,
    ) -> Result<(Done, Said), SuiteError> {
        let with = |rounds: Option<&Rounds>, step_ms: u64| {
            let mut job = job.clone();
            job.commands.push(command(rounds));
            job.limits.step_ms = step_ms;
            job
        };
        if bounds.base_ends {
            let (done, said) = self.try_once(with(None, patience.quick_ms))?;
            if done.ending != Ending::Stopped {
                return Ok((done, said));
            }
        }
        self.try_once(with(Some(&self.rounds(bounds)?), patience.long_ms))
    }

    /// What bounds the loops of a candidate.
    fn rounds(&self, bounds: Bounds) -> Result<Rounds, SuiteError> {
        let most = if bounds.base_ends {
            self.base_rounds(bounds)?.saturating_mul(MORE_ROUNDS).saturating_add(ROUNDS.0)
        } else {
            ROUNDS.1
        };
        Ok(Rounds { most, at: Vec::new(), give_up: true })
    }

    /// The most rounds that a test goes on the base. Measured once.
    fn base_rounds(&self, bounds: Bounds) -> Result<u64, SuiteError> {
        if let Some(rounds) = self.base_rounds.get() {
            return Ok(*rounds);
        }
        let limits = Limits { step_ms: bounds.import.long_ms, ..bounds.limits };
        let Some(mut job) = self.attempt_job(&[], limits)? else { return Ok(0) };
        job.commands.push(run_all(Some(&Rounds { most: u64::MAX / 4, ..Rounds::default() })));
        let (_, said) = self.try_once(job)?;
        Ok(*self.base_rounds.get_or_init(|| said.rounds))
    }

    /// What imports the project afresh; the command that runs the tests is still to come.
    ///
    /// `None`: the overlay changes the runner itself, with which nothing can pass.
    fn attempt_job(&self, overlay: &[OverlayEntry], limits: Limits) -> Result<Option<Job>, SuiteError> {
        let (origin, boot_trace) = self.booted()?;
        let (mounts, configure) = self.configuration(&self.known(), Some(&[]));
        if images::touches(&boot_trace, overlay, &mounts) {
            return Ok(None);
        }
        let mut job = self.job(origin, self.project_mounts(), overlay, configure);
        job.limits = limits;
        Ok(Some(job))
    }

    /// Runs the tests that the suite's arguments name once more on the project as it is, with other random numbers.
    ///
    /// # Errors
    /// As [`Suite::attempt`].
    pub fn again(&self, seed: u64, bounds: Bounds) -> Result<Attempt, SuiteError> {
        self.past_loss(Attempt::lost, || {
            self.past_damage(|| {
                let Some(mut job) = self.attempt_job(&[], bounds.limits)? else { return Ok(Attempt::default()) };
                // What was seeded when the interpreter started is seeded anew.
                job.commands.insert(0, r#"{"cmd": "reseed"}"#.to_owned());
                let rounds = if bounds.base_ends { None } else { Some(self.rounds(bounds)?) };
                job.commands.push(run_all(rounds.as_ref()));
                job.seed = Some(seed);
                Ok(self.try_once(job)?.1.attempt)
            })
        })
    }

    pub(super) fn try_once(&self, job: Job) -> Result<(Done, Said), SuiteError> {
        let (done, mut said) = self.follow_anew(job, |said: &mut Said, bytes| match Event::decode(bytes) {
            Ok(Event::Result(result)) => {
                said.attempt.ran |= result.outcome != Outcome::NotTestable;
                if result.outcome == Outcome::Passed {
                    said.attempt.passed.push(result.id);
                }
            }
            Ok(Event::Screened { passed, ran, endless, patterns }) => {
                said.attempt = Attempt { passed, ran: ran > 0, endless, ..Attempt::default() };
                said.patterns = patterns;
                said.screened = true;
            }
            Ok(Event::Finished { rounds, endless, .. }) => {
                said.rounds = rounds;
                said.attempt.endless |= endless;
            }
            Ok(Event::NeedsImport { why }) => said.needs_import = Some(why),
            Ok(Event::Broken { message, detail, .. }) => said.broken = Some(detail.unwrap_or(message)),
            _ => {}
        })?;
        if !matches!(done.ending, Ending::Returned(_)) {
            said.attempt.limit = Some(match &done.ending {
                Ending::Exited(code) => format!("the interpreter was ended with code {code}"),
                Ending::Trapped { what, .. } => what.clone(),
                _ => done.limits.join("; "),
            });
            said.attempt.endless |= done.ending == Ending::OutOfWork;
        }
        if done.limits.iter().any(|limit| limit.starts_with(MEMORY)) {
            // How far it came until then is not worth another run that eats as much.
            said.attempt.passed.clear();
            said.ate = true;
        }
        Ok((done, said))
    }

    /// An attempt whose work is counted from the start: for who met a wall limit already.
    pub(super) fn attempt_counted(&self, overlay: &[OverlayEntry], bounds: Bounds) -> Result<Attempt, SuiteError> {
        self.past_damage(|| match self.attempt_job(overlay, bounds.limits)? {
            Some(job) => self.count(job, bounds),
            None => Ok(Attempt::default()),
        })
    }

    /// The same job with its work counted, and no wall limit but the job's.
    fn count(&self, mut job: Job, bounds: Bounds) -> Result<Attempt, SuiteError> {
        let base = self.base_work(bounds)?;
        job.commands.push(run_candidate(None));
        job.work = Some(base.saturating_mul(PATIENCE).saturating_add(SLACK));
        job.limits.step_ms = job.limits.job_ms;
        self.compile(job.build())?;
        Ok(self.try_once(job)?.1.attempt)
    }

    /// The work of the suite's tests on the base, or of their collection alone where the base does not end. Measured once.
    fn base_work(&self, bounds: Bounds) -> Result<u64, SuiteError> {
        if let Some(work) = self.base_work.get() {
            return Ok(*work);
        }
        let limits = Limits { step_ms: bounds.limits.job_ms, ..bounds.limits };
        let Some(mut job) = self.attempt_job(&[], limits)? else { return Ok(0) };
        if bounds.base_ends {
            job.commands.push(run_all(None));
        }
        job.work = Some(u64::MAX);
        self.compile(job.build())?;
        let (done, _) = self.try_once(job)?;
        // Two threads that measure at once measure the same.
        Ok(*self.base_work.get_or_init(|| done.work.unwrap_or_default()))
    }
}

/// Runs all of the suite's tests.
fn run_all(rounds: Option<&Rounds>) -> String {
    json!({"cmd": "run", "items": null, "coverage": false, "rounds": rounds}).to_string()
}

/// Runs them on a candidate.
fn run_candidate(rounds: Option<&Rounds>) -> String {
    json!({"cmd": "run", "items": null, "coverage": false, "rounds": rounds, "first": FIRST}).to_string()
}
