//! A guest's memory, seen through checks.

use super::errno::Errno;
use crate::vfs::MAX_PATH;

/// Buffers one scattered read or write may name.
pub const MAX_IOVECS: u32 = 1024;

/// A view of a guest's linear memory. Every access is checked: what does not lie inside is [`Errno::Fault`].
pub struct Memory<'a> {
    bytes: &'a mut [u8],
}

fn range(ptr: u32, len: u32) -> std::ops::Range<usize> {
    // Two 32-bit numbers: no overflow in 64 bits. Where usize has 32 the end saturates, past any memory.
    let end = u64::from(ptr) + u64::from(len);
    ptr as usize..usize::try_from(end).unwrap_or(usize::MAX)
}

impl<'a> Memory<'a> {
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// Whether `len` bytes at `ptr` lie inside. Called before an effect whose result is to be put there.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), Errno> {
        self.slice(ptr, len).map(drop)
    }

    pub fn slice(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        self.bytes.get(range(ptr, len)).ok_or(Errno::Fault)
    }

    pub fn slice_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], Errno> {
        self.bytes.get_mut(range(ptr, len)).ok_or(Errno::Fault)
    }

    fn array<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        let start = ptr as usize;
        let end = start.checked_add(N).ok_or(Errno::Fault)?;
        self.bytes.get(start..end).and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::Fault)
    }

    pub fn read_u8(&self, ptr: u32) -> Result<u8, Errno> {
        self.array::<1>(ptr).map(|[byte]| byte)
    }

    pub fn read_u16(&self, ptr: u32) -> Result<u16, Errno> {
        self.array(ptr).map(u16::from_le_bytes)
    }

    pub fn read_u32(&self, ptr: u32) -> Result<u32, Errno> {
        self.array(ptr).map(u32::from_le_bytes)
    }

    pub fn read_u64(&self, ptr: u32) -> Result<u64, Errno> {
        self.array(ptr).map(u64::from_le_bytes)
    }

    pub fn write(&mut self, ptr: u32, data: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(data.len()).map_err(|_| Errno::Fault)?;
        self.slice_mut(ptr, len)?.copy_from_slice(data);
        Ok(())
    }

    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// A path: UTF-8, at most 4096 bytes.
    pub fn path(&self, ptr: u32, len: u32) -> Result<&str, Errno> {
        if len as usize > MAX_PATH {
            return Err(Errno::NameTooLong);
        }
        std::str::from_utf8(self.slice(ptr, len)?).map_err(|_| Errno::IllegalSequence)
    }

    /// The buffers of a scattered read or write, every one inside memory, and the sum of their lengths.
    pub fn iovecs(&self, ptr: u32, count: u32) -> Result<(Iovecs, u32), Errno> {
        let table = self.slice(ptr, count.checked_mul(8).ok_or(Errno::Invalid)?)?;
        let mut iovecs = Iovecs { few: [(0, 0); FEW], many: Vec::new(), count: count as usize };
        if iovecs.count > FEW {
            iovecs.many.reserve_exact(iovecs.count);
        }
        let mut total = 0u32;
        for (at, entry) in table.chunks_exact(8).enumerate() {
            let (ptr, len) = entry.split_at(4);
            let word = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map_err(|_| Errno::Fault);
            let (ptr, len) = (word(ptr)?, word(len)?);
            self.check(ptr, len)?;
            total = total.checked_add(len).ok_or(Errno::Invalid)?;
            match iovecs.few.get_mut(at) {
                Some(slot) if iovecs.count <= FEW => *slot = (ptr, len),
                _ => iovecs.many.push((ptr, len)),
            }
        }
        Ok((iovecs, total))
    }
}

/// Buffers that need no allocation.
const FEW: usize = 8;

/// Pairs of pointer and length, copied out of the guest's memory: a read may overwrite the table itself.
pub struct Iovecs {
    few: [(u32, u32); FEW],
    many: Vec<(u32, u32)>,
    count: usize,
}

impl Iovecs {
    pub fn as_slice(&self) -> &[(u32, u32)] {
        if self.count <= FEW { &self.few[..self.count] } else { &self.many }
    }
}
