//! Sessions and their events.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use airlock_core::hash::ContentHash;
use airlock_core::session::{Event, Summary};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::codec::{self, Row};
use crate::error::StoreError;
use crate::owner::{self, Owner};
use crate::thread::{Database, Store};

/// How much is kept; the oldest that have ended go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub sessions: u64,
    /// Events and contents together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { sessions: 100, bytes: 256 << 20 }
    }
}

/// An event with its number in the session, from 0, and when it was written (milliseconds since 1970, for people).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub number: u64,
    pub at: i64,
    pub event: Event,
}

/// A session as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    /// Milliseconds since 1970, for people.
    pub opened_at: i64,
    pub touched_at: i64,
    pub events: u64,
    /// Of its events, in bytes.
    pub bytes: u64,
    /// None where a newer version wrote it and this one cannot read it.
    pub summary: Option<Summary>,
}

/// Events to write, of one session.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    /// The session's number in the database.
    pub session: i64,
    pub id: String,
    /// The number of the first event in the session.
    pub first: u64,
    pub rows: Vec<Row>,
    pub contents: Vec<(ContentHash, Vec<u8>)>,
    pub summary: String,
}

/// Consonants and vowels of ids: they are read out and typed.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";

/// A short word that nothing else has: `bado-kemi`. One of 41 million; a clash is met by another try.
fn new_id() -> String {
    // Each hasher is seeded by the system, which makes this a random number without a dependency.
    let mut random = RandomState::new().build_hasher().finish();
    let mut id = String::with_capacity(9);
    for at in 0..4 {
        if at == 2 {
            id.push('-');
        }
        let mut pick = |letters: &[u8]| {
            // Both numbers of letters are far below what a usize holds.
            let letter = letters[usize::try_from(random % letters.len() as u64).unwrap_or(0)];
            random /= letters.len() as u64;
            char::from(letter)
        };
        id.push(pick(CONSONANTS));
        id.push(pick(VOWELS));
    }
    id
}

/// Writes a group of appends in one commit. One that cannot be written does not keep the others out.
pub(crate) fn append_all(database: &Database, appends: &[Append]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let now = database.now();
    let mut transaction = database.begin()?;
    let mut results = Vec::with_capacity(appends.len());
    for append in appends {
        let failed = |error: rusqlite::Error| database.failed(&error);
        let savepoint = transaction.savepoint().map_err(failed)?;
        match append_one(&savepoint, append, now) {
            Ok(true) => {
                savepoint.commit().map_err(failed)?;
                results.push(Ok(()));
            }
            // Dropped, a savepoint is rolled back.
            Ok(false) => results.push(Err(StoreError::Conflict(append.id.clone()))),
            Err(error) => match failed(error) {
                // A full disk or a damaged database fails the whole group: SQLite may have ended the transaction.
                error @ (StoreError::DiskFull(_) | StoreError::Damaged { .. } | StoreError::Failed { .. }) => {
                    return Err(error);
                }
                error => results.push(Err(error)),
            },
        }
    }
    transaction.commit().map_err(|error| database.failed(&error))?;
    Ok(results)
}

