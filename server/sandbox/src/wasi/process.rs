//! One guest process as the host sees it: everything that is forked, frozen and counted, but for its memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::descriptor::Descriptors;
use super::errno::Errno;
use super::random::Random;
use crate::vfs::{Bottom, FsError, FsLimits, Vfs};

/// What a process may use. A quota that is met is an errno for the guest and an entry in [`Process::limits_hit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    pub files: FsLimits,
    /// Open descriptors: `EMFILE`.
    pub descriptors: u32,
    /// Bytes kept of stdout, and of stderr: `ENOSPC`.
    pub output_bytes: u64,
    /// Work, in calls; each 4 KiB moved and each folder entry given counts as one more. Every call after it is
    /// `ECANCELED`, and [`Process::exhausted`] tells the engine to end the run.
    pub work: u64,
    /// Bytes of one `random_get`: `EINVAL`.
    pub random_bytes: u64,
    /// Bytes of folder listings kept by open descriptors: `ENOMEM`.
    pub listing_bytes: u64,
    /// Buffers of one read or write: `EINVAL`.
    pub iovecs: u32,
    /// Subscriptions of one poll: `EINVAL`.
    pub subscriptions: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            files: FsLimits::default(),
            descriptors: 1024,
            output_bytes: 4 << 20,
            work: 1 << 40,
            random_bytes: 16 << 20,
            listing_bytes: 64 << 20,
            iovecs: super::memory::MAX_IOVECS,
            subscriptions: 1024,
        }
    }
}

/// A quota that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Descriptors,
    Files,
    FileBytes,
    TotalBytes,
    SourceFileBytes,
    Output,
    Work,
    RandomBytes,
    ListingBytes,
    Iovecs,
    Subscriptions,
    Memory,
}

impl Limit {
    /// Whether a guest that met it has less left for what it does next: what it then fails at may be no fault of its own.
    pub fn is_used_up(self) -> bool {
        match self {
            Self::Descriptors
            | Self::Files
            | Self::TotalBytes
            | Self::Output
            | Self::Work
            | Self::ListingBytes
            | Self::Memory => true,
            Self::FileBytes | Self::SourceFileBytes | Self::RandomBytes | Self::Iovecs | Self::Subscriptions => false,
        }
    }

    fn of(error: FsError) -> Option<Self> {
        match error {
            FsError::TooManyNodes => Some(Self::Files),
            FsError::NoSpace => Some(Self::TotalBytes),
            FsError::FileTooBig => Some(Self::FileBytes),
            FsError::SourceTooLarge => Some(Self::SourceFileBytes),
            _ => None,
        }
    }
}

/// A call that does not return to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The guest ended itself with this code.
    #[error("the guest ended itself with code {0}")]
    Exit(u32),
}

/// What a guest wrote to stdout or stderr, up to [`Quotas::output_bytes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Capture {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the guest wrote more than was kept.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// What was kept, leaving nothing.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Which of its outputs a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A process read back from disk whose parts do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process read back has descriptors of files that it does not have")]
pub struct Inconsistent;

/// A guest process: its files, descriptors, clock and randomness. `Clone` forks it; serialised, it keeps all but the
/// sources (see [`attach`](Self::attach)).
#[derive(Clone, Serialize, Deserialize)]
pub struct Process {
    pub vfs: Vfs,
    pub args: Arc<[String]>,
    /// `NAME=value`, one a variable.
    pub env: Arc<[String]>,
    pub clock: Clock,
    pub random: Random,
    pub stdout: Capture,
    pub stderr: Capture,
    /// Every quota that was met since the start.
    pub limits_hit: BTreeSet<Limit>,
    pub(crate) descriptors: Descriptors,
    quotas: Quotas,
    work: u64,
}

