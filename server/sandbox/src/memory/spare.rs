//! Mappings of ended runs, put back into the state of their image instead of being made anew.
//!
//! A fork pays for each page it writes to: a fault, a page, and its return at the end. For runs of a millisecond or two that
//! is half of their time. A mapping that was used keeps its pages, and only their content is copied from the image again:
//! a quarter of that. The system says which pages those are (`/proc/self/pagemap`, Linux); elsewhere nothing is kept.

use std::sync::{Mutex, PoisonError};

use super::map::{Backing, Mapping};

/// Mappings kept of one image: more runs than this at once make their own.
const KEPT: usize = 8;

/// Pages that a mapping may keep; one that wrote to more is let go.
const MOST_PAGES: usize = 4096;

/// Mappings of one image, each equal to it.
#[derive(Debug, Default)]
pub struct Spares(Mutex<Vec<Mapping>>);

impl Spares {
    /// One of `total` bytes, if there is one.
    pub fn take(&self, total: usize) -> Option<Mapping> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|mapping| mapping.len() == total)?;
        Some(kept.swap_remove(at))
    }

    /// Keeps a mapping whose first `size` bytes were accessible, if it can be made equal to the image again.
    pub fn give_back(&self, mapping: Mapping, size: usize, image: &Backing) {
        if !restore(&mapping, size, image) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(mapping);
        }
    }
}

#[cfg(target_os = "linux")]
mod pages {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::sync::OnceLock;

    /// Bits of an entry (Documentation/admin-guide/mm/pagemap.rst).
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;

    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();

    /// Opens what tells pages apart: before the process gives up the right to.
    pub fn prepare() {
        PAGEMAP.get_or_init(|| {
            let size = rustix::param::page_size();
            if size == super::PAGE { File::open("/proc/self/pagemap").ok() } else { None }
        });
    }

    /// Which of `count` pages from `address` on are the mapping's own, no longer the file's.
    pub fn written(address: usize, count: usize) -> Option<Vec<usize>> {
        let file = PAGEMAP.get()?.as_ref()?;
        let mut entries = vec![0; count * 8];
        file.read_exact_at(&mut entries, (address / super::PAGE) as u64 * 8).ok()?;
        let (entries, _) = entries.as_chunks::<8>();
        let own = |entry: &[u8; 8]| {
            let entry = u64::from_ne_bytes(*entry);
            entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0
        };
        Some(entries.iter().enumerate().filter(|(_, entry)| own(entry)).map(|(at, _)| at).collect())
    }
}

/// Size of a page of the system's, in bytes. Where it is another one nothing is kept.
const PAGE: usize = 4096;

#[cfg(target_os = "linux")]
pub use pages::prepare;

#[cfg(not(target_os = "linux"))]
pub fn prepare() {}

#[cfg(target_os = "linux")]
fn restore(mapping: &Mapping, size: usize, image: &Backing) -> bool {
    let Some(written) = pages::written(mapping.base().addr(), image.len() / PAGE) else { return false };
    if written.len() > MOST_PAGES {
        return false;
    }
    let Some(content) = image.view() else { return false };
    for page in written {
        let at = page * PAGE;
        // SAFETY: both pages lie within their mappings of at least `image.len()` bytes; the run that used this one is over,
        // so nothing else refers to it.
        unsafe { std::ptr::copy_nonoverlapping(content.base().add(at), mapping.base().add(at), PAGE) };
    }
    mapping.shrink(size, image.len()).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn restore(_: &Mapping, _: usize, _: &Backing) -> bool {
    false
}
