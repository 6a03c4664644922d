//! One job, from its message to its `Done`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::door::JobDoor;
use super::protocol::{Done, Failure, Freeze, Job, Limits, Origin};
use super::server::{Opened, Shared};
use super::source::{HARNESS, LIBRARY, RUNNER, as_run};
use super::watch::Over;
use crate::guest::description::Start;
use crate::memory::Control;
use crate::run::{self, Ending, Entry, Finished, Frozen, Run};
use crate::vfs::{Change, FsLimits, Mount, Vfs};
use crate::wasi::{Limit, Process, Quotas, Random};

/// Bytes of a guest's output that are handed to the server.
const TAIL: usize = 16 << 10;

/// Seed of every guest's random stream: the same run gives the same bytes.
const SEED: [u8; 32] = *b"airlock: the same seed each time";

/// Another seed.
fn seed(number: u64) -> [u8; 32] {
    *blake3::keyed_hash(&SEED, &number.to_le_bytes()).as_bytes()
}

pub struct Context {
    pub shared: &'static Shared,
    pub id: u64,
}

/// Does a job.
///
/// # Errors
/// [`Failure`] where the job could not be done at all; what the guest did wrong is in the `Done`.
pub fn run(context: &Context, job: Job) -> Result<Done, Failure> {
    let started = Instant::now();
    let shared = context.shared;
    let opened = shared.opened()?;
    let control = Arc::new(Control::default());
    let millis = Duration::from_millis;
    let left = job.left_ms.unwrap_or(job.limits.job_ms);
    shared.watch.begin(context.id, &control, millis(job.limits.step_ms), millis(left));
    let freeze = job.freeze.clone();
    let limits = job.limits;
    let finished = as_run(&control, || fork(context, &opened, job, &control))?;
    let over = shared.watch.end(context.id);

    let process = &finished.host.process;
    let others = process.limits_hit.iter().filter(|limit| **limit != Limit::Memory);
    let mut met: Vec<String> = others.map(|limit| limit_words(*limit).to_owned()).collect();
    if finished.host.limiter.memory_hit {
        met.push(format!("memory: the guest asked for more than {} MiB", limits.memory >> 20));
    }
    if finished.ending == Ending::Stopped {
        met.push(match over {
            Some(Over::Step) => format!("time: one test ran for {} s", limits.step_ms / 1000),
            Some(Over::Job) => format!("time: the run took {} s", limits.job_ms / 1000),
            Some(Over::Cancelled) => "cancelled".to_owned(),
            None => "work: the guest made more calls than it may".to_owned(),
        });
    }
    if finished.ending == Ending::OutOfWork {
        met.push("work: it did many times the work of the base and did not end".to_owned());
    }
    let mut saved = false;
    let image = match finished.frozen {
        Some(frozen) => {
            let frozen = Arc::new(frozen);
            if let Freeze::Disk(folder) = &freeze {
                saved = shared.images.save(folder, &opened.identity, &frozen).is_ok();
            }
            shared.images.keep(context.id, frozen);
            Some(context.id)
        }
        None => None,
    };
    Ok(Done {
        ending: finished.ending,
        trace: if freeze != Freeze::No { process.vfs.trace() } else { process.vfs.run_trace().clone() },
        limits: met,
        image,
        saved,
        stdout: tail(process.stdout.bytes()),
        stderr: tail(process.stderr.bytes()),
        slept_ns: process.clock.slept(),
        work: finished.work,
        wall_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    })
}

/// Lays out the guest's files, forks it, and lets it do the job's commands.
fn fork(context: &Context, opened: &Opened, job: Job, control: &Arc<Control>) -> Result<Finished, Failure> {
    let shared = context.shared;
    let frozen = origin(shared, opened, &job.origin)?;
    let mut process = process(shared, opened, frozen.as_deref(), &job)?;
    let guest = opened.compiled(&shared.engines, job.build())?;
    let (entry, commands) = match &opened.description.start {
        Start::Turns(source) => {
            let times = job.commands.len();
            let entry = if frozen.is_some() { Entry::Turn { source, times } } else { Entry::Boot { source, times } };
            (entry, job.commands)
        }
        Start::Command(name) => {
            process.set_args(std::iter::once(name).chain(&job.commands), opened.description.env.clone());
            (Entry::Command, Vec::new())
        }
    };
    let door = Box::new(JobDoor::new(shared, context.id, commands));
    let memory_limit = usize::try_from(job.limits.memory).unwrap_or(usize::MAX);
    let (freeze, work, spare) = (job.freeze != Freeze::No, job.work, job.over_seen);
    run::run(Run {
        guest: &guest,
        from: frozen.as_deref(),
        process,
        entry,
        door,
        control,
        memory_limit,
        freeze,
        spare,
        work,
    })
    .map_err(|error| {
        let words = format!("{error:#}");
        // The engine passes on the words of what maps memory, and nothing else of it.
        if words.contains(crate::memory::CANNOT_MAP) {
            Failure::OutOfMemory(words)
        } else {
            Failure::Other(format!("the sandbox cannot start the guest: {words}"))
        }
    })
}

