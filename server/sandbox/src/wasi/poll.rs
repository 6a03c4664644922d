//! Waiting: the clock is moved to the first deadline, and nothing else happens.

use super::clock::ClockId;
use super::descriptor::Handle;
use super::errno::Errno;
use super::memory::Memory;
use super::process::{Limit, Process};
use crate::vfs::Device;

const SUBSCRIPTION_SIZE: u32 = 48;
const EVENT_SIZE: u32 = 32;
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
/// The other end is closed.
const HANGUP: u16 = 1;
/// A clock's timeout is a moment, not a length.
const ABSOLUTE: u16 = 1;

struct Event {
    userdata: u64,
    errno: u16,
    kind: u8,
    bytes: u64,
    flags: u16,
}

impl Event {
    fn write(&self, m: &mut Memory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut bytes = [0; EVENT_SIZE as usize];
        bytes[..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.errno.to_le_bytes());
        bytes[10] = self.kind;
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24..26].copy_from_slice(&self.flags.to_le_bytes());
        m.write(ptr, &bytes)
    }
}

enum Subscription {
    Clock {
        userdata: u64,
        id: ClockId,
        timeout: u64,
        absolute: bool,
    },
    /// Already settled: a descriptor, or a mistake.
    Ready(Event),
}

impl Subscription {
    fn read(p: &Process, m: &Memory<'_>, ptr: u32) -> Result<Self, Errno> {
        let userdata = m.read_u64(ptr)?;
        let kind = m.read_u8(ptr + 8)?;
        let ready = |errno: Option<Errno>, bytes, flags| {
            let errno = errno.map_or(0, |errno| errno as u16);
            Ok(Self::Ready(Event { userdata, errno, kind, bytes, flags }))
        };
        match kind {
            CLOCK => match ClockId::from_raw(m.read_u32(ptr + 16)?) {
                Ok(id) => {
                    let absolute = m.read_u16(ptr + 40)? & ABSOLUTE != 0;
                    Ok(Self::Clock { userdata, id, timeout: m.read_u64(ptr + 24)?, absolute })
                }
                Err(errno) => ready(Some(errno), 0, 0),
            },
            FD_READ | FD_WRITE => {
                let fd = m.read_u32(ptr + 16)?;
                match p.descriptors.get(fd).map(|descriptor| &descriptor.handle) {
                    Err(errno) => ready(Some(errno), 0, 0),
                    // At its end: a read returns at once, with nothing.
                    Ok(Handle::Stdin | Handle::Device { device: Device::Stdin, .. }) => ready(None, 0, HANGUP),
                    Ok(Handle::File { node, offset, .. }) if kind == FD_READ => {
                        ready(None, p.vfs.stat(*node).size.saturating_sub(*offset), 0)
                    }
                    Ok(_) => ready(None, 0, 0),
                }
            }
            _ => Err(Errno::Invalid),
        }
    }
}

/// Waits for the first of several things. Descriptors never make a guest wait, so only where every subscription is a
/// clock's does the clock move: to the nearest deadline.
pub fn poll_oneoff(
    p: &mut Process,
    m: &mut Memory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    written: u32,
) -> Result<(), Errno> {
    p.enter()?;
    if count == 0 {
        return Err(Errno::Invalid);
    }
    if count > p.quotas().subscriptions {
        return Err(p.over(Limit::Subscriptions, Errno::Invalid));
    }
    m.check(subscriptions, count.checked_mul(SUBSCRIPTION_SIZE).ok_or(Errno::Invalid)?)?;
    m.check(events, count.checked_mul(EVENT_SIZE).ok_or(Errno::Invalid)?)?;
    m.check(written, 4)?;
    p.add_work(u64::from(count) / 64)?;
    // Read before any event is written: the two tables may lie over each other.
    let mut list = Vec::with_capacity(count as usize);
    for at in 0..count {
        list.push(Subscription::read(p, m, subscriptions + at * SUBSCRIPTION_SIZE)?);
    }
    let start = p.clock;
    let wait = |subscription: &Subscription| match subscription {
        Subscription::Clock { id, timeout, absolute: true, .. } => timeout.saturating_sub(start.value(*id)),
        Subscription::Clock { timeout, absolute: false, .. } => *timeout,
        Subscription::Ready(_) => 0,
    };
    let shortest = list.iter().map(wait).min().unwrap_or(0);
    p.clock.sleep(shortest);
    let mut given = 0;
    for subscription in &list {
        if wait(subscription) > shortest {
            continue;
        }
        let ptr = events + given * EVENT_SIZE;
        match subscription {
            Subscription::Clock { userdata, .. } => {
                Event { userdata: *userdata, errno: 0, kind: CLOCK, bytes: 0, flags: 0 }.write(m, ptr)?;
            }
            Subscription::Ready(event) => event.write(m, ptr)?,
        }
        given += 1;
    }
    m.write_u32(written, given)
}
