//! The search engine: finds small patches that make failing tests pass.
//!
//! It ranks the statements that failing tests run ([`localise`]), makes small edits of them ([`operators`]), has each
//! one judged by a [`verifier::Verifier`] and keeps the smallest that the whole suite confirms ([`search`]). It is
//! pure but for that verifier: no file, clock, thread or random source of its own; the same input and seed give the
//! same answer, whatever the number of cores.

pub mod explain;
pub mod localise;
pub mod material;
pub mod operators;
pub mod outcome;
pub mod search;
pub mod source;
pub mod verifier;

pub use outcome::{GroupOutcome, Patch, Progress, SearchEnd, SearchResult};
pub use search::{Budget, Options, SearchError, Stop, Task, repair};
pub use verifier::{Candidate, Confirmation, Ended, FileChange, TargetResult, Verifier, VerifierError};
