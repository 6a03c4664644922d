//! One run: a fork of a frozen guest does one thing, bounded, and can be frozen again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::{Instance, Memory as WasmMemory, Store, Trap, Val, WasmBacktrace};

use crate::engine::Compiled;
use crate::link::{Door, DoorError, Host, Stopped};
use crate::memory::{Backing, Control, Start, starting_from};
use crate::prepare::GLOBAL_EXPORT;
use crate::wasi::{Halt, Process};

/// A started guest, frozen between two commands: what a fork starts from.
#[derive(Clone)]
pub struct Frozen {
    pub memory: Arc<Backing>,
    pub globals: Vec<Global>,
    pub process: Process,
}

/// The value of a mutable global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Global {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
}

impl Global {
    fn of(value: &Val) -> Option<Self> {
        match value {
            Val::I32(value) => Some(Self::I32(*value)),
            Val::I64(value) => Some(Self::I64(*value)),
            Val::F32(value) => Some(Self::F32(*value)),
            Val::F64(value) => Some(Self::F64(*value)),
            _ => None,
        }
    }

    fn value(self) -> Val {
        match self {
            Self::I32(value) => Val::I32(value),
            Self::I64(value) => Val::I64(value),
            Self::F32(value) => Val::F32(value),
            Self::F64(value) => Val::F64(value),
        }
    }
}

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// Start a reactor (`_initialize`), then run source text by its `turn` export, once for each command.
    Boot { source: &'a str, times: usize },
    /// Run source text in the frozen interpreter, once for each command.
    Turn { source: &'a str, times: usize },
    /// Run a command (`_start`) to its end.
    Command,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The entry returned this value; 0 is success.
    Returned(i32),
    /// The guest left by `proc_exit`.
    Exited(u32),
    /// The guest broke a rule of WebAssembly or of the host.
    Trapped {
        what: String,
        /// Whether it called a function that was taken out of the module.
        removed: bool,
    },
    /// The memory was taken away: deadline or cancel.
    Stopped,
    /// It did all the work it was given, in fuel.
    OutOfWork,
}

/// What a run leaves behind.
pub struct Finished {
    pub ending: Ending,
    pub host: Host,
    /// Present if asked for and the entry returned 0.
    pub frozen: Option<Frozen>,
    /// The work done, where it is counted.
    pub work: Option<u64>,
}

/// A run to be made.
pub struct Run<'a> {
    pub guest: &'a Compiled,
    /// The frozen guest it forks; none: a fresh one.
    pub from: Option<&'a Frozen>,
    /// The fork's own view of files, clock and descriptors.
    pub process: Process,
    pub entry: Entry<'a>,
    pub door: Box<dyn Door>,
    /// Lets another thread stop the run.
    pub control: &'a Arc<Control>,
    /// In bytes.
    pub memory_limit: usize,
    /// Keep the guest as it is after its entry returned.
    pub freeze: bool,
    /// One of many short runs of its image: see [`Start::spare`].
    pub spare: bool,
    /// The work it may do, in fuel; for guests built to count it, and only for them.
    pub work: Option<u64>,
}

/// Makes a run, to its end.
///
/// # Errors
/// Where the guest cannot be instantiated (no memory for the mapping, a module without the exports named above).
pub fn run(run: Run<'_>) -> wasmtime::Result<Finished> {
    let Run { guest, from, process, entry, door, control, memory_limit, freeze, spare, work } = run;
    let host = Host::new(process, door, Arc::clone(control), memory_limit);
    let mut store = Store::new(guest.pre.module().engine(), host);
    store.limiter(|host| &mut host.limiter);
    if let Some(work) = work {
        store.set_fuel(work)?;
    }
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    crate::memory::fault::let_copies_finish(&mut store, guest.pre.module(), control);
    let image = from.map_or(&guest.initial, |frozen| &frozen.memory);
    let start = Start { control: Arc::clone(control), image: Some(Arc::clone(image)), minimum: guest.minimum, spare };
    let instance = match starting_from(start, || guest.pre.instantiate(&mut store)) {
        Ok(instance) => instance,
        Err(_) if control.is_stopped() => {
            return Ok(Finished { ending: Ending::Stopped, host: store.into_data(), frozen: None, work: None });
        }
        Err(error) => return Err(error),
    };
    if let Some(frozen) = from {
        for (index, global) in guest.shape.globals.iter().zip(&frozen.globals) {
            let name = format!("{GLOBAL_EXPORT}{index}");
            let exported = instance
                .get_global(&mut store, &name)
                .ok_or_else(|| wasmtime::Error::msg(format!("the guest lost its global {index}")))?;
            exported.set(&mut store, global.value())?;
        }
    }
    let called = enter(&mut store, instance, entry);
    let mut ending = match called {
        Ok(value) => Ending::Returned(value),
        Err(error) => ending_of(guest, control, &error),
    };
    let mut frozen = None;
    if freeze && ending == Ending::Returned(0) {
        frozen = freeze_instance(guest, &mut store, instance)?;
        // Stopped between its return and here.
        if frozen.is_none() {
            ending = Ending::Stopped;
        }
    }
    let work = work.map(|given| store.get_fuel().map(|left| given.saturating_sub(left))).transpose()?;
    Ok(Finished { ending, host: store.into_data(), frozen, work })
}

