//! Candidates of a search, screened: one fork of the collected project each, with the code of a few functions exchanged.
//!
//! What fails here is counted out, what passes is confirmed by an import; so an exchange is made only where it shows what an
//! import would. Which that are is decided in the guest, on code objects (`airlock_harness/swapping.py`); everything else
//! is imported, by [`Suite::attempt`].

use std::sync::{Arc, MutexGuard, PoisonError};

use airlock_core::diff::{line_changes, split_lines};
use serde_json::{Value, json};

use super::once::FIRST;
use super::rounds::Rounds;
use super::{Attempt, Bounds, Suite, SuiteError};
use crate::guest::event::Event;
use crate::run::Ending;
use crate::worker::client::WorkerError;
use crate::worker::protocol::{Failure, Limits, Origin, OverlayEntry};

/// What screening a candidate came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screened {
    /// The tests ran on it.
    Judged(Attempt),
    /// Only an import shows its effect: why.
    NeedsImport(String),
}

/// The image that candidates are screened in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Screening {
    #[default]
    NotPrepared,
    Image(u64),
    /// The project cannot be collected in the way that screening needs.
    Unusable,
}

impl Suite<'_> {
    /// Lets go of the image that candidates were screened in.
    pub(super) fn forget_screening(&self) {
        if let Screening::Image(image) = *self.screening_lock() {
            self.worker.forget(image);
        }
    }

    /// Runs the suite's tests on a candidate by an exchange of code, in a fork of the project as it is collected on the
    /// base. The first call prepares that. The files that candidates change must have been named ([`Suite::screening`]).
    ///
    /// # Errors
    /// As [`Suite::attempt`].
    pub fn screen(&self, overlay: &[OverlayEntry], bounds: Bounds) -> Result<Screened, SuiteError> {
        self.past_loss(
            |words| Screened::Judged(Attempt::lost(words)),
            || match self.screen_once(overlay, bounds) {
                Err(SuiteError::Worker(WorkerError::Failed(Failure::NoImage { number }))) => {
                    // It went with a worker that was lost.
                    let mut screening = self.screening_lock();
                    if *screening == Screening::Image(number) {
                        *screening = Screening::NotPrepared;
                    }
                    drop(screening);
                    self.screen_once(overlay, bounds)
                }
                other => other,
            },
        )
    }

    fn screen_once(&self, overlay: &[OverlayEntry], bounds: Bounds) -> Result<Screened, SuiteError> {
        let edits = match self.edits(overlay) {
            Ok(edits) => edits,
            Err(why) => return Ok(Screened::NeedsImport(why)),
        };
        let Screening::Image(image) = self.prepare_screening(bounds)? else {
            return Ok(Screened::NeedsImport("the project cannot be collected for it".to_owned()));
        };
        let command = |rounds: Option<&Rounds>| {
            json!({"cmd": "screen", "edits": &edits, "rounds": rounds, "first": FIRST}).to_string()
        };
        let mut job = self.job(Origin::Image(image), Vec::new(), overlay, String::new());
        job.commands.clear();
        job.over_seen = true;
        job.limits = bounds.limits;
        let (done, said) = self.try_in_steps(&job, &command, bounds, bounds.screen)?;
        if let Some(why) = said.needs_import.or(said.broken) {
            return Ok(Screened::NeedsImport(why));
        }
        if done.ending == Ending::Stopped {
            return self.attempt_counted(overlay, bounds).map(Screened::Judged);
        }
        if !said.screened && said.ate {
            return Ok(Screened::Judged(said.attempt));
        }
        if !said.screened {
            // It ended its guest before the end; an import says after which tests.
            return Ok(Screened::NeedsImport(said.attempt.limit.unwrap_or_default()));
        }
        Ok(Screened::Judged(said.attempt))
    }

    fn screening_lock(&self) -> MutexGuard<'_, Screening> {
        self.screening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects the base for screening, once; other threads wait for it.
    fn prepare_screening(&self, bounds: Bounds) -> Result<Screening, SuiteError> {
        let mut screening = self.screening_lock();
        if *screening == Screening::NotPrepared {
            let made = self.past_damage(|| {
                let image = self.collect_for_screening()?;
                self.with_what_tests_use(image, bounds)
            });
            *screening = match made {
                Ok(image) => Screening::Image(image),
                Err(SuiteError::Cancelled) => return Err(SuiteError::Cancelled),
                Err(SuiteError::Worker(error @ (WorkerError::Lost(_) | WorkerError::Start(_)))) => {
                    return Err(error.into());
                }
                Err(_) => Screening::Unusable,
            };
        }
        Ok(*screening)
    }

    fn collect_for_screening(&self) -> Result<u64, SuiteError> {
        let (origin, _) = self.booted()?;
        let (_, configure) = self.configuration(&self.known(), Some(&self.screened));
        let job = self.job(origin, self.project_mounts(), &[], configure);
        let (done, events, origin) = self.prepare_in_memory(job)?;
        let Some(Origin::Image(image)) = origin else { return Err(self.harness_error(&done, &events)) };
        let why = match crate::guest::event::collected(&events).map(|collected| collected.fatal.clone()) {
            Some(None) => return Ok(image),
            Some(Some(fatal)) => super::fatal_error(fatal),
            None => self.harness_error(&done, &events),
        };
        self.worker.forget(image);
        Err(why)
    }

    /// An image like this one in which is kept what the tests make on the base, and would make anew on each candidate; the same
    /// image where that is nothing, or cannot be found out.
    fn with_what_tests_use(&self, image: u64, bounds: Bounds) -> Result<u64, SuiteError> {
        if !bounds.base_ends {
            return Ok(image);
        }
        let job = |command: Value| {
            let mut job = self.job(Origin::Image(image), Vec::new(), &[], String::new());
            job.commands = vec![command.to_string()];
            job.limits = Limits { step_ms: bounds.screen.long_ms, ..bounds.limits };
            job
        };
        let (_, said) = self.try_once(job(json!({"cmd": "screen", "edits": [], "tell": true})))?;
        if said.patterns.is_empty() {
            return Ok(image);
        }
        let (_, events, origin) = self.prepare_in_memory(job(json!({"cmd": "prepare", "patterns": said.patterns})))?;
        let Some(Origin::Image(prepared)) = origin else { return Ok(image) };
        let is_ready = events.iter().any(|event| matches!(Event::decode(event), Ok(Event::Prepared {})));
        let (kept, left) = if is_ready { (prepared, image) } else { (image, prepared) };
        self.worker.forget(left);
        Ok(kept)
    }

    /// What of each file differs from the base, by lines; or why that is no matter of lines.
    fn edits(&self, overlay: &[OverlayEntry]) -> Result<Vec<Value>, String> {
        let mut edits = Vec::with_capacity(overlay.len());
        for entry in overlay {
            let Some(new) = &entry.content else { return Err(format!("it deletes {}", entry.path)) };
            if !self.screened.contains(&entry.path) {
                return Err(format!("{} was not among the files to screen", entry.path));
            }
            let base = self.base(&entry.path).ok_or_else(|| format!("{} is new or cannot be read", entry.path))?;
            edits.push(json!({"path": entry.path, "changes": changes(&base, new)?}));
        }
        Ok(edits)
    }

    /// A file as the image has it.
    fn base(&self, path: &str) -> Option<Arc<[u8]>> {
        let mounts = self.spec.environment.iter().chain(&self.spec.mounts);
        let inside = mounts
            .filter_map(|mount| Some((mount, path.strip_prefix(mount.at.trim_end_matches('/'))?.strip_prefix('/')?)));
        let (mount, rest) = inside.max_by_key(|(mount, _)| mount.at.len())?;
        self.source.read(mount.source, rest).ok()
    }
}