impl Process {
    /// A process with stdin (empty), stdout, stderr and one preopen: `/`, as descriptor 3.
    pub fn new(vfs: Vfs, seed: [u8; 32], quotas: Quotas) -> Self {
        let mut process = Self {
            vfs,
            args: Arc::from([]),
            env: Arc::from([]),
            clock: Clock::default(),
            random: Random::new(seed),
            stdout: Capture::default(),
            stderr: Capture::default(),
            limits_hit: BTreeSet::new(),
            descriptors: Descriptors::new(),
            quotas,
            work: 0,
        };
        process.vfs.open(crate::vfs::ROOT);
        process.set_quotas(quotas);
        process
    }

    /// The command line and the environment the guest finds.
    pub fn set_args<A: Into<String>, E: Into<String>>(
        &mut self,
        args: impl IntoIterator<Item = A>,
        env: impl IntoIterator<Item = (E, E)>,
    ) {
        self.args = args.into_iter().map(Into::into).collect();
        self.env = env.into_iter().map(|(name, value)| format!("{}={}", name.into(), value.into())).collect();
    }

    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Changes the quotas. What is used already counts.
    pub fn set_quotas(&mut self, quotas: Quotas) {
        self.quotas = quotas;
        self.vfs.set_limits(quotas.files);
    }

    /// Shares what the process's files are now with all forks made from here on, and counts work from 0 again.
    pub fn freeze(&mut self) {
        self.vfs.freeze();
        self.work = 0;
        // Whoever froze it was told; a fork has its own to meet.
        self.limits_hit.clear();
    }

    /// Gives a process its sources: one read back from disk has none, and a fork may see newer ones.
    ///
    /// # Errors
    /// Where its parts do not fit together: what was read is not what was written.
    pub fn attach(&mut self, bottom: Arc<Bottom>) -> Result<(), Inconsistent> {
        if !self.descriptors.fit(&self.vfs) {
            return Err(Inconsistent);
        }
        self.vfs.set_bottom(bottom);
        Ok(())
    }

    /// Work done, in the unit of [`Quotas::work`].
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Descriptors open, the standard ones and the preopen included.
    pub fn open_descriptors(&self) -> usize {
        self.descriptors.len()
    }

    /// Whether the work is used up: the run is to be ended, since a guest can ignore errors for ever.
    pub fn exhausted(&self) -> bool {
        self.work > self.quotas.work
    }

    /// Counts a call.
    pub(crate) fn enter(&mut self) -> Result<(), Errno> {
        self.add_work(1)
    }

    /// Counts bytes about to be moved.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), Errno> {
        self.add_work(bytes >> 12)
    }

    pub(crate) fn add_work(&mut self, units: u64) -> Result<(), Errno> {
        self.work = self.work.saturating_add(units);
        if self.exhausted() { Err(self.over(Limit::Work, Errno::Canceled)) } else { Ok(()) }
    }

    /// Records a quota that was met.
    pub(crate) fn over(&mut self, limit: Limit, errno: Errno) -> Errno {
        self.limits_hit.insert(limit);
        errno
    }

    /// A file system error as the guest is told it; a quota among them is recorded.
    pub(crate) fn failed(&mut self, error: FsError) -> Errno {
        if let Some(limit) = Limit::of(error) {
            self.limits_hit.insert(limit);
        }
        error.into()
    }

    /// Moves the clock for a change of the file system, which bears that time. Without it two changes between two
    /// looks at the clock would bear one time, and an interpreter that watches a folder's time would miss the second.
    pub(crate) fn stamp(&mut self) {
        let now = self.clock.tick();
        self.vfs.set_now(now);
    }

    /// Keeps output, as much as fits; the number of bytes kept.
    pub(crate) fn output(&mut self, stream: Stream, data: &[u8]) -> Result<u32, Errno> {
        let limit = self.quotas.output_bytes;
        let capture = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let room = usize::try_from(limit.saturating_sub(capture.bytes.len() as u64)).unwrap_or(usize::MAX);
        let kept = data.len().min(room);
        capture.bytes.extend_from_slice(&data[..kept]);
        if kept < data.len() {
            capture.truncated = true;
            self.limits_hit.insert(Limit::Output);
        }
        if kept == 0 && !data.is_empty() { Err(Errno::NoSpace) } else { Ok(kept as u32) }
    }
}
