//! Filling in fingerprints: which function a failure's place lies in, and whether that is a test.

use std::collections::{BTreeMap, BTreeSet};

use airlock_core::fingerprint::{Failure, fingerprint};
use airlock_core::material::{self, Collected};
use airlock_core::path::WorkspacePath;
use airlock_core::report::{Location, SuiteReport};
use airlock_core::snapshot::Snapshot;
use airlock_repair::source::Source;
use airlock_sandbox::guest::event;

use crate::files::WORKSPACE;
use crate::workbench::Project;

/// Gives every failure of a report its fingerprint.
pub fn fill(report: &mut SuiteReport, project: &Project, collected: &event::Collected) {
    let files = files_of(project, collected);
    let base = Snapshot::empty();
    let root = project.from_root(".");
    let tests = material::Project {
        base: &base,
        root: root.as_ref(),
        collected: &files,
        testpaths: &[],
        own_packages: &[],
        import_roots: &[],
        python_files: &collected.python_files,
    };
    let mut sources: BTreeMap<WorkspacePath, Option<Source>> = BTreeMap::new();
    for test in report.tests.iter_mut().filter(|test| test.outcome.is_failure()) {
        // An absolute path lies in the environment or the interpreter.
        let inside = test.location.as_ref().filter(|place| !place.path.starts_with('/'));
        let path = inside.and_then(|place| project.from_root(&place.path));
        let function = path.as_ref().zip(test.location.as_ref()).and_then(|(path, place)| {
            let source = sources.entry(path.clone()).or_insert_with(|| {
                let bytes = project.files.workspace_file(path).ok()?;
                Source::parse(path.as_str(), &bytes).ok()
            });
            function_at(source.as_ref()?, place)
        });
        test.fingerprint = Some(fingerprint(&Failure {
            exception: test.exception.as_deref(),
            message: test.message.as_deref(),
            location: test.location.as_ref(),
            function: function.as_deref(),
            in_test: path.is_some_and(|path| tests.is_material(&path)),
        }));
    }
}

/// Files with tests, files with doctests alone, plugins and configuration, as paths of the workspace.
pub fn files_of(project: &Project, collected: &event::Collected) -> Collected {
    let paths = |doctest: bool| -> BTreeSet<WorkspacePath> {
        let items = collected.items.iter().filter(|item| item.doctest == doctest);
        items.filter_map(|item| project.from_root(&item.path)).collect()
    };
    let mut tests = paths(false);
    let failed = collected.errors.iter().filter_map(|error| error.id.split("::").next());
    tests.extend(failed.filter_map(|path| project.from_root(path)).filter(|path| path.extension() == Some("py")));
    let doctests = paths(true).difference(&tests).cloned().collect();
    let inside = |path: &String| match path.strip_prefix(WORKSPACE) {
        Some(path) => path.trim_start_matches('/').parse().ok(),
        None if path.starts_with('/') => None,
        None => project.from_root(path),
    };
    let plugins = collected.plugin_files.iter().filter_map(inside).collect();
    Collected { tests, doctests, plugins, configuration: collected.inifile.as_ref().and_then(inside) }
}

fn function_at(source: &Source, place: &Location) -> Option<String> {
    let statement = &source.statements()[source.statement_at(place.line)?];
    let name = &source.scopes()[statement.scope].qualname;
    (!name.is_empty()).then(|| name.clone())
}
