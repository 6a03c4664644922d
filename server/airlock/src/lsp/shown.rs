//! What the client is shown: findings and hints, and only such as are of the text that the editor has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;
use airlock_core::proposal::FileState;

use super::documents::{LINE_END, Place};
use super::landing::Review;
use super::message::Subject;
use super::state::State;
use super::to_proto::{self, Finding, FindingKind, Tone};
use super::work::Found;

/// Most findings shown of one file.
const MOST: usize = 200;

/// What was published of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    uri: String,
    findings: Vec<Finding>,
}

impl State {
    /// Whether a file's text is the one that something was found in. Of a file that nobody has open it is, as far as is known.
    pub fn is_text(&self, path: &Path, hash: Option<ContentHash>) -> bool {
        match (self.open_at(path), hash) {
            (None, Some(hash)) => self.on_disk.get(path).is_none_or(|disk| *disk == hash),
            (None, None) => true,
            (Some((_, open)), Some(hash)) => open.document.hash() == hash,
            (Some(_), None) => false,
        }
    }

    /// Shows the findings of every file that has some, or had. Those of another text are left out.
    pub fn show_all(&mut self) {
        self.show_but(None);
    }

    /// The same; and those of one file again, even if they are the same, as its editor may have forgotten them.
    fn show_but(&mut self, again: Option<&Path>) {
        let mut files: BTreeMap<PathBuf, Vec<Finding>> = BTreeMap::new();
        for (root, found) in self.checks.found() {
            if self.is_text(&found.path, self.checks.tested(root, &found.path)) {
                let file = files.entry(found.path.clone()).or_default();
                if file.len() < MOST {
                    file.push(of_test(root, found));
                }
            }
        }
        for review in self.reviews.values().filter(|review| review.is_waiting()) {
            for (path, found) in self.hints(review) {
                files.entry(path).or_default().push(found);
            }
        }
        for (path, found) in self.guest_hints() {
            files.entry(path).or_default().push(found);
        }
        for path in self.shown.keys() {
            files.entry(path.clone()).or_default();
        }
        let before = std::mem::take(&mut self.shown);
        for (path, mut findings) in files {
            let open = self.open_at(&path);
            let uri = open.map(|(uri, _)| uri.clone()).or_else(|| to_proto::uri_of(&path));
            let Some(uri) = uri else { continue };
            if let Some((_, open)) = open {
                for end in findings.iter_mut().map(|found| &mut found.end).filter(|end| end.column == LINE_END) {
                    *end = open.document.end_of_line(end.line, self.client.encoding);
                }
            }
            let version = open.map(|(_, open)| open.document.version);
            let was = before.get(&path);
            if let Some(was) = was.filter(|was| was.uri != uri && !was.findings.is_empty()) {
                // It was shown under another name of the file.
                self.outbox.findings(&was.uri, None, &[]);
            }
            let now = Published { uri, findings };
            if was != Some(&now) || again == Some(path.as_path()) {
                self.outbox.findings(&now.uri, version, &now.findings);
            }
            if !now.findings.is_empty() {
                self.shown.insert(path, now);
            }
        }
    }

    /// A document was opened, perhaps by another name or with another text than its findings were shown of.
    pub fn show_again(&mut self, path: &Path) {
        if self.shown.contains_key(path)
            || self.checks.has(path)
            || self.lack.is_some()
            || self.reviews.values().any(|review| review.has(path))
        {
            self.show_but(Some(path));
        }
    }

    /// Hints on the lines that a proposal would change, where they are those it was made of.
    pub fn hints<'a>(&'a self, review: &'a Review) -> impl Iterator<Item = (PathBuf, Finding)> + 'a {
        // A file that is to come has no line yet.
        let there = review.files().filter(|(_, change)| change.base().is_some());
        let fresh = there.filter(|(path, change)| self.is_text(path, change.base().map(FileState::hash)));
        fresh.flat_map(|(path, change)| {
            let hint = |first: usize, last: usize| Finding {
                kind: FindingKind::Proposed,
                start: Place { line: number(first), column: 0 },
                end: Place { line: number(last), column: LINE_END },
                message: format!("Airlock would change this: {}", review.change.explanation),
                code: "proposal".to_owned(),
                of: Subject::Session(review.change.session.clone()),
                related: Vec::new(),
            };
            let lines = change.line_changes().into_iter().map(|lines| {
                let first = lines.base.start;
                (path.clone(), hint(first, lines.base.end.saturating_sub(1).max(first)))
            });
            lines.collect::<Vec<_>>()
        })
    }

    /// Opens a proposal's review.
    pub fn open_review(&self, session: &str, focus: bool) {
        if let Some(document) = self.reviews.get(session).and_then(|review| review.document.as_ref()) {
            self.show(document, focus);
        }
    }

    /// Opens a document for the user.
    pub fn show(&self, document: &Path, focus: bool) {
        if self.client.show_document
            && let Some(uri) = to_proto::uri_of(document)
        {
            self.outbox.show(&uri, focus);
        } else {
            self.outbox.say(Tone::Info, format!("Airlock: it is in {}", document.display()));
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn of_test(root: &Path, found: &Found) -> Finding {
    let (kind, message, code) = match &found.reason {
        None => (FindingKind::Failed, format!("{}\n{}", found.message, found.id), "test_failed".to_owned()),
        Some(reason) => {
            (FindingKind::NotTestable, format!("{} cannot run here: {}", found.id, found.message), reason.clone())
        }
    };
    Finding {
        kind,
        start: Place { line: found.line, column: 0 },
        end: Place { line: found.line, column: LINE_END },
        message,
        code,
        of: Subject::Test { id: found.id.clone(), root: root.to_owned() },
        related: found
            .through
            .iter()
            .map(|(path, line)| (path.clone(), *line, "it came through here".to_owned()))
            .collect(),
    }
}
