//! The database's schema. Each entry of [`MIGRATIONS`] leads from the one before to the next and is never changed again: a
//! database of each version is kept in `tests/golden`, and a test opens all of them.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a database as ours: "Aslo" (Airlock's log).
pub(crate) const APPLICATION_ID: i32 = 0x4173_6c6f;

/// From nothing to version 1, from 1 to 2, and so on.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2];

const V1: &str = "
    -- One task's life. `count`, `bytes` and `summary` follow from its events and are kept up with each of them.
    CREATE TABLE session (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        opened_at INTEGER NOT NULL,
        touched_at INTEGER NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        summary TEXT NOT NULL
    ) STRICT;

    -- What happened. `seq` orders all, `n` those of one session; `at` (milliseconds since 1970) is for people.
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
        n INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (session, n)
    ) STRICT;

    -- Contents, each once, by their BLAKE3 hash.
    CREATE TABLE blob (
        hash BLOB NOT NULL PRIMARY KEY,
        bytes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE session_blob (
        session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
        hash BLOB NOT NULL REFERENCES blob (hash),
        PRIMARY KEY (session, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_blob_hash ON session_blob (hash);

    -- Reports of test runs that may be used again. `used` counts up with each use, whatever the clock says.
    CREATE TABLE report (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        key BLOB NOT NULL,
        used INTEGER NOT NULL,
        hash BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX report_key ON report (key, used);
    CREATE INDEX report_used ON report (used);
";

/// SQLite has no checksums of its own: a bit that changes on the disk would change what an event says. Events of before have
/// none.
const V2: &str = "ALTER TABLE event ADD COLUMN hash BLOB";

/// The version a connection's database has.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database to the newest version, one whole step after the other.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&transaction)?;
        let Some(step) = usize::try_from(version).ok().and_then(|at| migrations.get(at)) else { return Ok(()) };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}
