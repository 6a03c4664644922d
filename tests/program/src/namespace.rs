//! A user's own mounts, in which disks can be small, full or read-only.

use std::process::Command;

const OPTIONS: [&str; 4] = ["--user", "--map-root-user", "--mount", "--"];

/// What a command with its arguments is added to, to run where its mounts are its own.
pub fn command() -> Command {
    let mut command = Command::new("unshare");
    command.args(OPTIONS);
    command
}

/// Whether this system lets its users have such mounts. Some do not; then what needs them is left out, and that is printed.
///
/// # Panics
/// Where `CI` is set: there nothing may be left out without anyone's noticing.
#[must_use = "where it is false, the test has tried nothing"]
pub fn can_mount() -> bool {
    let tried = command().args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let why = match tried {
        Ok(done) if done.status.success() => return true,
        Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let said = format!("user namespaces with mounts are not to be had ({why}), so what needs them is not tested");
    assert!(std::env::var_os("CI").is_none(), "{said}");
    // Past the capture of a test's output.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {said}\n").as_bytes());
    false
}
