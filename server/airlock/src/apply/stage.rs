//! One change on its way to the disk, with everything it takes to go back.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};

use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;

use super::{Change, Hook, Moment, Refusal, Trouble, check};
use crate::project::beneath::{Folder, split};

/// Mode of a new file before the user's mask.
const NEW_MODE: u32 = 0o666;
const EXECUTE: u32 = 0o111;
/// Mode of whatever is still being written: what it will show is nobody's else until it has its own mode.
const PRIVATE: u32 = 0o600;
/// How much of a file is compared: more than any file of a snapshot holds, so that a larger one never equals its base.
const MAX_BYTES: u64 = 128 << 20;

/// How far one change has come.
#[derive(Debug)]
enum State {
    Nothing,
    /// The new content (if any) lies beside the target.
    Written,
    /// The target is new; the old file, if there was one, lies beside it under this name.
    Swapped {
        old: Option<String>,
    },
    Settled,
}

/// One change.
pub(super) struct Staged<'c> {
    top: &'c Folder,
    change: &'c Change,
    folder_path: &'c str,
    name: &'c str,
    /// Open from the check to the end, so that a folder swapped for a link meanwhile changes nothing.
    folder: Option<Folder>,
    /// Folders made for the file, outermost first: where, and the name.
    made: Vec<(Folder, String)>,
    /// Name of the new content beside the target.
    temp: Option<String>,
    state: State,
}

impl<'c> Staged<'c> {
    pub fn new(top: &'c Folder, change: &'c Change) -> Self {
        // A workspace path always splits.
        let (folder_path, name) = split(change.path.as_str()).unwrap_or(("", ""));
        Self { top, change, folder_path, name, folder: None, made: Vec::new(), temp: None, state: State::Nothing }
    }

    pub fn path(&self) -> &WorkspacePath {
        &self.change.path
    }

    pub fn deletes(&self) -> bool {
        self.change.new.is_none()
    }

    /// Checks the target and writes the new content out beside it.
    pub fn write_out(&mut self) -> Result<(), Trouble> {
        self.open_folder()?;
        let Some(folder) = &self.folder else { return Err(Refusal::Missing.into()) };
        check::no_twin(folder, self.name)??;
        let mode = compare(folder, self.name, self.change.base)?;
        let Some(new) = &self.change.new else {
            self.state = State::Written;
            return Ok(());
        };
        let mode = match (mode, new.executable) {
            (Some(mode), None) => Mode::Exact(mode),
            (Some(mode), Some(false)) => Mode::Exact(mode & !EXECUTE),
            // Whoever may read may execute, as a new file would be.
            (Some(mode), Some(true)) => Mode::Exact(mode | (mode & 0o444) >> 2),
            (None, Some(true)) => Mode::Usual(NEW_MODE | EXECUTE),
            (None, _) => Mode::Usual(NEW_MODE),
        };
        self.temp = Some(write_new(folder, &new.bytes, mode)?);
        self.state = State::Written;
        Ok(())
    }

