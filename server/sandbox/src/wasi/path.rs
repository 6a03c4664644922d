//! Operations on paths. All of them start from an open folder and stay in the guest's tree.

use super::descriptor::{Descriptor, Handle, flags, rights};
use super::errno::Errno;
use super::fd::{granted, times, write_stat};
use super::memory::Memory;
use super::process::{Limit, Process};
use crate::vfs::{FileType, Follow, OpenOptions};

/// Follow a link at the path's end.
fn follow(lookup: u32) -> Result<Follow, Errno> {
    match lookup {
        0 => Ok(Follow::No),
        1 => Ok(Follow::Yes),
        _ => Err(Errno::Invalid),
    }
}

/// Opens a file or folder.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn path_open(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    open: u32,
    base: u64,
    inheriting: u64,
    fd_flags: u32,
    opened: u32,
) -> Result<(), Errno> {
    const CREATE: u32 = 1;
    const DIRECTORY: u32 = 2;
    const EXCLUSIVE: u32 = 4;
    const TRUNCATE: u32 = 8;
    p.enter()?;
    m.check(opened, 4)?;
    let follow = follow(lookup)? == Follow::Yes;
    let fd_flags = u16::try_from(fd_flags).ok().filter(|set| set & !flags::ALL == 0).ok_or(Errno::Invalid)?;
    if open > 15 {
        return Err(Errno::Invalid);
    }
    let dir = p.folder(fd)?;
    let path = m.path(path, path_len)?;
    let allowed = p.descriptors.get(fd)?.inheriting;
    if base & rights::ALL & !allowed != 0 {
        return Err(Errno::NotCapable);
    }
    if p.descriptors.len() >= p.quotas().descriptors as usize {
        return Err(p.over(Limit::Descriptors, Errno::TooManyOpen));
    }
    let options = OpenOptions {
        write: base & rights::WRITE != 0,
        create: open & CREATE != 0,
        exclusive: open & EXCLUSIVE != 0,
        truncate: open & TRUNCATE != 0,
        directory: open & DIRECTORY != 0,
        follow,
    };
    if options.create || options.truncate {
        p.stamp();
    }
    let node = p.vfs.open_path(dir, path, options).map_err(|error| p.failed(error))?;
    p.vfs.open(node);
    let kind = p.vfs.stat(node).file_type;
    let (base, most) = granted(kind, base);
    let handle = match (kind, p.vfs.device(node)) {
        (FileType::Dir, _) => Handle::Dir { node, preopen: false, listing: None },
        (_, Some(device)) => Handle::Device { node, device },
        _ => Handle::File { node, offset: 0, cache: None },
    };
    // Sensible programs ask for all that may be inherited; what they leave out their children shall not have.
    let inheriting = if kind == FileType::Dir { most & allowed & (inheriting | base) } else { 0 };
    let number = p.descriptors.insert(Descriptor { handle, flags: fd_flags, rights: base, inheriting });
    m.write_u32(opened, number)
}

/// What is known of a path's file.
pub fn path_filestat_get(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let follow = follow(lookup)?;
    let dir = p.folder(fd)?;
    let node = p.vfs.lookup(dir, m.path(path, path_len)?, follow).map_err(|error| p.failed(error))?;
    let known = p.vfs.stat(node);
    write_stat(m, stat, &known)
}

/// Sets the times of a path's file.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn path_filestat_set_times(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    atime: u64,
    mtime: u64,
    set: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let follow = follow(lookup)?;
    let dir = p.folder(fd)?;
    let path = m.path(path, path_len)?;
    let node = p.vfs.lookup(dir, path, follow).map_err(|error| p.failed(error))?;
    let times = times(p, atime, mtime, set)?;
    p.vfs.set_times(node, times).map_err(|error| p.failed(error))
}

/// Makes a folder.
pub fn path_create_directory(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let dir = p.folder(fd)?;
    let path = m.path(path, path_len)?;
    p.stamp();
    p.vfs.make_dir(dir, path).map_err(|error| p.failed(error))
}

/// Removes an empty folder.
pub fn path_remove_directory(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let dir = p.folder(fd)?;
    let path = m.path(path, path_len)?;
    p.stamp();
    p.vfs.remove_dir(dir, path).map_err(|error| p.failed(error))
}

/// Removes a name that is not a folder's.
pub fn path_unlink_file(p: &mut Process, m: &mut Memory<'_>, fd: u32, path: u32, path_len: u32) -> Result<(), Errno> {
    p.enter()?;
    let dir = p.folder(fd)?;
    let path = m.path(path, path_len)?;
    p.stamp();
    p.vfs.unlink(dir, path).map_err(|error| p.failed(error))
}

/// Moves a name.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn path_rename(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    old: u32,
    old_len: u32,
    new_fd: u32,
    new: u32,
    new_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let (from, to) = (p.folder(fd)?, p.folder(new_fd)?);
    let (old, new) = (m.path(old, old_len)?, m.path(new, new_len)?);
    p.stamp();
    p.vfs.rename(from, old, to, new).map_err(|error| p.failed(error))
}

/// Makes a hard link.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn path_link(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    lookup: u32,
    old: u32,
    old_len: u32,
    new_fd: u32,
    new: u32,
    new_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let follow = follow(lookup)? == Follow::Yes;
    let (from, to) = (p.folder(fd)?, p.folder(new_fd)?);
    let (old, new) = (m.path(old, old_len)?, m.path(new, new_len)?);
    p.stamp();
    p.vfs.link(from, old, follow, to, new).map_err(|error| p.failed(error))
}

/// Makes a symbolic link. Its target may be absolute: it is a guest path.
pub fn path_symlink(
    p: &mut Process,
    m: &mut Memory<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    p.enter()?;
    let dir = p.folder(fd)?;
    let (target, path) = (m.path(target, target_len)?, m.path(path, path_len)?);
    p.stamp();
    p.vfs.make_link(target, dir, path).map_err(|error| p.failed(error))
}

/// A symbolic link's target, cut where the buffer ends.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn path_readlink(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result<(), Errno> {
    p.enter()?;
    m.check(used, 4)?;
    let dir = p.folder(fd)?;
    let target = p.vfs.read_link(dir, m.path(path, path_len)?).map_err(|error| p.failed(error))?;
    let given = target.len().min(buf_len as usize);
    m.write(buf, &target.as_bytes()[..given])?;
    m.write_u32(used, given as u32)
}
