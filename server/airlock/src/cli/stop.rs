//! Ends that nobody planned: Ctrl-C and panics. Each still gives one exit code and, with `--json`, one document.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airlock_core::status::{ErrorCode, Status};

use super::context::Context;
use super::document::{Body, Document};
use super::terminal;
use crate::failure::Failure;

/// How long a cancelled command may take to end by itself. The rest of the second is for the machine.
const PATIENCE: Duration = Duration::from_millis(800);

/// Who takes it first has the last word.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the caller is to tell how it ended.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }
}

/// Ctrl-C: the first cancels, and ends the program if that takes too long; the second ends it at once.
pub fn on_interrupt(ending: &Ending, context: &Context, json: bool, command: &'static str) {
    let (ending, cancelled, worker) = (ending.clone(), Arc::clone(&context.cancelled), Arc::clone(&context.worker));
    let started = context.started;
    let last_word = move || {
        if ending.take() {
            if json {
                let failure = Failure::cancelled();
                let body = Body::None {};
                let document = Document::of_failure(command, &failure, &body, started.elapsed());
                terminal::print_out(&document.to_line());
            } else {
                eprintln!("\r\x1b[Kcancelled; nothing was changed");
            }
        }
        // Compiling, the worker does not see that its input has ended.
        end_process(worker.load(Ordering::Relaxed));
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

fn end_process(pid: u32) {
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

/// A panic of a command as its failure.
pub fn panicked(cause: &(dyn Any + Send)) -> Failure {
    let text = cause.downcast_ref::<&str>().copied();
    let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str)).unwrap_or("for no known reason");
    Failure::error(ErrorCode::Internal, format!("Airlock failed: {text}"))
        .hint("this is a fault of Airlock itself; please report it with the command you typed")
}
