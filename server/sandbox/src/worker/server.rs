//! The worker process: compiles, freezes, forks, runs. It reads messages from its standard input until that ends, and
//! ends with it.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::job::{self, Context};
use super::protocol::{Build, Failure, FromWorker, Installed, Job, ToWorker, receive, send};
use super::source::{Files, GuestFiles, Outbox, Pending};
use super::watch::Watch;
use crate::engine::{self, Compiled, Engines};
use crate::guest::Description;
use crate::guest::files::{Archive, Folder, Harness};
use crate::guest::install;
use crate::image::Images;
use crate::vfs::Bottom;

/// Jobs waiting for a thread; the server sends no more than it has threads, so this is slack.
const QUEUE: usize = 1024;

/// Jobs that no thread has taken yet.
type Queue = Mutex<Receiver<(u64, Box<Job>)>>;

/// Stack of a thread that compiles, in bytes.
const COMPILE_STACK: usize = 16 << 20;

/// The guest that is open, and everything its runs share.
pub struct Opened {
    /// By build; all but the usual one are loaded when a run first needs them.
    compiled: Mutex<Vec<(Build, Compiled)>>,
    pub description: Description,
    folder: PathBuf,
    files: Arc<GuestFiles>,
    /// Names guest, harness and program: images of other ones are refused.
    pub identity: [u8; 32],
}

impl Opened {
    /// One of the guest's builds.
    ///
    /// # Errors
    /// [`Failure::GuestDamaged`] where it was never compiled, or is not what was written.
    pub fn compiled(&self, engines: &Engines, build: Build) -> Result<Compiled, Failure> {
        let mut builds = lock(&self.compiled);
        if let Some((_, compiled)) = builds.iter().find(|(known, _)| *known == build) {
            return Ok(compiled.clone());
        }
        let compiled = install::load(engines, &self.folder, build)?;
        builds.push((build, compiled.clone()));
        Ok(compiled)
    }
}

/// What all threads of the worker share.
pub struct Shared {
    pub engines: Engines,
    pub out: Outbox,
    pub pending: Arc<Pending>,
    pub watch: Watch,
    pub images: Images,
    opened: Mutex<Option<Arc<Opened>>>,
    generations: Mutex<HashMap<u64, Arc<Bottom>>>,
}

impl Shared {
    /// The open guest.
    pub fn opened(&self) -> Result<Arc<Opened>, Failure> {
        lock(&self.opened).clone().ok_or_else(|| Failure::Other("no guest is open".to_owned()))
    }

    /// The server's sources as of `generation`. Older generations are forgotten when their last run ends.
    pub fn files(&self, opened: &Opened, generation: u64) -> Arc<Bottom> {
        let mut generations = lock(&self.generations);
        if let Some(files) = generations.get(&generation) {
            return Arc::clone(files);
        }
        generations.clear();
        let files = Files::new(Arc::clone(&opened.files), Arc::clone(&self.pending), Arc::clone(&self.out));
        let bottom = Arc::new(Bottom::new(Arc::new(files)));
        generations.insert(generation, Arc::clone(&bottom));
        bottom
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the worker on standard input and output.
///
/// # Errors
/// Where the engine cannot be configured on this machine or the pipe breaks in mid-message.
pub fn main() -> io::Result<()> {
    super::confine::lower_priority();
    super::confine::die_with_parent();
    let engines = Engines::new().map_err(|error| io::Error::other(format!("{error:#}")))?;
    let stdout = Mutex::new(io::stdout());
    let out: Outbox = Arc::new(move |message| {
        let mut stdout = lock(&stdout);
        let sent = send(&mut *stdout, message);
        if let (Err(error), FromWorker::Done { id, .. }) = (&sent, message)
            && error.kind() == io::ErrorKind::InvalidInput
        {
            // Whoever waits must learn that nothing will come.
            let failure = Failure::Other(format!("the run's result is {error}"));
            let _ = send(&mut *stdout, &FromWorker::Done { id: *id, done: Box::new(Err(failure)) });
        }
        // Other errors: the server is gone, and the end of standard input ends this process.
    });
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        engines,
        out,
        pending: Arc::default(),
        watch: Watch::default(),
        images: Images::default(),
        opened: Mutex::default(),
        generations: Mutex::default(),
    }));
    let (jobs, queue) = sync_channel(QUEUE);
    let queue: Arc<Queue> = Arc::new(Mutex::new(queue));
    let mut compiled = false;
    let mut threads = 0;
    let mut input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    // This thread never waits for anything but its input: an answer that a run waits for may be next in it.
    while let Some(message) = receive::<ToWorker>(&mut input)? {
        match message {
            ToWorker::Open { request, guest, threads: wanted } => {
                let opened = if compiled { Err(unconfined()) } else { open(&shared.engines, &guest) };
                let result = opened.map(|opened| {
                    *lock(&shared.opened) = Some(Arc::new(opened));
                    crate::memory::spare::prepare();
                    // Threads inherit the restrictions of the one that starts them; so these come first.
                    super::confine::confine(&guest.folder, guest.images.as_deref())
                });
                if result.is_ok() && threads == 0 {
                    thread::Builder::new().name("watch".to_owned()).spawn(|| shared.watch.run())?;
                }
                while result.is_ok() && threads < wanted.clamp(1, 256) {
                    spawn(shared, &queue, threads)?;
                    threads += 1;
                }
                (shared.out)(&FromWorker::Reply { request, result });
            }
            ToWorker::Compile { request, guest, build } => {
                compiled = true;
                thread::Builder::new().name("compile".to_owned()).stack_size(COMPILE_STACK).spawn(move || {
                    // Without a reply the server would wait for ever.
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        compile(&shared.engines, &guest, build)
                    }))
                    .unwrap_or_else(|_| Err(Failure::Other("the compiler failed internally".to_owned())))
                    .map(|()| Vec::new());
                    (shared.out)(&FromWorker::Reply { request, result });
                })?;
            }
            ToWorker::Run { id, job } => submit(shared, &jobs, id, job),
            ToWorker::Cancel { id } => shared.watch.cancel(id),
            ToWorker::Answer { ask, answer } => shared.pending.answer(ask, answer),
            ToWorker::Forget { image } => shared.images.forget(image),
        }
    }
    // The server closed the pipe or died: nobody is left to tell.
    shared.pending.close();
    shared.watch.cancel_all();
    Ok(())
}

