//! The one thread that has the database. Others hand it jobs; events that wait at the same moment are committed together,
//! and each is acknowledged once its commit is on the disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::location::Place;
use crate::private;
use crate::reports::ReportBounds;
use crate::schema;
use crate::sessions::{self, Append, Bounds};

/// Most events of one commit.
const GROUP: usize = 256;

/// How a store behaves. The default is the one to use; tests have their own clock and schema.
#[derive(Clone, Debug)]
pub struct Options {
    pub bounds: Bounds,
    pub reports: ReportBounds,
    /// Milliseconds since 1970, for people to read; nothing is ordered by it.
    pub clock: fn() -> i64,
    /// How long to try while others write or land something. Either takes milliseconds, unless a process was stopped there.
    pub patience: Duration,
    /// How long to wait for a process that makes the database or looks it over.
    pub look: Duration,
    /// Whether a database that cannot be written now is refused, and not found out at the first event.
    pub to_write: bool,
    pub(crate) migrations: &'static [&'static str],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            reports: ReportBounds::default(),
            clock: now,
            patience: Duration::from_secs(20),
            look: Duration::from_secs(30),
            to_write: true,
            migrations: schema::MIGRATIONS,
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

type Work = Box<dyn FnOnce(&mut Database) + Send>;

enum Job {
    Append(Append, Sender<Result<(), StoreError>>),
    Do(Work),
}

/// The connection and what belongs to it; lives in the thread.
pub(crate) struct Database {
    pub connection: Connection,
    pub path: PathBuf,
    pub folder: PathBuf,
    pub options: Options,
}

impl Database {
    /// SQLite's error in ours.
    pub fn failed(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, error)
    }

    /// Begins to write. A transaction that reads first and writes later could fail at once, however long it is to wait;
    /// this one has the right to write from the start.
    pub fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let started = Instant::now();
        loop {
            match Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate) {
                Ok(transaction) => return Ok(transaction),
                Err(error) => {
                    let error = self.failed(&error);
                    if !error.is_busy() || started.elapsed() >= self.options.patience {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Does something in one transaction.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let transaction = self.begin()?;
        let value = work(&transaction).map_err(|error| self.failed(&error))?;
        transaction.commit().map_err(|error| self.failed(&error))?;
        Ok(value)
    }

    /// Moments are told in the milliseconds of this.
    pub fn now(&self) -> i64 {
        (self.options.clock)()
    }

    fn commit(&mut self, group: Vec<(Append, Sender<Result<(), StoreError>>)>) {
        let (appends, replies): (Vec<Append>, Vec<_>) = group.into_iter().unzip();
        let results = match sessions::append_all(self, &appends) {
            Ok(results) => results,
            Err(error) => vec![Err(error); replies.len()],
        };
        for (reply, result) in replies.into_iter().zip(results) {
            // Who does not wait for the answer does not need it.
            let _ = reply.send(result);
        }
    }
}

fn run(mut database: Database, jobs: &Receiver<Job>) {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Do(work) => work(&mut database),
            Job::Append(append, reply) => {
                let mut group = vec![(append, reply)];
                while group.len() < GROUP {
                    match jobs.try_recv() {
                        Ok(Job::Append(append, reply)) => group.push((append, reply)),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                database.commit(group);
            }
        }
    }
    // The last to close it writes the journal back; where that fails the next to open it does.
    let _ = database.connection.close();
}

/// A workspace's open database. Clones are the same one; it is closed with the last of them.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub folder: PathBuf,
    path: PathBuf,
    patience: Duration,
    /// Held, shared, as long as the database is open.
    _lock: File,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told to whoever waited for an answer.
            let _ = thread.join();
        }
    }
}

/// The right to land something; the system takes it back from a process that dies.
#[derive(Debug)]
pub struct Landing {
    /// Held for its lock.
    _file: File,
}

/// An event on its way to the disk.
#[derive(Debug)]
pub struct Ticket(Receiver<Result<(), StoreError>>);

impl Ticket {
    /// Waits until the event is on the disk.
    ///
    /// # Errors
    /// It is not, and never will be.
    pub fn wait(self) -> Result<(), StoreError> {
        self.0.recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl Store {
    pub(crate) fn start(
        place: &Place,
        connection: Connection,
        lock: File,
        options: Options,
    ) -> Result<Self, StoreError> {
        let (folder, path, patience) = (place.folder.clone(), place.database(), options.patience);
        let database = Database { connection, path: path.clone(), folder: folder.clone(), options };
        let (jobs, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || run(database, &receiver))
            .map_err(|error| StoreError::io(&folder, &error))?;
        Ok(Self(Arc::new(Shared { jobs: Some(jobs), thread: Some(thread), folder, path, patience, _lock: lock })))
    }

    /// The folder that holds the database.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Whether there is room for another session: known before its work, not after it.
    ///
    /// # Errors
    /// There is none.
    pub fn room(&self) -> Result<(), StoreError> {
        let path = &self.0.path;
        if private::is_full(path) { Err(StoreError::DiskFull(path.clone())) } else { Ok(()) }
    }

    /// Waits until nobody else lands anything in this workspace, and keeps others waiting as long as the value lives.
    ///
    /// # Errors
    /// The lock's file cannot be made, or somebody holds it for too long.
    pub fn landing(&self) -> Result<Landing, StoreError> {
        let file = private::lock_file(&self.0.folder.join("landing.lock"))?;
        private::lock(&file, &self.0.folder, self.0.patience)?;
        Ok(Landing { _file: file })
    }

    pub(crate) fn append(&self, append: Append) -> Result<Ticket, StoreError> {
        let (reply, answer) = mpsc::channel();
        self.send(Job::Append(append, reply))?;
        Ok(Ticket(answer))
    }

    /// Has the thread do something and waits for it.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = mpsc::channel();
        self.send(Job::Do(Box::new(move |database| {
            // The caller waits below, unless it has panicked.
            let _ = reply.send(work(database));
        })))?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.0.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(StoreError::Closed)
    }
}