    /// Opens the target's folder, making what is missing for a new file.
    fn open_folder(&mut self) -> Result<(), Trouble> {
        let mut here = self.top.folder("")?;
        for part in self.folder_path.split('/').filter(|p| !p.is_empty()) {
            check::no_twin(&here, part)??;
            here = match here.child(part.as_ref()) {
                Ok(inner) => inner,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    if self.change.base.is_some() || self.change.new.is_none() {
                        return Err(Refusal::Missing.into());
                    }
                    here.make_folder(part)?;
                    let inner = here.child(part.as_ref());
                    self.made.push((here, part.to_owned()));
                    inner?
                }
                Err(e) => return Err(e.into()),
            };
        }
        // Held until the folder is closed: what lies in it under a temporary name is somebody's.
        here.lock_shared();
        self.folder = Some(here);
        Ok(())
    }

    /// Compares the target with its base for the last time before the swaps.
    pub fn compare(&self, top: &Folder, hook: Hook<'_>) -> Result<(), Trouble> {
        let Some(folder) = &self.folder else { return Err(Refusal::Moved.into()) };
        let now = top.folder(self.folder_path).map_err(|_| Refusal::Moved)?;
        if now.identity()? != folder.identity()? {
            return Err(Refusal::Moved.into());
        }
        compare(folder, self.name, self.change.base)?;
        hook(Moment::Compared, &self.change.path)?;
        Ok(())
    }

    /// Puts the new content in the target's place.
    pub fn swap(&mut self, hook: Hook<'_>) -> Result<(), Trouble> {
        let Some(folder) = &self.folder else { return Err(Refusal::Moved.into()) };
        let old = match (&self.temp, self.change.base) {
            (Some(temp), Some(_)) => match folder.exchange(temp, self.name) {
                Ok(()) => Some(temp.clone()),
                Err(e) if e.kind() == io::ErrorKind::Unsupported => Some(copy_aside(folder, self.name, temp)?),
                Err(e) => return Err(gone(e)),
            },
            (Some(temp), None) => {
                folder.rename_new(temp, self.name).map_err(|e| match e.kind() {
                    io::ErrorKind::AlreadyExists => Refusal::Exists.into(),
                    _ => Trouble::Io(e),
                })?;
                None
            }
            (None, _) => {
                let aside = free_name();
                folder.rename_new(self.name, &aside).map_err(gone)?;
                Some(aside)
            }
        };
        self.temp = None;
        self.state = State::Swapped { old };
        hook(Moment::Swapped, &self.change.path)?;
        Ok(())
    }

    /// Looks whether what was swapped out is the base: a write that came between comparison and swap is found there.
    pub fn confirm(&self) -> Result<(), Trouble> {
        if let (Some(folder), State::Swapped { old: Some(old) }) = (&self.folder, &self.state) {
            compare(folder, old, self.change.base)?;
        }
        Ok(())
    }

    /// Waits until the folder's names are on the disk, unless it is one of those `synced` already.
    pub fn sync(&self, synced: &mut BTreeSet<(u64, u64)>) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if synced.insert(folder.identity()?) { folder.sync() } else { Ok(()) }
    }

    /// Goes back as far as this change has come; says what it could not undo.
    pub fn undo(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        let path = &self.change.path;
        if let Some(folder) = &self.folder {
            if let State::Swapped { old } = &self.state
                && let Err(e) = self.swap_back(folder, old.as_deref())
            {
                let old = old.as_ref().map_or_else(String::new, |o| format!("; its old content is in {o} beside it"));
                left.push(format!("{path} was not restored: {e}{old}"));
            }
            if let Some(temp) = self.temp.take()
                && let Err(e) = folder.remove_file(&temp)
            {
                left.push(format!("{temp}, beside {path}, was not removed: {e}"));
            }
            // The names matter more than that they are on the disk at once; a failure here loses nothing.
            let _ = folder.sync();
        }
        for (above, name) in self.made.drain(..).rev() {
            if let Err(e) = above.remove_folder(&name) {
                left.push(format!("the new folder {name} for {path} was not removed: {e}"));
            }
        }
        self.state = State::Settled;
        left
    }

    fn swap_back(&self, folder: &Folder, old: Option<&str>) -> io::Result<()> {
        let Some(new) = &self.change.new else {
            return match old {
                Some(old) => folder.rename_new(old, self.name),
                None => Ok(()),
            };
        };
        // Somebody who wrote the file since means it; only our own content is taken back.
        if hash_of(folder, self.name)?.0 != ContentHash::of(&new.bytes) {
            return Err(io::Error::other("it was changed again meanwhile"));
        }
        match old {
            Some(old) => folder.rename(old, self.name),
            None => folder.remove_file(self.name),
        }
    }

    /// Removes the old file; says what it could not remove.
    pub fn finish(&mut self) -> Option<String> {
        let State::Swapped { old: Some(old) } = std::mem::replace(&mut self.state, State::Settled) else { return None };
        let folder = self.folder.as_ref()?;
        folder.remove_file(&old).err().map(|e| format!("{old}, the old {}, was not removed: {e}", self.change.path))
    }
}

