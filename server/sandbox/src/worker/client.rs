//! The server's side of the worker: starts it, answers its questions about files, follows its jobs.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::pipe::{self, Progress, Waiting, lock};
use super::protocol::{Build, Done, Failure, Installed, Job, ToWorker, encode};
use super::watch::STARVED;
use crate::guest::install;
use crate::vfs::{Source, SourceEntry, SourceError};

/// How often a waiting job looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(10);

/// How long a cancelled job may take to end before its process is ended.
const CANCEL_PATIENCE: Duration = Duration::from_millis(500);

/// How long a job may say nothing beyond its own bound on that, which the worker keeps: for loading, freezing, writing,
/// and a machine that has other things to do.
const SILENCE: Duration = Duration::from_secs(20);

/// How long the process whose pipe closed may take to be gone.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// How often a worker that was lost is started anew, for four jobs that end it twice each: a machine on which it is always
/// lost must not be kept at it.
const MOST_RESTARTS: usize = 8;

/// What a compilation may take before its process is ended. The defaults are far beyond what any known guest needs: they
/// are for a module that makes the compiler go on for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileBounds {
    pub wall: Duration,
    /// Resident memory of the process in bytes, where the system tells it (Linux).
    pub memory: u64,
}

impl Default for CompileBounds {
    fn default() -> Self {
        Self { wall: Duration::from_secs(30 * 60), memory: 4 << 30 }
    }
}

/// Why the worker gave no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The process ended in mid-work, and what was in flight is lost; see [`Worker::restart`].
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

/// One process, with its pipes. Dropping it ends the process.
struct Process {
    child: Mutex<Child>,
    input: Option<Sender<Vec<u8>>>,
    waiting: Arc<Mutex<Waiting>>,
    reader: Option<JoinHandle<()>>,
    /// Why it was ended from here: then the signal that did it tells nothing.
    ended: OnceLock<String>,
}

/// A running worker. Dropping it ends its process.
pub struct Worker {
    launch: Launch,
    source: Arc<dyn Source>,
    process: Mutex<Arc<Process>>,
    /// Numbers requests, jobs and images, through all processes.
    next: AtomicU64,
    silence: Duration,
    /// What is open in it, for the process that comes after it.
    opened: Mutex<Option<(Installed, usize)>>,
    restarts: AtomicUsize,
    /// Where the id of its process is told.
    told: Mutex<Option<Arc<AtomicU32>>>,
}

impl Process {
    fn start(launch: &Launch, source: Arc<dyn Source>) -> Result<Self, WorkerError> {
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            // What the guest's process can see of the environment is nothing of the user's.
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "RUST_BACKTRACE" || name == "SystemRoot"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let piped = pipe::start(command, source)
            .map_err(|error| WorkerError::Start(format!("{}: {error}", launch.program.display())))?;
        Ok(Self {
            child: Mutex::new(piped.child),
            input: Some(piped.input),
            waiting: piped.waiting,
            reader: Some(piped.reader),
            ended: OnceLock::new(),
        })
    }

    fn is_lost(&self) -> bool {
        lock(&self.waiting).lost.is_some()
    }

    /// Queues a message; it never waits for the process.
    fn send(&self, message: &ToWorker) -> Result<(), WorkerError> {
        let message =
            encode(message).map_err(|error| Failure::Other(format!("what the sandbox is given is {error}")))?;
        let sent = self.input.as_ref().map(|input| input.send(message));
        if let Some(Ok(())) = sent { Ok(()) } else { Err(self.lost()) }
    }

    /// Waits for the end of a process that is about to be gone, and says how it came.
    fn lost(&self) -> WorkerError {
        let since = Instant::now();
        loop {
            let words = lock(&self.waiting).lost.clone();
            if let Ok(Some(status)) = lock(&self.child).try_wait()
                && let Some(words) = &words
            {
                if let Some(why) = self.ended.get() {
                    return WorkerError::Lost(format!(": {why}"));
                }
                // How it ended tells more than what it said last: a kernel out of memory leaves no words.
                return WorkerError::Lost(format!(" ({status}){words}"));
            }
            if since.elapsed() > LAST_MOMENTS {
                return WorkerError::Lost(words.unwrap_or_default());
            }
            std::thread::sleep(CANCEL_POLL);
        }
    }

    /// Sends a request and waits for its answer; for the reason that `give_up` finds, should it find one before the answer
    /// is there, it ends the process.
    fn request(
        &self,
        request: u64,
        message: &ToWorker,
        give_up: impl Fn() -> Option<WorkerError>,
    ) -> Result<Vec<String>, WorkerError> {
        let (reply, answer) = channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.lost.is_some() {
                drop(waiting);
                return Err(self.lost());
            }
            waiting.replies.insert(request, reply);
        }
        if let Err(error) = self.send(message) {
            lock(&self.waiting).replies.remove(&request);
            return Err(error);
        }
        loop {
            match answer.recv_timeout(CANCEL_POLL) {
                Ok(result) => return Ok(result?),
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(reason) = give_up() {
                self.kill();
                return Err(reason);
            }
        }
    }

