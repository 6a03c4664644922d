//! The server ends with who started it.

use std::time::Duration;

/// How often it is looked for.
const TICK: Duration = Duration::from_secs(2);

/// Ends this process when another is gone. The end of standard input mostly comes first.
pub fn end_with(parent: u32) {
    #[cfg(unix)]
    {
        let Some(pid) = i32::try_from(parent).ok().and_then(rustix::process::Pid::from_raw) else { return };
        std::thread::spawn(move || {
            loop {
                // A process of another user is there all the same.
                if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
                    tracing::info!("the editor is gone");
                    std::process::exit(1);
                }
                std::thread::sleep(TICK);
            }
        });
    }
    #[cfg(not(unix))]
    let _ = (parent, TICK);
}
