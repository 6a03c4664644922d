//! Folders that may be the environment, best first.

use std::path::{Path, PathBuf};

use super::{Query, Via, managers};

/// A folder to look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub path: PathBuf,
    pub via: Via,
}

/// Every candidate in the order of the module's description.
pub(super) fn all(query: &Query<'_>) -> Vec<Candidate> {
    let mut all = Vec::new();
    let mut add = |path: PathBuf, via: Via| {
        if !all.iter().any(|c: &Candidate| c.path == path) {
            all.push(Candidate { path, via });
        }
    };
    if let Some(path) = query.configured {
        add(path.to_owned(), Via::Configured);
        // Someone who names an environment does not want another.
        return all;
    }
    if let Some(path) = query.variables.absolute("VIRTUAL_ENV") {
        add(path, Via::VirtualEnvVariable);
    }
    let conda = query.variables.absolute("CONDA_PREFIX");
    let base = query.variables.get("CONDA_DEFAULT_ENV").is_some_and(|name| name == "base");
    if let Some(path) = conda.clone().filter(|_| !base) {
        add(path, Via::CondaVariable);
    }
    for folder in query.root.ancestors().take_while(|f| f.starts_with(query.repository)) {
        for name in [".venv", "venv"] {
            let path = folder.join(name);
            // Pipenv and others write the environment's name or path into a file of that name.
            match pointer(&path) {
                Some(text) => {
                    managers::pointed(query.variables, folder, &text).into_iter().for_each(|p| add(p, Via::Pipenv))
                }
                None => add(path, Via::ProjectFolder),
            }
        }
    }
    managers::poetry(query).into_iter().for_each(|p| add(p, Via::Poetry));
    managers::pipenv(query).into_iter().for_each(|p| add(p, Via::Pipenv));
    if let Some(path) = conda.filter(|_| base) {
        add(path, Via::CondaVariable);
    }
    all
}

/// The text of a small regular file.
fn pointer(path: &Path) -> Option<String> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_file() || meta.len() > 4096 {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty() && !line.contains(['\n', '\0'])).then(|| line.to_owned())
}
