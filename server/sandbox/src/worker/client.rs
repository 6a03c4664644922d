//! The server's side of the worker: starts it, answers its questions about files, follows its jobs.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::protocol::{Answer, Done, Failure, FromWorker, Job, Question, ToWorker, receive, send};
use crate::vfs::{Source, SourceError};

/// How often a waiting job looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(10);

/// How long a cancelled job may take to end before its process is ended.
const CANCEL_PATIENCE: Duration = Duration::from_millis(500);

/// Why the worker gave no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The process ended in mid-work; what was in flight is lost, and the next job starts a new one.
    #[error("the sandbox's worker process ended unexpectedly{0}")]
    Lost(String),
    #[error("cannot start the sandbox's worker process: {0}")]
    Start(String),
}

/// How to start a worker: program and arguments.
#[derive(Clone, Debug)]
pub struct Launch {
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

/// What a job sends while it runs.
enum Progress {
    Event(Vec<u8>),
    Done(Box<Result<Done, Failure>>),
}

#[derive(Default)]
struct Waiting {
    jobs: HashMap<u64, Sender<Progress>>,
    replies: Vec<Sender<Result<(), Failure>>>,
    lost: Option<String>,
}

/// A running worker process. Dropping it ends the process.
pub struct Worker {
    child: Mutex<Child>,
    input: Arc<Mutex<Option<ChildStdin>>>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU64,
    reader: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Starts a worker that sees `source`.
    ///
    /// # Errors
    /// [`WorkerError::Start`] where the process cannot be started.
    pub fn start(launch: &Launch, source: Arc<dyn Source>) -> Result<Self, WorkerError> {
        let mut child = Command::new(&launch.program)
            .args(&launch.arguments)
            // What the guest's process can see of the environment is nothing of the user's.
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "RUST_BACKTRACE" || name == "SystemRoot"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| WorkerError::Start(format!("{}: {error}", launch.program.display())))?;
        let input = Arc::new(Mutex::new(child.stdin.take()));
        let (Some(output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(WorkerError::Start("it has no pipes".to_owned()));
        };
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let reader = {
            let (input, waiting) = (Arc::clone(&input), Arc::clone(&waiting));
            std::thread::Builder::new()
                .name("worker-reader".to_owned())
                .spawn(move || {
                    // Standard error is read beside: the last words of a process that dies.
                    let words = std::thread::spawn(move || {
                        let mut text = Vec::new();
                        let mut chunk = [0; 4096];
                        while let Ok(read @ 1..) = errors.read(&mut chunk) {
                            text.extend_from_slice(&chunk[..read]);
                            let surplus = text.len().saturating_sub(8192);
                            text.drain(..surplus);
                        }
                        String::from_utf8_lossy(&text).trim().to_owned()
                    });
                    read_all(output, &input, &waiting, &*source);
                    let words = words.join().unwrap_or_default();
                    let mut waiting = lock(&waiting);
                    waiting.lost = Some(if words.is_empty() { words } else { format!(": {words}") });
                    waiting.jobs.clear();
                    waiting.replies.clear();
                })
                .map_err(|error| WorkerError::Start(error.to_string()))?
        };
        Ok(Self {
            child: Mutex::new(child),
            input,
            waiting,
            next: AtomicU64::new(0),
            reader: Some(reader),
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        lock(&self.child).id()
    }

    /// Whether the process is gone.
    pub fn is_lost(&self) -> bool {
        lock(&self.waiting).lost.is_some()
    }

    fn send(&self, message: &ToWorker) -> Result<(), WorkerError> {
        let sent = lock(&self.input).as_mut().map(|input| send(input, message));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                Err(Failure::Other(error.to_string()).into())
            }
            _ => Err(self.lost()),
        }
    }

    fn lost(&self) -> WorkerError {
        WorkerError::Lost(lock(&self.waiting).lost.clone().unwrap_or_default())
    }

    fn request(&self, message: &ToWorker) -> Result<(), WorkerError> {
        let (reply, answer) = channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.lost.is_some() {
                drop(waiting);
                return Err(self.lost());
            }
            waiting.replies.push(reply);
        }
        self.send(message)?;
        match answer.recv() {
            Ok(result) => Ok(result?),
            Err(_) => Err(self.lost()),
        }
    }

    /// Loads the guest in `folder`, with room for `threads` jobs at once.
    ///
    /// # Errors
    /// [`Failure::GuestDamaged`] where it is not what was installed; [`WorkerError::Lost`].
    pub fn open(&self, folder: &Path, threads: usize) -> Result<(), WorkerError> {
        self.request(&ToWorker::Open { folder: folder.to_owned(), threads })
    }

