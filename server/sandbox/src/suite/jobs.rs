//! Jobs of the worker as a suite makes them: prepared, followed to their end, done again on the build they need.

use std::sync::atomic::Ordering;
use std::time::Instant;

use airlock_core::report::{Location, Reason};

use super::{Suite, SuiteError, collect, images};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::protocol::{Build, Done, Freeze, Installed, Job, MountSpec, Origin, OverlayEntry};

/// What a guest that was to be frozen came to, what it said, and the image, if it came to that.
type Prepared = (Done, Vec<Vec<u8>>, Option<Origin>);

impl Suite<'_> {
    pub(super) fn job(&self, origin: Origin, mounts: Vec<MountSpec>, overlay: &[OverlayEntry], command: String) -> Job {
        Job {
            origin,
            mounts,
            generation: self.spec.generation,
            overlay: overlay.to_vec(),
            over_seen: false,
            commands: vec![command],
            whole: false,
            work: None,
            seed: None,
            limits: self.spec.limits,
            left_ms: None,
            freeze: Freeze::No,
        }
    }

    pub(super) fn prepare(&self, mut job: Job, key: &images::Key) -> Result<Prepared, SuiteError> {
        let folder = self.store.new_folder(key);
        job.freeze = folder.clone().map_or(Freeze::Keep, Freeze::Disk);
        let (done, events) = self.run_job(job)?;
        let image = done.image.map(Origin::Image);
        if image.is_some()
            && let Some(folder) = &folder
        {
            if done.limits.is_empty() {
                self.store.remember(key, folder, &done.trace, &events);
            } else {
                // Under another limit it would be another one.
                self.store.discard(folder);
            }
        }
        Ok((done, events, image))
    }

    pub(super) fn prepare_in_memory(&self, mut job: Job) -> Result<Prepared, SuiteError> {
        job.freeze = Freeze::Keep;
        let (done, events) = self.run_job(job)?;
        let image = done.image.map(Origin::Image);
        Ok((done, events, image))
    }

    fn run_job(&self, job: Job) -> Result<(Done, Vec<Vec<u8>>), SuiteError> {
        self.follow_anew(job, |events: &mut Vec<Vec<u8>>, event| events.push(event.to_vec()))
    }

    /// Runs a job to its end; on the whole module from the start again, with what it said so far forgotten, where it calls
    /// a function that is usually left out.
    pub(super) fn follow_anew<T: Default>(
        &self,
        mut job: Job,
        mut on_event: impl FnMut(&mut T, &[u8]),
    ) -> Result<(Done, T), SuiteError> {
        loop {
            let mut said = T::default();
            let done = self.follow(job.clone(), |event| on_event(&mut said, event))?;
            if !matches!(done.ending, Ending::Trapped { removed: true, .. }) || job.build().whole {
                return Ok((done, said));
            }
            job.whole = true;
            self.compile(job.build())?;
        }
    }

    /// Makes one of the guest's builds; later calls, of other processes too, find it made. The whole module takes minutes,
    /// the other one that counts its work some ten seconds.
    ///
    /// # Errors
    /// [`SuiteError::Worker`] where it cannot be compiled or written.
    pub(crate) fn compile(&self, build: Build) -> Result<(), SuiteError> {
        let guest = Installed::python(&self.spec.guest, None);
        let started = Instant::now();
        let made = self.worker.compile_more(&guest, build, &|| self.is_over(), &*self.on_compiling);
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.compiled_ms.fetch_add(took, Ordering::Relaxed);
        match made {
            Err(_) if self.is_over() => Err(SuiteError::Cancelled),
            made => Ok(made?),
        }
    }

    /// Runs a job to its end; a cancel of the suite stops it, and so does its time, once that is up.
    pub(crate) fn follow(&self, job: Job, on_event: impl FnMut(&[u8])) -> Result<Done, SuiteError> {
        if self.is_over() {
            return Err(SuiteError::Cancelled);
        }
        let done = self.worker.submit(job).and_then(|it| it.wait_until(&self.cancelled, &*self.over, on_event));
        // A worker that had to be ended then is what was asked for.
        if self.is_over() { Err(SuiteError::Cancelled) } else { Ok(done?) }
    }

    /// Why a guest that boots or collects did not come to its end, and with what of the project it was busy.
    pub(super) fn harness_error(&self, done: &Done, events: &[Vec<u8>]) -> SuiteError {
        let busy = collect::collecting(events);
        for event in events {
            if let Ok(Event::Broken { message, detail, location, boot }) = Event::decode(event) {
                if boot {
                    return SuiteError::Harness(detail.unwrap_or(message));
                }
                return broken_collection(&message, location);
            }
        }
        let at = busy.as_ref().map_or_else(String::new, |(what, _)| format!(" ({what})"));
        match &done.ending {
            Ending::Stopped | Ending::OutOfWork => SuiteError::Limit(format!("{}{at}", done.limits.join("; "))),
            Ending::Exited(code) => SuiteError::Project {
                message: format!(
                    "the project ended the interpreter with code {code} while its tests were collected{at}"
                ),
                place: None,
            },
            Ending::Trapped { what, .. } => SuiteError::NotTestable {
                message: match done.stderr.trim() {
                    "" => format!("the interpreter stopped while the tests were collected{at}: {what}"),
                    said => format!("the interpreter stopped while the tests were collected{at}: {what}\n{said}"),
                },
                reason: Reason { kind: "trap".to_owned(), detail: what.clone() },
            },
            Ending::Returned(code) => match busy {
                Some((_, file)) => broken_collection(&last_words(done), file.map(|path| Location { path, line: 1 })),
                None => {
                    let said = done.stderr.trim();
                    SuiteError::Harness(if said.is_empty() { format!("it returned {code}") } else { said.to_owned() })
                }
            },
        }
    }
}

/// The code under test broke what collects it.
fn broken_collection(message: &str, place: Option<Location>) -> SuiteError {
    let at = place.as_ref().map_or_else(String::new, |place| format!(", at the latest in {}", place.path));
    SuiteError::Project { message: format!("collection ended early{at}: {message}"), place }
}

/// Of what a guest said last, the exception of a traceback, else the last line.
pub(super) fn last_words(done: &Done) -> String {
    let lines = || done.stderr.trim().lines().rev();
    let is_exception = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        !name.contains(' ') && ["Error", "Exception", "Interrupt", "Exit"].iter().any(|end| name.ends_with(end))
    };
    let said = lines().find(is_exception).or_else(|| lines().next()).unwrap_or_default();
    if said.is_empty() { "it ended without a word".to_owned() } else { said.chars().take(300).collect() }
}
