//! Bytes, lengths and times of single nodes.

use std::sync::Arc;

use super::Vfs;
use super::error::FsError;
use super::node::{Content, Device, FileType, Kind, NodeId};
use super::source::SourceError;

/// What `stat` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub ino: u64,
    pub file_type: FileType,
    pub nlink: u64,
    /// In bytes.
    pub size: u64,
    /// Times in nanoseconds since 1970.
    pub atime: u64,
    pub mtime: u64,
    pub ctime: u64,
}

/// Times to be set, in nanoseconds since 1970. `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub atime: Option<u64>,
    pub mtime: Option<u64>,
}

/// A folder's size: what ext4 says of a small one.
const DIR_SIZE: u64 = 4096;

impl Vfs {
    pub fn stat(&self, id: NodeId) -> Stat {
        let node = self.node(id);
        let (size, nlink) = match &node.kind {
            Kind::Dir { .. } => (DIR_SIZE, if node.nlink == 0 { 0 } else { 2 }),
            Kind::File(content) => (content.len(), u64::from(node.nlink)),
            Kind::Link(target) => (target.len() as u64, u64::from(node.nlink)),
            Kind::Device(_) => (0, 1),
        };
        Stat {
            ino: node.ino,
            file_type: node.file_type(),
            nlink,
            size,
            atime: node.atime,
            mtime: node.mtime,
            ctime: node.ctime,
        }
    }

    /// The device of a node that is one.
    pub fn device(&self, id: NodeId) -> Option<Device> {
        match self.node(id).kind {
            Kind::Device(device) => Some(device),
            _ => None,
        }
    }

    /// A file's bytes from an offset to its end; none past the end. `cache` keeps the source's bytes for the
    /// descriptor, so that they are asked for once per open.
    ///
    /// # Errors
    /// `IsDir`, `Invalid` (a link or a device), or what the source said.
    pub fn read<'a>(
        &'a mut self,
        id: NodeId,
        offset: u64,
        cache: &'a mut Option<Arc<[u8]>>,
    ) -> Result<&'a [u8], FsError> {
        let from_source = match &self.node(id).kind {
            Kind::File(Content::Source { .. }) => true,
            Kind::File(Content::Memory { .. }) => false,
            Kind::Dir { .. } => return Err(FsError::IsDir),
            Kind::Link(_) | Kind::Device(_) => return Err(FsError::Invalid),
        };
        if from_source && cache.is_none() {
            *cache = Some(self.fetch(id)?);
        }
        let bytes: &[u8] = match &self.store.get(id).kind {
            Kind::File(Content::Memory { bytes, .. }) => {
                // Somebody wrote since: what was kept of the source is no longer the file.
                *cache = None;
                bytes
            }
            _ => cache.as_deref().unwrap_or_default(),
        };
        Ok(usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default())
    }

    /// A whole file, for the host: traced as if the guest had read it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(&mut self, id: NodeId) -> Result<Vec<u8>, FsError> {
        let mut cache = None;
        self.read(id, 0, &mut cache).map(<[u8]>::to_vec)
    }

    /// A source file's bytes, hashed into the trace.
    fn fetch(&mut self, id: NodeId) -> Result<Arc<[u8]>, FsError> {
        let Kind::File(Content::Source { origin, len, .. }) = &self.node(id).kind else { return Ok(Arc::from([])) };
        let (origin, len) = (origin.clone(), *len);
        let Some(bottom) = self.bottom.clone() else {
            return Err(self.fault(&origin, SourceError::Other("no source is set".into())));
        };
        let (bytes, digest) = bottom.read(&origin).map_err(|error| self.fault(&origin, error))?;
        if bytes.len() as u64 != len || !self.recorder.read(origin.mount, &origin.path, digest) {
            return Err(self.fault(&origin, SourceError::Changed));
        }
        Ok(bytes)
    }

    /// The file's own bytes, copied up from the source where it must be, grown or cut to `len`.
    fn resize(&mut self, id: NodeId, len: u64) -> Result<&mut Vec<u8>, FsError> {
        let node = self.node(id);
        let Kind::File(content) = &node.kind else {
            return Err(if node.is_dir() { FsError::IsDir } else { FsError::Invalid });
        };
        if len > self.limits.file_bytes {
            return Err(FsError::FileTooBig);
        }
        let held = node.held();
        if len > held && self.used.bytes.saturating_sub(held).saturating_add(len) > self.limits.bytes {
            return Err(FsError::NoSpace);
        }
        let size = usize::try_from(len).map_err(|_| FsError::FileTooBig)?;
        let copied = match content {
            Content::Memory { .. } => None,
            // Cut to nothing: the old bytes do not matter, and the trace shall not say that they do.
            Content::Source { executable, .. } if size == 0 => Some((Vec::new(), *executable)),
            Content::Source { executable, .. } => {
                let executable = *executable;
                let bytes = self.fetch(id)?;
                Some((bytes[..size.min(bytes.len())].to_vec(), executable))
            }
        };
        let now = self.now;
        let node = self.store.get_mut(id);
        if let Some((bytes, executable)) = copied {
            node.kind = Kind::File(Content::Memory { bytes: Arc::new(bytes), executable });
        }
        node.mtime = now;
        node.ctime = now;
        let Kind::File(Content::Memory { bytes, .. }) = &mut node.kind else { return Err(FsError::Invalid) };
        let bytes = Arc::make_mut(bytes);
        bytes.resize(size, 0);
        if size == 0 {
            bytes.shrink_to_fit();
        }
        self.used.bytes = self.used.bytes.saturating_sub(held).saturating_add(len);
        Ok(bytes)
    }

    /// Writes at an offset; a gap before it is zeros. All or nothing.
    ///
    /// # Errors
    /// `ReadOnly`, `Access`, `FileTooBig`, `NoSpace`, `IsDir`, `Invalid`, or what the source said (the rest of a file
    /// that is written in part comes from there).
    pub fn write(&mut self, id: NodeId, offset: u64, data: &[u8]) -> Result<(), FsError> {
        self.check_writable(id)?;
        if data.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(data.len() as u64).ok_or(FsError::FileTooBig)?;
        let len = self.stat(id).size.max(end);
        let bytes = self.resize(id, len)?;
        let start = usize::try_from(offset).map_err(|_| FsError::FileTooBig)?;
        bytes.get_mut(start..start + data.len()).ok_or(FsError::Invalid)?.copy_from_slice(data);
        Ok(())
    }

    /// Cuts a file or fills it up with zeros.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn set_len(&mut self, id: NodeId, len: u64) -> Result<(), FsError> {
        self.check_writable(id)?;
        self.resize(id, len).map(drop)
    }

    /// Sets a node's times.
    ///
    /// # Errors
    /// `ReadOnly`, `Access`.
    pub fn set_times(&mut self, id: NodeId, times: Times) -> Result<(), FsError> {
        self.check_writable(id)?;
        let now = self.now;
        let node = self.store.get_mut(id);
        node.atime = times.atime.unwrap_or(node.atime);
        node.mtime = times.mtime.unwrap_or(node.mtime);
        node.ctime = now;
        Ok(())
    }
}
