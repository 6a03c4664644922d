//! Deadlines: one thread looks at all runs and takes the memory from those that are over time.
//!
//! A step's time is what its thread had of a processor, where the system tells that, and what other threads worked for it
//! ([`Control::lend`]): on a machine that is busy with other things a test is as fast as on an idle one. A guest waits for
//! the files it reads, and for a key that is derived where many are; so wall time beyond [`STARVED`] times the limit is a
//! machine that stands still, and ends the run too. The whole run's time, and the time that a stopped guest has to end, are
//! wall time.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::memory::Control;
use crate::worker::clock::ThreadClock;

/// How often deadlines are looked at while anything runs. With the 100 ms that a cancel may take, far from tight.
const TICK: Duration = Duration::from_millis(10);

/// How long a stopped run may go on before the process is ended with it: what touches no memory knows no other end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A step may take this many times its limit of wall time, while its thread waits for a processor.
pub const STARVED: u32 = 20;

/// Longest deadline: beyond it clocks overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Which of a run's deadlines passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Step,
    Job,
    Cancelled,
}

struct Watched {
    control: Arc<Control>,
    clock: Option<ThreadClock>,
    step: Moment,
    step_length: Duration,
    /// The whole run's is wall time.
    job: Instant,
    over: Option<(Over, Instant)>,
}

/// A point in a run's time.
#[derive(Clone, Copy)]
struct Moment {
    wall: Instant,
    /// What the thread had of a processor by then, and others for it.
    worked: Option<Duration>,
}

impl Watched {
    fn now(clock: Option<&ThreadClock>, control: &Control) -> Moment {
        Moment { wall: Instant::now(), worked: Self::worked(clock, control) }
    }

    fn worked(clock: Option<&ThreadClock>, control: &Control) -> Option<Duration> {
        clock.and_then(ThreadClock::now).map(|worked| worked.saturating_add(control.lent()))
    }

    /// Whether its thread has worked for so long since a moment.
    fn is_used_up(&self, since: Moment, length: Duration, now: Instant) -> bool {
        let wall = now.duration_since(since.wall);
        if wall < length {
            return false;
        }
        let worked = Self::worked(self.clock.as_ref(), &self.control).zip(since.worked);
        worked.is_none_or(|(worked, then)| worked.saturating_sub(then) >= length)
            || wall >= length.saturating_mul(STARVED)
    }

    fn stop(&mut self, over: Over) {
        // The first reason stays.
        self.over.get_or_insert((over, Instant::now()));
        self.control.stop();
    }

    /// Whether it was stopped and goes on all the same: then it knows no end but its process's, however little of a
    /// processor it has.
    fn goes_on(&self, now: Instant) -> bool {
        self.over.is_some_and(|(_, since)| now.duration_since(since) >= PATIENCE)
    }
}

#[derive(Default)]
struct Runs {
    watched: HashMap<u64, Watched>,
    /// Queued and not begun; true: cancelled meanwhile.
    queued: HashMap<u64, bool>,
}

/// The runs being watched.
#[derive(Default)]
pub struct Watch {
    runs: Mutex<Runs>,
    changed: Condvar,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that will begin some time: from here on it can be cancelled.
    pub fn queue(&self, id: u64) {
        self.lock().queued.insert(id, false);
    }

    /// Starts watching a run, whose thread is the one that calls.
    pub fn begin(&self, id: u64, control: &Arc<Control>, step: Duration, job: Duration) {
        let clock = ThreadClock::of_this_thread();
        let now = Watched::now(clock.as_ref(), control);
        let mut watched = Watched {
            control: Arc::clone(control),
            clock,
            step: now,
            step_length: step,
            job: now.wall + job.min(LONGEST),
            over: None,
        };
        let mut runs = self.lock();
        if runs.queued.remove(&id) == Some(true) {
            watched.stop(Over::Cancelled);
        }
        runs.watched.insert(id, watched);
        self.changed.notify_one();
    }

    /// The run goes on to its next step: its step deadline starts anew.
    pub fn step(&self, id: u64) {
        if let Some(watched) = self.lock().watched.get_mut(&id) {
            watched.step = Watched::now(watched.clock.as_ref(), &watched.control);
        }
    }

    /// Stops the run at once. One that ended already, or never was, is none of its business.
    pub fn cancel(&self, id: u64) {
        let mut runs = self.lock();
        if let Some(watched) = runs.watched.get_mut(&id) {
            watched.stop(Over::Cancelled);
        } else if let Some(cancelled) = runs.queued.get_mut(&id) {
            *cancelled = true;
        }
    }

