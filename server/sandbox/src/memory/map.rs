//! The mappings under guest memories. On Unix a fork is a private mapping of the image's file: it costs page-table
//! entries, not copies.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::ptr;
use std::sync::OnceLock;

use super::spare::Spares;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};

/// Granularity at which zeroes are left out of an image's file, in bytes.
const BLOCK: usize = 4096;

/// A frozen memory: a file that forks map privately and nobody writes again.
#[derive(Debug)]
pub struct Backing {
    file: File,
    len: usize,
    /// The content, mapped when it is first needed.
    view: OnceLock<Option<Mapping>>,
    pub spares: Spares,
}

impl Backing {
    /// Freezes `memory` into an anonymous file; blocks of zeroes take no room.
    ///
    /// # Errors
    /// Where the file cannot be made or filled.
    pub fn freeze(memory: &[u8]) -> io::Result<Self> {
        let file = anonymous_file()?;
        write_sparse(&file, memory)?;
        Ok(Self::new(file, memory.len()))
    }

    /// Takes over a file that holds a frozen memory of `len` bytes and will not change any more.
    ///
    /// # Errors
    /// Where the file has another length.
    pub fn from_file(file: File, len: usize) -> io::Result<Self> {
        if file.metadata()?.len() != len as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the image's file has the wrong length"));
        }
        Ok(Self::new(file, len))
    }

    fn new(file: File, len: usize) -> Self {
        Self { file, len, view: OnceLock::new(), spares: Spares::default() }
    }

    /// The content, to be read and never written.
    pub(super) fn view(&self) -> Option<&Mapping> {
        self.view.get_or_init(|| Mapping::of_file(&self.file, self.len).ok()).as_ref()
    }

    /// The whole content, copied.
    ///
    /// # Errors
    /// As the file system reports them.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let mut memory = vec![0; self.len];
        self.file.read_exact_at(&mut memory, 0)?;
        Ok(memory)
    }

    /// Length in bytes, a multiple of the WebAssembly page.
    pub fn len(&self) -> usize {
        self.len
    }
}

/// Writes `memory` into the empty `file`, leaving holes for blocks of zeroes.
///
/// # Errors
/// As the file system reports them, a full disk among them.
pub fn write_sparse(file: &File, memory: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.set_len(memory.len() as u64)?;
    let mut at = 0;
    while at < memory.len() {
        // Neighbouring blocks are written in one call.
        let start = at;
        while at < memory.len() && memory[at..(at + BLOCK).min(memory.len())].iter().any(|byte| *byte != 0) {
            at += BLOCK;
        }
        let end = at.min(memory.len());
        if start < end {
            file.write_all_at(&memory[start..end], start as u64)?;
        }
        at += BLOCK;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn anonymous_file() -> io::Result<File> {
    let fd = rustix::fs::memfd_create("airlock-image", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(File::from(fd))
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file() -> io::Result<File> {
    // An unlinked file: its name is gone before anything is written.
    let path =
        std::env::temp_dir().join(format!("airlock-image-{}-{:?}", std::process::id(), std::thread::current().id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// An address range: accessible memory, then reserved room to grow, then the guard.
#[derive(Debug)]
pub struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: the mapping is an address range owned by this value; its methods are system calls on it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `total` bytes, of which the first `size` are accessible and start as `image`, then zeroes.
    ///
    /// # Errors
    /// Where the system has no room for the mapping.
    pub fn new(size: usize, total: usize, image: Option<&Backing>) -> io::Result<Self> {
        // SAFETY: a new mapping at an address the system chooses.
        let base = unsafe {
            mmap_anonymous(ptr::null_mut(), total, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE)?
        };
        let mapping = Self { base: base.cast(), len: total };
        let filled = match image {
            Some(image) if image.len() > 0 => {
                // SAFETY: replaces pages of the range reserved above, which nothing uses yet.
                unsafe {
                    mmap(
                        base,
                        image.len(),
                        ProtFlags::READ | ProtFlags::WRITE,
                        MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
                        image.file.as_fd(),
                        0,
                    )?;
                }
                image.len()
            }
            _ => 0,
        };
        mapping.allow(filled, size)?;
        Ok(mapping)
    }

    /// A file's first `len` bytes, readable.
    ///
    /// # Errors
    /// Where the system has no room for the mapping.
    fn of_file(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address the system chooses; the file is nobody's to write any more.
        let base = unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, file.as_fd(), 0)? };
        Ok(Self { base: base.cast(), len })
    }

    /// Length in bytes, guard included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Takes back what [`Mapping::allow`] gave between `to` and `from`, content and all.
    ///
    /// # Errors
    /// Where the range leaves the mapping or the system refuses.
    pub fn shrink(&self, from: usize, to: usize) -> io::Result<()> {
        if from <= to {
            return Ok(());
        }
        if from > self.len {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "beyond the reserved range"));
        }
        // SAFETY: the range lies inside this mapping, whose users are gone.
        unsafe {
            let at = self.base.add(to).cast();
            // Mapped anew rather than advised: so its pages are gone on every system.
            mmap_anonymous(
                at,
                from - to,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED,
            )?;
        }
        Ok(())
    }

    /// The first byte's address.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Makes the bytes `from..to` accessible.
    ///
    /// # Errors
    /// Where the range leaves the mapping or the system refuses.
    pub fn allow(&self, from: usize, to: usize) -> io::Result<()> {
        if from >= to {
            return Ok(());
        }
        if to > self.len {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "beyond the reserved range"));
        }
        // SAFETY: the range lies inside this mapping.
        unsafe {
            mprotect(self.base.add(from).cast(), to - from, MprotectFlags::READ | MprotectFlags::WRITE)?;
        }
        Ok(())
    }

    /// Makes every byte inaccessible: the guest's next access traps.
    pub fn forbid(&self) {
        // SAFETY: the range is this mapping; the host itself does not touch it while the caller holds the run's lock.
        let taken = unsafe { mprotect(self.base.cast(), self.len, MprotectFlags::empty()) };
        if let Err(error) = taken {
            // Going on would leave a guest running past its limit. The process is the worker: its end ends the guest, and
            // the server is told.
            eprintln!("cannot take a guest's memory away: {error}");
            std::process::abort();
        }
    }
}

/// Makes `len` bytes at `address`, inside a mapping of ours, accessible again. Safe in a signal handler.
#[cfg(target_os = "linux")]
pub(super) fn allow_at(address: usize, len: usize) -> bool {
    let at: *mut u8 = ptr::with_exposed_provenance_mut(address);
    // SAFETY: the caller names accessible bytes of a live mapping; a bare system call.
    unsafe { mprotect(at.cast(), len, MprotectFlags::READ | MprotectFlags::WRITE) }.is_ok()
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, and its users are gone. A failure leaks address space and nothing else.
        let _ = unsafe { munmap(self.base.cast(), self.len) };
    }
}
