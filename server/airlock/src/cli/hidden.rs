//! Files that tests miss because the sandbox hides them: said beside the results, with the cure.

use std::collections::{BTreeMap, BTreeSet};

use airlock_core::report::TestReport;
use airlock_sandbox::vfs::Trace;

use crate::files::WORKSPACE;
use crate::project::notes::Hidden;
use crate::workbench::Project;

/// Most failures looked at, and most words of each message.
const FAILURES: usize = 500;
const WORDS: usize = 100;

/// Most files named in one note.
const NAMED: usize = 3;

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

/// One note for each reason why files that were looked for are on the disk and not in the sandbox. A test that looks for
/// a file and goes without, or skips itself, says nothing; the trace does. Caches and environments are of no concern.
pub fn asked(project: &Project, traces: &[&Trace]) -> Vec<String> {
    let workspace = project.files.workspace();
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in traces.iter().flat_map(|trace| crate::files::missed(trace)) {
        let why = workspace.notes().hidden(path).filter(|why| *why != Hidden::Generated);
        if let Some(why) = why
            && workspace.is_on_disk(path)
        {
            found.entry(why.describe()).or_default().insert(path);
        }
    }
    found.into_iter().map(|(why, paths)| sentence(why, &paths)).collect()
}

/// Why no test was found, as far as can be told.
pub fn no_tests(project: &Project) -> String {
    let mut said = "no test was found".to_owned();
    if let Some((count, path, why)) = project.files.workspace().notes().hidden_by_rules() {
        let all = if count == 1 { "1 path is".to_owned() } else { format!("{count} paths are") };
        said.push_str(&format!("; {all} kept from the sandbox, such as {}: {}", path.escape_debug(), why.describe()));
    }
    said
}

fn sentence(why: &str, paths: &BTreeSet<&str>) -> String {
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| path.escape_debug().to_string()).collect();
    let more = match paths.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("the tests looked for {}{more}, which the sandbox does not have: {why}", named.join(", "))
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
    fn a_few_files_are_named_and_the_rest_counted() {
        let all: Vec<String> = (0..5).map(|n| format!("data/{n}.bin")).collect();
        let of = |count: usize| sentence("hidden", &all.iter().take(count).map(String::as_str).collect());
        assert_eq!(of(1), "the tests looked for data/0.bin, which the sandbox does not have: hidden");
        assert!(of(5).contains("data/0.bin, data/1.bin, data/2.bin and 2 more, which"), "{}", of(5));
    }

    #[test]
    fn words_that_may_be_paths_are_found_in_messages() {
        let message = "FileNotFoundError: [Errno 44] No such file: '/workspace/data/a b.json' (data/x.csv).";
        let words: Vec<&str> = paths(message).collect();
        assert!(words.contains(&"/workspace/data/a") && words.contains(&"data/x.csv"), "{words:?}");
    }
}
