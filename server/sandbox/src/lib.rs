//! The sandbox: guests in wasmtime over a virtual file system, in a process of their own.
//!
//! Invariants: a guest never holds a host file descriptor, socket, clock or random source; wasmtime runs in the worker
//! process only; a store is thrown away after any trap; nothing here writes to a project. Whoever stops a run waits for
//! nobody; the worker's main thread waits for nothing but its input; a worker with an open guest reaches no file but the
//! guest's and the images', no network and no other program, where the system can hold it to that.

pub mod engine;
pub mod guest;
mod image;
mod link;
mod memory;
mod prepare;
mod run;
pub mod suite;
pub mod vfs;
pub mod wasi;
pub mod worker;

pub use run::Ending;
