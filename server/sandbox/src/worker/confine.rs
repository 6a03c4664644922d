//! The worker's place among the system's processes: low priority, gone with its parent.

/// Gives way to everything else on the machine: an editor must not lag because a search runs.
pub fn lower_priority() {
    #[cfg(unix)]
    // Best effort: a container may forbid it, and then the worker competes like any other process.
    let _ = rustix::process::nice(10);
}

/// Asks the system to end this process when its parent ends. Elsewhere the end of standard input does it.
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    {
        let asked = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // The parent may have died before the request took hold: then the pipe's end ends the worker.
        let _ = asked;
    }
}
