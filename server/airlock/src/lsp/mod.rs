//! `airlock lsp`: the language server.
//!
//! ```text
//! stdin → frame → transport → backend → inbox → state (one thread, never waits) → outbox → client → transport → stdout
//!                                         ↑                       ↓
//!                                         └──────── work (a thread for each job)
//! ```
//!
//! LSP's types are in `from_proto`, `to_proto`, `backend` and `client` alone.

mod actions;
mod around;
mod backend;
mod checks;
mod client;
mod discovery;
mod documents;
mod edits;
mod frame;
mod from_proto;
mod guest;
mod landing;
mod life;
mod logging;
mod message;
mod outbox;
#[cfg(test)]
mod positions;
mod repairs;
mod review;
mod settings;
mod shown;
#[cfg(test)]
mod simulator;
mod state;
mod tasks;
mod to_proto;
mod transport;
mod watch;
mod work;

use std::io;

use airlock_core::status::{ErrorCode, Status};
use tokio::sync::mpsc;
use tower_lsp::LspService;

use crate::failure::Failure;
pub use from_proto::path as path_of_uri;
pub use review::report as review_of;

use backend::Backend;
use outbox::Outbox;
use state::State;
use watch::Watch;
use work::{Fetcher, Task};

/// Serves an editor on the standard streams; the process's exit code.
///
/// # Errors
/// The server could not begin.
pub fn run() -> Result<u8, Failure> {
    logging::start();
    let failed = |error: io::Error| Failure::error(ErrorCode::Internal, format!("the server cannot begin: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let (inbox, messages) = mpsc::unbounded_channel();
    let fetcher = Fetcher::default();
    let (outbox, said) = Outbox::new();
    let start = {
        let (inbox, watch) = (inbox.clone(), Watch::begin(inbox.clone()));
        Box::new(move |task| {
            // Whose sessions were looked at once, others may leave a proposal in later.
            if let Task::Discover { near, .. } = &task {
                watch.near(near);
            }
            work::start(&inbox, task);
        })
    };
    let state = State::new(outbox, inbox.clone(), start, Fetcher::clone(&fetcher));
    std::thread::Builder::new().name("state".to_owned()).spawn(move || state.run(messages)).map_err(failed)?;
    let (handle, last) = (runtime.handle().clone(), inbox.clone());
    let (service, socket) = LspService::build(|client| {
        handle.spawn(client::speak(client, said, inbox.clone()));
        Backend::new(inbox, Fetcher::clone(&fetcher))
    })
    .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
    .finish();
    let code = runtime.block_on(async {
        let code = transport::serve(service, socket).await;
        // A client that is gone without a goodbye leaves what is just being written down.
        backend::written(&last).await;
        code
    });
    life::end_fetcher(&fetcher);
    Ok(code)
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
