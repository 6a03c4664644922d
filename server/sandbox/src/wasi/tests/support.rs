//! A guest in a few kilobytes: memory, and calls written as a C library would make them.

use std::sync::Arc;

use crate::vfs::tests::support::{Fake, mount};
use crate::vfs::{Mount, Vfs};
use crate::wasi::{self, Errno, Memory, Process, Quotas};

pub(crate) const CREATE: u32 = 1;
pub(crate) const DIRECTORY: u32 = 2;
pub(crate) const EXCLUSIVE: u32 = 4;
pub(crate) const TRUNCATE: u32 = 8;
pub(crate) const READ: u64 = 1 << 1;
pub(crate) const WRITE: u64 = 1 << 6;
pub(crate) const APPEND: u32 = 1;

/// Where paths, tables, results and data lie.
const OLD: u32 = 0x1000;
const NEW: u32 = 0x3000;
const IOVECS: u32 = 0x5000;
pub(crate) const RESULT: u32 = 0x6000;
const DATA: u32 = 0x8000;
const SIZE: usize = 0x40000;

pub(crate) struct Guest {
    pub(crate) process: Process,
    pub(crate) bytes: Vec<u8>,
}

/// `/w`, writable, and `/ro`, read-only: two mounts of the same files.
pub(crate) fn guest(lines: &[&str]) -> Guest {
    guest_with(lines, Quotas::default())
}

struct Both(Fake);

impl crate::vfs::Source for Both {
    fn list(&self, _: u32, dir: &str) -> Result<Vec<crate::vfs::SourceEntry>, crate::vfs::SourceError> {
        self.0.list(1, dir)
    }

    fn read(&self, _: u32, path: &str) -> Result<Arc<[u8]>, crate::vfs::SourceError> {
        self.0.read(1, path)
    }
}

pub(crate) fn guest_with(lines: &[&str], quotas: Quotas) -> Guest {
    let mounts: [Mount; 2] = [mount("/w", 1, true), mount("/ro", 2, false)];
    let builder = mounts.into_iter().fold(Vfs::builder().standard(), |builder, mount| builder.mount(mount));
    let vfs = builder.source(Arc::new(Both(Fake::new(lines)))).build().unwrap();
    Guest { process: Process::new(vfs, [7; 32], quotas), bytes: vec![0; SIZE] }
}

impl Guest {
    /// One call.
    pub(crate) fn call<T>(&mut self, call: impl FnOnce(&mut Process, &mut Memory<'_>) -> T) -> T {
        call(&mut self.process, &mut Memory::new(&mut self.bytes))
    }

    pub(crate) fn put(&mut self, at: u32, data: &[u8]) -> (u32, u32) {
        self.bytes[at as usize..][..data.len()].copy_from_slice(data);
        (at, data.len() as u32)
    }

    pub(crate) fn word(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes[at as usize..][..4].try_into().unwrap())
    }

