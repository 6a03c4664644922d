//! Test ids as the user writes them, and what to say where there is no such test.

use std::collections::HashSet;
use std::sync::Arc;

use airlock_core::status::ErrorCode;
use airlock_core::text::one_line;
use airlock_sandbox::guest::event::Collected;
use airlock_sandbox::suite::{Ready, Suite, SuiteError};

use super::context::Context;
use super::nested;
use crate::failure::Failure;
use crate::workbench::{Bench, Project};

/// The longest id shown in a message, in characters.
const SHOWN: usize = 200;

/// The tests that ids name, in the order they were collected. An id may be a file's, a class's or that of a test without
/// its parameters: then it names all of them. A file that could not be collected is named by its tests too.
///
/// # Errors
/// `test_not_found`, with the nearest id there is.
pub fn resolve(named: &[String], collected: &Collected) -> Result<Vec<String>, Failure> {
    let mut found: HashSet<&str> = HashSet::new();
    for name in named {
        let name = name.trim_start_matches("./");
        let items = collected.items.iter().map(|item| item.id.as_str()).filter(|id| is_in(id, name));
        let errors = collected.errors.iter().map(|error| error.id.as_str());
        let before = found.len();
        let mut any = false;
        for id in items.chain(errors.filter(|id| is_in(id, name) || is_in(name, id))) {
            found.insert(id);
            any = true;
        }
        if !any && found.len() == before {
            return Err(missing(name, collected));
        }
    }
    let all = collected.items.iter().map(|item| &item.id).chain(collected.errors.iter().map(|error| &error.id));
    let mut seen = HashSet::new();
    Ok(all.filter(|id| found.contains(id.as_str()) && seen.insert(id.as_str())).cloned().collect())
}

/// Whether `id` is `whole` or lies in it.
fn is_in(id: &str, whole: &str) -> bool {
    id.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with(['[', '/']))
}

/// The error for an id that names nothing.
pub fn missing(name: &str, collected: &Collected) -> Failure {
    let failure = Failure::error(ErrorCode::TestNotFound, format!("there is no test {}", one_line(name, SHOWN)));
    match nearest(name, collected) {
        Some(near) => failure.hint(format!("the nearest is {}", one_line(near, SHOWN))),
        None => failure.hint("`airlock check --json` lists every test with its id"),
    }
}

/// The collected id most like `name`: by the whole, and where files differ by the test's own name.
fn nearest<'a>(name: &str, collected: &'a Collected) -> Option<&'a str> {
    let last = |id: &str| id.rsplit("::").next().unwrap_or(id).to_owned();
    let own = last(name);
    let score = |id: &str| {
        let whole = strsim::normalized_damerau_levenshtein(name, id);
        whole.max(0.9 * strsim::normalized_damerau_levenshtein(&own, &last(id)))
    };
    // Distances cost the product of both lengths; ids longer than these are made by parameters.
    let short = collected.items.iter().map(|item| item.id.as_str()).filter(|id| id.len() <= 512);
    short
        .map(|id| (score(id), id))
        .filter(|(score, _)| *score >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, id)| id)
}

/// Collects a project. Where that fails because an id names nothing, the error says so.
///
/// # Errors
/// [`Failure`] where it cannot be collected.
pub fn collect(context: &Context, bench: &Bench, project: &Project, suite: &Suite<'_>) -> Result<Ready, Failure> {
    context.collect(suite).map_err(|error| failed(context, bench, project, error))
}

/// Why a project could not be collected.
pub fn failed(context: &Context, bench: &Bench, project: &Project, error: SuiteError) -> Failure {
    let missing = not_found(&error, project, |files| {
        let suite = bench.suite(project, files, &context.cancelled)?;
        Ok(context.collect(&suite)?.collected)
    });
    missing.unwrap_or_else(|| nested::hinted(project, context.told(error)))
}

