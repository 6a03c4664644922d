//! The vocabulary of Airlock: pure types and rules, no IO, no clock, no editor protocol.
//!
//! What a workspace holds ([`snapshot`], [`overlay`]), what is to change ([`proposal`], [`hunk`], [`diff`], [`patch`],
//! [`merge`]), what the tests said ([`report`], [`fingerprint`], [`verdict`]) and what may land ([`material`], [`protect`],
//! [`check`]). How an answer is told to the user is in [`status`] and [`text`].
//!
//! One task's whole life is a [`session`]: events, and what follows from them.
//!
//! What is said between a task and a model is a [`conversation`].
//!
//! The way of a proposal: [`patch::parse`] and [`patch::Patch::apply`] (or an engine) make a [`proposal::Proposal`];
//! [`material::Project::plan`] says which overlay is run; [`verdict::judge`] compares the reports; [`check::check`] lets it
//! through.

pub mod check;
pub mod conversation;
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
pub mod session;
pub mod snapshot;
pub mod status;
pub mod tables;
pub mod text;
pub mod verdict;