fn enter(store: &mut Store<Host>, instance: Instance, entry: Entry<'_>) -> wasmtime::Result<i32> {
    let (boot, source, times) = match entry {
        Entry::Command => {
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            return start.call(store, ()).map(|()| 0);
        }
        Entry::Boot { source, times } => (true, source, times),
        Entry::Turn { source, times } => (false, source, times),
    };
    if boot && let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut *store, "_initialize") {
        initialize.call(&mut *store, ())?;
    }
    let len = i32::try_from(source.len())?;
    let alloc = instance.get_typed_func::<i32, i32>(&mut *store, "host_alloc")?;
    let turn = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "turn")?;
    for _ in 0..times {
        let at = alloc.call(&mut *store, len)?;
        if at == 0 {
            return Err(wasmtime::Error::msg("the guest has no memory for its command"));
        }
        let memory = memory_of(store, instance)?;
        let control = Arc::clone(&store.data().control);
        let access = control.access().ok_or(Stopped)?;
        memory.write(&mut *store, at.cast_unsigned() as usize, source.as_bytes())?;
        drop(access);
        let value = turn.call(&mut *store, (at, len))?;
        if value != 0 {
            return Ok(value);
        }
    }
    Ok(0)
}

fn memory_of(store: &mut Store<Host>, instance: Instance) -> wasmtime::Result<WasmMemory> {
    instance.get_memory(store, "memory").ok_or_else(|| wasmtime::Error::msg("the guest exports no memory"))
}

/// `None`: the run was stopped meanwhile.
fn freeze_instance(guest: &Compiled, store: &mut Store<Host>, instance: Instance) -> wasmtime::Result<Option<Frozen>> {
    let mut globals = Vec::with_capacity(guest.shape.globals.len());
    for index in &guest.shape.globals {
        let exported = instance
            .get_global(&mut *store, &format!("{GLOBAL_EXPORT}{index}"))
            .ok_or_else(|| wasmtime::Error::msg(format!("the guest lost its global {index}")))?;
        let value = exported.get(&mut *store);
        globals.push(Global::of(&value).ok_or_else(|| wasmtime::Error::msg("a global that cannot be frozen"))?);
    }
    let memory = memory_of(store, instance)?;
    let control = Arc::clone(&store.data().control);
    let Some(_access) = control.access() else { return Ok(None) };
    let backing = Backing::freeze(memory.data(&*store))?;
    let mut process = store.data().process.clone();
    process.freeze();
    Ok(Some(Frozen { memory: Arc::new(backing), globals, process }))
}

fn ending_of(guest: &Compiled, control: &Control, error: &wasmtime::Error) -> Ending {
    if control.is_stopped() || error.downcast_ref::<Stopped>().is_some() {
        return Ending::Stopped;
    }
    if let Some(Halt::Exit(code)) = error.downcast_ref::<Halt>() {
        return Ending::Exited(*code);
    }
    let innermost = error
        .downcast_ref::<WasmBacktrace>()
        .and_then(|backtrace| backtrace.frames().first().map(wasmtime::FrameInfo::func_index));
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        return Ending::OutOfWork;
    }
    let removed = matches!(trap, Some(Trap::UnreachableCodeReached))
        && innermost.is_some_and(|index| guest.shape.is_removed(index));
    let what = match trap {
        Some(Trap::StackOverflow) => "the call stack overflowed".to_owned(),
        Some(Trap::UnreachableCodeReached) => "the interpreter aborted".to_owned(),
        Some(trap) => trap.to_string(),
        None => match error.downcast_ref::<DoorError>() {
            Some(error) => error.to_string(),
            // The outermost words are a backtrace.
            None => error.root_cause().to_string(),
        },
    };
    Ending::Trapped { what, removed }
}
