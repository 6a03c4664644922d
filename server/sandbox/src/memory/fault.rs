//! Faults of the engine's own code in a memory that was taken away.
//!
//! `memory.copy` and `memory.fill` of more than a few bytes run in the engine, not in compiled code: a fault there is no
//! trap, and the process would die of it. This handler lets such a copy finish on memory given back for it; the guest
//! traps right after, at its next access to anything else.

use std::ops::Range;
use std::sync::Arc;

use wasmtime::unix::StoreExt;
use wasmtime::{Module, Store};

use super::Control;

/// Installs the handler for as long as the store lives.
pub fn let_copies_finish<T>(store: &mut Store<T>, module: &Module, control: &Arc<Control>) {
    let code = module.image_range();
    let code: Range<usize> = code.start.addr()..code.end.addr();
    let control = Arc::clone(control);
    let handler = move |signal, info: *const libc::siginfo_t, context: *const libc::c_void| {
        if signal != libc::SIGSEGV || info.is_null() || context.is_null() {
            return false;
        }
        // SAFETY: the system hands these to a handler installed with SA_SIGINFO; both were found not null.
        let (pc, address) = unsafe { (pc(context), (*info).si_addr().addr()) };
        // A fault of compiled code is a trap: the engine's business.
        !code.contains(&pc) && control.rescue(address)
    };
    // SAFETY: the handler is async-signal-safe: it reads what it was given, loads atomics, and makes one system call.
    unsafe { store.set_signal_handler(handler) };
}

/// Where the thread was when the signal came.
///
/// # Safety
/// `context` is the third argument of a signal handler installed with `SA_SIGINFO`.
unsafe fn pc(context: *const libc::c_void) -> usize {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller promises.
    let pc = unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] }.cast_unsigned();
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as the caller promises.
    let pc = unsafe { (*context).uc_mcontext.pc };
    pc as usize
}
