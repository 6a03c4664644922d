//! The guest that runs the tests may be missing: that is said where it is first needed, and offered to be mended. Nothing is
//! fetched before the user says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::discovery::is_test_file;
use super::documents::{LINE_END, Place};
use super::message::{Action, Command, Subject};
use super::state::{Kind, State, is_python};
use super::to_proto::{Finding, FindingKind};
use super::work::{JobId, Located};
use crate::cli::context::GUEST;
use crate::guest_install;

/// The line of a test file that tells that none of its tests can run.
const LINE: u32 = 0;

/// What is missing, and what waits for it.
pub struct Lack {
    /// How it was told: that it is not there, or damaged.
    why: String,
    /// Projects whose tests were to be run.
    checks: BTreeSet<Located>,
}

impl State {
    /// A job found no guest. `check`: the project whose tests it was to run.
    pub fn on_guest_missing(&mut self, why: String, check: Option<Located>) {
        let lack = self.lack.get_or_insert_with(|| Lack { why: String::new(), checks: BTreeSet::new() });
        lack.why = why;
        lack.checks.extend(check);
        self.show_all();
    }

    /// A job ran tests, so the guest is there, whoever installed it.
    pub fn guest_is_there(&mut self) {
        if self.lack.take().is_some() {
            self.show_all();
        }
    }

    /// The user had the guest installed: what waited for it is run now.
    pub fn on_installed(&mut self, job: JobId, result: Result<String, String>) {
        if self.end(job).is_none() {
            return;
        }
        let waiting = match &result {
            Ok(_) => self.lack.take(),
            Err(_) => None,
        };
        self.tell(result);
        self.show_all();
        for located in waiting.into_iter().flat_map(|lack| lack.checks) {
            self.check(located, true, Vec::new(), 0);
        }
    }

    /// Hints in the test files that are open, as none of their tests can run.
    pub fn guest_hints(&self) -> Vec<(PathBuf, Finding)> {
        let Some(lack) = &self.lack else { return Vec::new() };
        let source = guest_install::guest(GUEST).map_or_else(
            |_| String::new(),
            |spec| format!(" {} MB from {}, once", spec.download_bytes.div_ceil(1_000_000), spec.source),
        );
        let files = self.documents.values().filter_map(|open| open.path.clone()).filter(|path| is_test_file(path));
        let hint = |path: PathBuf| {
            let finding = Finding {
                kind: FindingKind::NotTestable,
                start: Place { line: LINE, column: 0 },
                end: Place { line: LINE, column: LINE_END },
                message: format!("No test of this file can run: {}.\n\"{INSTALL}\" fetches it:{source}", lack.why),
                code: "guest_missing".to_owned(),
                of: Subject::Guest,
                related: Vec::new(),
            };
            (path, finding)
        };
        files.map(hint).collect()
    }

    /// What mends it, in any Python file: bound to the hint where that is asked about.
    pub fn guest_action(&self, path: &Path, lines: (u32, u32), subjects: &[Subject]) -> Option<Action> {
        self.lack.as_ref().filter(|_| is_python(path) && !self.is_running(|kind| *kind == Kind::Install))?;
        let is_meant = subjects.contains(&Subject::Guest) || (is_test_file(path) && lines.0 == LINE);
        Some(Action {
            title: INSTALL.to_owned(),
            command: Command::INSTALL_GUEST,
            arguments: Vec::new(),
            mends: is_meant.then_some(Subject::Guest),
        })
    }
}

const INSTALL: &str = "Airlock: install the Python guest";
