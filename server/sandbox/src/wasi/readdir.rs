//! Listing folders.

use super::descriptor::{Handle, Listing};
use super::errno::Errno;
use super::fd::file_type;
use super::memory::Memory;
use super::process::{Limit, Process};
use crate::vfs::{DirEntry, FileType, NodeId};

/// d_next, d_ino, d_namlen, d_type, padding.
const HEADER: usize = 24;
/// What an entry takes besides its name, roughly.
const ENTRY_BYTES: u64 = 48;

fn list(p: &mut Process, node: NodeId) -> Result<Listing, Errno> {
    let names = p.vfs.read_dir(node).map_err(|error| p.failed(error))?;
    p.add_work(names.len() as u64 / 16)?;
    let above = p.vfs.lookup(node, "..", crate::vfs::Follow::Yes).map_err(|error| p.failed(error))?;
    let dot =
        |name: &str, node: NodeId| DirEntry { name: name.into(), ino: p.vfs.stat(node).ino, file_type: FileType::Dir };
    let entries: Vec<DirEntry> = [dot(".", node), dot("..", above)].into_iter().chain(names).collect();
    let bytes = entries.iter().map(|entry| entry.name.len() as u64 + ENTRY_BYTES).sum();
    Ok(Listing { entries: entries.into(), bytes })
}

/// A descriptor's listing, made anew for cookie 0: rewinddir.
fn listing(p: &mut Process, fd: u32, fresh: bool) -> Result<std::sync::Arc<[DirEntry]>, Errno> {
    let descriptor = p.descriptors.get(fd)?;
    let node = match &descriptor.handle {
        Handle::Dir { listing: Some(listing), .. } if !fresh => return Ok(listing.entries.clone()),
        Handle::Dir { node, .. } => *node,
        _ => return Err(Errno::NotDir),
    };
    let before = descriptor.listing_bytes();
    let made = list(p, node)?;
    let kept = p.descriptors.listing_bytes.saturating_sub(before).saturating_add(made.bytes);
    if kept > p.quotas().listing_bytes {
        return Err(p.over(Limit::ListingBytes, Errno::NoMemory));
    }
    p.descriptors.listing_bytes = kept;
    let entries = made.entries.clone();
    if let Handle::Dir { listing, .. } = &mut p.descriptors.get_mut(fd)?.handle {
        *listing = Some(made);
    }
    Ok(entries)
}

/// Lists a folder from a cookie on, `.` and `..` first, then by name. The last entry is cut where the buffer ends; a
/// buffer not filled means that there is no more.
pub fn fd_readdir(
    p: &mut Process,
    m: &mut Memory<'_>,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    used: u32,
) -> Result<(), Errno> {
    p.enter()?;
    m.check(buf, buf_len)?;
    m.check(used, 4)?;
    let entries = listing(p, fd, cookie == 0)?;
    let start = usize::try_from(cookie).unwrap_or(usize::MAX).min(entries.len());
    let mut rest = m.slice_mut(buf, buf_len)?;
    let mut given = 0;
    for (entry, next) in entries[start..].iter().zip(cookie.saturating_add(1)..) {
        if rest.is_empty() {
            break;
        }
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&next.to_le_bytes());
        header[8..16].copy_from_slice(&entry.ino.to_le_bytes());
        header[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
        header[20] = file_type(entry.file_type);
        for part in [&header[..], entry.name.as_bytes()] {
            let (now, later) = rest.split_at_mut(rest.len().min(part.len()));
            now.copy_from_slice(&part[..now.len()]);
            rest = later;
        }
        given += 1;
    }
    let written = buf_len - rest.len() as u32;
    m.write_u32(used, written)?;
    p.add_work(given / 16)
}
