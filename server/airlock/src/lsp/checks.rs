//! Runs of a project's tests: one at a time for each project, and nothing is shown of a text that is not what the editor shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use airlock_core::hash::ContentHash;

use super::documents::read_plain;
use super::state::{Kind, Refusal, Running, State, is_python};
use super::to_proto::Tone;
use super::work::{Checked, Found, JobId, Located, Task, Why};

/// How often a run is made again because the text changed meanwhile.
const TRIES: u32 = 3;

/// What is known of the projects' tests.
#[derive(Default)]
pub struct Checks {
    /// By root.
    known: BTreeMap<PathBuf, Checked>,
    /// Runs that begin once the one under way has ended, by root.
    again: BTreeMap<PathBuf, Again>,
}

struct Again {
    located: Located,
    asked: bool,
    /// Only these; all where there are none.
    tests: Vec<String>,
    tries: u32,
}

impl Checks {
    /// Forgets projects.
    pub fn forget(&mut self, is_gone: impl Fn(&Path) -> bool) {
        self.known.retain(|root, _| !is_gone(root));
        self.again.retain(|root, _| !is_gone(root));
    }

    /// Forgets what was to come after runs that are under way.
    pub fn forget_again(&mut self, which: impl Fn(&Path) -> bool) {
        self.again.retain(|root, _| !which(root));
    }

    /// Everything found, with its project's root.
    pub fn found(&self) -> impl Iterator<Item = (&Path, &Found)> {
        self.known.iter().flat_map(|(root, known)| known.found.iter().map(move |found| (root.as_path(), found)))
    }

    /// The text of a file as it was tested last.
    pub fn tested(&self, root: &Path, path: &Path) -> Option<ContentHash> {
        self.known.get(root)?.texts.get(path).copied()
    }

    /// Whether something was found in a file.
    pub fn has(&self, path: &Path) -> bool {
        self.known.values().any(|known| known.texts.contains_key(path))
    }

    /// Whether a test is known to fail, with whatever parameters.
    pub fn is_failing(&self, root: &Path, test: &str) -> bool {
        let known = self.known.get(root);
        known.is_some_and(|known| known.found.iter().any(|found| found.reason.is_none() && is_of(&found.id, test)))
    }
}

impl State {
    /// The command: runs the tests around a path, or one test; without either, of every folder.
    pub fn check_tests(&mut self, path: Option<PathBuf>, test: Option<String>) -> Result<String, Refusal> {
        let tests: Vec<String> = test.into_iter().collect();
        let paths = match path {
            Some(path) => vec![path],
            None if self.client.folders.is_empty() || !tests.is_empty() => self.near()?.into_iter().take(1).collect(),
            None => self.client.folders.clone(),
        };
        for path in paths {
            self.check_at(path, true, tests.clone());
        }
        Ok(if tests.is_empty() { "the tests are being run" } else { "the test is being run" }.to_owned())
    }

    /// Runs the tests of the project around a path, once that is found.
    pub fn check_at(&mut self, path: PathBuf, asked: bool, tests: Vec<String>) {
        match self.located_at(&path).filter(|_| is_python(&path)).cloned() {
            Some(located) => self.check(located, asked, tests, 0),
            None => self.start(Task::Locate { path, why: Why::Check { asked, tests } }),
        }
    }

    /// Runs a project's tests; a run of the same that is under way is of an older text: it is stopped, and this one comes after.
    pub fn check(&mut self, located: Located, asked: bool, tests: Vec<String>, tries: u32) {
        if let Some((stopped_asked, stopped_tests)) = self.stop_check(&located.root) {
            let again = self.checks.again.remove(&located.root);
            let before = again.map_or((stopped_asked, stopped_tests), |again| (again.asked, again.tests));
            // A run of everything is not lost to one of a single test.
            let tests = if tests.is_empty() || before.1.is_empty() {
                Vec::new()
            } else {
                let all: BTreeSet<String> = tests.into_iter().chain(before.1).collect();
                all.into_iter().collect()
            };
            let again = Again { located: located.clone(), asked: asked || before.0, tests, tries };
            self.checks.again.insert(located.root, again);
            return;
        }
        let title = match tests.as_slice() {
            [test] => format!("Airlock: running {test}"),
            _ => "Airlock: running the tests".to_owned(),
        };
        let kind = Kind::Check { root: located.root.clone(), tests: tests.clone(), asked, tries };
        let job = self.begin(kind, &title);
        self.start(Task::Check { job, located, tests });
    }

    pub fn check_failed(&mut self, why: String, asked: bool) {
        let text = format!("Airlock: {why}");
        if self.told.insert(why) || asked {
            self.outbox.say(Tone::Error, text);
        } else {
            self.outbox.log(text);
        }
    }