    /// Compiles the guest in `folder`.
    ///
    /// # Errors
    /// [`Failure`] where the guest is damaged or the result cannot be written; [`WorkerError::Lost`].
    pub fn compile(&self, folder: &Path) -> Result<(), WorkerError> {
        self.request(&ToWorker::Compile { folder: folder.to_owned() })
    }

    /// Starts a job.
    ///
    /// # Errors
    /// [`WorkerError::Lost`] where the process is gone.
    pub fn submit(&self, job: Job) -> Result<Running<'_>, WorkerError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (progress, receiver) = channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.lost.is_some() {
                drop(waiting);
                return Err(self.lost());
            }
            waiting.jobs.insert(id, progress);
        }
        self.send(&ToWorker::Run { id, job: Box::new(job) })?;
        Ok(Running { worker: self, id, receiver })
    }

    /// Stops a job; it ends as stopped within 100 ms.
    pub fn cancel(&self, id: u64) {
        // A worker that is gone has no job left to stop.
        let _ = self.send(&ToWorker::Cancel { id });
    }

    /// Lets the worker forget an image.
    pub fn forget(&self, image: u64) {
        let _ = self.send(&ToWorker::Forget { image });
    }

    /// Ends the process at once: for what does not heed a cancel.
    pub fn kill(&self) {
        let _ = lock(&self.child).kill();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its input ends the worker; the kill is for one that is in a compilation.
        lock(&self.input).take();
        self.kill();
        let _ = lock(&self.child).wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A job in flight.
pub struct Running<'a> {
    worker: &'a Worker,
    id: u64,
    receiver: Receiver<Progress>,
}

impl Running<'_> {
    /// The number to cancel it by.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Follows the job to its end, handing each event to `on_event`; once `cancelled` is set, stops it.
    ///
    /// # Errors
    /// [`WorkerError`] where the job could not be done or the worker was lost.
    pub fn wait(self, cancelled: &AtomicBool, mut on_event: impl FnMut(&[u8])) -> Result<Done, WorkerError> {
        let mut told = None;
        loop {
            match self.receiver.recv_timeout(CANCEL_POLL) {
                Ok(Progress::Event(event)) => on_event(&event),
                Ok(Progress::Done(done)) => return Ok((*done)?),
                Err(RecvTimeoutError::Disconnected) => return Err(self.worker.lost()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if cancelled.load(Ordering::Relaxed) {
                let since = *told.get_or_insert_with(|| {
                    self.worker.cancel(self.id);
                    Instant::now()
                });
                // What does not heed a cancel never touches its memory: it ends with its process.
                if since.elapsed() > CANCEL_PATIENCE {
                    self.worker.kill();
                }
            }
        }
    }
}

/// Reads the worker's messages until its output ends.
fn read_all(
    output: impl Read,
    input: &Mutex<Option<ChildStdin>>,
    waiting: &Mutex<Waiting>,
    source: &dyn Source,
) {
    let mut output = BufReader::with_capacity(1 << 16, output);
    while let Ok(Some(message)) = receive::<FromWorker>(&mut output) {
        match message {
            FromWorker::Opened(result) | FromWorker::Compiled(result) => {
                let mut waiting = lock(waiting);
                if !waiting.replies.is_empty() {
                    // Requests are answered in their order. The asker may be gone.
                    let _ = waiting.replies.remove(0).send(result);
                }
            }
            FromWorker::Ask { ask, mount, path, question } => {
                let answer = answer(source, mount, &path, question);
                let sent = lock(input).as_mut().map(|input| send(input, &ToWorker::Answer { ask, answer }));
                if !matches!(sent, Some(Ok(()))) {
                    return;
                }
            }
            FromWorker::Event { id, event } => {
                if let Some(progress) = lock(waiting).jobs.get(&id) {
                    let _ = progress.send(Progress::Event(event));
                }
            }
            FromWorker::Done { id, done } => {
                if let Some(progress) = lock(waiting).jobs.remove(&id) {
                    let _ = progress.send(Progress::Done(done));
                }
            }
        }
    }
}

fn answer(source: &dyn Source, mount: u32, path: &str, question: Question) -> Result<Answer, SourceError> {
    match question {
        Question::List => source.list(mount, path).map(Answer::List),
        Question::Read => source.read(mount, path).map(|content| Answer::Read(content.to_vec())),
    }
}
