//! Collecting a project: once, or as often as something of it is in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use airlock_core::report::Reason;

use super::spec::Image;
use super::{Ready, Suite, SuiteError, fatal_error, images};
use crate::guest::event::{self, Event, Fatal};
use crate::run::Ending;
use crate::worker::protocol::{Done, Origin, OverlayEntry};

/// Native modules stood in for in one project: more are a sign of a loop.
const MOST_PLACEHOLDERS: usize = 16;
/// Files passed over because their collection does not end: each costs its whole limit.
const MOST_ENDLESS: usize = 3;

/// What earlier tries taught.
#[derive(Default)]
pub(super) struct Known {
    /// Native modules to stand in for.
    pub placeholders: BTreeSet<String>,
    /// Files whose collection does not end, with the words for it.
    pub endless: BTreeMap<String, String>,
    /// Wall time spent so far.
    pub spent: Duration,
}

enum Tried {
    Ready(Ready),
    /// Nothing was collected, and why.
    Fatal(Ready, Fatal),
    /// One file of the project took all the time it may.
    Endless(String, String),
}

impl Suite<'_> {
    /// What is known before the first try.
    pub(super) fn known(&self) -> Known {
        Known { placeholders: self.spec.placeholders.clone(), ..Known::default() }
    }

    /// Collects the project with `overlay` laid over it, or finds it collected.
    ///
    /// Where a native module that is not there costs whole files (or a conftest, and with it everything), collection is
    /// tried again with placeholders in their stead, whose uses are recorded. Not at the first try: packages fall back on
    /// an `ImportError`. It is tried again, too, without a file whose own collection does not end.
    ///
    /// # Errors
    /// [`SuiteError`]; errors in single files are part of the [`Collected`](event::Collected).
    pub fn collect(&self, overlay: &[OverlayEntry]) -> Result<Ready, SuiteError> {
        self.past_one_loss(|| self.collect_past_obstacles(overlay))
    }

    fn collect_past_obstacles(&self, overlay: &[OverlayEntry]) -> Result<Ready, SuiteError> {
        let mut known = self.known();
        loop {
            let before = (known.placeholders.len(), known.endless.len());
            let tried = self.past_damage(|| self.collect_with(overlay, &mut known))?;
            match &tried {
                Tried::Ready(ready) => {
                    known
                        .placeholders
                        .extend(ready.collected.errors.iter().filter_map(|error| error.placeholder.clone()));
                }
                Tried::Fatal(_, fatal) => known.placeholders.extend(fatal.placeholder.clone()),
                Tried::Endless(file, words) => {
                    if before.1 == MOST_ENDLESS || known.endless.insert(file.clone(), words.clone()).is_some() {
                        return Err(SuiteError::Limit(words.clone()));
                    }
                }
            }
            let learnt = before != (known.placeholders.len(), known.endless.len()) && before.0 < MOST_PLACEHOLDERS;
            match tried {
                Tried::Ready(ready) | Tried::Fatal(ready, _) if learnt => self.forget(&ready),
                Tried::Endless(..) => {}
                Tried::Ready(mut ready) => {
                    ready.spent = known.spent;
                    ready.limits.extend(known.endless.into_values());
                    return Ok(ready);
                }
                Tried::Fatal(ready, fatal) => {
                    self.forget(&ready);
                    return Err(fatal_error(fatal));
                }
            }
        }
    }

    /// Has the collected project's image made anew, with the same laid over it, in the place of `old`, which is gone. Where
    /// another thread has been here, there is nothing to do.
    pub(super) fn renew(&self, ready: &Ready, old: &Origin) -> Result<(), SuiteError> {
        let mut origin = ready.origin.lock();
        if *origin == *old {
            *origin = self.collect(&ready.overlay)?.origin.get();
            self.forget_image(old);
        }
        Ok(())
    }

    fn collect_with(&self, overlay: &[OverlayEntry], known: &mut Known) -> Result<Tried, SuiteError> {
        if self.is_cancelled() {
            return Err(SuiteError::Cancelled);
        }
        let (origin, boot_trace) = self.booted()?;
        let mounts = self.project_mounts();
        let (all_mounts, command) = self.configuration(known, None);
        let key = self.store.key(&all_mounts, &command, overlay);
        if let Some(found) = self.store.find(&key, &*self.source)
            && let Some(collected) = event::collected(&found.events).map(Arc::new)
        {
            let fatal = collected.fatal.clone();
            let ready = Ready {
                origin: Image::new(found.origin),
                trace: found.trace,
                collected,
                from_cache: true,
                placeholders: known.placeholders.clone(),
                // One that met a limit is not kept.
                limits: Vec::new(),
                spent: Duration::ZERO,
                overlay: overlay.into(),
            };
            return Ok(Tried::of(ready, fatal));
        }
        if images::touches(&boot_trace, overlay, &all_mounts) {
            return Err(SuiteError::NotTestable {
                message: "the change replaces the test runner itself".to_owned(),
                reason: Reason { kind: "runner".to_owned(), detail: "a file of the test runner changes".to_owned() },
            });
        }
        let mut job = self.job(origin, mounts, overlay, command);
        job.left_ms = Some(self.left_ms(known.spent));
        let since = self.since();
        // What an overlay made is of no use to the next call of the program, nor is what leaves files out.
        let kept = overlay.is_empty() && known.endless.is_empty();
        let made = if kept { self.prepare(job, &key) } else { self.prepare_in_memory(job) };
        known.spent += self.spent(since);
        let (done, events, image) = made?;
        let collected = event::collected(&events).map(Arc::new);
        let (Some(origin), Some(collected)) = (&image, collected) else {
            if let Some(image) = &image {
                self.forget_image(image);
            }
            return match endless_file(&done, &events) {
                Some((file, words)) => Ok(Tried::Endless(file, words)),
                None => Err(self.harness_error(&done, &events)),
            };
        };
        let fatal = collected.fatal.clone();
        let ready = Ready {
            origin: Image::new(origin.clone()),
            trace: Arc::new(done.trace),
            collected,
            from_cache: false,
            placeholders: known.placeholders.clone(),
            limits: done.limits.iter().map(|limit| format!("{limit} (while the tests were collected)")).collect(),
            spent: Duration::ZERO,
            overlay: overlay.into(),
        };
        Ok(Tried::of(ready, fatal))
    }
}

impl Tried {
    fn of(ready: Ready, fatal: Option<Fatal>) -> Self {
        match fatal {
            None => Self::Ready(ready),
            Some(fatal) => Self::Fatal(ready, fatal),
        }
    }
}

/// The file that took more than it may, with the words for it; a conftest is none that can be left out.
fn endless_file(done: &Done, events: &[Vec<u8>]) -> Option<(String, String)> {
    if done.ending != Ending::Stopped || !done.limits.iter().any(|limit| limit.starts_with("time: one test")) {
        return None;
    }
    let (_, file) = collecting(events)?;
    let file = file.filter(|file| !file.ends_with("conftest.py"))?;
    let words = format!("{} ({file}, while it was collected)", done.limits.join("; "));
    Some((file, words))
}

/// What was being collected last: in words, and the file of the project that was imported for it.
pub(super) fn collecting(events: &[Vec<u8>]) -> Option<(String, Option<String>)> {
    events.iter().rev().find_map(|event| match Event::decode(event) {
        Ok(Event::Collecting { what: Some(what), file }) => Some((what, file)),
        _ => None,
    })
}