    fn kill(&self) {
        let _ = lock(&self.child).kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // Without a sender the writer ends, and after it the reader.
        self.input.take();
        let _ = lock(&self.child).wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Worker {
    /// Starts a worker that sees `source`.
    ///
    /// # Errors
    /// [`WorkerError::Start`] where the process cannot be started.
    pub fn start(launch: &Launch, source: Arc<dyn Source>) -> Result<Self, WorkerError> {
        let process = Process::start(launch, Arc::clone(&source))?;
        Ok(Self {
            launch: launch.clone(),
            source,
            process: Mutex::new(Arc::new(process)),
            next: AtomicU64::new(0),
            silence: SILENCE,
            opened: Mutex::default(),
            restarts: AtomicUsize::new(0),
            told: Mutex::default(),
        })
    }

    /// Sets how long a job may say nothing beyond the bound on its steps before the process is ended.
    pub fn set_silence(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// Tells the process's id from now on, of a later process too.
    pub fn tell_pid(&self, told: Arc<AtomicU32>) {
        told.store(self.pid(), Ordering::SeqCst);
        *lock(&self.told) = Some(told);
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&lock(&self.process))
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        lock(&self.process().child).id()
    }

    /// Whether the process is gone.
    pub fn is_lost(&self) -> bool {
        self.process().is_lost()
    }

    /// Starts a process in the place of a lost one, with the same guest open. The images that the old one's memory held are
    /// gone with it ([`Failure::NoImage`]). Where the process lives, as another thread has been here, there is nothing to do.
    ///
    /// # Errors
    /// [`WorkerError::Lost`] where that happened too often, or no guest was open; [`WorkerError`] where it does not start.
    pub fn restart(&self) -> Result<(), WorkerError> {
        let mut process = lock(&self.process);
        if !process.is_lost() {
            return Ok(());
        }
        let Some((guest, threads)) = lock(&self.opened).clone() else { return Err(process.lost()) };
        if self.restarts.fetch_add(1, Ordering::Relaxed) >= MOST_RESTARTS {
            return Err(process.lost());
        }
        let new = Process::start(&self.launch, Arc::clone(&self.source))?;
        if let Some(told) = &*lock(&self.told) {
            told.store(lock(&new.child).id(), Ordering::SeqCst);
        }
        let request = self.number();
        new.request(request, &ToWorker::Open { request, guest, threads }, || None)?;
        *process = Arc::new(new);
        Ok(())
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Loads a guest, with room for `threads` jobs at once. From here on the process can do little else (see
    /// [`super::confine`]); what of that wall is missing on this system is returned, in plain words.
    ///
    /// # Errors
    /// [`Failure::GuestDamaged`] where it is not what was installed; [`WorkerError::Lost`].
    pub fn open(&self, guest: &Installed, threads: usize) -> Result<Vec<String>, WorkerError> {
        let request = self.number();
        let notes =
            self.process().request(request, &ToWorker::Open { request, guest: guest.clone(), threads }, || None)?;
        *lock(&self.opened) = Some((guest.clone(), threads));
        Ok(notes)
    }

    /// Compiles a guest, in this process: before a guest is opened in it.
    ///
    /// # Errors
    /// [`Failure`] where the guest is damaged, the result cannot be written or a bound is met, with which the process
    /// ends; [`WorkerError::Lost`].
    pub fn compile(&self, guest: &Installed) -> Result<(), WorkerError> {
        self.compile_within(guest, Build::default(), CompileBounds::default(), &|| false)
    }

    /// Makes another of a guest's builds, once, for jobs that need it; see [`Build`]. A process of its own does it, which
    /// may write where this one may not; it ends once `stop` says so. `making` is called if there is something to do.
    ///
    /// # Errors
    /// [`Failure`] where the guest is damaged or the result cannot be written; [`WorkerError`] where the process cannot
    /// be started or ends.
    pub fn compile_more(
        &self,
        guest: &Installed,
        build: Build,
        stop: &dyn Fn() -> bool,
        making: &dyn Fn(),
    ) -> Result<(), WorkerError> {
        if !install::is_there(&guest.folder, build) {
            making();
        }
        let other = Self::start(&self.launch, Arc::new(Nothing))?;
        other.compile_within(guest, build, CompileBounds::default(), stop)
    }

    /// Compiles in this process within bounds; meeting one, and `stop`, end the process.
    ///
    /// # Errors
    /// As [`Worker::compile`].
    pub fn compile_within(
        &self,
        guest: &Installed,
        build: Build,
        bounds: CompileBounds,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), WorkerError> {
        let (started, pid) = (Instant::now(), self.pid());
        let ended = |why: String| {
            let folder = guest.folder.display();
            Some(Failure::Other(format!("compiling the guest in {folder} was ended: {why}")).into())
        };
        let give_up = || {
            if stop() {
                ended("cancelled".to_owned())
            } else if started.elapsed() > bounds.wall {
                ended(format!("it took more than {} s; try again when the machine is idle", bounds.wall.as_secs_f32()))
            } else if peak_memory(pid).is_some_and(|peak| peak > bounds.memory) {
                ended(format!("it took more than {} MiB of memory", bounds.memory >> 20))
            } else {
                None
            }
        };
        let request = self.number();
        self.process().request(request, &ToWorker::Compile { request, guest: guest.clone(), build }, give_up).map(drop)
    }

    /// Starts a job.
    ///
    /// # Errors
    /// [`WorkerError::Lost`] where the process is gone.
    pub fn submit(&self, job: Job) -> Result<Running, WorkerError> {
        let (id, process) = (self.number(), self.process());
        let (progress, receiver) = channel();
        {
            let mut waiting = lock(&process.waiting);
            if waiting.lost.is_some() {
                drop(waiting);
                return Err(process.lost());
            }
            waiting.jobs.insert(id, progress);
        }
        let step = job.limits.step_ms.min(job.left_ms.unwrap_or(job.limits.job_ms));
        if let Err(error) = process.send(&ToWorker::Run { id, job: Box::new(job) }) {
            lock(&process.waiting).jobs.remove(&id);
            return Err(error);
        }
        // A guest that waits for a processor says nothing either.
        let silence = Duration::from_millis(step).saturating_mul(STARVED).saturating_add(self.silence);
        Ok(Running { process, id, receiver, silence, patience: self.silence })
    }

    /// Stops a job; it ends as stopped within 100 ms.
    pub fn cancel(&self, id: u64) {
        // A worker that is gone has no job left to stop.
        let _ = self.process().send(&ToWorker::Cancel { id });
    }

    /// Lets the worker forget an image.
    pub fn forget(&self, image: u64) {
        let process = self.process();
        if !process.is_lost() {
            let _ = process.send(&ToWorker::Forget { image });
        }
    }

    /// Ends the process at once: for what does not heed a cancel.
    pub fn kill(&self) {
        self.process().kill();
    }
}

/// The most memory that a process held so far, in bytes.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// The source of a worker that only compiles.
struct Nothing;

impl Source for Nothing {
    fn list(&self, _: u32, _: &str) -> Result<Vec<SourceEntry>, SourceError> {
        Err(SourceError::NotFound)
    }

    fn read(&self, _: u32, _: &str) -> Result<Arc<[u8]>, SourceError> {
        Err(SourceError::NotFound)
    }
}

/// A job in flight.
pub struct Running {
    process: Arc<Process>,
    id: u64,
    receiver: Receiver<Progress>,
    /// Who says nothing for so long will not any more.
    silence: Duration,
    /// Nor will who was told to end for so long.
    patience: Duration,
}

impl Running {
    /// The number to cancel it by.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Follows the job to its end, handing each event to `on_event`; once `cancelled` is set, stops it.
    ///
    /// # Errors
    /// [`WorkerError`] where the job could not be done or the worker was lost.
    pub fn wait(self, cancelled: &AtomicBool, on_event: impl FnMut(&[u8])) -> Result<Done, WorkerError> {
        self.wait_until(cancelled, &|| false, on_event)
    }

    /// The same; once `over` says so, stops it too, with no hurry: the process has other work after it.
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub fn wait_until(
        self,
        cancelled: &AtomicBool,
        over: &dyn Fn() -> bool,
        mut on_event: impl FnMut(&[u8]),
    ) -> Result<Done, WorkerError> {
        let mut told = None;
        let mut stopping: Option<Instant> = None;
        let mut heard = Instant::now();
        loop {
            match self.receiver.recv_timeout(CANCEL_POLL) {
                Ok(Progress::Event(event)) => {
                    on_event(&event);
                    heard = Instant::now();
                }
                Ok(Progress::Done(done)) => return Ok((*done)?),
                Err(RecvTimeoutError::Disconnected) => return Err(self.process.lost()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let deaf = stopping.filter(|since| since.elapsed() > self.patience).map(|_| self.patience);
            if let Some(silence) = deaf.or((heard.elapsed() > self.silence).then_some(self.silence)) {
                let silence = silence.as_secs_f32();
                self.process.ended.get_or_init(|| format!("it gave no sign of life for {silence} s and was ended"));
                self.process.kill();
                // Told once it is gone, so that another can take its place.
                return Err(self.process.lost());
            }
            if stopping.is_none() && over() {
                stopping = Some(Instant::now());
                let _ = self.process.send(&ToWorker::Cancel { id: self.id });
            }
            if cancelled.load(Ordering::Relaxed) {
                let since = *told.get_or_insert_with(|| {
                    // A worker that is gone has no job left to stop.
                    let _ = self.process.send(&ToWorker::Cancel { id: self.id });
                    Instant::now()
                });
                // What does not heed a cancel never touches its memory: it ends with its process.
                if since.elapsed() > CANCEL_PATIENCE {
                    self.process.kill();
                }
            }
        }
    }
}
