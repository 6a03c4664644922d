//! `airlock mcp`: the door for other agents, by the Model Context Protocol.
//!
//! ```text
//! stdin → lines → message → transport → rmcp's service → server → tools, resources
//!                               ↑                                    ↓
//! stdout ←──────────────────────┴────────────────── call (a thread for each, as for a command)
//! ```
//!
//! Invariants: no tool has a way to write to the workspace, or to accept a proposal; nothing but the protocol is on standard
//! output; whatever comes in is bounded. The protocol's types are in `message`, `transport`, `server`, `call`, `resources` and
//! `tools/mod` alone.

mod answer;
mod call;
mod lines;
mod memory;
mod message;
mod resources;
mod roots;
mod server;
mod tools;
mod transport;
mod uris;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airlock_agent::outward::Outward;
use airlock_core::status::{ErrorCode, Status};
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::agent::model::keys_of_environment;
use crate::config::Variables;
use crate::failure::Failure;
use call::Calls;
use roots::Start;
use server::Server;
use transport::Stdio;

/// How long what is at work may take to write down what it came to, and the last answers to be written, once the client is gone.
const LAST: Duration = Duration::from_secs(3);

/// Serves a client on the standard streams; the process's exit code. `path`: the only folder that may be worked in.
///
/// # Errors
/// The server could not begin.
pub fn run(path: Option<&Path>) -> Result<u8, Failure> {
    let filter = EnvFilter::try_from_env("AIRLOCK_LOG").unwrap_or_else(|_| EnvFilter::new("warn,rmcp=error"));
    // One is set already only in a test.
    let _ = tracing_subscriber::fmt().with_ansi(false).with_writer(io::stderr).with_env_filter(filter).try_init();
    std::panic::set_hook(Box::new(|info| tracing::error!("{info}")));
    let start = start(path)?;
    let failed = |error: io::Error| Failure::error(ErrorCode::Internal, format!("the server cannot begin: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let ended = CancellationToken::new();
    let (transport, written) = Stdio::open(ended.clone()).map_err(failed)?;
    let calls = Arc::new(Calls::new(ended));
    let server = Server::new(start, Arc::clone(&calls), Outward::new(keys_of_environment()));
    let code = runtime.block_on(async {
        let code = match rmcp::serve_server(server, transport).await {
            Ok(service) => match service.waiting().await {
                Ok(QuitReason::Closed | QuitReason::Cancelled) => 0,
                other => {
                    tracing::error!("the server ended: {other:?}");
                    Status::Error.exit_code()
                }
            },
            // Nobody said a word.
            Err(ServerInitializeError::ConnectionClosed(_)) => 0,
            Err(error) => {
                tracing::error!("the conversation did not begin: {error}");
                Status::Error.exit_code()
            }
        };
        if tokio::time::timeout(LAST, calls.finished()).await.is_err() {
            tracing::warn!("a call did not end in time; its session can be taken up again");
        }
        code
    });
    drop(runtime);
    let _ = written.recv_timeout(LAST);
    Ok(code)
}

/// Where the program was started, and for what.
fn start(path: Option<&Path>) -> Result<Start, Failure> {
    let not_readable = |error: io::Error| {
        Failure::error(ErrorCode::NotReadable, format!("the folder it is started in cannot be used: {error}"))
    };
    let cwd = std::env::current_dir().and_then(|cwd| cwd.canonicalize()).map_err(not_readable)?;
    let given = path.map(|path| {
        let found = cwd.join(path).canonicalize().map_err(|error| {
            Failure::error(ErrorCode::PathNotFound, format!("{} cannot be used: {error}", path.display()))
                .hint("name the project's folder: airlock mcp PATH")
        })?;
        if found.is_dir() {
            return Ok(found);
        }
        let message = format!("{} is no folder", found.display());
        Err(Failure::error(ErrorCode::Usage, message).hint("name the project's folder: airlock mcp PATH"))
    });
    let home = Variables::process().home().and_then(|home| home.canonicalize().ok());
    Ok(Start { given: given.transpose()?, cwd, home })
}

/// Ends the process with what the conversation came to; threads that are still at work end with it.
pub fn exit(result: Result<u8, Failure>) -> ! {
    crate::lsp::exit(result)
}
