//! The server ends with who started it, and takes along what it has started.

use std::sync::PoisonError;
use std::time::Duration;

use super::work::Fetcher;
use crate::cli::stop;

/// How often it is looked for.
const TICK: Duration = Duration::from_secs(2);

/// Ends this process when another is gone. The end of standard input mostly comes first.
pub fn end_with(parent: u32, fetcher: Fetcher) {
    #[cfg(unix)]
    {
        let Some(pid) = i32::try_from(parent).ok().and_then(rustix::process::Pid::from_raw) else { return };
        std::thread::spawn(move || {
            loop {
                // A process of another user is there all the same.
                if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
                    tracing::info!("the editor is gone");
                    end_fetcher(&fetcher);
                    std::process::exit(1);
                }
                std::thread::sleep(TICK);
            }
        });
    }
    #[cfg(not(unix))]
    let _ = (parent, TICK, fetcher);
}

/// Ends a download that is under way, which does not end by itself; none begins after this.
pub fn end_fetcher(fetcher: &Fetcher) {
    let fetcher = fetcher.lock().unwrap_or_else(PoisonError::into_inner);
    stop::end_process(*fetcher);
    // Until the end of the process.
    std::mem::forget(fetcher);
}
