//! The search engine: finds small patches that make failing tests pass.
//!
//! It ranks the statements that failing tests run, makes small edits of them ([`operators`]), has each one judged by a
//! [`verifier::Verifier`] and keeps the smallest that the whole suite confirms. It is pure but for that verifier: no
//! file, clock, thread or random source of its own; the same input and seed give the same answer, whatever the number
//! of cores.

pub mod operators;
pub mod outcome;
pub mod source;
pub mod verifier;
