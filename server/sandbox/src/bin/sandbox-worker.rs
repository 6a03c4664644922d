//! The worker process alone, for this crate's tests and bench; users have it as `airlock worker`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match airlock_sandbox::worker::server::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
