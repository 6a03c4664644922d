//! Reports of test runs that may be used again. What they mean, and whether one still holds, is its writer's to say; here
//! they are bytes under a key, bounded, those unused for longest going first.

use airlock_core::hash::ContentHash;
use rusqlite::{OptionalExtension, params};

use crate::error::StoreError;
use crate::thread::Store;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBounds {
    /// Of one key: what a project was lately, for those who go back and forth.
    pub per_key: u64,
    pub bytes: u64,
    /// A longer one is not kept at all.
    pub longest: usize,
}

impl Default for ReportBounds {
    fn default() -> Self {
        Self { per_key: 16, bytes: 64 << 20, longest: 16 << 20 }
    }
}

/// One report's number, to ask for it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptReport(i64);

impl Store {
    /// The reports of a key, the one used last first.
    ///
    /// # Errors
    /// The database fails.
    pub fn reports(&self, key: ContentHash) -> Result<Vec<KeptReport>, StoreError> {
        self.call(move |database| {
            let failed = |error: rusqlite::Error| database.failed(&error);
            let mut statement = database
                .connection
                .prepare("SELECT number FROM report WHERE key = ?1 ORDER BY used DESC")
                .map_err(failed)?;
            let numbers =
                statement.query_map([key.as_bytes().as_slice()], |row| row.get(0).map(KeptReport)).map_err(failed)?;
            numbers.collect::<rusqlite::Result<_>>().map_err(failed)
        })
    }

    /// One report's bytes; none where it has gone meanwhile, or is no longer what was kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn report(&self, report: KeptReport) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(move |database| {
            let row: Option<(Vec<u8>, Vec<u8>)> = database
                .connection
                .query_row("SELECT hash, body FROM report WHERE number = ?1", [report.0], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()
                .map_err(|error| database.failed(&error))?;
            Ok(row.filter(|(hash, body)| hash == ContentHash::of(body).as_bytes()).map(|(_, body)| body))
        })
    }

    /// Says that a report was of use.
    ///
    /// # Errors
    /// The database fails.
    pub fn report_used(&self, report: KeptReport) -> Result<(), StoreError> {
        self.call(move |database| {
            database.write(|transaction| {
                transaction
                    .execute(
                        "UPDATE report SET used = (SELECT max(used) + 1 FROM report) WHERE number = ?1",
                        [report.0],
                    )
                    .map(|_| ())
            })
        })
    }

    /// Keeps a report, unless it is too long or there already; others make room for it.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_report(&self, key: ContentHash, body: Vec<u8>) -> Result<(), StoreError> {
        self.call(move |database| {
            let bounds = database.options.reports;
            if body.len() > bounds.longest {
                return Ok(());
            }
            let key = key.as_bytes().as_slice();
            let hash = ContentHash::of(&body);
            let hash = hash.as_bytes().as_slice();
            database.write(|transaction| {
                transaction.execute("DELETE FROM report WHERE key = ?1 AND hash = ?2", params![key, hash])?;
                transaction.execute(
                    "INSERT INTO report (key, used, hash, body)
                     VALUES (?1, (SELECT coalesce(max(used), 0) + 1 FROM report), ?2, ?3)",
                    params![key, hash, body],
                )?;
                let per_key = i64::try_from(bounds.per_key).unwrap_or(i64::MAX);
                transaction.execute(
                    "DELETE FROM report WHERE number IN
                         (SELECT number FROM report WHERE key = ?1 ORDER BY used DESC LIMIT -1 OFFSET ?2)",
                    params![key, per_key],
                )?;
                // Everything behind the point where the sum, from the one used last, passes the bound.
                let bytes = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
                transaction.execute(
                    "DELETE FROM report WHERE number IN (
                         SELECT number FROM (
                             SELECT number, sum(length(body)) OVER (ORDER BY used DESC) AS total FROM report
                         ) WHERE total > ?1)",
                    [bytes],
                )?;
                Ok(())
            })
        })
    }
}
