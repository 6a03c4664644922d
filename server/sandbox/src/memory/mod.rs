//! Linear memories that start as a private view of a frozen image, and that can be taken away from a running guest.
//!
//! wasmtime's [`MemoryCreator`] knows no store, so the choice of image is handed over in a thread-local for the length
//! of one instantiation: [`starting_from`] is the only way to set it, and it is taken back on every path.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod fault;
mod map;
pub mod spare;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

pub use map::{Backing, Mapping, write_sparse};

/// How the refusal of a mapping begins.
pub const CANNOT_MAP: &str = "cannot map";

/// Size of a WebAssembly page in bytes.
pub const PAGE: usize = 64 * 1024;

/// Where a run's memory is, shared by the instance that uses it and by whoever may have to stop it.
///
/// The lock is held by every host call while it touches guest memory, and by growth; so memory is never taken away
/// under the host's own hands. A stopper never waits for that lock: a host call may itself wait, for a file that the
/// server reads. It leaves its wish behind, and whoever holds the lock carries it out when letting go.
#[derive(Debug, Default)]
pub struct Control {
    stopped: AtomicBool,
    mapping: Mutex<Option<Mapping>>,
    /// The accessible bytes, for the fault handler, which may take no lock.
    base: AtomicUsize,
    size: AtomicUsize,
    /// Processor time that other threads spent on work of this run, in nanoseconds.
    lent: AtomicU64,
}

/// The guest's memory stays where it is as long as this is held: for the length of a host call.
pub struct Access<'a> {
    control: &'a Control,
    mapping: Option<MutexGuard<'a, Option<Mapping>>>,
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        self.mapping.take();
        self.control.settle();
    }
}

/// Bytes that the fault handler gives back at once.
#[cfg(target_os = "linux")]
const RESCUE: usize = 1 << 20;

impl Control {
    fn lock(&self) -> MutexGuard<'_, Option<Mapping>> {
        // A panic under the lock leaves a mapping that is valid at any moment.
        self.mapping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the memory away: the guest's next access traps. Safe to call at any time, from any thread, repeatedly;
    /// returns at once.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.settle();
    }

    /// Carries out a stop, unless someone holds the lock, who will call this after letting go.
    fn settle(&self) {
        // Pairs with the other side's: of a stopper who finds the lock taken and a holder who lets it go, one at least
        // sees what the other did.
        fence(Ordering::SeqCst);
        if !self.is_stopped() {
            return;
        }
        let mapping = match self.mapping.try_lock() {
            Ok(mapping) => mapping,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(mapping) = &*mapping {
            mapping.forbid();
        }
    }

    /// Another thread has worked for this run for so long.
    pub fn lend(&self, time: Duration) {
        self.lent.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What other threads worked for this run so far.
    pub fn lent(&self) -> Duration {
        Duration::from_nanos(self.lent.load(Ordering::Relaxed))
    }

    /// Whether [`Control::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// The right to touch guest memory, or `None` once the run is stopped.
    pub fn access(&self) -> Option<Access<'_>> {
        let access = Access { control: self, mapping: Some(self.lock()) };
        (!self.is_stopped()).then_some(access)
    }

    /// Gives a stopped memory's bytes around `address` back to the engine's own code, which copies and fills guest
    /// memory outside any host call of ours and cannot be unwound from there. The guest itself gets no further: all
    /// else stays taken, and the stopper comes again.
    ///
    /// Called from a signal handler: takes no lock and allocates nothing. False: not an address of this memory.
    #[cfg(target_os = "linux")]
    pub fn rescue(&self, address: usize) -> bool {
        let (base, size) = (self.base.load(Ordering::Acquire), self.size.load(Ordering::Acquire));
        if base == 0 || !self.is_stopped() {
            return false;
        }
        let Some(offset) = address.checked_sub(base).filter(|offset| *offset < size) else { return false };
        let start = offset & !(RESCUE - 1);
        map::allow_at(base + start, (size - start).min(RESCUE))
    }
}

/// What a memory starts from.
#[derive(Clone)]
pub struct Start {
    pub control: Arc<Control>,
    /// `None`: zeroes.
    pub image: Option<Arc<Backing>>,
    /// The module's minimum in bytes; tells its memory from the engine's own ones.
    pub minimum: usize,
    /// Use a mapping that another run of the image left, and leave it to the next: for many short runs.
    pub spare: bool,
}

thread_local! {
    static START: RefCell<Option<Start>> = const { RefCell::new(None) };
}