    pub fn on_checked(&mut self, job: JobId, result: Result<Checked, String>) {
        let Some(running) = self.end(job) else { return };
        let Kind::Check { root, tests, asked, tries } = &running.kind else { return };
        if let Some(again) = self.checks.again.remove(root) {
            return self.check(again.located, again.asked, again.tests, again.tries);
        }
        if running.cancelled.load(Ordering::Relaxed) {
            return;
        }
        match result {
            Err(why) => self.check_failed(why, *asked),
            Ok(checked) if self.is_stale(&running, &checked.located.repository) => {
                // What was tested is no longer what the editor shows; lines may have moved.
                self.outbox.log("Airlock: the text changed while its tests ran; nothing is shown of them".to_owned());
                if *tries < TRIES && (*asked || self.settings.check_on_save) {
                    self.check(checked.located, *asked, tests.clone(), tries + 1);
                } else if *asked {
                    let text = "Airlock: the text keeps changing while its tests run; ask again once it is quiet";
                    self.outbox.say(Tone::Warning, text.to_owned());
                }
            }
            Ok(checked) => self.checked(checked, tests, *asked),
        }
    }

    fn checked(&mut self, mut checked: Checked, tests: &[String], asked: bool) {
        self.told.clear();
        self.guest_is_there();
        let counts = checked.counts;
        self.outbox.log(format!(
            "Airlock: {} passed, {} failed, {} could not run ({})",
            counts.passed,
            counts.failing(),
            counts.not_testable,
            checked.located.root.display()
        ));
        if let Some(why) = checked.nothing.as_ref().filter(|_| asked) {
            self.outbox.say(Tone::Info, format!("Airlock: no test ran: {why}"));
        }
        for note in &checked.notes {
            self.outbox.log(format!("Airlock: {note}"));
        }
        let root = checked.located.root.clone();
        for (path, hash) in &checked.texts {
            if self.on_disk.contains_key(path) && self.open_at(path).is_none() {
                self.on_disk.insert(path.clone(), *hash);
            }
        }
        if !tests.is_empty()
            && let Some(before) = self.checks.known.remove(&root)
        {
            // Of the others nothing new is known.
            let is_named = |found: &Found| tests.iter().any(|test| is_of(&found.id, test));
            checked.found.extend(before.found.into_iter().filter(|found| !is_named(found)));
            // Where a file has another text since, what was found in it before is of no text.
            let now = std::mem::replace(&mut checked.texts, before.texts);
            let is_other = |path: &PathBuf| now.get(path).is_some_and(|now| checked.texts.get(path) != Some(now));
            checked.found.retain(|found| is_named(found) || !is_other(&found.path));
            checked.texts.extend(now);
        }
        self.checks.known.insert(root, checked);
        self.show_all();
        self.refresh_lenses();
    }

    /// Stops the run of a project that is under way; how it was asked for.
    fn stop_check(&mut self, wanted: &Path) -> Option<(bool, Vec<String>)> {
        self.running().find_map(|running| match &running.kind {
            &Kind::Check { ref root, ref tests, asked, .. } if root == wanted => {
                running.cancelled.store(true, Ordering::Relaxed);
                Some((asked, tests.clone()))
            }
            _ => None,
        })
    }

    /// Whether a text below a folder is no longer what a job worked on.
    pub fn is_stale(&self, running: &Running, folder: &Path) -> bool {
        let then = &running.open;
        let open = self.documents.values().filter_map(|open| Some((open.path.as_ref()?, open)));
        let counts = |path: &Path| path.starts_with(folder) && decides(path);
        let changed = open.filter(|(path, _)| counts(path)).any(|(path, open)| match then.get(path) {
            Some(text) => ContentHash::of(text) != open.document.hash(),
            // What was on the disk was tested, and opened since.
            None => {
                let is_typed_in = open.opened != open.document.hash();
                is_typed_in || read_plain(path).map(|bytes| ContentHash::of(&bytes)) != Some(open.opened)
            }
        });
        let closed = then.iter().filter(|(path, _)| counts(path) && self.open_at(path).is_none());
        changed || closed.into_iter().any(|(path, text)| read_plain(path).as_deref() != Some(&**text))
    }
}

/// Whether a file is one of those that mostly decide what tests say. Notes that are typed meanwhile do not.
fn decides(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    !matches!(end, Some("md" | "rst" | "diff" | "patch"))
}

/// Whether an id is a test's, or of one of its parameters, or of what is in it.
fn is_of(id: &str, test: &str) -> bool {
    id.strip_prefix(test).is_some_and(|rest| rest.is_empty() || rest.starts_with('[') || rest.starts_with("::"))
}