/// `[first line replaced, from 0, line after the last, new lines]` for each change, as the harness takes them.
fn changes(base: &[u8], new: &[u8]) -> Result<Vec<Value>, String> {
    // Python ends a line at a lone carriage return too, and then lines are counted differently.
    let lone =
        |text: &[u8]| text.iter().enumerate().any(|(at, byte)| *byte == b'\r' && text.get(at + 1) != Some(&b'\n'));
    if lone(base) || lone(new) {
        return Err("a line ends in a carriage return alone".to_owned());
    }
    let (old, new) = (split_lines(base), split_lines(new));
    let declared = old.iter().take(2).any(|line| line.windows(6).any(|part| part == b"coding"));
    // A candidate mostly differs in one line of thousands: what is equal at both ends is no matter for a diff.
    let front = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let most = old.len().min(new.len()) - front;
    let back = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[front..old.len() - back], &new[front..new.len() - back]);
    let mut changes = Vec::new();
    for change in line_changes(old, new) {
        let mut lines = Vec::with_capacity(change.new.len());
        for line in &new[change.new] {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if declared && !line.is_ascii() {
                return Err("the file has an encoding of its own".to_owned());
            }
            lines.push(std::str::from_utf8(line).map_err(|_| "the file is not UTF-8".to_owned())?);
        }
        changes.push(json!([front + change.base.start, front + change.base.end, lines]));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_the_lines_of_the_base() {
        let told = |new: &str| changes(b"a\nb\nc\nd\ne\nf\n", new.as_bytes()).map(Value::from);
        assert_eq!(told("a\nb\nC\nd\ne\nf\n"), Ok(json!([[2, 3, ["C"]]])));
        assert_eq!(told("a\nb\nb2\nb3\nc\nd\nf\n"), Ok(json!([[2, 2, ["b2", "b3"]], [4, 5, []]])));
        assert_eq!(told("a\nb\nc\nd\ne\nf\n"), Ok(json!([])));
        assert_eq!(told("a\nb\nc\nd\ne\nf\r\nz"), Ok(json!([[5, 6, ["f", "z"]]])));
        assert_eq!(told(""), Ok(json!([[0, 6, []]])));
        assert!(told("a\rb\n").is_err());
        assert!(changes(b"# coding: latin-1\nx\n", "# coding: latin-1\ny = 'é'\n".as_bytes()).is_err());
        assert!(changes(b"x\n", b"\xff\n").is_err());
    }
}
