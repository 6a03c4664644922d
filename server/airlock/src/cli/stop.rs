//! Ends that nobody planned: Ctrl-C and the system's other requests to end (SIGTERM, SIGHUP), and panics. Each still gives one exit code and, with `--json`, one document.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use airlock_core::status::{ErrorCode, Status};

use super::context::Context;
use super::document::{Body, Document};
use super::terminal;
use crate::failure::Failure;

/// How long a cancelled command may take to end by itself. The rest of the second is for the machine.
const PATIENCE: Duration = Duration::from_millis(800);

/// How long a command that has begun to write to the project may take to end that. Only a disk that hangs takes longer.
const LANDING: Duration = Duration::from_secs(10);

/// How long one that has begun to tell its result may take to end that. Only a reader that does not read takes longer.
const TELLING: Duration = Duration::from_millis(300);

/// Who has the last word: the command itself or Ctrl-C, whoever takes it first.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicU8>);

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Open = 0,
    /// The command has the last word: it writes to the project.
    Landing = 1,
    /// The command has the last word: it says it.
    Telling = 2,
    /// Ctrl-C has the last word.
    Interrupted = 3,
}

impl Ending {
    pub fn new() -> Self {
        Self::default()
    }

    /// For the command, before it writes to the project: from here on Ctrl-C waits for it.
    pub fn land(&self) {
        self.take(Stand::Landing);
    }

    /// For the command, before it tells how it ended.
    pub fn tell(&self) {
        self.take(Stand::Telling);
    }

    /// Does not come back where Ctrl-C was first; the process is about to end then.
    fn take(&self, stand: Stand) {
        if !self.claim(stand) {
            loop {
                std::thread::park();
            }
        }
    }

    /// Goes on to a stand, unless the other side has the last word.
    fn claim(&self, stand: Stand) -> bool {
        let mine = |now: u8| match stand {
            Stand::Interrupted => now == Stand::Open as u8 || now == stand as u8,
            _ => now != Stand::Interrupted as u8,
        };
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| mine(now).then_some(stand as u8)).is_ok()
    }

    /// Waits for a command that has the last word, with whose end the process and this thread end.
    fn wait(&self) {
        let started = Instant::now();
        while self.0.load(Ordering::SeqCst) == Stand::Landing as u8 && started.elapsed() < LANDING {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(TELLING);
    }
}

/// Ctrl-C: the first cancels, and ends the program if that takes too long; the second ends it at once. Only a command that
/// is writing to the project, or telling how it ended, is waited for: neither is left half done.
pub fn on_interrupt(context: &Context, json: bool, command: &'static str) {
    let (ending, cancelled) = (context.ending.clone(), Arc::clone(&context.cancelled));
    let (worker, fetcher) = (Arc::clone(&context.worker), Arc::clone(&context.fetcher));
    let started = context.started;
    let last_word = move || {
        if ending.claim(Stand::Interrupted) {
            if json {
                let failure = Failure::cancelled();
                let body = Body::None {};
                let document = Document::of_failure(command, &failure, &body, started.elapsed());
                terminal::print_out(&document.to_line());
            } else {
                eprintln!("\r\x1b[Kcancelled; nothing was changed");
            }
        } else {
            ending.wait();
        }
        // Compiling, the worker does not see that its input has ended; pip never does.
        end_process(worker.load(Ordering::Relaxed));
        // Kept until the end of the process, so that no other pip is started.
        let fetcher = fetcher.lock().unwrap_or_else(PoisonError::into_inner);
        end_process(*fetcher);
        std::process::exit(i32::from(Status::Cancelled.exit_code()));
    };
    let set = ctrlc::set_handler(move || {
        if cancelled.swap(true, Ordering::SeqCst) {
            last_word();
        }
        let last_word = last_word.clone();
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            last_word();
        });
    });
    if let Err(error) = set {
        // Then Ctrl-C ends the process the system's way, which is quick but says nothing.
        eprintln!("Ctrl-C cannot be watched for: {error}");
    }
}

/// Ends a process at once; 0 is none.
pub fn end_process(pid: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // It may be gone already.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = pid;
}

/// A panic is told in one line; where it happened is for who mends it.
pub fn on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprint!("\r");
        usual(info);
    }));
}

/// Does a command's work. A panic in it is its failure.
///
/// # Errors
/// Those of the work, and `internal` for a panic.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What a panic leaves half done is the context's, of which only the cancel flag and the progress line are read after it.
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|cause| Err(panicked(&*cause)))
}

fn panicked(cause: &(dyn Any + Send)) -> Failure {
    let text = cause.downcast_ref::<&str>().copied();
    let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str)).unwrap_or("for no known reason");
    Failure::error(ErrorCode::Internal, format!("Airlock failed: {text}"))
        .hint("this is a fault of Airlock itself; please report it with the command you typed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_has_who_takes_it_first() {
        let ending = Ending::new();
        ending.land();
        assert!(!ending.claim(Stand::Interrupted));
        ending.tell();
        assert!(!ending.claim(Stand::Interrupted));
        let ending = Ending::new();
        assert!(ending.clone().claim(Stand::Interrupted));
        assert!(!ending.claim(Stand::Landing) && !ending.claim(Stand::Telling));
        // Its own timer and a second Ctrl-C may both come.
        assert!(ending.claim(Stand::Interrupted));
    }
}
