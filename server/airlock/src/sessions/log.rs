//! The session that a command writes while it works.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use airlock_core::hash::ContentHash;
use airlock_core::session::{Best, Cursor, Event, Outcome, RunResult, Session, Tried};
use airlock_repair::outcome::Progress;
use airlock_store::{Store, StoreError, Writer};

/// Writes one session. What cannot be written is told once; from then on nothing more is kept, and nothing may land.
pub struct Log {
    writer: Mutex<Writer>,
    id: String,
    cursor: Mutex<Option<Cursor>>,
    lost: OnceLock<StoreError>,
    /// Runs of earlier processes that nobody has asked for yet in this one.
    earlier: Mutex<BTreeSet<ContentHash>>,
    remembered: AtomicU64,
    made: AtomicU64,
}

impl Log {
    pub fn new(writer: Writer) -> Self {
        Self {
            earlier: Mutex::new(writer.session().results().keys().copied().collect()),
            id: writer.id().to_owned(),
            writer: Mutex::new(writer),
            cursor: Mutex::default(),
            lost: OnceLock::new(),
            remembered: AtomicU64::new(0),
            made: AtomicU64::new(0),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn store(&self) -> Store {
        self.writer().store().clone()
    }

    /// Looks at what is known of the session.
    pub fn look<T>(&self, look: impl FnOnce(&Session) -> T) -> T {
        look(self.writer().session())
    }

    /// Writes an event, with the contents it names; it is on the disk when this returns.
    ///
    /// # Errors
    /// It is not, or an earlier one was not.
    pub fn write(&self, event: impl Into<Event>, contents: Vec<Vec<u8>>) -> Result<(), StoreError> {
        if let Some(error) = self.lost.get() {
            return Err(error.clone());
        }
        let ticket = self.writer().append(event, contents);
        // Not under the lock: others may hand theirs over meanwhile, and share the commit.
        ticket.and_then(|ticket| ticket.wait()).inspect_err(|error| {
            // The first one is the cause.
            let _ = self.lost.set(error.clone());
        })
    }

    /// Writes an event of work that goes on all the same where it cannot be written.
    pub fn keep(&self, event: impl Into<Event>, contents: Vec<Vec<u8>>) {
        // What is lost is said at the end.
        let _ = self.write(event, contents);
    }

    /// Why nothing more is kept.
    pub fn lost(&self) -> Option<&StoreError> {
        self.lost.get()
    }

    /// How far the search has come, to go with the next results.
    pub fn at(&self, progress: &Progress) {
        let best = progress.best.as_ref().map(|best| Best {
            path: best.path.to_string(),
            line: best.line,
            why: best.why.clone(),
            passing: best.passing as u64,
            targets: best.targets as u64,
            confirmed: best.confirmed,
        });
        let cursor = Cursor {
            group: progress.group as u64,
            groups: progress.groups as u64,
            tried: progress.tried,
            known: progress.known,
            best,
        };
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor);
    }

    /// The result of a finished run, by whatever process of this session.
    pub fn known(&self, key: ContentHash) -> Option<Outcome> {
        let known = self.look(|session| session.results().get(&key).cloned())?;
        if self.earlier.lock().unwrap_or_else(PoisonError::into_inner).remove(&key) {
            self.remembered.fetch_add(1, Ordering::Relaxed);
        }
        Some(known)
    }

    /// Writes down runs that were made just now.
    pub fn made(&self, results: Vec<RunResult>) {
        if results.is_empty() {
            return;
        }
        self.made.fetch_add(results.len() as u64, Ordering::Relaxed);
        let cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.keep(Tried { results, cursor }, Vec::new());
    }

    /// Runs of earlier processes that were asked for and not made again, and runs that were made.
    pub fn counts(&self) -> (u64, u64) {
        (self.remembered.load(Ordering::Relaxed), self.made.load(Ordering::Relaxed))
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // An event is folded whole or not at all, so a panic elsewhere leaves nothing half done.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
