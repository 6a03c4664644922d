//! What the server and its worker say to each other: length-prefixed messages over a pipe.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::run::Ending;
use crate::vfs::{SourceEntry, SourceError, Trace};

/// Largest message in bytes; a larger one is a broken peer.
pub const MAX_MESSAGE: usize = 256 << 20;

/// From the server to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// Load an installed guest, give up all rights that its runs do not need, and be ready for jobs. Answered by
    /// `Reply`.
    Open { request: u64, guest: Installed, threads: usize },
    /// Make one of an installed guest's builds. Answered by `Reply`.
    Compile { request: u64, guest: Installed, build: Build },
    /// Do a job. Answered by events and one `Done`.
    Run { id: u64, job: Box<Job> },
    /// Stop a job; its `Done` says that it was stopped.
    Cancel { id: u64 },
    /// The answer to `Ask`.
    Answer { ask: u64, answer: Result<Answer, SourceError> },
    /// Forget a frozen image.
    Forget { image: u64 },
}

/// From the worker to the server.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// To `Open`: what of the second wall is missing on this system, in plain words. To `Compile`: nothing.
    Reply {
        request: u64,
        result: Result<Vec<String>, Failure>,
    },
    /// A file or folder the guest wants to see.
    Ask {
        ask: u64,
        mount: u32,
        path: String,
        question: Question,
    },
    /// An event of the guest's harness, as JSON.
    Event {
        id: u64,
        event: Vec<u8>,
    },
    Done {
        id: u64,
        done: Box<Result<Done, Failure>>,
    },
}

/// A guest on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its description's name.
    pub name: String,
    /// The folder it is installed in.
    pub folder: PathBuf,
    /// Where its frozen images may be kept.
    pub images: Option<PathBuf>,
}

impl Installed {
    /// The Python guest in `folder`, with images in `images`.
    pub fn python(folder: impl Into<PathBuf>, images: Option<PathBuf>) -> Self {
        Self { name: "python".to_owned(), folder: folder.into(), images }
    }
}

/// One of the ways a guest's module is compiled. Function indices, globals and memory are the same in all: an image frozen
/// on one runs on the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Every function, not only those that the guest's description keeps.
    pub whole: bool,
    /// Its work is counted, as fuel: twice as slow.
    pub counted: bool,
}

/// Why the worker could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    #[error("the guest in {folder} is damaged: {what}")]
    GuestDamaged { folder: PathBuf, what: String },
    #[error("no space left on the disk that holds {path}")]
    DiskFull { path: PathBuf },
    #[error("cannot write to {path}: {what}")]
    CannotWrite { path: PathBuf, what: String },
    #[error("the image {path} cannot be used: {what}")]
    Image { path: PathBuf, what: String },
    /// An image that the worker's memory held: it went with an earlier process.
    #[error("the worker has no image {number}")]
    NoImage { number: u64 },
    #[error("the system gives the sandbox no memory: {0}")]
    OutOfMemory(String),
    #[error("{0}")]
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Question {
    List,
    Read,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    List(Vec<SourceEntry>),
    #[serde(with = "bytes")]
    Read(Vec<u8>),
}

/// Byte strings as one block rather than element by element.
mod bytes {
    use serde::{Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Vec<u8>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        from.deserialize_byte_buf(Visitor)
    }
}

/// Where a job's guest starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A guest that has not started.
    Cold,
    /// An image frozen earlier in this worker.
    Image(u64),
    /// An image kept on disk.
    Disk(PathBuf),
}

/// A mount of the guest's file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Absolute path in the guest.
    pub at: String,
    /// Which of the server's sources answers for it.
    pub source: u32,
    /// Whether guests may write there, into the run's own layer.
    pub writable: bool,
}

/// A change laid over a mount for one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayEntry {
    /// Absolute path in the guest.
    pub path: String,
    /// New content; `None` deletes.
    pub content: Option<Vec<u8>>,
    pub executable: bool,
}

/// Bounds of one job; each that is met is reported by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time in milliseconds for one test, or for the collection of one file: of a processor, where the system tells that; see
    /// `watch`.
    pub step_ms: u64,
    /// Wall time in milliseconds for a whole run, which may take more than one job; see [`Job::left_ms`].
    pub job_ms: u64,
    /// Linear memory in bytes.
    pub memory: u64,
    /// Bytes kept of each of stdout and stderr.
    pub output: u64,
    /// Files and folders a guest may create.
    pub files: u64,
    /// Bytes a guest may hold in files.
    pub written: u64,
    /// Open descriptors.
    pub descriptors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            step_ms: 60_000,
            job_ms: 3_600_000,
            memory: 1 << 30,
            output: 1 << 20,
            files: 20_000,
            written: 256 << 20,
            descriptors: 1024,
        }
    }
}

/// One thing for the worker to do: fork, run a command of the harness, perhaps freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub origin: Origin,
    /// Mounts added to those the origin has.
    pub mounts: Vec<MountSpec>,
    /// Names the state of the server's sources: lists and contents are kept as long as it stays the same.
    pub generation: u64,
    pub overlay: Vec<OverlayEntry>,
    /// The overlay may change what the image has seen: the harness brings what it loaded up to date itself.
    pub over_seen: bool,
    /// The harness's commands, as JSON, one after the other in the same guest. For a guest that is a command: its
    /// arguments, one run.
    pub commands: Vec<String>,
    /// Run on the whole module: for what called a function that is left out of the one usually run.
    pub whole: bool,
    /// The work it may do, in fuel: run on the build that counts it. None: uncounted.
    pub work: Option<u64>,
    pub limits: Limits,
    /// Other random numbers than every guest's usual ones.
    pub seed: Option<u64>,
    /// What the run's earlier jobs left of its wall time, in milliseconds. None: all of it.
    pub left_ms: Option<u64>,
    pub freeze: Freeze,
}

impl Job {
    /// The build it runs on.
    pub fn build(&self) -> Build {
        Build { whole: self.whole, counted: self.work.is_some() }
    }
}

/// Whether the job's guest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freeze {
    No,
    /// In the worker's memory.
    Keep,
    /// In the worker's memory and in this folder.
    Disk(PathBuf),
}

/// What a job came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    pub ending: Ending,
    pub trace: Trace,
    /// Limits that were met, in plain words.
    pub limits: Vec<String>,
    /// The image, if it was asked for and the command returned.
    pub image: Option<u64>,
    /// The image is in the folder it was to be kept in. A full disk or a folder that cannot be written costs only that.
    pub saved: bool,
    /// The end of what the guest wrote to its standard output and error, decoded leniently.
    pub stdout: String,
    pub stderr: String,
    /// Virtual time spent sleeping, in nanoseconds.
    pub slept_ns: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// The work done, in fuel, where [`Job::work`] had it counted.
    pub work: Option<u64>,
}

/// One message as it goes over the pipe.
///
/// # Errors
/// `InvalidInput` where it is larger than [`MAX_MESSAGE`].
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let len = bytes.len() - 4;
    if len > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "larger than the worker's pipe takes"));
    }
    let len = u32::try_from(len).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    Ok(bytes)
}

/// Writes one message and flushes.
///
/// # Errors
/// As [`encode`], and as the pipe reports them.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?)?;
    to.flush()
}

/// Reads one message; `None` at the end of the stream.
///
/// # Errors
/// As the pipe reports them; `InvalidData` for what is not a message.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match from.read_exact(&mut len) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of impossible length"));
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
