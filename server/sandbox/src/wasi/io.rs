//! Reading, writing, seeking.

use super::descriptor::{Handle, flags, rights};
use super::errno::Errno;
use super::memory::{Iovecs, Memory};
use super::process::{Limit, Process, Stream};
use crate::vfs::{Device, FileType, NodeId};

/// Most bytes an endless device gives at once: a short read is legal, and a call must end soon.
const DEVICE_CHUNK: u32 = 1 << 20;

/// Where in a file an operation takes place.
#[derive(Clone, Copy)]
enum Place {
    /// At the descriptor's offset, which moves.
    Current,
    At(u64),
}

fn iovecs(p: &mut Process, m: &Memory<'_>, ptr: u32, count: u32) -> Result<(Iovecs, u32), Errno> {
    if count > p.quotas().iovecs {
        return Err(p.over(Limit::Iovecs, Errno::Invalid));
    }
    m.iovecs(ptr, count)
}

/// Reads into a list of buffers.
pub fn fd_read(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<(), Errno> {
    read(p, m, fd, (iovs, iovs_len), Place::Current, nread)
}

/// Reads at an offset, leaving the descriptor's own.
pub fn fd_pread(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<(), Errno> {
    read(p, m, fd, (iovs, iovs_len), Place::At(offset), nread)
}

fn read(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    (iovs, count): (u32, u32),
    place: Place,
    nread: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let (iovs, total) = iovecs(p, m, iovs, count)?;
    m.check(nread, 4)?;
    p.charge(u64::from(total))?;
    let descriptor = p.descriptors.get_mut(fd)?;
    if let Handle::Dir { .. } = descriptor.handle {
        return Err(Errno::IsDir);
    }
    descriptor.need(rights::READ)?;
    let mut done = 0u32;
    match &mut descriptor.handle {
        Handle::Dir { .. } | Handle::Output(_) => return Err(Errno::BadDescriptor),
        Handle::Stdin => {
            if let Place::At(_) = place {
                return Err(Errno::IllegalSeek);
            }
        }
        Handle::File { node, offset, cache } => {
            let start = match place {
                Place::Current => *offset,
                Place::At(at) => seekable(at)?,
            };
            let mut rest = match p.vfs.read(*node, start, cache) {
                Ok(bytes) => bytes,
                Err(error) => return Err(p.failed(error)),
            };
            for (ptr, len) in iovs.as_slice() {
                let (now, later) = rest.split_at(rest.len().min(*len as usize));
                m.write(*ptr, now)?;
                done += now.len() as u32;
                rest = later;
            }
            if let Place::Current = place {
                *offset = start.saturating_add(u64::from(done));
            }
        }
        Handle::Device { device, .. } => {
            let random = match device {
                Device::Null | Device::Stdin | Device::Stdout | Device::Stderr => return m.write_u32(nread, 0),
                Device::Zero => None,
                Device::Random => Some(&mut p.random),
            };
            let mut room = DEVICE_CHUNK;
            let mut random = random;
            for (ptr, len) in iovs.as_slice() {
                let len = room.min(*len);
                let buffer = m.slice_mut(*ptr, len)?;
                match &mut random {
                    None => buffer.fill(0),
                    Some(random) => random.fill(buffer),
                }
                room -= len;
                done += len;
            }
        }
    }
    m.write_u32(nread, done)
}

/// Writes a list of buffers.
pub fn fd_write(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<(), Errno> {
    write(p, m, fd, (iovs, iovs_len), Place::Current, nwritten)
}

/// Writes at an offset, leaving the descriptor's own; at the end where the descriptor appends, as on Linux.
pub fn fd_pwrite(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<(), Errno> {
    write(p, m, fd, (iovs, iovs_len), Place::At(offset), nwritten)
}

fn write(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    (iovs, count): (u32, u32),
    place: Place,
    nwritten: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let (iovs, total) = iovecs(p, m, iovs, count)?;
    m.check(nwritten, 4)?;
    p.charge(u64::from(total))?;
    let descriptor = p.descriptors.get(fd)?;
    descriptor.need(rights::WRITE)?;
    let append = descriptor.flags & flags::APPEND != 0;
    let done = match &descriptor.handle {
        Handle::Dir { .. } | Handle::Stdin => return Err(Errno::BadDescriptor),
        Handle::Output(stream) => {
            if let Place::At(_) = place {
                return Err(Errno::IllegalSeek);
            }
            write_stream(p, m, *stream, &iovs)?
        }
        Handle::Device { device, .. } => match device {
            Device::Null | Device::Zero | Device::Random => total,
            Device::Stdin => return Err(Errno::BadDescriptor),
            Device::Stdout => write_stream(p, m, Stream::Stdout, &iovs)?,
            Device::Stderr => write_stream(p, m, Stream::Stderr, &iovs)?,
        },
        Handle::File { node, offset, .. } => {
            let node = *node;
            let start = match place {
                _ if append => p.vfs.stat(node).size,
                Place::Current => *offset,
                Place::At(at) => seekable(at)?,
            };
            let done = write_file(p, m, node, start, &iovs)?;
            if let (Place::Current, Handle::File { offset, .. }) = (place, &mut p.descriptors.get_mut(fd)?.handle) {
                *offset = start.saturating_add(u64::from(done));
            }
            done
        }
    };
    m.write_u32(nwritten, done)
}

fn write_stream(p: &mut Process, m: &Memory<'_>, stream: Stream, iovs: &Iovecs) -> Result<u32, Errno> {
    write_all(iovs, |ptr, len, _| p.output(stream, m.slice(ptr, len)?))
}

fn write_file(p: &mut Process, m: &Memory<'_>, node: NodeId, start: u64, iovs: &Iovecs) -> Result<u32, Errno> {
    p.stamp();
    write_all(iovs, |ptr, len, done| {
        let at = start.checked_add(u64::from(done)).ok_or(Errno::FileTooBig)?;
        p.vfs.write(node, at, m.slice(ptr, len)?).map_err(|error| p.failed(error))?;
        Ok(len)
    })
}

/// Buffer by buffer, until one is not taken whole. An error after something was written is for the next call.
fn write_all(iovs: &Iovecs, mut one: impl FnMut(u32, u32, u32) -> Result<u32, Errno>) -> Result<u32, Errno> {
    let mut done = 0;
    for (ptr, len) in iovs.as_slice() {
        match one(*ptr, *len, done) {
            Ok(taken) => {
                done += taken;
                if taken < *len {
                    break;
                }
            }
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Offsets are signed on the other side.
fn seekable(offset: u64) -> Result<u64, Errno> {
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Errno::Invalid) }
}

/// Moves a file's offset.
pub fn fd_seek(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    new_offset: u32,
) -> Result<(), Errno> {
    p.enter()?;
    m.check(new_offset, 8)?;
    let descriptor = p.descriptors.get_mut(fd)?;
    let moved = match &mut descriptor.handle {
        Handle::Stdin | Handle::Output(_) => return Err(Errno::IllegalSeek),
        Handle::Dir { .. } => return Err(Errno::BadDescriptor),
        Handle::Device { .. } => 0,
        Handle::File { node, offset: current, .. } => {
            let from = match whence {
                0 => 0,
                1 => *current,
                2 => p.vfs.stat(*node).size,
                _ => return Err(Errno::Invalid),
            };
            let target = i64::try_from(from).ok().and_then(|from| from.checked_add(offset)).ok_or(Errno::Invalid)?;
            *current = u64::try_from(target).map_err(|_| Errno::Invalid)?;
            *current
        }
    };
    m.write_u64(new_offset, moved)
}

/// A file's offset.
pub fn fd_tell(p: &mut Process, m: &mut Memory<'_>, fd: u32, offset: u32) -> Result<(), Errno> {
    p.enter()?;
    let at = match &p.descriptors.get(fd)?.handle {
        Handle::Stdin | Handle::Output(_) => return Err(Errno::IllegalSeek),
        Handle::Dir { .. } => return Err(Errno::BadDescriptor),
        Handle::Device { .. } => 0,
        Handle::File { offset, .. } => *offset,
    };
    m.write_u64(offset, at)
}

/// The file of a descriptor that may change it.
fn changeable(p: &Process, fd: u32) -> Result<NodeId, Errno> {
    let descriptor = p.descriptors.get(fd)?;
    match descriptor.handle {
        Handle::File { node, .. } if descriptor.rights & rights::WRITE != 0 => Ok(node),
        Handle::File { .. } | Handle::Device { .. } => Err(Errno::Invalid),
        Handle::Stdin | Handle::Output(_) => Err(Errno::Invalid),
        Handle::Dir { .. } => Err(Errno::BadDescriptor),
    }
}

/// Sees to it that a file reaches to an offset; what is missing is zeros.
pub fn fd_allocate(p: &mut Process, _m: &mut Memory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
    p.enter()?;
    let node = changeable(p, fd)?;
    if len == 0 {
        return Err(Errno::Invalid);
    }
    let end = seekable(offset)?.checked_add(len).ok_or(Errno::FileTooBig)?;
    if end > p.vfs.stat(node).size {
        p.stamp();
        p.charge(end.min(p.quotas().files.file_bytes))?;
        p.vfs.set_len(node, end).map_err(|error| p.failed(error))?;
    }
    Ok(())
}

/// Cuts a file or fills it up with zeros.
pub fn fd_filestat_set_size(p: &mut Process, _m: &mut Memory<'_>, fd: u32, size: u64) -> Result<(), Errno> {
    p.enter()?;
    let node = changeable(p, fd)?;
    p.stamp();
    p.charge(size.min(p.quotas().files.file_bytes))?;
    p.vfs.set_len(node, seekable(size)?).map_err(|error| p.failed(error))
}

/// Advice about reading; files in memory need none.
pub fn fd_advise(
    p: &mut Process,
    _m: &mut Memory<'_>,
    fd: u32,
    _offset: u64,
    _len: u64,
    advice: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let descriptor = p.descriptors.get(fd)?;
    if advice > 5 {
        return Err(Errno::Invalid);
    }
    match descriptor.node().map(|node| p.vfs.stat(node).file_type) {
        Some(FileType::File | FileType::Device) => Ok(()),
        Some(_) => Err(Errno::BadDescriptor),
        None => Err(Errno::IllegalSeek),
    }
}

/// Nothing is more durable than memory here.
pub fn fd_sync(p: &mut Process, _m: &mut Memory<'_>, fd: u32) -> Result<(), Errno> {
    p.enter()?;
    // A pipe cannot be synced; a folder can.
    p.descriptors.get(fd)?.node().map(drop).ok_or(Errno::Invalid)
}

/// Nothing is more durable than memory here.
pub fn fd_datasync(p: &mut Process, m: &mut Memory<'_>, fd: u32) -> Result<(), Errno> {
    fd_sync(p, m, fd)
}