fn origin(shared: &Shared, opened: &Opened, origin: &Origin) -> Result<Option<Arc<Frozen>>, Failure> {
    match origin {
        Origin::Cold => Ok(None),
        Origin::Image(number) => match shared.images.get(*number) {
            Some(frozen) => Ok(Some(frozen)),
            None => Err(Failure::NoImage { number: *number }),
        },
        Origin::Disk(folder) => shared.images.load(folder, &opened.identity).map(Some),
    }
}

fn process(shared: &Shared, opened: &Opened, frozen: Option<&Frozen>, job: &Job) -> Result<Process, Failure> {
    let refused =
        |what: &dyn std::fmt::Display| Failure::Other(format!("the guest's files cannot be laid out: {what}"));
    let description = &opened.description;
    let mut process = match frozen {
        Some(frozen) => frozen.process.clone(),
        None => {
            let own = [
                (description.library.as_ref().map(|library| &library.at), LIBRARY),
                (description.harness_at.as_ref(), HARNESS),
                (description.runner.as_ref().map(|runner| &runner.at), RUNNER),
            ];
            let mut builder = Vfs::builder().standard();
            if let Some(program) = &description.program {
                builder = builder.program(program);
            }
            for (at, id) in own {
                if let Some(at) = at {
                    builder = builder.mount(Mount { guest_path: at.clone(), id, writable_upper: false });
                }
            }
            let vfs = builder.build().map_err(|error| refused(&error))?;
            let mut process = Process::new(vfs, SEED, Quotas::default());
            process.set_args(["python".to_owned()], description.env.clone());
            process
        }
    };
    if let Some(number) = job.seed {
        process.random = Random::new(seed(number));
    }
    if !job.mounts.is_empty() {
        let mut builder = process.vfs.extend();
        for mount in &job.mounts {
            builder =
                builder.mount(Mount { guest_path: mount.at.clone(), id: mount.source, writable_upper: mount.writable });
        }
        process.vfs = builder.build().map_err(|error| refused(&error))?;
    }
    process.set_quotas(quotas(process.quotas(), &job.limits));
    process.attach(shared.files(opened, job.generation)).map_err(|error| refused(&error))?;
    for entry in &job.overlay {
        // An image that has seen the path would go on with what it saw: the server must not send such a job.
        if let Some((mount, rest)) = process.vfs.mount_of(&entry.path)
            && !job.over_seen
            && frozen.is_some_and(|frozen| frozen.process.vfs.base_trace().touches(mount.id, rest))
        {
            return Err(Failure::Other(format!("the image has already seen {}", entry.path)));
        }
        let change = match &entry.content {
            Some(bytes) => Change::Write { bytes: Arc::new(bytes.clone()), executable: entry.executable },
            None => Change::Delete,
        };
        process.vfs.apply_overlay(&entry.path, change).map_err(|error| refused(&format!("{}: {error}", entry.path)))?;
    }
    Ok(process)
}

fn quotas(old: &Quotas, limits: &Limits) -> Quotas {
    Quotas {
        files: FsLimits { nodes: limits.files, bytes: limits.written, file_bytes: limits.written },
        descriptors: limits.descriptors,
        output_bytes: limits.output,
        ..*old
    }
}

fn limit_words(limit: Limit) -> &'static str {
    match limit {
        Limit::Descriptors => "descriptors: the guest had too many files open",
        Limit::Files => "files: the guest made too many files",
        Limit::FileBytes => "file size: the guest wrote a file that is too large",
        Limit::TotalBytes => "bytes: the guest wrote too much to files",
        Limit::SourceFileBytes => "file size: a file of the project is too large to be read",
        Limit::Output => "output: the guest printed more than it may (the setting output_kb)",
        Limit::Work => "work: the guest made too many calls",
        Limit::RandomBytes => "randomness: the guest asked for too many random bytes at once",
        Limit::ListingBytes => "listings: the guest holds too many folder listings",
        Limit::Iovecs => "buffers: the guest named too many buffers in one call",
        Limit::Subscriptions => "events: the guest waits for too many events at once",
        Limit::Memory => "memory: the guest asked for too much",
    }
}

fn tail(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned()
}