fn gone(error: io::Error) -> Trouble {
    if error.kind() == io::ErrorKind::NotFound { Refusal::Missing.into() } else { error.into() }
}

/// Compares a file with the base it has to have; gives its mode where there is one.
fn compare(folder: &Folder, name: &str, base: Option<ContentHash>) -> Result<Option<u32>, Trouble> {
    match (hash_of(folder, name), base) {
        (Ok((hash, mode)), Some(base)) if hash == base => Ok(Some(mode)),
        (Ok(_), Some(_)) => Err(Refusal::Changed.into()),
        (Ok(_), None) => Err(Refusal::Exists.into()),
        (Err(e), None) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        (Err(e), None) if e.kind() == io::ErrorKind::InvalidInput => Err(Refusal::Exists.into()),
        (Err(e), _) => Err(gone(e)),
    }
}

fn hash_of(folder: &Folder, name: &str) -> io::Result<(ContentHash, u32)> {
    let (bytes, mode) = read(folder, name)?;
    Ok((ContentHash::of(&bytes), mode))
}

fn read(folder: &Folder, name: &str) -> io::Result<(Vec<u8>, u32)> {
    let (file, status) = folder.open_file(name)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok((bytes, status.mode))
}

/// The mode that a file gets.
#[derive(Clone, Copy)]
enum Mode {
    /// These bits, whatever the user's mask.
    Exact(u32),
    /// These without those of the user's mask.
    Usual(u32),
}

/// Writes a new file under a free name and gives that name. One with an exact mode is its owner's alone until it is whole. One
/// with a usual mode is made with that, since only the system knows it, and is its owner's alone before anything is in it:
/// who opened it in that moment could read it later all the same.
fn write_new(folder: &Folder, bytes: &[u8], mode: Mode) -> io::Result<String> {
    let name = free_name();
    let create = match mode {
        Mode::Exact(_) => PRIVATE,
        Mode::Usual(bits) => bits,
    };
    let mut file = folder.create_new(&name, create)?;
    let mut write = || {
        let last = match mode {
            Mode::Exact(bits) => bits,
            Mode::Usual(_) => {
                // What the system made of it: only it knows the mask, and the folder's own rules, without changing them
                // for the whole process.
                let usual = Folder::mode(&file)?;
                Folder::set_mode(&file, PRIVATE)?;
                usual
            }
        };
        file.write_all(bytes)?;
        Folder::set_mode(&file, last)?;
        file.sync_all()
    };
    if let Err(e) = write() {
        // The half written file is of no use; that it could not be written is the error that counts.
        let _ = folder.remove_file(&name);
        return Err(e);
    }
    Ok(name)
}

/// Where names cannot be exchanged: a copy of the old file, then the new one renamed over it.
pub(super) fn copy_aside(folder: &Folder, name: &str, temp: &str) -> io::Result<String> {
    let (bytes, mode) = read(folder, name)?;
    let copy = write_new(folder, &bytes, Mode::Exact(mode))?;
    if let Err(e) = folder.rename(temp, name) {
        // Nothing was replaced, so the copy is of no use; the rename's error is the one that counts.
        let _ = folder.remove_file(&copy);
        return Err(e);
    }
    Ok(copy)
}

/// Before and behind the 16 hexadecimal digits of a temporary name.
const TEMPORARY: (&str, &str) = (".airlock-", ".tmp");

/// A name that nothing has; creation refuses one that something has after all.
fn free_name() -> String {
    // Each hasher is seeded by the system, which makes this a random number without a dependency.
    let random = RandomState::new().build_hasher().finish();
    format!("{}{random:016x}{}", TEMPORARY.0, TEMPORARY.1)
}

/// Whether a name is one of [`free_name`]'s.
pub fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix(TEMPORARY.0).and_then(|rest| rest.strip_suffix(TEMPORARY.1));
    inner.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_temporary() {
        assert!(is_temporary(&free_name()));
        for name in [
            ".airlock-.tmp",
            ".airlock-0123456789abcdef",
            ".airlock-0123456789ABCDEF.tmp",
            "a.tmp",
            ".airlock-notes-of-mine1.tmp",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
