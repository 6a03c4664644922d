//! Which files configure pytest, as pytest's own `findpaths.locate_config` sees it (pytest 9).

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::config::file::MAX_BYTES;

/// The files looked for in one folder, in pytest's order of precedence.
const NAMES: &[&str] =
    &["pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"];

/// Looks for configuration in `folders`, nearest first. A `pyproject.toml` without a table for pytest counts only where
/// nothing else is found.
pub fn locate<'a>(folders: impl Iterator<Item = &'a Path>) -> Option<PathBuf> {
    let mut bare = None;
    for folder in folders {
        for name in NAMES {
            let file = folder.join(name);
            if !file.is_file() {
                continue;
            }
            if configures(&file, name) {
                return Some(file);
            }
            if *name == "pyproject.toml" && bare.is_none() {
                bare = Some(file);
            }
        }
    }
    bare
}

/// Whether a file holds configuration for pytest. A file that cannot be read or parsed holds none; pytest itself then
/// says what is wrong with it.
fn configures(file: &Path, name: &str) -> bool {
    match name {
        // These exist for pytest alone and count even when empty.
        "pytest.toml" | ".pytest.toml" | "pytest.ini" | ".pytest.ini" => true,
        "pyproject.toml" => read(file).is_some_and(|text| pyproject_configures(&text)),
        "tox.ini" => read(file).is_some_and(|text| has_section(&text, "pytest")),
        _ => read(file).is_some_and(|text| has_section(&text, "tool:pytest")),
    }
}

fn read(file: &Path) -> Option<String> {
    let meta = std::fs::metadata(file).ok()?;
    if meta.len() > MAX_BYTES {
        return None;
    }
    String::from_utf8(std::fs::read(file).ok()?).ok()
}

fn pyproject_configures(text: &str) -> bool {
    let Ok(document) = DeTable::parse(text) else { return false };
    let pytest = document.get_ref().get("tool").and_then(|tool| tool.get_ref().get("pytest"));
    // Since pytest 9 `[tool.pytest]` itself may hold the options; an empty one holds none.
    pytest.and_then(|p| p.get_ref().as_table()).is_some_and(|table| !table.is_empty())
}

/// Whether an INI file has this section. A header starts in the first column.
fn has_section(text: &str, name: &str) -> bool {
    text.lines()
        .any(|line| line.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(n, _)| n == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_pytest_counts_it() {
        let cases = [
            ("pytest.ini", "", true),
            (".pytest.toml", "", true),
            ("pyproject.toml", "[tool.pytest.ini_options]\n", true),
            ("pyproject.toml", "[tool.pytest]\naddopts = ['-q']\n", true),
            ("pyproject.toml", "[tool.pytest]\n", false),
            ("pyproject.toml", "[project]\nname = 'x'\n", false),
            ("pyproject.toml", "not toml [", false),
            ("tox.ini", "[tox]\n[pytest]\n", true),
            ("tox.ini", "[tox]\n  [pytest]\n[tool:pytest]\n", false),
            ("setup.cfg", "[metadata]\n[tool:pytest]\n", true),
            ("setup.cfg", "[pytest]\n", false),
        ];
        for (name, text, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
            assert_eq!(configures(&dir.path().join(name), name), expected, "{name}: {text:?}");
        }
    }

    #[test]
    fn the_first_in_order_wins_and_a_bare_pyproject_comes_last() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("pyproject.toml"), "").unwrap();
        let folders = || [inner.as_path(), dir.path()].into_iter();
        assert_eq!(locate(folders()), Some(inner.join("pyproject.toml")));
        std::fs::write(dir.path().join("setup.cfg"), "[tool:pytest]").unwrap();
        assert_eq!(locate(folders()), Some(dir.path().join("setup.cfg")));
        std::fs::write(dir.path().join("tox.ini"), "[pytest]").unwrap();
        assert_eq!(locate(folders()), Some(dir.path().join("tox.ini")));
    }
}
