//! Jobs of the worker as a suite makes them: prepared, followed to their end, done again on the build they need.

use airlock_core::report::Reason;

use super::{Suite, SuiteError, images};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::protocol::{Build, Done, Freeze, Installed, Job, MountSpec, Origin, OverlayEntry};

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
            limits: self.spec.limits,
            freeze: Freeze::No,
        }
    }

    pub(super) fn prepare(&self, mut job: Job, key: &images::Key) -> Result<(Done, Vec<Vec<u8>>, Origin), SuiteError> {
        let folder = self.store.new_folder(key);
        job.freeze = folder.clone().map_or(Freeze::Keep, Freeze::Disk);
        let (done, events) = self.run_job(job)?;
        let image = done.image.ok_or_else(|| self.harness_error(&done, &events))?;
        if let Some(folder) = &folder {
            if done.limits.is_empty() {
                self.store.remember(key, folder, &done.trace, &events);
            } else {
                // Under another limit it would be another one.
                self.store.discard(folder);
            }
        }
        Ok((done, events, Origin::Image(image)))
    }

    pub(super) fn prepare_in_memory(&self, mut job: Job) -> Result<(Done, Vec<Vec<u8>>, Origin), SuiteError> {
        job.freeze = Freeze::Keep;
        let (done, events) = self.run_job(job)?;
        let image = done.image.ok_or_else(|| self.harness_error(&done, &events))?;
        Ok((done, events, Origin::Image(image)))
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
        match self.worker.compile_more(&guest, build, &self.cancelled, &*self.on_compiling) {
            Err(_) if self.is_cancelled() => Err(SuiteError::Cancelled),
            made => Ok(made?),
        }
    }

    /// Runs a job to its end; a cancel of the suite stops it.
    pub(crate) fn follow(&self, job: Job, on_event: impl FnMut(&[u8])) -> Result<Done, SuiteError> {
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        let running = self.worker.submit(job)?;
        let done = running.wait(&self.cancelled, on_event)?;
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        Ok(done)
    }

    pub(super) fn harness_error(&self, done: &Done, events: &[Vec<u8>]) -> SuiteError {
        for event in events {
            if let Ok(Event::Broken { message, detail }) = Event::decode(event) {
                return SuiteError::Harness(detail.unwrap_or(message));
            }
        }
        match &done.ending {
            Ending::Stopped | Ending::OutOfWork => SuiteError::Limit(done.limits.join("; ")),
            Ending::Exited(code) => SuiteError::Project {
                message: format!("the project ended the interpreter with code {code} while its tests were collected"),
                place: None,
            },
            Ending::Trapped { what, .. } => SuiteError::NotTestable {
                message: match done.stderr.trim() {
                    "" => format!("the interpreter stopped while the tests were collected: {what}"),
                    said => format!("the interpreter stopped while the tests were collected: {what}\n{said}"),
                },
                reason: Reason { kind: "trap".to_owned(), detail: what.clone() },
            },
            Ending::Returned(code) => {
                let said = done.stderr.trim();
                SuiteError::Harness(if said.is_empty() { format!("it returned {code}") } else { said.to_owned() })
            }
        }
    }
}
