//! Seeded randomness: the same seed, the same bytes.

use serde::{Deserialize, Serialize};

use super::errno::Errno;
use super::memory::Memory;
use super::process::{Limit, Process};

/// BLAKE3's output stream, keyed by the seed: 2^64 bytes that can be had from any position, so a fork is a copy of two
/// fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random {
    seed: [u8; 32],
    position: u64,
}

impl Random {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, position: 0 }
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        let mut stream = blake3::Hasher::new_keyed(&self.seed).finalize_xof();
        stream.set_position(self.position);
        stream.fill(bytes);
        self.position = self.position.wrapping_add(bytes.len() as u64);
    }
}

/// Fills a buffer with the process's random stream.
pub fn random_get(p: &mut Process, m: &mut Memory<'_>, buf: u32, buf_len: u32) -> Result<(), Errno> {
    p.enter()?;
    let buf = m.slice_mut(buf, buf_len)?;
    if u64::from(buf_len) > p.quotas().random_bytes {
        return Err(p.over(Limit::RandomBytes, Errno::Invalid));
    }
    p.charge(u64::from(buf_len))?;
    p.random.fill(buf);
    Ok(())
}
