//! The vocabulary of Airlock: pure types and rules, no IO, no clock, no editor protocol.
//!
//! What a workspace holds ([`snapshot`], [`overlay`]), what is to change ([`proposal`], [`hunk`], [`diff`], [`patch`],
//! [`merge`]), what the tests said ([`report`], [`fingerprint`], [`verdict`]) and what may land ([`material`],
//! [`protect`], [`check`]). How an answer is told to the user is in [`status`] and [`text`].

pub mod diff;
pub mod hash;
pub mod hunk;
pub mod limits;
pub mod merge;
pub mod overlay;
pub mod path;
pub mod proposal;
pub mod report;
pub mod snapshot;
pub mod status;
