//! New files that the runner or the interpreter would load by itself, and modules that would stand before theirs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::path::{WorkspacePath, fold_name};
use crate::snapshot::Snapshot;
use crate::tables::Format;

static STANDARD: LazyLock<BTreeSet<&str>> = LazyLock::new(|| rows(include_str!("../../data/modules_stdlib.txt")));
static RUNNER: LazyLock<BTreeSet<&str>> = LazyLock::new(|| rows(include_str!("../../data/modules_runner.txt")));

fn rows(data: &'static str) -> BTreeSet<&'static str> {
    data.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#')).collect()
}

/// How a file configures the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Configuration {
    /// The file is the runner's alone.
    Own,
    /// Some of its tables are the runner's.
    Shared(Format),
}

/// Whether pytest reads its configuration from a file of this name.
pub(super) fn configuration(path: &WorkspacePath) -> Option<Configuration> {
    match fold_name(path.file_name()).as_str() {
        "pytest.ini" | ".pytest.ini" | "pytest.toml" | ".pytest.toml" => Some(Configuration::Own),
        "pyproject.toml" => Some(Configuration::Shared(Format::Toml)),
        "tox.ini" | "setup.cfg" => Some(Configuration::Shared(Format::Ini)),
        _ => None,
    }
}

/// Whether the runner or the interpreter loads a file of this name by itself, wherever it lies.
pub(super) fn loads_by_itself(path: &WorkspacePath) -> bool {
    let components = path.folded_components();
    let Some((name, folders)) = components.split_last() else { return false };
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    if stem == "conftest" && is_module_extension(extension) {
        return true;
    }
    if matches!(stem, "sitecustomize" | "usercustomize") && is_module_extension(extension) {
        return true;
    }
    let installed = |folder: &String| folder.ends_with(".dist-info") || folder.ends_with(".egg-info");
    matches!(stem, "sitecustomize" | "usercustomize") && extension.is_empty()
        || folders.iter().any(|folder| matches!(folder.as_str(), "sitecustomize" | "usercustomize" | "conftest"))
        || folders.iter().any(|folder| matches!(folder.as_str(), "__pycache__" | ".pytest_cache" | ".hypothesis"))
        || folders.iter().any(installed)
        || name.ends_with(".egg-info")
        || [".pth", ".pyc", ".pyo", ".egg-link"].iter().any(|end| name.ends_with(end))
}

/// The name of the module that a file is, imported from `folder` (empty for the workspace's root): `None` where it is none.
fn module<'a>(folder: &str, path: &'a WorkspacePath) -> Option<&'a str> {
    let rest = match folder {
        "" => path.as_str(),
        folder => path.as_str().strip_prefix(folder)?.strip_prefix('/')?,
    };
    let (name, extension) = match rest.split_once('/') {
        // Only its `__init__` makes a folder stand before a module further back.
        Some((name, file)) => {
            let extension = file.strip_prefix("__init__.")?;
            (name, extension)
        }
        None => rest.split_once('.')?,
    };
    is_module_extension(extension).then_some(name)
}

/// `py`, `pyc`, `so`, `cpython-311-x86_64-linux-gnu.so`, `pyd`.
fn is_module_extension(extension: &str) -> bool {
    let last = extension.rsplit('.').next().unwrap_or(extension);
    matches!(fold_name(last).as_str(), "py" | "pyc" | "pyo" | "so" | "pyd" | "pyw")
}

/// The module of the runner or the interpreter that a new file would stand before, imported from one of `roots`. A module
/// that the base has there already stands before it already.
pub(super) fn shadows<'a>(path: &'a WorkspacePath, base: &Snapshot, roots: &BTreeSet<String>) -> Option<&'a str> {
    let found = roots.iter().filter_map(|root| Some((root, module(root, path)?)));
    let mut known = found.filter(|(_, name)| {
        let folded = fold_name(name);
        STANDARD.contains(name) || RUNNER.contains(name) || STANDARD.contains(&*folded) || RUNNER.contains(&*folded)
    });
    known.find(|(root, name)| !base.iter().any(|(there, _)| module(root, there) == Some(*name))).map(|(_, name)| name)
}

/// Whether a new file is a module that is there already under the same name: beside it (`helpers/__init__.py` and
/// `helpers.py`) or in another importable folder. Which of the two is imported then hangs on the order of `sys.path`, which
/// tests change. `stays` says whether the proposal leaves a file.
pub(super) fn doubles(
    path: &WorkspacePath,
    base: &Snapshot,
    roots: &BTreeSet<String>,
    stays: &dyn Fn(&WorkspacePath) -> bool,
) -> bool {
    let names: BTreeSet<&str> = roots.iter().filter_map(|root| module(root, path)).collect();
    // Folders that are packages of tests are called alike everywhere.
    let names: BTreeSet<&str> =
        names.into_iter().filter(|name| !matches!(*name, "test" | "tests" | "__init__")).collect();
    !names.is_empty()
        && base.iter().any(|(there, _)| {
            there != path
                && stays(there)
                && roots.iter().any(|root| module(root, there).is_some_and(|n| names.contains(n)))
        })
}

/// The folder from which pytest imports a test file (`rootdir/conftest` and the default import mode `prepend`): the first
/// one upwards that is no package.
pub(super) fn import_folder(path: &WorkspacePath, base: &Snapshot) -> String {
    let mut folder = path.parent();
    while let Some(package) = &folder {
        let is_package = package.join("__init__.py").is_ok_and(|init| base.contains(&init));
        if !is_package {
            break;
        }
        folder = package.parent();
    }
    folder.map(|folder| folder.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    #[test]
    fn the_lists_hold_what_matters() {
        for name in [
            "os",
            "sys",
            "json",
            "unittest",
            "typing",
            "annotationlib",
            "distutils",
            "_collections_abc",
            "tomllib",
            "encodings",
        ] {
            assert!(STANDARD.contains(name), "{name}");
        }
        for name in ["pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "airlock_harness"] {
            assert!(RUNNER.contains(name), "{name}");
        }
        assert!(STANDARD.len() > 300 && STANDARD.iter().chain(&*RUNNER).all(|name| !name.contains(['.', '/', ' '])));
    }

    #[test]
    fn what_is_loaded_by_itself() {
        for name in [
            "conftest.py",
            "a/b/conftest.py",
            "CONFTEST.PY",
            "conftest/__init__.py",
            "sitecustomize.py",
            "src/usercustomize.py",
            "sitecustomize/__init__.py",
            "a.pth",
            "src/__editable__.x.pth",
            "x.egg-link",
            "src/x.egg-info/entry_points.txt",
            "x-1.0.dist-info/METADATA",
            "x.egg-info",
            "src/__pycache__/a.cpython-315.pyc",
            "a.pyc",
            ".pytest_cache/v/cache/lastfailed",
        ] {
            assert!(loads_by_itself(&path(name)), "{name}");
        }
        for name in ["conftest.txt", "my_conftest.py", "a.py", "pth", "info/x.py"] {
            assert!(!loads_by_itself(&path(name)), "{name}");
        }
    }
}
