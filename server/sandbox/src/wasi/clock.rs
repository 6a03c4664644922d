//! The virtual clock: the time of a run depends on what the guest does, never on the machine.

use serde::{Deserialize, Serialize};

use super::errno::Errno;
use super::memory::Memory;
use super::process::Process;
use crate::vfs::START;

/// What each look at the clock, and each change of a file, moves it by, in nanoseconds.
pub const TICK: u64 = 1_000;
/// The last moment: what a signed number of nanoseconds can hold (the year 2262). The clock stands still there.
const END: u64 = i64::MAX as u64;

/// A clock that starts at [`START`], moves by [`TICK`] when it is looked at, and by a sleep's length when the guest
/// sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    now: u64,
    slept: u64,
    travel: Option<Travel>,
}

/// Real time set apart from the clock, by a guest that travels in time. Monotonic and processor time never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Travel {
    /// Nanoseconds since 1970 when it was set.
    to: u64,
    /// What the clock said then, where real time goes on from there; none: it stands still.
    ticks_from: Option<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: START, slept: 0, travel: None }
    }
}

/// The clocks of preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockId {
    /// Nanoseconds since 1970, unless the guest travels.
    Real,
    /// The same clock, whatever the guest does.
    Monotonic,
    /// Processor time of process and thread: what was not slept, from 0.
    Cpu,
}

impl ClockId {
    pub(crate) fn from_raw(id: u32) -> Result<Self, Errno> {
        match id {
            0 => Ok(Self::Real),
            1 => Ok(Self::Monotonic),
            2 | 3 => Ok(Self::Cpu),
            _ => Err(Errno::Invalid),
        }
    }
}

impl Clock {
    /// Nanoseconds since 1970, without moving the clock.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Nanoseconds slept so far: time that cost nothing.
    pub fn slept(&self) -> u64 {
        self.slept
    }

    /// Looks at the clock: moves it by [`TICK`].
    pub fn tick(&mut self) -> u64 {
        self.now = self.now.saturating_add(TICK).min(END);
        self.now
    }

    pub(crate) fn sleep(&mut self, nanoseconds: u64) {
        let end = self.now.saturating_add(nanoseconds).min(END);
        self.slept += end - self.now;
        self.now = end;
    }

    /// Sets real time apart: to `to` nanoseconds since 1970, and on from there if it is to tick. `None` puts it back. Whoever asks
    /// next is told `to` itself, as who travels by the package's newer versions is.
    pub fn travel(&mut self, to: Option<u64>, tick: bool) {
        self.travel =
            to.map(|to| Travel { to: to.min(END), ticks_from: tick.then_some(self.now.saturating_add(TICK)) });
    }

    /// One of the clocks as it stands.
    pub(crate) fn value(&self, id: ClockId) -> u64 {
        match id {
            ClockId::Real => match self.travel {
                None => self.now,
                Some(Travel { to, ticks_from: None }) => to,
                Some(Travel { to, ticks_from: Some(from) }) => {
                    to.saturating_add(self.now.saturating_sub(from)).min(END)
                }
            },
            ClockId::Monotonic => self.now,
            ClockId::Cpu => (self.now - START).saturating_sub(self.slept),
        }
    }
}

/// The smallest step of a clock.
pub fn clock_res_get(p: &mut Process, m: &mut Memory<'_>, id: u32, resolution: u32) -> Result<(), Errno> {
    p.enter()?;
    ClockId::from_raw(id)?;
    m.write_u64(resolution, TICK)
}

/// The time, which moves the clock by a microsecond.
pub fn clock_time_get(p: &mut Process, m: &mut Memory<'_>, id: u32, _precision: u64, time: u32) -> Result<(), Errno> {
    p.enter()?;
    let id = ClockId::from_raw(id)?;
    p.clock.tick();
    m.write_u64(time, p.clock.value(id))
}
