//! The sandbox: guests in wasmtime over a virtual file system, in a process of their own.
//!
//! Invariants: a guest never holds a host file descriptor, socket, clock or random source; wasmtime runs in the worker
//! process only; a store is thrown away after any trap; nothing here writes to a project.

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