/// False where the session is not where the writer thinks it is.
fn append_one(connection: &rusqlite::Connection, append: &Append, now: i64) -> rusqlite::Result<bool> {
    let (bytes, count) = (append.rows.iter().map(|row| row.body.len()).sum::<usize>(), append.rows.len());
    let first = i64::try_from(append.first).unwrap_or(i64::MAX);
    let moved = connection
        .prepare(
            "UPDATE session SET count = count + ?1, bytes = bytes + ?2, touched_at = ?3, summary = ?4
         WHERE number = ?5 AND count = ?6",
        )?
        .execute(params![
            i64::try_from(count).unwrap_or(i64::MAX),
            i64::try_from(bytes).unwrap_or(i64::MAX),
            now,
            append.summary,
            append.session,
            first
        ])?;
    if moved != 1 {
        return Ok(false);
    }
    for (hash, bytes) in &append.contents {
        let hash = hash.as_bytes().as_slice();
        connection
            .prepare("INSERT INTO blob (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![hash, bytes])?;
        connection
            .prepare("INSERT INTO session_blob (session, hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![append.session, hash])?;
    }
    let mut insert = connection
        .prepare("INSERT INTO event (session, n, at, kind, version, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (n, row) in (first..).zip(&append.rows) {
        let hash = codec::checksum(n, now, row.kind, row.version, &row.body);
        insert.execute(params![append.session, n, now, row.kind, row.version, row.body, hash.as_slice()])?;
    }
    Ok(true)
}

/// Makes an empty session; what it is comes with its first event.
fn create(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<(i64, String)> {
    loop {
        let id = new_id();
        let made = transaction.execute(
            "INSERT INTO session (id, opened_at, touched_at, count, bytes, summary) VALUES (?1, ?2, ?2, 0, 0, '')
             ON CONFLICT DO NOTHING",
            params![id, now],
        )?;
        if made == 1 {
            return Ok((transaction.last_insert_rowid(), id));
        }
    }
}

impl Store {
    /// Makes a session with its first event, in one commit, and gives its number in the database and its id.
    pub(crate) fn create(&self, first: Row, summary: String) -> Result<(i64, String, Owner), StoreError> {
        self.call(move |database| {
            let now = database.now();
            let transaction = database.begin()?;
            let failed = |error: rusqlite::Error| database.failed(&error);
            let (number, id) = create(&transaction, now).map_err(failed)?;
            // Taken before anybody else can see that there is one.
            let owner = Owner::take(&database.folder, &id)?;
            let append =
                Append { session: number, id: id.clone(), first: 0, rows: vec![first], contents: vec![], summary };
            append_one(&transaction, &append, now).map_err(failed)?;
            transaction.commit().map_err(failed)?;
            Ok((number, id, owner))
        })
    }

    /// The session that a word is the id of, or the beginning of its id.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(&self, word: &str) -> Result<String, StoreError> {
        let word = word.to_owned();
        self.call(move |database| {
            let failed = |error: rusqlite::Error| database.failed(&error);
            let mut statement =
                database.connection.prepare("SELECT id FROM session ORDER BY number DESC").map_err(failed)?;
            let ids = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
            let mut found = Vec::new();
            for id in ids {
                let id = id.map_err(failed)?;
                if id == word {
                    return Ok(id);
                }
                if !word.is_empty() && id.starts_with(&word) {
                    found.push(id);
                }
            }
            match found.len() {
                0 => Err(StoreError::NotFound(word)),
                1 => Ok(found.remove(0)),
                _ => Err(StoreError::Ambiguous { word, ids: found }),
            }
        })
    }

    /// All sessions, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.call(|database| list(database))
    }

    /// A session's events, in order.
    ///
    /// # Errors
    /// There is none of that id, or one of its events cannot be read.
    pub fn events(&self, id: &str) -> Result<Vec<Stored>, StoreError> {
        let id = id.to_owned();
        self.call(move |database| Ok(load(database, &id)?.1))
    }

    /// Whether somebody is at work on a session, in whatever process.
    pub fn is_live(&self, id: &str) -> bool {
        owner::is_taken(&self.0.folder, id)
    }

    /// Removes the oldest sessions beyond the bounds: those that have ended, then those that were left; never one that
    /// somebody works on, and never one whose apply is not settled. Gives how many went.
    ///
    /// # Errors
    /// The database fails.
    pub fn tidy(&self) -> Result<u64, StoreError> {
        self.call(|database| tidy(database))
    }
}

fn list(database: &Database) -> Result<Vec<Listed>, StoreError> {
    let failed = |error: rusqlite::Error| database.failed(&error);
    let mut statement = database
        .connection
        .prepare("SELECT id, opened_at, touched_at, count, bytes, summary FROM session ORDER BY number DESC")
        .map_err(failed)?;
    let rows = statement.query_map([], |row| {
        Ok(Listed {
            id: row.get(0)?,
            opened_at: row.get(1)?,
            touched_at: row.get(2)?,
            events: unsigned(row.get(3)?),
            bytes: unsigned(row.get(4)?),
            summary: serde_json::from_str(&row.get::<_, String>(5)?).ok(),
        })
    });
    rows.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
}

/// A number of the database that cannot be negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A row of the log.
struct Written {
    n: i64,
    at: i64,
    kind: String,
    version: u32,
    body: String,
    /// None where a version wrote it that kept none.
    hash: Option<Vec<u8>>,
}

impl Written {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            n: row.get(0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            version: row.get(3)?,
            body: row.get(4)?,
            hash: row.get(5)?,
        })
    }

    fn is_whole(&self) -> bool {
        let now = codec::checksum(self.n, self.at, &self.kind, self.version, &self.body);
        self.hash.as_ref().is_none_or(|hash| *hash == now)
    }
}