/// Runs `instantiate` with `start` as the origin of the memory it creates.
pub fn starting_from<T>(start: Start, instantiate: impl FnOnce() -> T) -> T {
    struct TakeBack;
    impl Drop for TakeBack {
        fn drop(&mut self) {
            START.with(|slot| slot.borrow_mut().take());
        }
    }
    START.with(|slot| *slot.borrow_mut() = Some(start));
    let _take_back = TakeBack;
    instantiate()
}

/// Gives wasmtime its memories: mapped from an image inside [`starting_from`], zeroed otherwise.
#[derive(Debug)]
pub struct Creator;

struct Memory {
    control: Arc<Control>,
    base: *mut u8,
    size: usize,
    reserved: usize,
    /// The image whose next run may have the mapping.
    next: Option<Arc<Backing>>,
}

// SAFETY: `base` is an address owned by the mapping inside `control`, which outlives this value; all access to it is
// by wasmtime, under its own rules.
unsafe impl Send for Memory {}
// SAFETY: as above; `&Memory` gives out nothing but numbers and the base pointer.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        self.control.base.store(0, Ordering::Release);
        let mapping = self.control.lock().take();
        // One that was taken away from its run is of no use.
        if let (Some(mapping), Some(image), false) = (mapping, &self.next, self.control.is_stopped()) {
            image.spares.give_back(mapping, self.size, image);
        }
    }
}

// SAFETY: `base` stays the same for the memory's life, `reserved` bytes plus the guard are mapped there, and `size`
// bytes are accessible unless the run was stopped, after which the store is only ever dropped.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.reserved
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        let access = self.control.access().ok_or_else(|| wasmtime::Error::msg("the run was stopped"))?;
        let mapping = access.mapping.as_deref().and_then(Option::as_ref);
        mapping.ok_or_else(|| wasmtime::Error::msg("the memory is gone"))?.allow(self.size, new_size)?;
        self.control.size.store(new_size, Ordering::Release);
        drop(access);
        self.size = new_size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base
    }
}

