//! WASI preview 1 over the guest's own file system, clock and randomness. It knows no engine: a function takes the
//! [`Process`] and a view of the guest's memory, and nothing it is given can make it panic.
//!
//! `for_each_wasi_function` lists the functions for linking. The specification:
//! <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>.

mod clock;
mod descriptor;
mod env;
mod errno;
mod fd;
mod io;
mod memory;
mod path;
mod poll;
mod process;
mod random;
mod readdir;
mod system;
mod table;
#[cfg(test)]
mod tests;

pub use clock::{Clock, TICK, clock_res_get, clock_time_get};
pub use env::{args_get, args_sizes_get, environ_get, environ_sizes_get};
pub use errno::Errno;
pub use fd::{
    fd_close, fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_times,
    fd_prestat_dir_name, fd_prestat_get, fd_renumber,
};
pub use io::{
    fd_advise, fd_allocate, fd_datasync, fd_filestat_set_size, fd_pread, fd_pwrite, fd_read, fd_seek, fd_sync, fd_tell,
    fd_write,
};
pub use memory::{MAX_IOVECS, Memory};
pub use path::{
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_open, path_readlink,
    path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
pub use poll::poll_oneoff;
pub use process::{Capture, Halt, Inconsistent, Limit, Process, Quotas, Stream};
pub use random::{Random, random_get};
pub use readdir::fd_readdir;
pub use system::{proc_exit, proc_raise, sched_yield, sock_accept, sock_recv, sock_send, sock_shutdown};
pub(crate) use table::for_each_wasi_function;
