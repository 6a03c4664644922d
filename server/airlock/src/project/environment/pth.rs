//! What `.pth` and `.egg-link` files add to the path (the `site` module's rules), without running their `import` lines.

use std::path::{Path, PathBuf};

use super::finder;
use crate::config::file;

/// Most files read, most lines of each, most notes made.
const MAX_FILES: usize = 1_000;
const MAX_LINES: usize = 10_000;
const MAX_NOTES: usize = 20;

/// `import` lines that nothing here needs: they patch distutils or virtualenv itself, start coverage in subprocesses, or
/// make namespace packages the way Python 2 needed it.
const HARMLESS: &[&str] =
    &["distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth", "pytest-cov.pth", "sitecustomize.pth"];

/// What one folder adds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    /// Absolute host paths in the order of `sys.path`.
    pub paths: Vec<PathBuf>,
    /// Modules with their host paths.
    pub modules: Vec<(String, PathBuf)>,
    pub notes: Vec<String>,
}

impl Added {
    fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        }
    }

    fn path(&mut self, path: PathBuf) {
        if path.exists() && !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }
}

/// Reads every such file directly in a folder of packages, sorted by name as `site` does.
pub(super) fn read(folder: &Path) -> Added {
    let mut added = Added::default();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| (n.ends_with(".pth") && !n.starts_with('.')) || n.ends_with(".egg-link"))
        .collect();
    names.sort();
    if names.len() > MAX_FILES {
        names.truncate(MAX_FILES);
        added.note(format!("{}: only the first {MAX_FILES} .pth files are read", folder.display()));
    }
    for name in names {
        let text = match file::read_text(&folder.join(&name)) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(e) => {
                added.note(e.to_string());
                continue;
            }
        };
        if name.ends_with(".egg-link") {
            // The first line is the folder with the metadata, the second the way from there to the project.
            if let Some(line) = text.lines().next().filter(|l| !l.trim().is_empty()) {
                added.path(folder.join(line.trim()));
            }
            continue;
        }
        let mut code = false;
        for line in text.lines().take(MAX_LINES) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with("import ") || line.starts_with("import\t") {
                code |= !import_line(&mut added, folder, line);
            } else {
                added.path(folder.join(line.trim_end()));
            }
        }
        if code && !HARMLESS.contains(&name.as_str()) && !name.ends_with("-nspkg.pth") {
            added.note(format!(
                "{name} runs code when Python starts, which is not done here: what it sets up is missing"
            ));
        }
    }
    added
}

/// Takes what setuptools' finder would give; false where the line is something else.
fn import_line(added: &mut Added, folder: &Path, line: &str) -> bool {
    let module = line["import".len()..].trim().split([';', ' ', ',']).next().unwrap_or_default();
    let ours = module.starts_with("__editable__") && module.ends_with("_finder");
    if !ours || !module.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return false;
    }
    let Some(mapping) =
        file::read_text(&folder.join(format!("{module}.py"))).ok().flatten().and_then(|t| finder::mapping(&t))
    else {
        return false;
    };
    for (name, paths) in mapping {
        for path in paths.into_iter().map(PathBuf::from).filter(|p| p.is_absolute()) {
            // A module's path has no ending.
            if path.exists() || path.with_extension("py").exists() {
                added.modules.push((name.clone(), path));
            } else {
                added.note(format!("{}: the editable install of {name} is no longer there", path.display()));
            }
        }
    }
    true
}
