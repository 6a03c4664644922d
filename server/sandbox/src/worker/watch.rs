//! Deadlines: one thread looks at all runs and takes the memory from those that are over time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::memory::Control;

/// How often deadlines are looked at while anything runs. With the 100 ms that a cancel may take, far from tight.
const TICK: Duration = Duration::from_millis(10);

/// Which of a run's deadlines passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Step,
    Job,
    Cancelled,
}

struct Watched {
    control: Arc<Control>,
    step: Instant,
    step_length: Duration,
    job: Instant,
    over: Option<Over>,
}

#[derive(Default)]
struct Runs {
    watched: HashMap<u64, Watched>,
    /// Cancelled before they began.
    early: HashSet<u64>,
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

    /// Starts watching a run.
    pub fn begin(&self, id: u64, control: &Arc<Control>, step: Duration, job: Duration) {
        let now = Instant::now();
        let watched = Watched {
            control: Arc::clone(control),
            step: now + step,
            step_length: step,
            job: now + job,
            over: None,
        };
        let mut runs = self.lock();
        runs.watched.insert(id, watched);
        if runs.early.remove(&id) {
            drop(runs);
            self.cancel(id);
        }
        self.changed.notify_one();
    }

    /// The run goes on to its next step: its step deadline starts anew.
    pub fn step(&self, id: u64) {
        if let Some(watched) = self.lock().watched.get_mut(&id) {
            watched.step = Instant::now() + watched.step_length;
        }
    }

    /// Stops the run at once.
    pub fn cancel(&self, id: u64) {
        let mut runs = self.lock();
        match runs.watched.get_mut(&id) {
            Some(watched) => {
                watched.over = Some(Over::Cancelled);
                watched.control.stop();
            }
            None => {
                runs.early.insert(id);
            }
        }
    }

    /// Stops every run at once.
    pub fn cancel_all(&self) {
        for watched in self.lock().watched.values_mut() {
            watched.over = Some(Over::Cancelled);
            watched.control.stop();
        }
    }

    /// Ends watching a run, and says whether and why it was stopped.
    pub fn end(&self, id: u64) -> Option<Over> {
        let mut runs = self.lock();
        runs.early.remove(&id);
        runs.watched.remove(&id).and_then(|watched| watched.over)
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
            for watched in runs.watched.values_mut().filter(|watched| watched.over.is_none()) {
                let over = if now >= watched.job {
                    Over::Job
                } else if now >= watched.step {
                    Over::Step
                } else {
                    continue;
                };
                watched.over = Some(over);
                watched.control.stop();
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
}
