//! One configured wasmtime engine, and guests compiled for it.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use wasmtime::{Config, Engine, InstancePre, Module, Strategy};

use crate::link::{self, Host};
use crate::memory::{Backing, Creator, PAGE};
use crate::prepare::{Prepared, Shape};
use crate::worker::protocol::Build;

/// Native stack a guest's frames may take, in bytes. The guest's own 8 MiB stack of deep recursion needs this much.
pub const WASM_STACK: usize = 64 << 20;

/// Stack of a thread that runs guests, in bytes: the guest's part plus room for the host's own frames.
pub const THREAD_STACK: usize = WASM_STACK + (16 << 20);

/// The engine every guest of this process runs on. Cheap to clone.
///
/// What is off or fixed, and why: threads and shared memory (not compiled in: a guest is one thread), non-canonical NaNs and relaxed
/// SIMD's freedoms (the same run gives the same bytes everywhere), epochs and fuel (a guest is stopped by taking its
/// memory away, which costs a tight loop nothing; fuel only where `counted`, for those few runs whose work has to be known,
/// and takes twice the time), and every import but WASI preview 1 over our own file system.
///
/// # Errors
/// Where this machine has no support for what is asked.
pub fn engine(counted: bool) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_exceptions(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(WASM_STACK)
        // No stack of that kind is ever made, but the engine wants it no smaller.
        .async_stack_size(WASM_STACK)
        .memory_init_cow(false)
        .consume_fuel(counted)
        .with_host_memory(Arc::new(Creator));
    Engine::new(&config)
}

/// The engines of a worker: the usual one, and the one whose guests count their work, made when it is first needed.
pub struct Engines {
    usual: Engine,
    counted: OnceLock<Engine>,
}

impl Engines {
    /// Makes the usual one.
    ///
    /// # Errors
    /// As [`engine`].
    pub fn new() -> wasmtime::Result<Self> {
        Ok(Self { usual: engine(false)?, counted: OnceLock::new() })
    }

    /// The engine of a build.
    ///
    /// # Errors
    /// As [`engine`].
    pub fn of(&self, build: Build) -> wasmtime::Result<&Engine> {
        if !build.counted {
            return Ok(&self.usual);
        }
        if let Some(engine) = self.counted.get() {
            return Ok(engine);
        }
        let made = engine(true)?;
        Ok(self.counted.get_or_init(|| made))
    }
}

/// A guest's compiled module, linked to the host, with the memory it starts from.
#[derive(Clone)]
pub struct Compiled {
    pub(crate) pre: InstancePre<Host>,
    pub(crate) shape: Arc<Shape>,
    /// The module's own minimum memory, in bytes.
    pub(crate) minimum: usize,
    /// Memory before anything ran: the data segments.
    pub(crate) initial: Arc<Backing>,
}

/// Compiles a prepared module to native code, in the form that [`load`] takes.
///
/// # Errors
/// Where Cranelift refuses the module.
pub fn compile(engine: &Engine, prepared: &Prepared) -> wasmtime::Result<Vec<u8>> {
    engine.precompile_module(&prepared.module)
}

/// The memory that a fresh guest starts with, from its data segments.
///
/// # Errors
/// Where a segment lies outside the module's minimum memory.
pub fn initial_memory(prepared: &Prepared, minimum: usize) -> Result<Vec<u8>, String> {
    let mut memory = vec![0; minimum];
    for (at, bytes) in &prepared.data {
        let at = *at as usize;
        let place = at
            .checked_add(bytes.len())
            .and_then(|end| memory.get_mut(at..end))
            .ok_or_else(|| format!("a data segment at {at} lies outside the guest's memory"))?;
        place.copy_from_slice(bytes);
    }
    Ok(memory)
}

/// Loads native code made by [`compile`].
///
/// # Safety
/// `code` is native code and will be run: the caller has checked that it is a file this program wrote, unchanged.
///
/// # Errors
/// Where the file was made by another version, for another processor, or does not fit the host's imports.
pub unsafe fn load(engine: &Engine, code: File, shape: Shape, initial: Backing) -> wasmtime::Result<Compiled> {
    // SAFETY: handed on to the caller.
    let module = unsafe { Module::deserialize_open_file(engine, code)? };
    let minimum = module
        .exports()
        .find_map(|export| export.ty().memory().map(wasmtime::MemoryType::minimum))
        .ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))?;
    let minimum = usize::try_from(minimum)? * PAGE;
    let pre = link::linker(engine)?.instantiate_pre(&module)?;
    Ok(Compiled { pre, shape: Arc::new(shape), minimum, initial: Arc::new(initial) })
}
