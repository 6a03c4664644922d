//! Where poetry and pipenv keep environments, by the rules in their own sources.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::de::DeTable;

use super::Query;
use crate::config::{Variables, file};

/// Most folders of one manager that are looked at.
const MAX_FOUND: usize = 16;

/// Poetry's environments for the project: `{virtualenvs.path}/{name}-{hash of the folder}-py{version}`
/// (`EnvManager.generate_env_name`), the one it has activated first, then the newest Python.
pub(super) fn poetry(query: &Query<'_>) -> Vec<PathBuf> {
    let Some(folder) = nearest_with(query, "pyproject.toml") else { return Vec::new() };
    let Some(text) = read(&folder.join("pyproject.toml")) else { return Vec::new() };
    let Ok(document) = DeTable::parse(&text) else { return Vec::new() };
    let project = document.get_ref().get("project").and_then(|v| v.get_ref().get("name"));
    let tool = document.get_ref().get("tool").and_then(|v| v.get_ref().get("poetry"));
    let locked = folder.join("poetry.lock").is_file();
    if tool.is_none() && !locked {
        return Vec::new();
    }
    let named = project.or_else(|| tool.and_then(|t| t.get_ref().get("name"))).and_then(|v| v.get_ref().as_str());
    let Some(base) = poetry_name(named.unwrap_or("non-package-mode"), &folder) else { return Vec::new() };
    let Some(envs) = poetry_folder(query.variables, &folder) else { return Vec::new() };
    let prefix = format!("{base}-py");
    let mut found: Vec<(Vec<u32>, PathBuf)> = children(&envs)
        .filter_map(|name| {
            let version = name.to_str()?.strip_prefix(&prefix)?.to_owned();
            Some((numbers(&version), envs.join(name)))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    let mut found: Vec<PathBuf> = found.into_iter().map(|(_, path)| path).collect();
    if let Some(minor) = poetry_active(&envs, &base) {
        let active = envs.join(format!("{prefix}{minor}"));
        found.retain(|p| *p != active);
        found.insert(0, active);
    }
    found.truncate(MAX_FOUND);
    found
}

fn poetry_name(name: &str, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let normal =
        if cfg!(windows) { folder.to_str()?.to_lowercase().replace('/', "\\") } else { folder.to_str()?.to_owned() };
    Some(format!("{}-{}", sanitised(&canonical_name(name), " $`!*@\"\\\r\n\t"), short_hash(&normal)))
}

/// A distribution's name as packaging normalises it, which poetry does first.
fn canonical_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// `virtualenvs.path`: a variable, the project's `poetry.toml`, the user's `config.toml`, else below the cache folder.
fn poetry_folder(variables: &Variables<'_>, folder: &Path) -> Option<PathBuf> {
    if let Some(path) = variables.absolute("POETRY_VIRTUALENVS_PATH") {
        return Some(path);
    }
    let user = variables.absolute("POETRY_CONFIG_DIR").or_else(|| Some(variables.config_home()?.join("pypoetry")))?;
    let mut cache = variables.absolute("POETRY_CACHE_DIR");
    for file in [folder.join("poetry.toml"), user.join("config.toml")] {
        let Some(text) = read(&file) else { continue };
        let Ok(document) = DeTable::parse(&text) else { continue };
        let path = document.get_ref().get("virtualenvs").and_then(|v| v.get_ref().get("path"));
        if let Some(path) = path.and_then(|v| v.get_ref().as_str()) {
            // The only placeholder poetry's own default uses.
            match path.strip_prefix("{cache-dir}") {
                None => return Some(PathBuf::from(path)).filter(|p| p.is_absolute()),
                Some(rest) => return Some(poetry_cache(variables, cache)?.join(rest.trim_start_matches(['/', '\\']))),
            }
        }
        if let Some(dir) = document.get_ref().get("cache-dir").and_then(|v| v.get_ref().as_str()) {
            cache = cache.or(Some(PathBuf::from(dir)).filter(|p| p.is_absolute()));
        }
    }
    Some(poetry_cache(variables, cache)?.join("virtualenvs"))
}

fn poetry_cache(variables: &Variables<'_>, given: Option<PathBuf>) -> Option<PathBuf> {
    given.or_else(|| {
        let folder = variables.cache_home()?.join("pypoetry");
        Some(if cfg!(windows) { folder.join("Cache") } else { folder })
    })
}

/// The Python version `poetry env use` chose, from `envs.toml`.
fn poetry_active(envs: &Path, base: &str) -> Option<String> {
    let text = read(&envs.join("envs.toml"))?;
    let document = DeTable::parse(&text).ok()?;
    let minor = document.get_ref().get(base)?.get_ref().get("minor")?.get_ref().as_str()?.to_owned();
    minor.chars().all(|c| c.is_ascii_digit() || c == '.').then_some(minor)
}

/// Pipenv's environments for the project: `{WORKON_HOME}/{folder}-{hash of the Pipfile's path}`
/// (`Project.virtualenv_name`), also with the Python it was told to use at the end.
pub(super) fn pipenv(query: &Query<'_>) -> Vec<PathBuf> {
    let Some(folder) = nearest_with(query, "Pipfile") else { return Vec::new() };
    let Some(home) = workon_home(query.variables) else { return Vec::new() };
    if let Some(name) = query.variables.get("PIPENV_CUSTOM_VENV_NAME").and_then(|n| n.into_string().ok()) {
        return plain_name(&name).map(|name| home.join(name)).into_iter().collect();
    }
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let (Some(name), Some(file)) =
        (folder.file_name().and_then(|n| n.to_str()), folder.join("Pipfile").to_str().map(str::to_owned))
    else {
        return Vec::new();
    };
    let base = format!("{}-{}", sanitised(name, " &$`!*@\"()[]\\\r\n\t"), short_hash(&file));
    let with_python = format!("{base}-");
    let mut found: Vec<PathBuf> = children(&home)
        .filter(|name| name.to_str().is_some_and(|n| n == base || n.starts_with(&with_python)))
        .map(|name| home.join(name))
        .collect();
    found.sort();
    found.truncate(MAX_FOUND);
    if found.is_empty() {
        // Named, so that the user sees where it was expected.
        found.push(home.join(base));
    }
    found
}

/// What a `.venv` file points at: a path, or the name of an environment below `WORKON_HOME`.
pub(super) fn pointed(variables: &Variables<'_>, folder: &Path, text: &str) -> Option<PathBuf> {
    if text.contains(['/', '\\']) {
        return Some(folder.join(text));
    }
    Some(workon_home(variables)?.join(plain_name(text)?))
}

fn workon_home(variables: &Variables<'_>) -> Option<PathBuf> {
    variables.absolute("WORKON_HOME").or_else(|| {
        let home = variables.home()?;
        if cfg!(windows) {
            return Some(home.join(".virtualenvs"));
        }
        let data = variables.absolute("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
        Some(data.join("virtualenvs"))
    })
}

fn plain_name(name: &str) -> Option<&str> {
    (!matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])).then_some(name)
}

/// The nearest folder from the root up to the repository that holds a file.
fn nearest_with(query: &Query<'_>, name: &str) -> Option<PathBuf> {
    query
        .root
        .ancestors()
        .take_while(|f| f.starts_with(query.repository))
        .find(|f| f.join(name).is_file())
        .map(Path::to_owned)
}

fn read(path: &Path) -> Option<String> {
    file::read_text(path).ok().flatten()
}

fn children(folder: &Path) -> impl Iterator<Item = OsString> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().take(10_000).map(|e| e.file_name())
}

/// Both tools replace what a shell would trip over and keep the name short for the kernel's `#!` limit.
fn sanitised(name: &str, bad: &str) -> String {
    name.chars().map(|c| if bad.contains(c) { '_' } else { c }).take(42).collect()
}

/// The first eight characters of the URL-safe base64 of a SHA-256: its first six bytes.
fn short_hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hash = Sha256::digest(text.as_bytes());
    hash[..6]
        .chunks(3)
        .flat_map(|c| {
            let bits = u32::from(c[0]) << 16 | u32::from(c[1]) << 8 | u32::from(c[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
        })
        .collect()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_tools() {
        // base64.urlsafe_b64encode(hashlib.sha256(b"/home/user/project/Pipfile").digest()[:6])
        assert_eq!(short_hash("/home/user/project/Pipfile"), "IFIIX7d8");
        assert_eq!(canonical_name("My.Great__Package"), "my-great-package");
        assert_eq!(sanitised("a b$c", " $"), "a_b_c");
        assert_eq!(sanitised(&"x".repeat(60), ""), "x".repeat(42));
        assert!(numbers("3.11") > numbers("3.9"));
    }
}
