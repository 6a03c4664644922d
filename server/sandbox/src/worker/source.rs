//! What guests in this worker can see: the installed guest's files, served here, and the server's sources, asked for
//! over the pipe and kept as long as the server says that they are the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::protocol::{Answer, FromWorker, Question};
use crate::guest::files::{Archive, Folder, Harness};
use crate::memory::Control;
use crate::vfs::{Source, SourceEntry, SourceError};

/// Mount ids of the guest's own files.
pub const LIBRARY: u32 = 0;
pub const HARNESS: u32 = 1;
pub const RUNNER: u32 = 2;
/// Smallest id of a source that the server answers for.
pub const FIRST_REMOTE: u32 = 16;

/// Where messages to the server go; shared by all threads of the worker.
pub type Outbox = Arc<dyn Fn(&FromWorker) + Send + Sync>;

/// How often a run that waits for the server looks whether it was stopped.
const POLL: Duration = Duration::from_millis(20);

thread_local! {
    /// The run of this thread: one that was stopped waits for no answer.
    static RUNNING: RefCell<Option<Arc<Control>>> = const { RefCell::new(None) };
}

/// Does `work` as part of the run that `control` stops.
pub fn as_run<T>(control: &Arc<Control>, work: impl FnOnce() -> T) -> T {
    struct TakeBack;
    impl Drop for TakeBack {
        fn drop(&mut self) {
            RUNNING.with(|slot| slot.borrow_mut().take());
        }
    }
    RUNNING.with(|slot| *slot.borrow_mut() = Some(Arc::clone(control)));
    let _take_back = TakeBack;
    work()
}

/// The run of this thread, for work of its that another thread does.
pub fn this_run() -> Option<Arc<Control>> {
    RUNNING.with(|slot| slot.borrow().clone())
}

/// Whether the run of this thread was stopped.
pub fn is_stopped() -> bool {
    RUNNING.with(|slot| slot.borrow().as_ref().is_some_and(|control| control.is_stopped()))
}

#[derive(Default)]
struct Waiting {
    last: u64,
    askers: HashMap<u64, SyncSender<Result<Answer, SourceError>>>,
}

/// Questions on their way to the server.
#[derive(Default)]
pub struct Pending {
    waiting: Mutex<Waiting>,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, out: &Outbox, mount: u32, path: &str, question: Question) -> Result<Answer, SourceError> {
        let (answered, answer) = sync_channel(1);
        let ask = {
            let mut waiting = self.lock();
            waiting.last += 1;
            let ask = waiting.last;
            waiting.askers.insert(ask, answered);
            ask
        };
        out(&FromWorker::Ask { ask, mount, path: path.to_owned(), question });
        loop {
            match answer.recv_timeout(POLL) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SourceError::Other("the server is gone".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) if is_stopped() => {
                    self.lock().askers.remove(&ask);
                    return Err(SourceError::Other("the run was stopped".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Hands the server's answer to whoever asked.
    pub fn answer(&self, ask: u64, answer: Result<Answer, SourceError>) {
        let waiting = self.lock().askers.remove(&ask);
        if let Some(waiting) = waiting {
            // The asker may be gone with its run.
            let _ = waiting.send(answer);
        }
    }

    /// Wakes every asker: no answer will come any more.
    pub fn close(&self) {
        self.lock().askers.clear();
    }
}

/// The guest's own files.
pub struct GuestFiles {
    pub library: Option<Archive>,
    pub harness: Harness,
    pub runner: Option<Folder>,
}

/// One generation of what the server's sources hold, together with the guest's files.
pub struct Files {
    guest: Arc<GuestFiles>,
    pending: Arc<Pending>,
    out: Outbox,
}

impl Files {
    pub fn new(guest: Arc<GuestFiles>, pending: Arc<Pending>, out: Outbox) -> Self {
        Self { guest, pending, out }
    }
}

impl Source for Files {
    fn list(&self, mount: u32, folder: &str) -> Result<Vec<SourceEntry>, SourceError> {
        match mount {
            LIBRARY => return self.guest.library.as_ref().ok_or(SourceError::NotFound)?.list(folder),
            HARNESS => return self.guest.harness.list(folder),
            RUNNER => return self.guest.runner.as_ref().ok_or(SourceError::NotFound)?.list(folder),
            _ => {}
        }
        match self.pending.ask(&self.out, mount, folder, Question::List)? {
            Answer::List(list) => Ok(list),
            Answer::Read(_) => Err(SourceError::Other("the server answered another question".to_owned())),
        }
    }

    fn read(&self, mount: u32, path: &str) -> Result<Arc<[u8]>, SourceError> {
        match mount {
            LIBRARY => return self.guest.library.as_ref().ok_or(SourceError::NotFound)?.read(path),
            HARNESS => return self.guest.harness.read(path),
            RUNNER => return self.guest.runner.as_ref().ok_or(SourceError::NotFound)?.read(path),
            _ => {}
        }
        match self.pending.ask(&self.out, mount, path, Question::Read)? {
            Answer::Read(content) => Ok(content.into()),
            Answer::List(_) => Err(SourceError::Other("the server answered another question".to_owned())),
        }
    }
}
