//! Code actions: commands with a title, from what is known already, so that a menu never waits.

use super::documents::Place;
use super::message::{Action, Command};
use super::state::State;

/// Most actions for one range.
const MOST: usize = 8;

impl State {
    /// What can be done at a range of a document. `tests` are those of our findings that the client asks about.
    pub fn actions(&self, uri: &str, (start, end): (Place, Place), tests: &[String]) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(open) = self.documents.get(uri) else { return actions };
        let Some(path) = &open.path else { return actions };
        let lines = (start.line, end.line);
        let mut failing: Vec<&String> = self
            .found_at(path, lines)
            .filter(|found| found.reason.is_none())
            .map(|found| &found.id)
            .chain(tests.iter().filter(|test| self.is_failing(test)))
            .collect();
        failing.sort();
        failing.dedup();
        let several = failing.len() > 1;
        for test in failing {
            let title = if several { format!("Airlock: make {} pass", short(test)) } else { MAKE_PASS.to_owned() };
            actions.push(Action {
                title,
                command: Command::MAKE_TEST_PASS,
                arguments: vec![test.clone()],
                test: Some(test.clone()),
            });
        }
        for review in self.reviews.values().filter(|review| review.is_waiting() && review.is_at(path, lines)) {
            let session = &review.waiting.session;
            for (what, command) in [("accept", Command::ACCEPT), ("reject", Command::REJECT)] {
                actions.push(Action {
                    title: format!("Airlock: {what} the change that makes {} pass", short(&review.waiting.test)),
                    command,
                    arguments: vec![session.clone()],
                    test: None,
                });
            }
            if *path != review.document {
                actions.push(Action {
                    title: "Airlock: open the review".to_owned(),
                    command: Command::OPEN_REVIEW,
                    arguments: vec![session.clone()],
                    test: None,
                });
            }
        }
        if self.is_repairing() {
            actions.push(Action {
                title: "Airlock: cancel what is running".to_owned(),
                command: Command::CANCEL,
                arguments: Vec::new(),
                test: None,
            });
        }
        actions.truncate(MOST);
        actions
    }
}

const MAKE_PASS: &str = "Airlock: make this test pass";

/// A test's name without its file.
fn short(test: &str) -> &str {
    test.split_once("::").map_or(test, |(_, name)| name)
}