/// A session's number in the database, and its events in order.
pub(crate) fn load(database: &Database, id: &str) -> Result<(i64, Vec<Stored>), StoreError> {
    let failed = |error: rusqlite::Error| database.failed(&error);
    let unreadable = |why: String| StoreError::Unreadable { id: id.to_owned(), why };
    let found: Option<(i64, i64)> = database
        .connection
        .query_row("SELECT number, count FROM session WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(failed)?;
    let (number, count) = found.ok_or_else(|| StoreError::NotFound(id.to_owned()))?;
    let mut statement = database
        .connection
        .prepare("SELECT n, at, kind, version, body, hash FROM event WHERE session = ?1 ORDER BY n")
        .map_err(failed)?;
    let mut rows = statement.query([number]).map_err(failed)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let row = Written::read(row).map_err(failed)?;
        let number = unsigned(row.n);
        if number != events.len() as u64 {
            return Err(unreadable(format!("its event {} is missing", events.len())));
        }
        let event = codec::decode(id, &row.kind, row.version, &row.body)?;
        if !row.is_whole() {
            return Err(unreadable(format!("its event {number} is not as it was written")));
        }
        events.push(Stored { number, at: row.at, event });
    }
    if events.len() as u64 != unsigned(count) {
        return Err(unreadable(format!("it had {count} events, and {} are there", events.len())));
    }
    Ok((number, events))
}

fn tidy(database: &Database) -> Result<u64, StoreError> {
    let failed = |error: rusqlite::Error| database.failed(&error);
    let bounds = database.options.bounds;
    let over = || -> Result<bool, StoreError> {
        let (sessions, events, contents): (i64, i64, i64) = database
            .connection
            .query_row(
                "SELECT (SELECT count(*) FROM session), (SELECT coalesce(sum(bytes), 0) FROM session),
                        (SELECT coalesce(sum(length(bytes)), 0) FROM blob)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .map_err(failed)?;
        Ok(unsigned(sessions) > bounds.sessions || unsigned(events).saturating_add(unsigned(contents)) > bounds.bytes)
    };
    if !over()? {
        return Ok(0);
    }
    let sessions = list(database)?;
    let has_ended = |session: &&Listed| {
        session.summary.as_ref().is_some_and(|summary| summary.status.is_some() && !summary.unsettled)
    };
    let was_left = |session: &&Listed| {
        session.summary.as_ref().is_none_or(|summary| summary.status.is_none() && !summary.unsettled)
    };
    let oldest = || sessions.iter().rev();
    let mut gone = 0;
    for session in oldest().filter(has_ended).chain(oldest().filter(was_left)) {
        if !over()? {
            break;
        }
        // Held while it goes, so that nobody takes it up at this moment.
        let Ok(_owner) = Owner::take(&database.folder, &session.id) else { continue };
        gone += database.write(|transaction| {
            let gone = transaction.execute("DELETE FROM session WHERE id = ?1", [&session.id])?;
            transaction.execute("DELETE FROM blob WHERE hash NOT IN (SELECT hash FROM session_blob)", [])?;
            Ok(gone as u64)
        })?;
    }
    if gone > 0 {
        let mut statement = database.connection.prepare("PRAGMA incremental_vacuum").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while rows.next().map_err(failed)?.is_some() {}
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_can_be_read_out() {
        let ids: std::collections::BTreeSet<String> = (0..1000).map(|_| new_id()).collect();
        assert!(ids.len() > 990, "they differ");
        for id in ids {
            let letters: Vec<u8> = id.bytes().filter(|letter| *letter != b'-').collect();
            assert_eq!((id.len(), letters.len()), (9, 8), "{id}");
            for pair in letters.chunks(2) {
                assert!(CONSONANTS.contains(&pair[0]) && VOWELS.contains(&pair[1]), "{id}");
            }
        }
    }
}