/// The compiler's threads live on, and a thread that is there already keeps the rights it has.
fn unconfined() -> Failure {
    Failure::Other("this process has compiled, and can no longer be confined; open the guest in another".to_owned())
}

fn submit(shared: &'static Shared, jobs: &SyncSender<(u64, Box<Job>)>, id: u64, job: Box<Job>) {
    shared.watch.queue(id);
    if jobs.try_send((id, job)).is_err() {
        shared.watch.end(id);
        let failure = Failure::Other("the worker has too many jobs waiting".to_owned());
        (shared.out)(&FromWorker::Done { id, done: Box::new(Err(failure)) });
    }
}

fn spawn(shared: &'static Shared, queue: &Arc<Queue>, number: usize) -> io::Result<()> {
    let queue = Arc::clone(queue);
    thread::Builder::new().name(format!("run-{number}")).stack_size(engine::THREAD_STACK).spawn(move || {
        loop {
            let next = lock(&queue).recv();
            let Ok((id, job)) = next else { return };
            // A panic of ours must not take the other runs with it.
            let done =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job::run(&Context { shared, id }, *job)))
                    .unwrap_or_else(|_| {
                        Err(Failure::Other("the sandbox failed internally; its log says where".to_owned()))
                    });
            shared.watch.end(id);
            (shared.out)(&FromWorker::Done { id, done: Box::new(done) });
        }
    })?;
    Ok(())
}

fn description(name: &str) -> Result<Description, Failure> {
    Description::named(name).ok_or_else(|| Failure::Other(format!("this version knows no guest called {name}")))
}

fn compile(engines: &Engines, guest: &Installed, build: Build) -> Result<(), Failure> {
    let description = description(&guest.name)?;
    // Another process may have made it meanwhile: minutes for the look of a moment. The usual one is asked for where it
    // does not load.
    if build != Build::default() && install::load(engines, &guest.folder, build).is_ok() {
        return Ok(());
    }
    install::compile(engines, &guest.folder, &description, build)
}

fn open(engines: &Engines, guest: &Installed) -> Result<Opened, Failure> {
    let description = description(&guest.name)?;
    let folder = guest.folder.clone();
    // Two things to check and index: at once, so that a start takes as long as the longer one.
    let (compiled, library) = thread::scope(|scope| {
        let library = scope.spawn(|| {
            description.library.as_ref().map(|library| {
                let path = folder.join(&library.from);
                Archive::open(&path).map_err(|what| Failure::GuestDamaged {
                    folder: folder.clone(),
                    what: format!("{}: {what}", path.display()),
                })
            })
        });
        let compiled = install::load(engines, &folder, Build::default());
        (
            compiled,
            library.join().unwrap_or_else(|_| Some(Err(Failure::Other("the library's index failed".to_owned())))),
        )
    });
    let compiled = compiled?;
    let runner = description.runner.as_ref().map(|runner| Folder::new(folder.join(&runner.from)));
    let files = GuestFiles { library: library.transpose()?, harness: Harness::default(), runner };
    let identity = install::identity(&folder, &description)?;
    let compiled = Mutex::new(vec![(Build::default(), compiled)]);
    Ok(Opened { compiled, description, folder, files: Arc::new(files), identity })
}
