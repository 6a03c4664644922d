//! The time that a thread had of a processor.

use std::time::{Duration, Instant};

/// Does `work`, and says what this thread had of a processor meanwhile; wall time where the system does not tell that.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let clock = ThreadClock::of_this_thread();
    let (wall, began) = (Instant::now(), clock.and_then(|clock| clock.now()));
    let done = work();
    let worked = clock.and_then(|clock| clock.now()).zip(began).map(|(now, began)| now.saturating_sub(began));
    (done, worked.unwrap_or_else(|| wall.elapsed()))
}

/// One thread's clock, which others may read while the thread lives.
#[derive(Clone, Copy, Debug)]
pub struct ThreadClock {
    #[cfg(target_os = "linux")]
    id: libc::clockid_t,
}

impl ThreadClock {
    /// The clock of the thread that calls; none where the system has none that others can read.
    pub fn of_this_thread() -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            let mut id = 0;
            // SAFETY: both arguments are of this call: the thread itself, and a place for one clock id.
            let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
            (failed == 0).then_some(Self { id })
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// What the thread had so far; none once it has ended.
    pub fn now(&self) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: the place is one timespec; a clock that is gone is an error, nothing else.
            let failed = unsafe { libc::clock_gettime(self.id, &raw mut time) };
            let seconds = u64::try_from(time.tv_sec).ok()?;
            let nanos = u32::try_from(time.tv_nsec).ok()?;
            (failed == 0).then(|| Duration::new(seconds, nanos))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}
