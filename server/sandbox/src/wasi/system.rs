//! Process and sockets: what there is of them in a sandbox.

use super::errno::Errno;
use super::memory::Memory;
use super::process::{Halt, Process};

/// The guest ends itself.
pub fn proc_exit(_p: &mut Process, code: u32) -> Halt {
    Halt::Exit(code)
}

/// There are no signals: `ENOSYS`.
pub fn proc_raise(p: &mut Process, _m: &mut Memory<'_>, _signal: u32) -> Result<(), Errno> {
    p.enter()?;
    Err(Errno::NotImplemented)
}

/// Nobody else to run.
pub fn sched_yield(p: &mut Process, _m: &mut Memory<'_>) -> Result<(), Errno> {
    p.enter()
}

/// No descriptor is a socket.
fn no_socket(p: &mut Process, fd: u32) -> Result<(), Errno> {
    p.enter()?;
    p.descriptors.get(fd)?;
    Err(Errno::NotSocket)
}

/// No descriptor is a socket: `ENOTSOCK`.
pub fn sock_accept(p: &mut Process, _m: &mut Memory<'_>, fd: u32, _flags: u32, _result: u32) -> Result<(), Errno> {
    no_socket(p, fd)
}

/// No descriptor is a socket: `ENOTSOCK`.
#[expect(clippy::too_many_arguments, reason = "the signature is preview 1's")]
pub fn sock_recv(
    p: &mut Process,
    _m: &mut Memory<'_>,
    fd: u32,
    _data: u32,
    _data_len: u32,
    _flags: u32,
    _read: u32,
    _out_flags: u32,
) -> Result<(), Errno> {
    no_socket(p, fd)
}

/// No descriptor is a socket: `ENOTSOCK`.
pub fn sock_send(
    p: &mut Process,
    _m: &mut Memory<'_>,
    fd: u32,
    _data: u32,
    _data_len: u32,
    _flags: u32,
    _written: u32,
) -> Result<(), Errno> {
    no_socket(p, fd)
}

/// No descriptor is a socket: `ENOTSOCK`.
pub fn sock_shutdown(p: &mut Process, _m: &mut Memory<'_>, fd: u32, _how: u32) -> Result<(), Errno> {
    no_socket(p, fd)
}
