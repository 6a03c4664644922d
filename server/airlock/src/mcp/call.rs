//! One call of a tool: a thread of its own that does what a command does, with a listener in place of a terminal. The caller is
//! told how it goes on, can cancel it, and may be gone before it ends.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airlock_core::status::ErrorCode;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext, RoleServer};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::roots::Folders;
use crate::cli::context::{Context, Steering};
use crate::cli::stop::{self, Ending};
use crate::cli::terminal::{Terminal, Told};
use crate::config::Flags;
use crate::failure::Failure;

/// Calls at work at a time; others wait for their turn. Each has a sandbox of its own.
pub const MOST_AT_WORK: usize = 4;
/// How long calls may go on when nothing more can be asked, before they are cancelled: who pipes a few requests in wants their
/// answers, and who is gone wants nothing.
const LAST: Duration = Duration::from_secs(1);
/// Progress that waits to be sent; what comes while so much waits is left out.
const WAITING: usize = 8;

/// What calls share.
pub struct Calls {
    slots: Arc<Semaphore>,
    /// Set when nothing more can be asked.
    ended: CancellationToken,
    memory: Arc<Memory>,
}

/// What a tool is given.
pub struct Call {
    pub folders: Folders,
    /// Who asks, in the client's own words.
    pub client: String,
    pub memory: Arc<Memory>,
    cancelled: Arc<AtomicBool>,
    progress: Option<mpsc::Sender<String>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Call {
    /// A call of the program's own command, in a folder, with nobody at a terminal.
    pub fn context(&self, cwd: PathBuf, arguments: Vec<String>) -> Context {
        let (progress, notes) = (self.progress.clone(), Arc::clone(&self.notes));
        let listener = move |told: Told<'_>| match told {
            Told::Progress(text) => {
                if let Some(progress) = &progress {
                    // The next one tells more.
                    let _ = progress.try_send(text.to_owned());
                }
            }
            Told::Note(text) => {
                let mut notes = notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if notes.len() < 100 {
                    notes.push(text.to_owned());
                }
            }
            // The report has it.
            Told::Session(_) => {}
        };
        Context {
            cwd,
            arguments,
            terminal: Arc::new(Terminal::listening(Box::new(listener))),
            cancelled: Arc::clone(&self.cancelled),
            worker: Arc::new(AtomicU32::new(0)),
            fetcher: Arc::default(),
            ending: Ending::new(),
            started: Instant::now(),
            open: Arc::default(),
            preset: Flags::default(),
            steering: Steering::default(),
            places: Arc::default(),
        }
    }

    /// Warnings that a command had besides its result.
    pub fn warnings(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        notes.iter().filter_map(|note| note.strip_prefix("warning: ").map(str::to_owned)).collect()
    }
}

impl Calls {
    pub fn new(ended: CancellationToken) -> Self {
        Self { slots: Arc::new(Semaphore::new(MOST_AT_WORK)), ended, memory: Arc::default() }
    }

    /// Does a piece of work for a request. It is cancelled with the request, and a moment after the client is gone; what it has
    /// found out by then is in its session.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn run<T: Send + 'static>(
        &self,
        request: &RequestContext<RoleServer>,
        folders: Folders,
        work: impl FnOnce(&Call) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let gone = || Failure::error(ErrorCode::Internal, "no more calls are taken");
        let slot = tokio::select! {
            slot = Arc::clone(&self.slots).acquire_owned() => slot.map_err(|_| gone())?,
            () = request.ct.cancelled() => return Err(Failure::cancelled()),
            () = self.ended.cancelled() => return Err(Failure::cancelled()),
        };
        let cancelled = Arc::new(AtomicBool::new(false));
        let (send_progress, mut progress) = mpsc::channel(WAITING);
        let token = request.meta.get_progress_token();
        let client = request.client_info().map_or_else(String::new, |client| client.name);
        let call = Call {
            folders,
            client,
            memory: Arc::clone(&self.memory),
            cancelled: Arc::clone(&cancelled),
            progress: token.is_some().then_some(send_progress),
            notes: Arc::default(),
        };
        let (send, mut done) = oneshot::channel();
        let thread = std::thread::Builder::new().name("call".to_owned()).spawn(move || {
            let result = stop::caught(|| work(&call));
            drop(slot);
            // Nobody listens where the server is ending.
            let _ = send.send(result);
        });
        if let Err(error) = thread {
            return Err(Failure::error(ErrorCode::Internal, format!("no thread can be started: {error}")));
        }
        let mut told = Progress { peer: request.peer.clone(), token, count: 0 };
        // By itself, since a client that does not read holds it up.
        let mut telling = tokio::spawn(async move {
            while let Some(text) = progress.recv().await {
                told.tell(text).await;
            }
        });
        let is_over = async {
            self.ended.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::pin!(is_over);
        let stopped = tokio::select! {
            result = &mut done => Some(result),
            () = request.ct.cancelled() => None,
            () = &mut is_over => None,
        };
        let result = match stopped {
            Some(result) => result,
            None => {
                cancelled.store(true, Ordering::SeqCst);
                done.await
            }
        };
        // No progress comes after the answer.
        if tokio::time::timeout(LAST, &mut telling).await.is_err() {
            telling.abort();
        }
        result.unwrap_or_else(|_| Err(Failure::error(ErrorCode::Internal, "a call came to no end")))
    }

    /// Waits until no call is at work any more: each has written down what it came to.
    pub async fn finished(&self) {
        let all = u32::try_from(MOST_AT_WORK).unwrap_or(u32::MAX);
        // It is never closed.
        let _ = self.slots.acquire_many(all).await;
    }
}

/// Tells the client how a call goes on.
struct Progress {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    count: u32,
}

impl Progress {
    async fn tell(&mut self, text: String) {
        let Some(token) = self.token.clone() else { return };
        self.count += 1;
        let text = airlock_core::text::one_line(&text, 200);
        let told = ProgressNotificationParam::new(token, f64::from(self.count)).with_message(text);
        if let Err(error) = self.peer.notify_progress(told).await {
            tracing::debug!("progress was not sent: {error}");
        }
    }
}
