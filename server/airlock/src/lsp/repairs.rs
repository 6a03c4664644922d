//! Repairs: begun, gone on with, and what comes of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use airlock_core::proposal::Proposal;
use airlock_core::status::Status;

use super::actions::short;
use super::landing::{self, Review};
use super::state::{Kind, Refusal, State};
use super::to_proto::Tone;
use super::work::{At, Discovered, Interrupted, JobId, Landing, NO_TEST, Repaired, Task};

impl State {
    /// The command: searches a repair of a test; without one, of the only one that fails.
    pub fn make_test_pass(&mut self, test: Option<String>, root: Option<PathBuf>) -> Result<String, Refusal> {
        // A test may be shown in two places.
        let failing: BTreeSet<(PathBuf, String)> = self
            .checks
            .found()
            .filter(|(at, found)| {
                found.reason.is_none()
                    && test.as_ref().is_none_or(|test| found.id == *test)
                    && root.as_ref().is_none_or(|root| root == at)
            })
            .map(|(root, found)| (root.to_owned(), found.id.clone()))
            .collect();
        let failing: Vec<(PathBuf, String)> = failing.into_iter().collect();
        let (at, test) = match (failing.as_slice(), test) {
            ([(root, test)], _) => (At::Root(root.clone()), test.clone()),
            ([], Some(test)) => (self.at(root)?, test),
            ([], None) => {
                return Err(Refusal::No("no test is known to fail; run airlock.checkTests first".to_owned()));
            }
            ([(one, test), .., (other, _)], Some(_)) => {
                let text =
                    format!("{test} fails in {} and in {}; name the folder as well", one.display(), other.display());
                return Err(Refusal::No(text));
            }
            (_, None) => return Err(Refusal::No("several tests fail; name one by its id".to_owned())),
        };
        let root = match &at {
            At::Root(root) => Some(root.clone()),
            At::Near(_) => None,
        };
        self.may_repair(root.as_ref(), &test)?;
        let job = self
            .begin(Kind::Repair { root, test: test.clone(), session: None }, &format!("Airlock: making {test} pass"));
        self.start(Task::Repair { job, test: test.clone(), at });
        Ok(format!("{test} is being worked on"))
    }

    /// The command: goes on with a repair that was cut off.
    pub fn resume(&mut self, session: Option<String>) -> Result<String, Refusal> {
        let interrupted = self.interrupted(session)?;
        let (root, test) = (interrupted.located.root.clone(), interrupted.test.clone());
        if interrupted.is_task {
            let what = format!("going on with {}", short(&test));
            if self.is_running(|kind| matches!(kind, Kind::Model { what: other } if *other == what)) {
                return Err(Refusal::No(format!("{} is being worked on already", short(&test))));
            }
            let job = self.begin(Kind::Model { what: what.clone() }, &format!("Airlock: {what}"));
            self.interrupted.remove(&interrupted.session);
            self.start(Task::Resume { job, interrupted });
            return Ok(format!("{what} has begun"));
        }
        self.may_repair(Some(&root), &test)?;
        let title = format!("Airlock: going on making {test} pass");
        let session = Some(interrupted.session.clone());
        let job = self.begin(Kind::Repair { root: Some(root), test: test.clone(), session }, &title);
        self.start(Task::Resume { job, interrupted });
        Ok(format!("{test} is being worked on again"))
    }

    /// What sessions have that somebody waits for.
    pub fn on_discovered(&mut self, found: Discovered) {
        for note in found.notes {
            self.outbox.say(Tone::Warning, format!("Airlock: {note}"));
        }
        if let Some(greeting) = found.greeting {
            self.outbox.say(Tone::Info, greeting);
        }
        for waiting in found.waiting {
            if !self.reviews.contains_key(&waiting.session) && !self.over.contains(&waiting.session) {
                let review = Review::of(waiting);
                let session = review.change.session.clone();
                let text = format!("Airlock: the {} still waits for you ({session})", review.change.what());
                self.reviews.insert(session, review);
                self.outbox.log(text);
            }
        }
        for interrupted in found.interrupted {
            if !self.interrupted.contains_key(&interrupted.session) {
                let text = format!(
                    "Airlock: airlock.resume goes on with {}, which was cut off\nIt is session {}",
                    short(&interrupted.test),
                    interrupted.session
                );
                self.interrupted.insert(interrupted.session.clone(), interrupted);
                self.outbox.say(Tone::Info, text);
            }
        }
        self.show_all();
    }