    /// Stops every run at once.
    pub fn cancel_all(&self) {
        for watched in self.lock().watched.values_mut() {
            watched.stop(Over::Cancelled);
        }
    }

    /// Ends watching a run, and says whether and why it was stopped.
    pub fn end(&self, id: u64) -> Option<Over> {
        let mut runs = self.lock();
        runs.queued.remove(&id);
        runs.watched.remove(&id).and_then(|watched| watched.over).map(|(over, _)| over)
    }

    /// The watching thread's life.
    pub fn run(&self) -> ! {
        let mut runs = self.lock();
        loop {
            if runs.watched.is_empty() {
                runs = self.changed.wait(runs).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            for watched in runs.watched.values_mut() {
                if watched.goes_on(now) {
                    eprintln!("a guest that was stopped went on");
                    std::process::exit(70);
                }
                match watched.over {
                    // Again: the engine may have been given memory back to finish a copy.
                    Some(_) => watched.control.stop(),
                    None if now >= watched.job => watched.stop(Over::Job),
                    None if watched.is_used_up(watched.step, watched.step_length, now) => watched.stop(Over::Step),
                    None => {}
                }
            }
            runs = self.changed.wait_timeout(runs, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_over_time_is_stopped_and_one_in_time_is_not() {
        let watch: &'static Watch = Box::leak(Box::default());
        std::thread::spawn(|| watch.run());
        let (late, early) = (Arc::new(Control::default()), Arc::new(Control::default()));
        watch.begin(1, &late, Duration::ZERO, Duration::from_secs(3600));
        watch.begin(2, &early, Duration::from_secs(3600), Duration::from_secs(3600));
        while !late.is_stopped() {
            std::thread::yield_now();
        }
        assert_eq!(watch.end(1), Some(Over::Step));
        assert!(!early.is_stopped());
        watch.cancel(2);
        assert!(early.is_stopped());
        assert_eq!(watch.end(2), Some(Over::Cancelled));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn waiting_for_a_processor_is_not_working() {
        let limit = Duration::from_millis(20);
        let watch = Watch::default();
        let control = Arc::new(Control::default());
        watch.begin(1, &control, limit, Duration::MAX);
        let is_over = |at: Instant| {
            let runs = watch.lock();
            let watched = &runs.watched[&1];
            watched.is_used_up(watched.step, limit, at)
        };
        let began = Instant::now();
        assert!(!is_over(began + limit * 2), "this thread has done nothing");
        assert!(is_over(began + limit * (STARVED + 1)), "a machine that stands still");
        let clock = ThreadClock::of_this_thread().expect("Linux has such clocks");
        let until = clock.now().expect("read") + limit * 2;
        while clock.now().expect("read") < until {
            std::hint::spin_loop();
        }
        assert!(is_over(Instant::now()), "it has worked for longer than it may");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_others_work_for_a_run_is_its_work() {
        let limit = Duration::from_secs(60);
        let watch = Watch::default();
        let control = Arc::new(Control::default());
        control.lend(limit);
        watch.begin(1, &control, limit, Duration::MAX);
        let is_over = || {
            let runs = watch.lock();
            runs.watched[&1].is_used_up(runs.watched[&1].step, limit, Instant::now() + limit)
        };
        assert!(!is_over(), "that was before the step");
        control.lend(limit);
        assert!(is_over());
    }

    #[test]
    fn a_stopped_run_that_waits_is_not_waited_for() {
        let watch = Watch::default();
        let control = Arc::new(Control::default());
        watch.begin(1, &control, Duration::MAX, Duration::MAX);
        let goes_on = |at: Instant| watch.lock().watched[&1].goes_on(at);
        assert!(!goes_on(Instant::now() + PATIENCE * 2), "it was not stopped");
        watch.cancel(1);
        assert!(!goes_on(Instant::now()));
        assert!(goes_on(Instant::now() + PATIENCE), "this thread has no work");
    }

    #[test]
    fn a_cancel_before_the_beginning_counts_and_one_after_the_end_leaves_nothing() {
        let watch = Watch::default();
        watch.queue(1);
        watch.cancel(1);
        let control = Arc::new(Control::default());
        watch.begin(1, &control, Duration::MAX, Duration::MAX);
        assert!(control.is_stopped());
        assert_eq!(watch.end(1), Some(Over::Cancelled));
        watch.cancel(1);
        let runs = watch.lock();
        assert!(runs.queued.is_empty() && runs.watched.is_empty());
    }
}