// SAFETY: memories are created zeroed, or filled from an image that the engine chose, with the reservation and guard
// that wasmtime asked for.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let start = START.with(|slot| {
            let mut slot = slot.borrow_mut();
            slot.as_ref().is_some_and(|start| start.minimum == minimum).then(|| slot.take()).flatten()
        });
        let (control, image, spare) = match start {
            Some(start) => (start.control, start.image, start.spare),
            None => (Arc::new(Control::default()), None, false),
        };
        let next = image.clone().filter(|image| spare && image.len() >= minimum);
        let size = image.as_ref().map_or(minimum, |image| image.len().max(minimum));
        let reserved = reserved.unwrap_or(size).max(size);
        let mapping = match next.as_ref().and_then(|image| image.spares.take(reserved + guard)) {
            Some(mapping) => mapping,
            None => Mapping::new(size, reserved + guard, image.as_deref())
                .map_err(|error| format!("{CANNOT_MAP} {} bytes of address space: {error}", reserved + guard))?,
        };
        let base = mapping.base();
        *control.lock() = Some(mapping);
        control.size.store(size, Ordering::Release);
        control.base.store(base.expose_provenance(), Ordering::Release);
        let memory = Box::new(Memory { control, base, size, reserved, next });
        // A stopper that came before the mapping was there found nothing to take.
        if memory.control.is_stopped() {
            return Err("the run was stopped before it started".to_owned());
        }
        Ok(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(image: Option<Arc<Backing>>) -> (Arc<Control>, Box<dyn LinearMemory>) {
        make_with(image, false)
    }

    fn make_with(image: Option<Arc<Backing>>, spare: bool) -> (Arc<Control>, Box<dyn LinearMemory>) {
        let control = Arc::new(Control::default());
        let start = Start { control: Arc::clone(&control), image, minimum: PAGE, spare };
        let memory = starting_from(start, || {
            Creator.new_memory(MemoryType::new(1, None), PAGE, None, Some(16 * PAGE), PAGE).expect("mapped")
        });
        (control, memory)
    }

    fn byte(memory: &dyn LinearMemory, at: usize) -> u8 {
        assert!(at < memory.byte_size());
        // SAFETY: within the accessible bytes, and nothing else uses this memory.
        unsafe { *memory.as_ptr().add(at) }
    }

    #[test]
    fn two_images_on_two_threads_stay_apart() {
        let images: Vec<_> =
            [7_u8, 9].map(|fill| Arc::new(Backing::freeze(&vec![fill; 2 * PAGE]).expect("frozen"))).into();
        std::thread::scope(|scope| {
            for (image, fill) in images.iter().zip([7_u8, 9]) {
                scope.spawn(move || {
                    for _ in 0..200 {
                        let (_control, mut memory) = make(Some(Arc::clone(image)));
                        assert_eq!(memory.byte_size(), 2 * PAGE);
                        assert_eq!(byte(memory.as_ref(), 2 * PAGE - 1), fill);
                        // SAFETY: within the accessible bytes, and nothing else uses this memory.
                        unsafe { *memory.as_ptr() = 1 };
                        memory.grow_to(3 * PAGE).expect("grown");
                        assert_eq!(byte(memory.as_ref(), 2 * PAGE), 0);
                    }
                });
            }
        });
        // What the forks wrote never reached the images.
        let (_control, memory) = make(Some(Arc::clone(&images[0])));
        assert_eq!(byte(memory.as_ref(), 0), 7);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_mapping_used_again_is_as_if_it_were_new() {
        spare::prepare();
        let content: Vec<u8> = (0..4 * PAGE).map(|at| u8::try_from(at / 4096 % 251).expect("small")).collect();
        let image = Arc::new(Backing::freeze(&content).expect("frozen"));
        let write = |memory: &dyn LinearMemory, at: usize, value: u8| {
            assert!(at < memory.byte_size());
            // SAFETY: within the accessible bytes, and nothing else uses this memory.
            unsafe { *memory.as_ptr().add(at) = value };
        };
        let mut last = None;
        for round in 0..5 {
            let (control, mut memory) = make_with(Some(Arc::clone(&image)), true);
            assert!(last.is_none_or(|last| last == memory.as_ptr().addr()), "a new mapping in round {round}");
            last = Some(memory.as_ptr().addr());
            assert_eq!(memory.byte_size(), content.len());
            // Read without writing, written, read and written.
            assert!(content.iter().enumerate().all(|(at, byte)| self::byte(memory.as_ref(), at) == *byte));
            (0..content.len()).step_by(3 * 4096).for_each(|at| write(memory.as_ref(), at, 0xee));
            memory.grow_to(6 * PAGE).expect("grown");
            assert_eq!((byte(memory.as_ref(), 4 * PAGE), byte(memory.as_ref(), 6 * PAGE - 1)), (0, 0));
            write(memory.as_ref(), 5 * PAGE, 9);
            drop(memory);
            assert!(!control.is_stopped());
        }
        // What was grown into is out of reach again.
        let map = std::fs::read_to_string("/proc/self/maps").expect("the maps");
        let end = format!("{:x}-", last.expect("a round") + content.len());
        assert!(map.lines().any(|line| line.starts_with(&end) && line.contains("---p")), "{end} not in {map}");
        // A run that was stopped leaves nothing behind, and so does one that wrote to everything.
        let (control, memory) = make_with(Some(Arc::clone(&image)), true);
        control.stop();
        drop(memory);
        let (_control, memory) = make_with(Some(image), true);
        assert_eq!(byte(memory.as_ref(), 0), 0, "a byte of the image, and no trap");
    }

    #[test]
    fn outside_the_scope_memory_is_zero() {
        let image = Arc::new(Backing::freeze(&vec![7; PAGE]).expect("frozen"));
        let _first = make(Some(image));
        let memory = Creator.new_memory(MemoryType::new(1, None), PAGE, None, Some(PAGE), PAGE).expect("mapped");
        assert_eq!(byte(memory.as_ref(), 0), 0);
    }

    #[test]
    fn a_stopped_memory_neither_grows_nor_lends_itself() {
        let (control, mut memory) = make(None);
        assert!(control.access().is_some());
        control.stop();
        assert!(control.access().is_none());
        assert!(memory.grow_to(2 * PAGE).is_err());
    }

    #[test]
    fn a_stop_during_a_host_call_returns_at_once_and_takes_hold_after_it() {
        let (control, memory) = make(None);
        let access = control.access().expect("running");
        // On this very thread: it would wait for ever if it waited for the call's end.
        control.stop();
        assert_eq!(byte(memory.as_ref(), 0), 0, "the call's view stays");
        drop(access);
        assert!(control.access().is_none());
        #[cfg(target_os = "linux")]
        {
            let map = std::fs::read_to_string("/proc/self/maps").expect("the maps");
            // Beside one that another test just lost, the kernel lists both as one.
            let holds = |line: &&str| {
                let number = |text| usize::from_str_radix(text, 16).ok();
                let range = line.split(' ').next().and_then(|range| range.split_once('-'));
                range
                    .and_then(|(from, to)| Some(number(from)?..number(to)?))
                    .is_some_and(|range| range.contains(&memory.as_ptr().addr()))
            };
            let line = map.lines().find(holds).expect("its mapping");
            assert!(line.contains("---p"), "{line}");
            assert!(!control.rescue(memory.as_ptr().addr() + PAGE), "beyond its size");
            assert!(control.rescue(memory.as_ptr().addr() + 5));
            assert_eq!(byte(memory.as_ref(), 5), 0);
        }
    }
}
