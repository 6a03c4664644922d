//! The vocabulary of Airlock: pure types and rules, no IO, no clock, no editor protocol.
//!
//! What a workspace holds ([`snapshot`], [`overlay`]), what is to change ([`proposal`], [`hunk`], [`diff`], [`merge`]),
//! what the tests said ([`report`], [`verdict`]) and what may land ([`protect`], [`check`]). How an answer is told to the
//! user is in [`status`].

pub mod check;
pub mod diff;
pub mod fingerprint;
pub mod hash;
pub mod hunk;
pub mod limits;
pub mod material;
pub mod merge;
pub mod overlay;
pub mod patch;
pub mod path;
pub mod proposal;
pub mod protect;
pub mod report;
pub mod snapshot;
pub mod status;
pub mod tables;
pub mod text;
pub mod verdict;
