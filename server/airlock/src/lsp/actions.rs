//! Code actions and lenses: commands with a title, from what is known already, so that a menu never waits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::discovery::is_test_file;
use super::documents::{Open, Place};
use super::landing::{self, Review};
use super::message::{Action, Command, Lens, Subject};
use super::state::{Kind, State};

/// Most failing tests that one range has actions for.
const MOST_FAILING: usize = 5;

impl State {
    /// What can be done at a range of a document. `subjects`: what the findings are of that the client asks about.
    pub fn actions(&self, uri: &str, (start, end): (Place, Place), subjects: &[Subject]) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(open) = self.documents.get(uri) else { return actions };
        let Some(path) = &open.path else { return actions };
        let lines = (start.line, end.line);
        let failing = self.failing_at(path, lines, subjects);
        let several = failing.len() > 1;
        let mut repairs = Vec::new();
        // A line may have a test with hundreds of parameters; the menu is for people.
        for (root, id) in failing.iter().take(MOST_FAILING) {
            let title = if several { format!("Airlock: make {} pass", short(id)) } else { MAKE_PASS.to_owned() };
            let mends = Some(Subject::Test { id: id.clone(), root: root.clone() });
            if let Some(interrupted) = self.cut_off(root, id) {
                repairs.push(Action {
                    title: format!("Airlock: go on making {} pass", short(id)),
                    command: Command::RESUME,
                    arguments: vec![interrupted.session.clone()],
                    mends: mends.clone(),
                });
            }
            repairs.push(Action {
                title,
                command: Command::MAKE_TEST_PASS,
                arguments: vec![id.clone(), root.display().to_string()],
                mends: mends.clone(),
            });
            if self.has_model {
                let title = format!("Airlock: have the model make {} pass", short(id));
                let words = vec![String::new(), "make-pass".to_owned(), String::new(), String::new(), id.clone()];
                repairs.push(Action { title, command: Command::TASK, arguments: words, mends });
            }
        }
        for review in self.reviews.values().filter(|review| self.is_at(review, path, lines, subjects)) {
            let session = &review.change.session;
            let what = review.change.what();
            let accept = match &review.change.unchecked {
                None => (format!("Airlock: accept the {what}"), Command::ACCEPT),
                Some(_) => (format!("Airlock: accept the {what} though no test covers it"), Command::APPROVE),
            };
            for (title, command) in [accept, (format!("Airlock: reject the {what}"), Command::REJECT)] {
                actions.push(plain(&title, command, vec![session.clone()]));
            }
            if review.document.as_ref() != Some(path) {
                actions.push(plain("Airlock: open the review", Command::OPEN_REVIEW, vec![session.clone()]));
            }
        }
        // What waits is looked at first.
        actions.append(&mut repairs);
        actions.extend(self.guest_action(path, lines, subjects));
        actions.extend(self.task_actions(open, path, lines, subjects));
        if let Some((id, _)) = self.declared_at(open, path, lines) {
            let path = path.display().to_string();
            actions.push(plain("Airlock: run this test", Command::CHECK_TESTS, vec![id, path]));
        }
        if let Some(done) = self.landed.iter().rev().find(|done| done.files.contains(path)) {
            let title = format!("Airlock: undo the {}", landing::in_words(&done.test, false));
            actions.push(plain(&title, Command::UNDO, vec![done.session.clone()]));
        }
        if self.is_running(|kind| {
            matches!(kind, Kind::Repair { .. } | Kind::Model { .. } | Kind::JudgeAgain { .. } | Kind::Install)
        }) {
            actions.push(plain("Airlock: cancel what is running", Command::CANCEL, Vec::new()));
        }
        actions
    }

    /// Tests that are known to fail at lines of a file: those whose findings stand there, while the text is the one that was
    /// tested, and those that the client asks about.
    fn failing_at(&self, path: &Path, lines: (u32, u32), subjects: &[Subject]) -> BTreeSet<(PathBuf, String)> {
        let there = self.checks.found().filter(|(root, found)| {
            found.path == path
                && found.reason.is_none()
                && (lines.0..=lines.1).contains(&found.line)
                && self.is_text(path, self.checks.tested(root, path))
        });
        let mut failing: BTreeSet<(PathBuf, String)> =
            there.map(|(root, found)| (root.to_owned(), found.id.clone())).collect();
        for subject in subjects {
            if let Subject::Test { id, root } = subject
                && self.checks.is_failing(root, id)
            {
                failing.insert((root.clone(), id.clone()));
            }
        }
        failing
    }

    /// Whether a review is at lines of a file: of its document anywhere, of its files where they would change.
    fn is_at(&self, review: &Review, path: &Path, lines: (u32, u32), subjects: &[Subject]) -> bool {
        let is_asked = || {
            subjects
                .iter()
                .any(|subject| matches!(subject, Subject::Session(session) if *session == review.change.session))
        };
        let mut hints = self.hints(review);
        review.is_waiting()
            && (review.document.as_deref() == Some(path)
                || is_asked()
                || hints.any(|(file, found)| {
                    file == path && found.start.line <= lines.1 && lines.0 <= found.end.line.max(found.start.line)
                }))
    }

    /// The test that is declared around a line: its id, and its root.
    fn declared_at(&self, open: &Open, path: &Path, lines: (u32, u32)) -> Option<(String, PathBuf)> {
        let (file, root) = self.file_of(path)?;
        let mut declared = open.document.tests().iter();
        let test = declared.find(|test| test.line <= lines.0 && lines.0 <= test.end)?;
        Some((format!("{file}::{}", test.name), root))
    }

    /// A test file's name in ids, and its project's root.
    fn file_of(&self, path: &Path) -> Option<(String, PathBuf)> {
        let located = self.located_at(path).filter(|_| is_test_file(path))?;
        let parts: Option<Vec<&str>> =
            path.strip_prefix(&located.root).ok()?.iter().map(|part| part.to_str()).collect();
        Some((parts?.join("/"), located.root.clone()))
    }

    /// Commands over the tests of a document.
    pub fn lenses(&self, uri: &str) -> Vec<Lens> {
        let mut lenses = Vec::new();
        if !self.settings.lenses {
            return lenses;
        }
        let Some(open) = self.documents.get(uri) else { return lenses };
        let Some(path) = &open.path else { return lenses };
        let Some((file, root)) = self.file_of(path) else { return lenses };
        for test in open.document.tests() {
            let id = format!("{file}::{}", test.name);
            let place = path.display().to_string();
            lenses.push(Lens {
                line: test.line,
                title: "Run test".to_owned(),
                command: Command::CHECK_TESTS,
                arguments: vec![id.clone(), place],
            });
            if self.checks.is_failing(&root, &id) {
                lenses.push(Lens {
                    line: test.line,
                    title: "Make it pass".to_owned(),
                    command: Command::MAKE_TEST_PASS,
                    arguments: vec![id, root.display().to_string()],
                });
            }
        }
        lenses
    }
}

const MAKE_PASS: &str = "Airlock: make this test pass";

pub fn plain(title: &str, command: &'static str, arguments: Vec<String>) -> Action {
    Action { title: title.to_owned(), command, arguments, mends: None }
}

/// A test's name without its file.
pub fn short(test: &str) -> &str {
    test.split_once("::").map_or(test, |(_, name)| name)
}
