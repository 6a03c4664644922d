//! Failures that come of files the sandbox hides on purpose: a secret, an ignored data file. The test may pass natively,
//! so it is not testable, and the reason says which file and what to do.

use airlock_core::report::{Outcome, Reason, SuiteReport, TestReport};

use crate::files::WORKSPACE;
use crate::workbench::Project;

/// Words by which Python says that a file is not there.
const MISSING: [&str; 3] = ["FileNotFoundError", "No such file or directory", "NotADirectoryError"];

/// Paths looked at in one report; a longer one has its cause in front.
const MAX_PATHS: usize = 64;

/// Marks failing tests that name a hidden file as missing.
pub fn explain(report: &mut SuiteReport, project: &Project) {
    for test in report.tests.iter_mut().filter(|test| test.outcome.is_failure()) {
        if let Some(reason) = reason(test, project) {
            test.outcome = Outcome::NotTestable;
            test.reason = Some(reason);
        }
    }
}

fn reason(test: &TestReport, project: &Project) -> Option<Reason> {
    let texts = [test.message.as_deref(), test.detail.as_deref()];
    let said = texts.iter().flatten().any(|text| MISSING.iter().any(|word| text.contains(word)));
    if !said {
        return None;
    }
    let notes = project.files.workspace().notes();
    let lines = texts.iter().flatten().flat_map(|text| text.lines());
    let missing = lines.filter(|line| MISSING.iter().any(|word| line.contains(word)));
    // The path stands in quotes at the end of Python's message; its parts between quotes are all tried.
    missing.flat_map(|line| line.split(['\'', '"'])).take(MAX_PATHS).find_map(|piece| {
        let path = match piece.strip_prefix(WORKSPACE) {
            Some(inside) => inside.trim_start_matches('/').to_owned(),
            None => project.from_root(piece)?.to_string(),
        };
        let why = notes.hidden(&path)?;
        Some(Reason { kind: "hidden_file".to_owned(), detail: format!("{path} is {}", why.describe()) })
    })
}
