//! `airlock lsp`: the language server.
//!
//! ```text
//! stdin → frame → transport → backend → inbox → state (one thread, never waits) → outbox → transport → stdout
//!                                         ↑                       ↓
//!                                         └──────── work (a thread for each job)
//! ```
//!
//! LSP's types are in `from_proto`, `to_proto`, `backend` and `client` alone.

mod actions;
mod backend;
mod client;
mod documents;
mod frame;
mod from_proto;
mod landing;
mod life;
mod message;
mod review;
mod state;
mod to_proto;
mod transport;
mod work;

use std::io;

use airlock_core::status::{ErrorCode, Status};
use tokio::sync::mpsc;
use tower_lsp::LspService;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use backend::Backend;
use client::Outbox;
use state::State;

/// Serves an editor on the standard streams; the process's exit code.
///
/// # Errors
/// The server could not begin.
pub fn run() -> Result<u8, Failure> {
    log();
    let failed = |error: io::Error| Failure::error(ErrorCode::Internal, format!("the server cannot begin: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let (inbox, messages) = mpsc::unbounded_channel();
    let handle = runtime.handle().clone();
    let (service, socket) = {
        let mut state = None;
        let (service, socket) = LspService::build(|client| {
            state = Some(State::new(Outbox::new(client, handle, inbox.clone()), inbox.clone()));
            Backend::new(inbox)
        })
        .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
        .finish();
        let state = state.ok_or_else(|| Failure::error(ErrorCode::Internal, "the server has no state"))?;
        std::thread::Builder::new().name("state".to_owned()).spawn(move || state.run(messages)).map_err(failed)?;
        (service, socket)
    };
    Ok(runtime.block_on(transport::serve(service, socket)))
}

/// Ends the process with what the conversation came to; threads that are still at work end with it.
pub fn exit(result: Result<u8, Failure>) -> ! {
    match result {
        Ok(code) => std::process::exit(code.into()),
        Err(failure) => {
            eprintln!("error: {failure}");
            std::process::exit(Status::Error.exit_code().into())
        }
    }
}

/// Logs to standard error; `AIRLOCK_LOG` says how much.
fn log() {
    let filter = EnvFilter::try_from_env("AIRLOCK_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // One is set already only in a test.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).try_init();
}