    pub(crate) fn long(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes[at as usize..][..8].try_into().unwrap())
    }

    pub(crate) fn open_at(&mut self, fd: u32, path: &str, open: u32, rights: u64, flags: u32) -> Result<u32, Errno> {
        let (ptr, len) = self.put(OLD, path.as_bytes());
        self.call(|p, m| wasi::path_open(p, m, fd, 1, ptr, len, open, rights, u64::MAX, flags, RESULT))?;
        Ok(self.word(RESULT))
    }

    /// From the preopen, following links.
    pub(crate) fn open(&mut self, path: &str, open: u32, rights: u64) -> Result<u32, Errno> {
        self.open_at(3, path, open, rights, 0)
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.call(|p, m| wasi::fd_close(p, m, fd))
    }

    fn iovec(&mut self, len: u32) -> u32 {
        let table = [DATA.to_le_bytes(), len.to_le_bytes()].concat();
        self.put(IOVECS, &table).0
    }

    pub(crate) fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, Errno> {
        let iovecs = self.iovec(len);
        self.call(|p, m| wasi::fd_read(p, m, fd, iovecs, 1, RESULT))?;
        Ok(self.bytes[DATA as usize..][..self.word(RESULT) as usize].to_vec())
    }

    pub(crate) fn pread(&mut self, fd: u32, len: u32, offset: u64) -> Result<Vec<u8>, Errno> {
        let iovecs = self.iovec(len);
        self.call(|p, m| wasi::fd_pread(p, m, fd, iovecs, 1, offset, RESULT))?;
        Ok(self.bytes[DATA as usize..][..self.word(RESULT) as usize].to_vec())
    }

    pub(crate) fn write(&mut self, fd: u32, data: &[u8]) -> Result<u32, Errno> {
        self.put(DATA, data);
        let iovecs = self.iovec(data.len() as u32);
        self.call(|p, m| wasi::fd_write(p, m, fd, iovecs, 1, RESULT))?;
        Ok(self.word(RESULT))
    }

    pub(crate) fn pwrite(&mut self, fd: u32, data: &[u8], offset: u64) -> Result<u32, Errno> {
        self.put(DATA, data);
        let iovecs = self.iovec(data.len() as u32);
        self.call(|p, m| wasi::fd_pwrite(p, m, fd, iovecs, 1, offset, RESULT))?;
        Ok(self.word(RESULT))
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.call(|p, m| wasi::fd_seek(p, m, fd, offset, whence, RESULT))?;
        Ok(self.long(RESULT))
    }

    /// A call with one path.
    pub(crate) fn on_path(
        &mut self,
        path: &str,
        call: impl FnOnce(&mut Process, &mut Memory<'_>, u32, u32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (ptr, len) = self.put(OLD, path.as_bytes());
        self.call(|p, m| call(p, m, ptr, len))
    }

    /// A call with two.
    pub(crate) fn on_paths(
        &mut self,
        old: &str,
        new: &str,
        call: impl FnOnce(&mut Process, &mut Memory<'_>, (u32, u32), (u32, u32)) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (old, new) = (self.put(OLD, old.as_bytes()), self.put(NEW, new.as_bytes()));
        self.call(|p, m| call(p, m, old, new))
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_create_directory(p, m, 3, ptr, len))
    }

    pub(crate) fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_remove_directory(p, m, 3, ptr, len))
    }

    pub(crate) fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_unlink_file(p, m, 3, ptr, len))
    }

    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        self.on_paths(old, new, |p, m, old, new| wasi::path_rename(p, m, 3, old.0, old.1, 3, new.0, new.1))
    }

    pub(crate) fn link(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        self.on_paths(old, new, |p, m, old, new| wasi::path_link(p, m, 3, 0, old.0, old.1, 3, new.0, new.1))
    }

    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        self.on_paths(target, path, |p, m, old, new| wasi::path_symlink(p, m, old.0, old.1, 3, new.0, new.1))
    }

    pub(crate) fn set_times(&mut self, path: &str, set: u32) -> Result<(), Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_filestat_set_times(p, m, 3, 1, ptr, len, 1, 2, set))
    }

    pub(crate) fn readlink(&mut self, path: &str, room: u32) -> Result<String, Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_readlink(p, m, 3, ptr, len, DATA, room, RESULT))?;
        let bytes = &self.bytes[DATA as usize..][..self.word(RESULT) as usize];
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    pub(crate) fn stat(&mut self, path: &str, follow: bool) -> Result<Filestat, Errno> {
        self.on_path(path, |p, m, ptr, len| wasi::path_filestat_get(p, m, 3, u32::from(follow), ptr, len, RESULT))?;
        Ok(self.filestat())
    }

    pub(crate) fn fstat(&mut self, fd: u32) -> Result<Filestat, Errno> {
        self.call(|p, m| wasi::fd_filestat_get(p, m, fd, RESULT))?;
        Ok(self.filestat())
    }

    fn filestat(&self) -> Filestat {
        Filestat {
            ino: self.long(RESULT + 8),
            kind: self.bytes[RESULT as usize + 16],
            links: self.long(RESULT + 24),
            size: self.long(RESULT + 32),
            mtime: self.long(RESULT + 48),
        }
    }

    /// Kind, flags and rights.
    pub(crate) fn fdstat(&mut self, fd: u32) -> Result<(u8, u16, u64, u64), Errno> {
        self.call(|p, m| wasi::fd_fdstat_get(p, m, fd, RESULT))?;
        let at = RESULT as usize;
        let flags = u16::from_le_bytes([self.bytes[at + 2], self.bytes[at + 3]]);
        Ok((self.bytes[at], flags, self.long(RESULT + 8), self.long(RESULT + 16)))
    }

    /// One `fd_readdir` as a C library reads it: whole entries (next cookie, kind, name), and whether there is more.
    pub(crate) fn readdir(&mut self, fd: u32, room: u32, cookie: u64) -> Result<(Vec<Listed>, bool), Errno> {
        self.call(|p, m| wasi::fd_readdir(p, m, fd, DATA, room, cookie, RESULT))?;
        let used = self.word(RESULT);
        let mut entries = Vec::new();
        let mut at = DATA;
        while at + 24 <= DATA + used {
            let len = self.word(at + 16);
            if at + 24 + len > DATA + used {
                break;
            }
            let name = &self.bytes[at as usize + 24..][..len as usize];
            let kind = self.bytes[at as usize + 20];
            entries.push((self.long(at), kind, String::from_utf8_lossy(name).into_owned()));
            at += 24 + len;
        }
        Ok((entries, used == room))
    }

    /// All names, read in pieces of `room` bytes.
    pub(crate) fn names(&mut self, path: &str, room: u32) -> Result<Vec<String>, Errno> {
        let fd = self.open(path, DIRECTORY, READ)?;
        let mut names = Vec::new();
        let mut cookie = 0;
        loop {
            let (entries, more) = self.readdir(fd, room, cookie)?;
            cookie = entries.last().map_or(cookie, |entry| entry.0);
            names.extend(entries.into_iter().map(|entry| entry.2));
            if !more {
                break;
            }
        }
        self.close(fd)?;
        Ok(names)
    }

    pub(crate) fn time(&mut self, clock: u32) -> Result<u64, Errno> {
        self.call(|p, m| wasi::clock_time_get(p, m, clock, 0, RESULT))?;
        Ok(self.long(RESULT))
    }

    /// Polls clocks (number, timeout, absolute) and descriptors; the userdata of what came is the place in the list.
    pub(crate) fn poll(&mut self, list: &[Wait]) -> Result<Vec<(u64, u16, u64)>, Errno> {
        for (at, wait) in list.iter().enumerate() {
            let mut bytes = [0; 48];
            bytes[..8].copy_from_slice(&(at as u64).to_le_bytes());
            match wait {
                Wait::Clock(clock, timeout, absolute) => {
                    bytes[16..20].copy_from_slice(&clock.to_le_bytes());
                    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
                    bytes[40] = u8::from(*absolute);
                }
                Wait::Read(fd) | Wait::Write(fd) => {
                    bytes[8] = if let Wait::Read(_) = wait { 1 } else { 2 };
                    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
                }
            }
            self.put(OLD + 48 * at as u32, &bytes);
        }
        self.call(|p, m| wasi::poll_oneoff(p, m, OLD, NEW, list.len() as u32, RESULT))?;
        let event = |at: u32| {
            let ptr = NEW + 32 * at;
            let errno = u16::from_le_bytes(self.bytes[ptr as usize + 8..][..2].try_into().unwrap());
            (self.long(ptr), errno, self.long(ptr + 16))
        };
        Ok((0..self.word(RESULT)).map(event).collect())
    }
}

/// An entry of a listing: the cookie after it, its kind, its name.
pub(crate) type Listed = (u64, u8, String);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Clock(u32, u64, bool),
    Read(u32),
    Write(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub(crate) ino: u64,
    pub(crate) kind: u8,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) mtime: u64,
}
