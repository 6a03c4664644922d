//! Files that a failing test misses because the sandbox hides them: said beside the failure, with the cure.

use std::collections::BTreeSet;

use airlock_core::report::TestReport;

use crate::files::WORKSPACE;
use crate::workbench::Project;

/// Most failures looked at, and most words of each message.
const FAILURES: usize = 500;
const WORDS: usize = 100;

/// One note for each hidden path that a failure's message names.
pub fn notes(project: &Project, tests: &[TestReport]) -> Vec<String> {
    let hidden = project.files.workspace().notes();
    let mut notes = BTreeSet::new();
    for test in tests.iter().filter(|test| test.outcome.is_failure()).take(FAILURES) {
        for path in paths(test.message.as_deref().unwrap_or_default()) {
            let inside = match path.strip_prefix(WORKSPACE) {
                Some(rest) => rest.strip_prefix('/').and_then(|rest| rest.parse().ok()),
                None if path.starts_with('/') => None,
                None => project.from_root(path),
            };
            if let Some(inside) = inside
                && let Some(why) = hidden.hidden(inside.as_str())
            {
                notes.insert(format!("{inside} is not there in the sandbox: {}", why.describe()));
            }
        }
    }
    notes.into_iter().collect()
}

/// Words that may be paths.
fn paths(message: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '(' | ')' | '<' | '>' | '`' | ',');
    message.split(ends).map(|word| word.trim_end_matches([':', '.', ';'])).filter(|word| word.len() > 1).take(WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_may_be_paths_are_found_in_messages() {
        let message = "FileNotFoundError: [Errno 44] No such file: '/workspace/data/a b.json' (data/x.csv).";
        let words: Vec<&str> = paths(message).collect();
        assert!(words.contains(&"/workspace/data/a") && words.contains(&"data/x.csv"), "{words:?}");
    }
}