    fn may_repair(&self, root: Option<&PathBuf>, test: &str) -> Result<(), Refusal> {
        let is_same = |kind: &Kind| match kind {
            Kind::Repair { root: other, test: at, .. } => {
                at == test && (other.is_none() || root.is_none() || other.as_ref() == root)
            }
            _ => false,
        };
        if self.is_running(is_same) {
            return Err(Refusal::No(format!("{test} is being worked on already")));
        }
        Ok(())
    }

    /// A repair of a test that was cut off.
    pub fn cut_off(&self, root: &Path, test: &str) -> Option<&Interrupted> {
        self.interrupted.values().find(|interrupted| interrupted.located.root == root && interrupted.test == test)
    }

    pub fn on_repaired(&mut self, job: JobId, result: Result<Repaired, String>) {
        let Some(running) = self.end(job) else { return };
        let is_cancelled = running.cancelled.load(Ordering::Relaxed);
        if let (Kind::Repair { session: Some(session), .. }, Ok(_)) = (&running.kind, &result) {
            self.interrupted.remove(session);
        }
        match result {
            Ok(Repaired { answer: Some(document), .. }) => {
                self.outbox.say(Tone::Info, "Airlock: the answer is there; nothing was changed".to_owned());
                // Who types meanwhile keeps the keyboard.
                self.show(&document, !self.is_stale(&running, Path::new("/")));
            }
            Ok(Repaired { waiting: Some(waiting), .. }) => {
                let session = waiting.session.clone();
                self.replace_older(&waiting.located.root, &waiting.test, &session);
                let review = Review::of(*waiting);
                let text = match (&review.change.unchecked, review.change.test == NO_TEST) {
                    (Some(why), _) => format!("a change waits for you, unchecked: {why}"),
                    (None, true) => "a change waits for you: no test fails with it that did not".to_owned(),
                    (None, false) if review.change.partial => {
                        format!("a change waits for you: some of {} passes", short(&review.change.test))
                    }
                    (None, false) => format!("a change waits for you: {} passes", short(&review.change.test)),
                };
                self.reviews.insert(session.clone(), review);
                self.show_all();
                self.outbox.say(Tone::Info, format!("Airlock: {text}"));
                if !is_cancelled {
                    // Who types meanwhile keeps the keyboard.
                    let waits = !self.is_stale(&running, Path::new("/"));
                    self.open_review(&session, waits);
                }
            }
            _ if is_cancelled => {
                self.outbox.say(Tone::Info, "Airlock: cancelled; nothing was changed".to_owned());
            }
            Ok(Repaired { status, why, .. }) => {
                let tone = if status == Status::NothingToFix { Tone::Info } else { Tone::Warning };
                self.outbox.say(tone, format!("Airlock: {why}"));
            }
            Err(why) => self.outbox.say(Tone::Error, format!("Airlock: {why}")),
        }
    }

    /// A newer proposal for a test takes the place of one that waits.
    fn replace_older(&mut self, root: &Path, test: &str, by: &str) {
        // Those that are about no test have nothing in common.
        if test == NO_TEST {
            return;
        }
        // The same one may have been found in the sessions already, before its work said that it is done.
        let older = self.reviews.iter().filter(|(session, review)| {
            *session != by && review.is_waiting() && review.change.test == test && review.change.located.root == root
        });
        let older: Vec<String> = older.map(|(session, _)| session.clone()).collect();
        for session in older {
            landing::end(self, &session, Landing::Rejected(Some(format!("replaced by session {by}"))));
        }
    }

    /// Begins to judge a proposal on the text as it is now.
    pub fn judge_again(&mut self, session: &str, proposal: Proposal) {
        let Some(review) = self.reviews.get(session) else { return };
        let (root, test) = (review.change.located.root.clone(), review.change.test.clone());
        let (partial, unchecked) = (review.change.partial, review.change.unchecked.clone());
        let kind = Kind::JudgeAgain { session: session.to_owned() };
        let job = self.begin(kind, "Airlock: checking the change on the text as it is now");
        self.start(Task::JudgeAgain { job, session: session.to_owned(), root, test, proposal, partial, unchecked });
    }

    pub fn on_judged_again(&mut self, job: JobId, session: &str, result: Result<Repaired, String>) {
        let Some(running) = self.end(job) else { return };
        if running.cancelled.load(Ordering::Relaxed) {
            if let Ok(Repaired { waiting: Some(waiting), .. }) = result {
                landing::drop_merged(self, *waiting);
            }
            return landing::judged_again(self, session, Err("cancelled".to_owned()));
        }
        landing::judged_again(self, session, result);
    }
}
