//! Descriptors themselves: closing, renumbering, flags, rights, what they say of their file.

use super::descriptor::{Descriptor, Handle, flags, rights};
use super::errno::Errno;
use super::memory::Memory;
use super::process::Process;
use crate::vfs::{FileType, NodeId, Stat, Times};

/// The one device number of the guest's tree.
const DEVICE: u64 = 1;

/// Preview 1's number for a kind of file.
pub(crate) fn file_type(kind: FileType) -> u8 {
    match kind {
        FileType::Device => 2,
        FileType::Dir => 3,
        FileType::File => 4,
        FileType::Link => 7,
    }
}

/// `filestat`, 64 bytes: dev, ino, filetype, nlink, size, atim, mtim, ctim.
pub(crate) fn write_stat(m: &mut Memory<'_>, ptr: u32, stat: &Stat) -> Result<(), Errno> {
    let mut bytes = [0; 64];
    let words = [
        (0, DEVICE),
        (8, stat.ino),
        (24, stat.nlink),
        (32, stat.size),
        (40, stat.atime),
        (48, stat.mtime),
        (56, stat.ctime),
    ];
    for (at, word) in words {
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    bytes[16] = file_type(stat.file_type);
    m.write(ptr, &bytes)
}

/// The times a `set_times` call asks for.
pub(crate) fn times(p: &mut Process, atime: u64, mtime: u64, set: u32) -> Result<Times, Errno> {
    const ATIM: u32 = 1;
    const ATIM_NOW: u32 = 2;
    const MTIM: u32 = 4;
    const MTIM_NOW: u32 = 8;
    if set > 15 {
        return Err(Errno::Invalid);
    }
    p.stamp();
    let now = p.clock.now();
    let one = |given: u32, current: u32, value: u64| match (set & given != 0, set & current != 0) {
        (true, true) => Err(Errno::Invalid),
        (true, false) => Ok(Some(value)),
        (false, true) => Ok(Some(now)),
        (false, false) => Ok(None),
    };
    Ok(Times { atime: one(ATIM, ATIM_NOW, atime)?, mtime: one(MTIM, MTIM_NOW, mtime)? })
}

impl Process {
    /// The folder a path operation starts from.
    pub(crate) fn folder(&self, fd: u32) -> Result<NodeId, Errno> {
        match self.descriptors.get(fd)?.handle {
            Handle::Dir { node, .. } => Ok(node),
            _ => Err(Errno::NotDir),
        }
    }

    fn release(&mut self, descriptor: &Descriptor) {
        let kept = descriptor.listing_bytes();
        self.descriptors.listing_bytes = self.descriptors.listing_bytes.saturating_sub(kept);
        if let Some(node) = descriptor.node() {
            self.vfs.close(node);
        }
    }
}

/// Closes a descriptor.
pub fn fd_close(p: &mut Process, _m: &mut Memory<'_>, fd: u32) -> Result<(), Errno> {
    p.enter()?;
    let descriptor = p.descriptors.take(fd)?;
    p.release(&descriptor);
    Ok(())
}

/// Gives a descriptor another open one's number; that one is closed.
pub fn fd_renumber(p: &mut Process, _m: &mut Memory<'_>, from: u32, to: u32) -> Result<(), Errno> {
    p.enter()?;
    p.descriptors.get(from)?;
    p.descriptors.get(to)?;
    if from != to {
        let moved = p.descriptors.take(from)?;
        let closed = p.descriptors.take(to)?;
        p.descriptors.put(to, moved);
        p.release(&closed);
    }
    Ok(())
}

/// Kind, flags and rights of a descriptor.
pub fn fd_fdstat_get(p: &mut Process, m: &mut Memory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
    p.enter()?;
    let descriptor = p.descriptors.get(fd)?;
    let kind = descriptor.node().map_or(FileType::Device, |node| p.vfs.stat(node).file_type);
    let mut bytes = [0; 24];
    bytes[0] = file_type(kind);
    bytes[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
    bytes[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
    bytes[16..24].copy_from_slice(&descriptor.inheriting.to_le_bytes());
    m.write(stat, &bytes)
}

/// Sets a descriptor's flags.
pub fn fd_fdstat_set_flags(p: &mut Process, _m: &mut Memory<'_>, fd: u32, set: u32) -> Result<(), Errno> {
    p.enter()?;
    let descriptor = p.descriptors.get_mut(fd)?;
    let set = u16::try_from(set).ok().filter(|set| set & !flags::ALL == 0).ok_or(Errno::Invalid)?;
    descriptor.flags = set;
    Ok(())
}

/// Gives up rights of a descriptor. None can be won.
pub fn fd_fdstat_set_rights(
    p: &mut Process,
    _m: &mut Memory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    p.enter()?;
    let descriptor = p.descriptors.get_mut(fd)?;
    if base & !descriptor.rights != 0 || inheriting & !descriptor.inheriting != 0 {
        return Err(Errno::NotCapable);
    }
    descriptor.rights = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

/// What is known of a descriptor's file.
pub fn fd_filestat_get(p: &mut Process, m: &mut Memory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
    p.enter()?;
    let known = match p.descriptors.get(fd)?.node() {
        Some(node) => p.vfs.stat(node),
        None => Stat {
            ino: u64::from(fd) + 1,
            file_type: FileType::Device,
            nlink: 1,
            size: 0,
            atime: crate::vfs::START,
            mtime: crate::vfs::START,
            ctime: crate::vfs::START,
        },
    };
    write_stat(m, stat, &known)
}

/// Sets the times of a descriptor's file.
pub fn fd_filestat_set_times(
    p: &mut Process,
    _m: &mut Memory<'_>,
    fd: u32,
    atime: u64,
    mtime: u64,
    set: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let node = p.descriptors.get(fd)?.node().ok_or(Errno::Invalid)?;
    let times = times(p, atime, mtime, set)?;
    p.vfs.set_times(node, times).map_err(|error| p.failed(error))
}

fn preopen(p: &Process, fd: u32) -> Result<&'static str, Errno> {
    match p.descriptors.get(fd)?.handle {
        Handle::Dir { preopen: true, .. } => Ok("/"),
        _ => Err(Errno::BadDescriptor),
    }
}

/// Whether a descriptor is a preopened folder, and how long its name is.
pub fn fd_prestat_get(p: &mut Process, m: &mut Memory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
    p.enter()?;
    let name = preopen(p, fd)?;
    let mut bytes = [0; 8];
    bytes[4..].copy_from_slice(&(name.len() as u32).to_le_bytes());
    m.write(stat, &bytes)
}

/// A preopened folder's name: `/`, the only one.
pub fn fd_prestat_dir_name(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let name = preopen(p, fd)?;
    if (path_len as usize) < name.len() {
        return Err(Errno::NameTooLong);
    }
    m.write(path, name.as_bytes())
}

/// The rights a newly opened descriptor has, of those asked for.
pub(crate) fn granted(kind: FileType, asked: u64) -> (u64, u64) {
    let file = (rights::FILE & !(rights::CHANGE | rights::READ))
        | (asked & rights::READ)
        | if asked & rights::WRITE != 0 { rights::CHANGE } else { 0 };
    match kind {
        FileType::Dir => (rights::DIR, rights::ALL),
        FileType::File | FileType::Device | FileType::Link => (file, 0),
    }
}
