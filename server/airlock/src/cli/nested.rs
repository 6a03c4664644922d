//! Projects below the folder that was taken as one: what to name instead, and how to run their tests from where the user is.

use std::path::Path;

use super::again;
use crate::failure::Failure;
use crate::workbench::Project;

/// Files that say: here is a project.
const MARKS: [&str; 6] = ["pyproject.toml", "pytest.ini", ".pytest.ini", "setup.py", "setup.cfg", "tox.ini"];

/// Most of them that are named.
const NAMED: usize = 5;

/// What to do where nothing marks the root and folders below it are projects of their own.
pub fn hint(project: &Project) -> Option<String> {
    if project.found.inifile.is_some() {
        return None;
    }
    let root = project.guest_root();
    let prefix = root.strip_prefix(crate::files::WORKSPACE)?.trim_start_matches('/');
    let inside = |path: &str| {
        let rest = if prefix.is_empty() { path } else { path.strip_prefix(prefix)?.strip_prefix('/')? };
        Some(rest.to_owned())
    };
    let entries = project.files.workspace().entries();
    sentence(&folders(entries.keys().filter_map(|path| inside(path.as_str()))), &project.found.root)
}

/// The uppermost folders with a mark in them; none where the root itself has one.
fn folders(paths: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for path in paths {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if MARKS.contains(&name) {
            found.push(folder.to_owned());
        }
    }
    found.sort_unstable();
    found.dedup();
    if found.first().is_some_and(String::is_empty) {
        return Vec::new();
    }
    let all = found.clone();
    found.retain(|folder| !all.iter().any(|other| folder.starts_with(&format!("{other}/"))));
    found
}

fn sentence(folders: &[String], root: &Path) -> Option<String> {
    let first = folders.first()?;
    let named = folders.iter().take(NAMED).map(|folder| again::quoted(folder)).collect::<Vec<_>>().join(", ");
    let more = if folders.len() > NAMED { format!(" and {} more", folders.len() - NAMED) } else { String::new() };
    let first = root.join(first);
    Some(format!(
        "folders here are projects of their own ({named}{more}); name one: {} check {}",
        again::program(),
        again::quoted(&first.to_string_lossy())
    ))
}

/// A failure to collect, with the hint where there is one.
pub fn hinted(project: &Project, failure: Failure) -> Failure {
    match hint(project) {
        Some(hint) if failure.code == airlock_core::status::ErrorCode::CollectionFailed => failure.hint(hint),
        _ => failure,
    }
}

/// How to name a test from here where ids are relative to another folder.
pub fn ids(project: &Project, cwd: &Path) -> Option<String> {
    let root = &project.found.root;
    let cwd = cwd.canonicalize().ok()?;
    if *root == cwd {
        return None;
    }
    let shown = again::quoted(&root.strip_prefix(&cwd).unwrap_or(root).to_string_lossy());
    Some(format!("test ids are relative to {shown}; from here: {} check --root {shown} TEST-ID", again::program()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Vec<String> {
        folders(paths.iter().map(|path| (*path).to_owned()))
    }

    #[test]
    fn the_uppermost_projects_are_found_unless_the_root_is_one() {
        let paths = ["b/setup.py", "a/pyproject.toml", "a/x/pytest.ini", "a-b/tox.ini", "c/test_c.py"];
        assert_eq!(of(&paths), ["a", "a-b", "b"]);
        assert_eq!(of(&["pyproject.toml", "a/pyproject.toml"]), Vec::<String>::new());
        assert_eq!(sentence(&[], Path::new("/r")), None);
        let many: Vec<String> = (0..7).map(|n| format!("p{n}")).collect();
        let said = sentence(&many, Path::new("/r")).expect("there are some");
        assert!(said.contains("(p0, p1, p2, p3, p4 and 2 more)") && said.ends_with("check /r/p0"), "{said}");
    }
}
