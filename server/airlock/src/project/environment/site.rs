//! Looking at one folder: is it an environment, of which Python, and where are its packages.

use std::path::{Path, PathBuf};

use super::Kind;
use crate::config::file;

/// An environment on disk.
#[derive(Debug)]
pub(super) struct Site {
    pub kind: Kind,
    /// Links resolved.
    pub path: PathBuf,
    pub python_version: Option<String>,
    /// Links resolved; at least one.
    pub site_packages: Vec<PathBuf>,
    pub notes: Vec<String>,
}

/// Looks at a folder; an error says in a few words why it is no environment.
pub(super) fn examine(path: &Path) -> Result<Site, &'static str> {
    let path = path.canonicalize().map_err(|_| "not there")?;
    if !path.is_dir() {
        return Err("not a folder");
    }
    let marker = path.join("pyvenv.cfg");
    let kind = if marker.is_file() {
        Kind::Virtualenv
    } else if path.join("conda-meta").is_dir() {
        Kind::Conda
    } else {
        return Err("neither pyvenv.cfg nor conda-meta in it");
    };
    let settings = match kind {
        Kind::Virtualenv => read_cfg(&file::read_text(&marker).ok().flatten().unwrap_or_default()),
        Kind::Conda => Cfg::default(),
    };
    let said = settings.version.or_else(|| conda_version(&path));
    let (site_packages, folder_version) = site_packages(&path, said.as_deref());
    if site_packages.is_empty() {
        return Err("no site-packages in it");
    }
    let mut notes = Vec::new();
    if settings.system_packages {
        notes.push("the environment also uses the system's packages, which are not seen here".to_owned());
    }
    Ok(Site { kind, python_version: said.or(folder_version), site_packages, notes, path })
}

#[derive(Default)]
struct Cfg {
    version: Option<String>,
    system_packages: bool,
}

/// `pyvenv.cfg`: `key = value` lines. The venv module writes `version`, virtualenv and uv `version_info`, which may go on
/// with `.final.0`.
fn read_cfg(text: &str) -> Cfg {
    let mut cfg = Cfg::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        match key.as_str() {
            "version" | "version_info" => cfg.version = version(value),
            "include-system-site-packages" => cfg.system_packages = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    cfg
}

/// The leading numbers of a version, up to three.
fn version(text: &str) -> Option<String> {
    let parts: Vec<&str> =
        text.split('.').take(3).take_while(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())).collect();
    (parts.len() >= 2).then(|| parts.join("."))
}

/// conda names a file after each package: `conda-meta/python-3.11.5-h955ad1f_0.json`.
fn conda_version(path: &Path) -> Option<String> {
    std::fs::read_dir(path.join("conda-meta"))
        .ok()?
        .flatten()
        .take(100_000)
        .find_map(|entry| version(entry.file_name().to_str()?.strip_prefix("python-")?.split('-').next()?))
}

/// The folders for packages, and the version in the folder's name. An environment whose Python was upgraded can have
/// several; the one of its present version counts, else the newest.
fn site_packages(path: &Path, said: Option<&str>) -> (Vec<PathBuf>, Option<String>) {
    let windows = path.join("Lib/site-packages");
    if cfg!(windows) && windows.is_dir() {
        return (accept(path, &windows).into_iter().collect(), None);
    }
    let minor = said.map(|v| v.split('.').take(2).collect::<Vec<_>>().join("."));
    let mut best: Option<((bool, Vec<u32>), String)> = None;
    for lib in ["lib", "lib64"] {
        for entry in std::fs::read_dir(path.join(lib)).into_iter().flatten().flatten().take(1_000) {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let Some(version) = python_folder(&name) else { continue };
            if !entry.path().join("site-packages").is_dir() {
                continue;
            }
            let rank =
                (minor.as_deref() == Some(version), version.split('.').map(|n| n.parse().unwrap_or(0)).collect());
            if best.as_ref().is_none_or(|(b, _)| rank > *b) {
                best = Some((rank, name));
            }
        }
    }
    let Some((_, name)) = best else { return (Vec::new(), None) };
    let mut found = Vec::new();
    for lib in ["lib", "lib64"] {
        // lib64 is mostly a link to lib.
        if let Some(folder) = accept(path, &path.join(lib).join(&name).join("site-packages"))
            && !found.contains(&folder)
        {
            found.push(folder);
        }
    }
    (found, python_folder(&name).map(str::to_owned))
}

/// The version in `python3.11`, `python3.13t` or `pypy3.10`.
fn python_folder(name: &str) -> Option<&str> {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"))?.trim_end_matches('t');
    (version.starts_with("3.") && version[2..].bytes().all(|b| b.is_ascii_digit())).then_some(version)
}

/// An environment that came with the repository could have a link in the place of its packages; then the link has to end
/// at a folder for packages too.
fn accept(environment: &Path, folder: &Path) -> Option<PathBuf> {
    let real = folder.canonicalize().ok()?;
    let packages = real.file_name().is_some_and(|n| n == "site-packages" || n == "dist-packages");
    (real.is_dir() && (packages || real.starts_with(environment))).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_each_form() {
        let cases = [
            ("home = /usr/bin\nversion = 3.11.7\n", Some("3.11.7")),
            ("version_info = 3.12.3.final.0\n", Some("3.12.3")),
            ("version_info = 3.13\n", Some("3.13")),
            ("uv = 0.4\nversion_info=3.12.0rc1\n", Some("3.12")),
            ("version = \n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_cfg(text).version.as_deref(), expected, "{text}");
        }
        assert!(read_cfg("include-system-site-packages = true").system_packages);
        assert_eq!(python_folder("python3.13t"), Some("3.13"));
        assert_eq!(
            (python_folder("python3"), python_folder("python2.7"), python_folder("python3.x")),
            (None, None, None)
        );
    }
}
