//! The host as a guest sees it: WASI preview 1 over its own files, and one door to the harness's host.

use std::sync::Arc;

use wasmtime::{Caller, Engine, Extern, Linker, ResourceLimiter};

use crate::memory::Control;
use crate::wasi::{self, Memory, Process};

/// Largest request a guest may put through the door, in bytes.
const MAX_REQUEST: u32 = 16 << 20;

/// What answers a guest's requests through `host::call`.
pub trait Door: Send {
    /// Answers one request of `process`; an error stops the run with that reason.
    ///
    /// # Errors
    /// Where the guest broke the protocol or used up what it may say.
    fn call(&mut self, request: &[u8], process: &mut Process) -> Result<Vec<u8>, String>;
}

/// The state behind one instance.
pub struct Host {
    pub process: Process,
    pub door: Box<dyn Door>,
    pub control: Arc<Control>,
    pub limiter: Limiter,
}

/// Bounds what wasmtime allocates for a guest.
pub struct Limiter {
    memory: usize,
    /// Set once the guest asked for more than its limit.
    pub memory_hit: bool,
}

/// Elements of a table: several times what a large interpreter needs.
const MAX_TABLE: usize = 1 << 20;

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory;
        self.memory_hit |= !fits;
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }
}

impl Host {
    pub fn new(process: Process, door: Box<dyn Door>, control: Arc<Control>, memory_limit: usize) -> Self {
        Self { process, door, control, limiter: Limiter { memory: memory_limit, memory_hit: false } }
    }
}

/// The run was stopped while the guest was in the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run was stopped")]
pub struct Stopped;

/// The guest broke the door's protocol, or said more than it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DoorError(pub String);

/// Runs a WASI function under the run's lock, so that guest memory stays in place while the host touches it.
fn wasi_call(
    caller: &mut Caller<'_, Host>,
    call: impl FnOnce(&mut Process, &mut Memory<'_>) -> Result<(), wasi::Errno>,
) -> wasmtime::Result<i32> {
    let control = Arc::clone(&caller.data().control);
    let Some(_access) = control.access() else { return Err(Stopped.into()) };
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::Error::msg("the guest exports no memory"));
    };
    let (bytes, host) = memory.data_and_store_mut(&mut *caller);
    let result = call(&mut host.process, &mut Memory::new(bytes));
    if host.process.exhausted() {
        return Err(Stopped.into());
    }
    Ok(result.err().map_or(0, |errno| i32::from(errno as u16)))
}

macro_rules! link_wasi {
    ($($name:ident($($argument:ident: $type:ident),*);)*) => {
        fn link_wasi_functions(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
            $(
                linker.func_wrap(
                    "wasi_snapshot_preview1",
                    stringify!($name),
                    |mut caller: Caller<'_, Host>, $($argument: $type),*| {
                        wasi_call(&mut caller, |process, memory| wasi::$name(process, memory, $($argument),*))
                    },
                )?;
            )*
            Ok(())
        }
    };
}
wasi::for_each_wasi_function!(link_wasi);

/// A linker with everything a guest may import; nothing else exists for it.
///
/// # Errors
/// Where a function is defined twice: a mistake in this module.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    link_wasi_functions(&mut linker)?;
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "proc_exit",
        |mut caller: Caller<'_, Host>, code: u32| -> wasmtime::Result<()> {
            Err(wasi::proc_exit(&mut caller.data_mut().process, code).into())
        },
    )?;
    linker.func_wrap("host", "call", host_call)?;
    Ok(linker)
}

/// `host::call(request, len, answer_out, answer_len_out) -> 0 | -2`: the answer is put into memory the guest allocates.
fn host_call(mut caller: Caller<'_, Host>, at: u32, len: u32, answer_out: u32, len_out: u32) -> wasmtime::Result<i32> {
    const FAULT: i32 = -2;
    let control = Arc::clone(&caller.data().control);
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Ok(FAULT) };
    let request = {
        let Some(_access) = control.access() else { return Err(Stopped.into()) };
        let (bytes, _) = memory.data_and_store_mut(&mut caller);
        if len > MAX_REQUEST {
            return Err(DoorError(format!("the guest sent a message of {len} bytes")).into());
        }
        let Ok(request) = Memory::new(bytes).slice(at, len).map(<[u8]>::to_vec) else { return Ok(FAULT) };
        request
    };
    let host = caller.data_mut();
    if host.limiter.memory_hit {
        host.process.limits_hit.insert(wasi::Limit::Memory);
    }
    let answer = host.door.call(&request, &mut host.process).map_err(DoorError)?;
    let Some(Extern::Func(alloc)) = caller.get_export("host_alloc") else { return Ok(FAULT) };
    let Ok(answer_len) = u32::try_from(answer.len()) else { return Ok(FAULT) };
    let place = alloc.typed::<u32, u32>(&caller)?.call(&mut caller, answer_len)?;
    if place == 0 {
        return Ok(FAULT);
    }
    let Some(_access) = control.access() else { return Err(Stopped.into()) };
    let (bytes, _) = memory.data_and_store_mut(&mut caller);
    let mut memory = Memory::new(bytes);
    let written = memory
        .slice_mut(place, answer_len)
        .map(|to| to.copy_from_slice(&answer))
        .and_then(|()| memory.slice_mut(answer_out, 4).map(|to| to.copy_from_slice(&place.to_le_bytes())))
        .and_then(|()| memory.slice_mut(len_out, 4).map(|to| to.copy_from_slice(&answer_len.to_le_bytes())));
    Ok(if written.is_ok() { 0 } else { FAULT })
}
