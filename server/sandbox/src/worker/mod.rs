//! The worker process, the only place where wasmtime runs, and the server's side of it.

pub mod client;
mod clock;
pub mod confine;
mod door;
mod job;
mod keys;
mod pipe;
pub mod protocol;
pub mod server;
pub mod source;
mod watch;
