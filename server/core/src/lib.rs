//! The vocabulary of Airlock: pure types and rules, no IO, no clock, no editor protocol.

pub mod report;
