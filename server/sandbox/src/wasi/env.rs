//! Command line and environment.

use std::sync::Arc;

use super::errno::Errno;
use super::memory::Memory;
use super::process::Process;

/// A list of strings as C wants it: pointers in one place, texts with their NULs in another.
fn put(m: &mut Memory<'_>, list: &[String], mut pointers: u32, mut texts: u32) -> Result<(), Errno> {
    for text in list {
        let len = u32::try_from(text.len()).map_err(|_| Errno::Overflow)?;
        let end = texts.checked_add(len).ok_or(Errno::Fault)?;
        m.write_u32(pointers, texts)?;
        m.write(texts, text.as_bytes())?;
        m.write(end, &[0])?;
        pointers = pointers.checked_add(4).ok_or(Errno::Fault)?;
        texts = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn sizes(m: &mut Memory<'_>, list: &[String], count: u32, size: u32) -> Result<(), Errno> {
    let bytes: usize = list.iter().map(|text| text.len() + 1).sum();
    m.write_u32(count, u32::try_from(list.len()).map_err(|_| Errno::Overflow)?)?;
    m.write_u32(size, u32::try_from(bytes).map_err(|_| Errno::Overflow)?)
}

/// The command line.
pub fn args_get(p: &mut Process, m: &mut Memory<'_>, argv: u32, argv_buf: u32) -> Result<(), Errno> {
    p.enter()?;
    put(m, &Arc::clone(&p.args), argv, argv_buf)
}

/// How much room the command line takes.
pub fn args_sizes_get(p: &mut Process, m: &mut Memory<'_>, argc: u32, argv_buf_size: u32) -> Result<(), Errno> {
    p.enter()?;
    sizes(m, &p.args, argc, argv_buf_size)
}

/// The environment.
pub fn environ_get(p: &mut Process, m: &mut Memory<'_>, environ: u32, environ_buf: u32) -> Result<(), Errno> {
    p.enter()?;
    put(m, &Arc::clone(&p.env), environ, environ_buf)
}

/// How much room the environment takes.
pub fn environ_sizes_get(p: &mut Process, m: &mut Memory<'_>, count: u32, buf_size: u32) -> Result<(), Errno> {
    p.enter()?;
    sizes(m, &p.env, count, buf_size)
}
