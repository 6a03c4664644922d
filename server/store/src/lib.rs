//! Sessions on disk: for each workspace one SQLite database with its sessions' events, the contents they name, and kept
//! reports of test runs. The only crate that knows SQL.
//!
//! Invariants:
//! - An event that was acknowledged is on the disk ([`Ticket::wait`]); a group of events is there whole or not at all.
//! - Events are ordered by their numbers. Clocks are shown to people and decide nothing.
//! - A database that is damaged, foreign or empty is put aside and said; it is never silently made new. One written by a
//!   newer version is left as it is.
//! - A session has one writer at a time, in whatever process; the system frees it when that process dies.
//! - Folders are the user's alone (0700), and so are files (0600).
//! - Nothing here writes to the workspace.

mod blobs;
mod codec;
mod error;
mod location;
mod mounts;
mod open;
mod owner;
mod private;
mod reports;
mod schema;
mod sessions;
#[cfg(test)]
mod tests;
mod thread;
mod writer;

pub use error::StoreError;
pub use location::{DataFolder, Place};
pub use open::{Opened, open};
pub use reports::{KeptReport, ReportBounds};
pub use sessions::{Bounds, Listed, Stored};
pub use thread::{Landing, Options, Store, Ticket};
pub use writer::Writer;

/// The version of the database's schema that this crate writes; older ones are brought to it.
pub const SCHEMA_VERSION: usize = schema::MIGRATIONS.len();

/// Oldest SQLite that is used: older ones can corrupt a database that two processes write to
/// (<https://sqlite.org/wal.html#walresetbug>).
pub const OLDEST_SQLITE: i32 = 3_051_003;