/// Where pytest found no test of an id among the arguments: the error that names the nearest, from a collection of the
/// ids' files by `collect`.
fn not_found(
    error: &SuiteError,
    project: &Project,
    collect: impl FnOnce(Vec<String>) -> Result<Arc<Collected>, Failure>,
) -> Option<Failure> {
    let SuiteError::Project { message, place: None } = error else { return None };
    let args = project.found.pytest_args();
    // pytest names absolute paths, each at the end of its line.
    let absolute = |arg: &str| format!("{}/{arg}", project.guest_root());
    let named = |arg: &&String| message.lines().any(|line| line.trim_end().ends_with(&absolute(arg)));
    let ids: Vec<&String> = args.iter().filter(|arg| arg.contains("::")).collect();
    if ids.is_empty() {
        return None;
    }
    let mut files: Vec<String> = args.iter().filter_map(|arg| arg.split("::").next()).map(str::to_owned).collect();
    files.retain(|file| !file.is_empty());
    files.dedup();
    match collect(files) {
        Ok(collected) => {
            let lost = ids.iter().find(|id| !names_any(id, &collected)).or_else(|| ids.iter().find(|id| named(id)))?;
            Some(missing(lost, &collected))
        }
        // Without the collection there is still the id to tell.
        Err(_) => Some(missing(ids.iter().find(|id| named(id))?, &Collected::default())),
    }
}

fn names_any(name: &str, collected: &Collected) -> bool {
    collected.items.iter().any(|item| is_in(&item.id, name))
        || collected.errors.iter().any(|error| is_in(&error.id, name) || is_in(name, &error.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlock_sandbox::guest::event::{CollectionError, Item};

    fn collected() -> Collected {
        let ids = [
            "tests/test_a.py::test_one",
            "tests/test_a.py::test_many[1]",
            "tests/test_a.py::test_many[2]",
            "tests/test_b.py::TestB::test_it",
        ];
        let item = |id: &str| Item {
            id: id.into(),
            path: id.split("::").next().unwrap_or(id).into(),
            line: None,
            doctest: false,
        };
        let error = CollectionError {
            id: "tests/test_c.py".into(),
            message: "SyntaxError".into(),
            location: None,
            reason: None,
            exception: None,
            placeholder: None,
        };
        Collected { items: ids.iter().map(|id| item(id)).collect(), errors: vec![error], ..Collected::default() }
    }

    #[test]
    fn a_name_that_is_broken_off_names_nothing() {
        for (name, known) in [
            ("tests/test_a.py::test_many[1]", true),
            ("tests/test_a.py::test_many", true),
            ("tests/test_c.py::test_lost", true),
            ("tests/test_a.py::test_many[1", false),
            ("::x", false),
        ] {
            assert_eq!(names_any(name, &collected()), known, "{name}");
        }
    }

    fn names(named: &[&str]) -> Result<Vec<String>, String> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        resolve(&named, &collected()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_id_names_a_test_or_all_in_a_whole() {
        assert_eq!(names(&["tests/test_a.py::test_one"]).unwrap(), ["tests/test_a.py::test_one"]);
        assert_eq!(names(&["tests/test_a.py::test_many"]).unwrap().len(), 2);
        assert_eq!(names(&["./tests/test_a.py", "tests/test_a.py::test_one"]).unwrap().len(), 3);
        assert_eq!(names(&["tests"]).unwrap().len(), 5);
        assert_eq!(names(&["tests/test_c.py::test_x"]).unwrap(), ["tests/test_c.py"], "its file was not collected");
        assert_eq!(
            names(&["tests/test_b.py", "tests/test_a.py::test_one"]).unwrap(),
            ["tests/test_a.py::test_one", "tests/test_b.py::TestB::test_it"],
            "in order of collection"
        );
    }

    #[test]
    fn the_nearest_id_is_named() {
        let cases = [
            ("tests/test_a.py::test_on", "tests/test_a.py::test_one"),
            ("test_many[2]", "tests/test_a.py::test_many[2]"),
            ("tests/test_b.py::test_it", "tests/test_b.py::TestB::test_it"),
        ];
        for (name, near) in cases {
            assert_eq!(names(&[name]).unwrap_err(), format!("there is no test {name}\nthe nearest is {near}"));
        }
        assert!(names(&["qqqq"]).unwrap_err().contains("--json"));
    }
}
