//! The project's virtual environment: where it is and what of it the guest sees.
//!
//! Looked for, in this order: the setting or option, `VIRTUAL_ENV`, `CONDA_PREFIX`, `.venv` and `venv` from the root up to
//! the repository, poetry's and pipenv's folders by their naming rules, conda's base environment (which most conda users
//! have activated all the time, whatever they work on). Nothing is executed to find one, and no `import` line of a `.pth`
//! file is run.
//!
//! An environment inside the repository may have come with it. So what it points at outside is mounted only where it
//! is somebody's Python project, and never where git tracks the environment.

mod candidates;
mod finder;
mod managers;
mod outside;
mod pth;
mod site;
#[cfg(all(test, unix))]
mod tests;

use std::path::{Path, PathBuf};

use crate::config::Variables;

/// Where to look.
pub struct Query<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The repository around it.
    pub repository: &'a Path,
    /// The setting `environment`.
    pub configured: Option<&'a Path>,
    pub variables: &'a Variables<'a>,
}

/// What made the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Virtualenv,
    Conda,
}

/// How it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Configured,
    VirtualEnvVariable,
    CondaVariable,
    ProjectFolder,
    Poetry,
    Pipenv,
}

impl Via {
    /// In words that follow "found by".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Configured => "the setting `environment`",
            Self::VirtualEnvVariable => "VIRTUAL_ENV",
            Self::CondaVariable => "CONDA_PREFIX",
            Self::ProjectFolder => "its folder in the project",
            Self::Poetry => "poetry's naming rule",
            Self::Pipenv => "pipenv's naming rule",
        }
    }
}

/// A folder of the host that the guest sees, read-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDir {
    /// Absolute, links resolved.
    pub host: PathBuf,
    /// Absolute path in the guest.
    pub guest: String,
}

/// One module that an editable install puts somewhere its name does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleMapping {
    /// Dotted name.
    pub module: String,
    /// The package's folder, or the module's path without `.py`, in the guest.
    pub guest: String,
}

/// An environment as the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentLayout {
    pub kind: Kind,
    pub via: Via,
    pub path: PathBuf,
    /// Such as `3.11.7`, or `3.11` where only the folder's name says it.
    pub python_version: Option<String>,
    /// Mounted as `/env/<n>`.
    pub site_packages: Vec<HostDir>,
    /// Sources of editable installs outside the repository, mounted as `/editable/<n>`.
    pub editable: Vec<HostDir>,
    /// What the environment adds to `sys.path`, in order, as guest paths.
    pub sys_path: Vec<String>,
    /// Modules of editable installs that no path gives; a finder in the guest has to.
    pub modules: Vec<ModuleMapping>,
    /// Folders that links inside `site_packages` may lead to; a link elsewhere is not there.
    pub link_roots: Vec<PathBuf>,
    /// What was left out and why.
    pub notes: Vec<String>,
}

/// What a search gave.
#[derive(Clone, Debug, Default)]
pub struct Search {
    pub layout: Option<EnvironmentLayout>,
    /// Each place that was looked at, in order, and what was there.
    pub looked_in: Vec<String>,
}

/// A configured environment that is none. Others that are none are only passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is no Python environment ({why}); correct the setting `environment`", .path.display())]
pub struct EnvironmentError {
    pub path: PathBuf,
    pub why: &'static str,
}

/// Finds the environment and lays it out.
///
/// # Errors
/// The configured environment is none.
pub fn find(query: &Query<'_>) -> Result<Search, EnvironmentError> {
    let mut looked_in = Vec::new();
    for candidate in candidates::all(query) {
        match site::examine(&candidate.path) {
            Ok(found) => {
                looked_in.push(format!("{}: found, by {}", candidate.path.display(), candidate.via.describe()));
                let layout = layout(query, candidate.via, found);
                return Ok(Search { layout: Some(layout), looked_in });
            }
            Err(why) if candidate.via == Via::Configured => {
                return Err(EnvironmentError { path: candidate.path, why });
            }
            Err(why) => looked_in.push(format!("{}: {why}", candidate.path.display())),
        }
    }
    Ok(Search { layout: None, looked_in })
}

fn layout(query: &Query<'_>, via: Via, found: site::Site) -> EnvironmentLayout {
    let site_packages: Vec<HostDir> = found
        .site_packages
        .iter()
        .enumerate()
        .map(|(n, host)| HostDir { host: host.clone(), guest: format!("/env/{n}") })
        .collect();
    let mut mapper = outside::Mapper::new(query, &found.path, &site_packages);
    let mut layout = EnvironmentLayout {
        kind: found.kind,
        via,
        path: found.path.clone(),
        python_version: found.python_version,
        sys_path: Vec::new(),
        modules: Vec::new(),
        editable: Vec::new(),
        link_roots: link_roots(query.variables),
        notes: found.notes,
        site_packages: site_packages.clone(),
    };
    for dir in &site_packages {
        push_new(&mut layout.sys_path, dir.guest.clone());
        let added = pth::read(&dir.host);
        layout.notes.extend(added.notes);
        for path in added.paths {
            if let Some(guest) = mapper.guest(&path) {
                push_new(&mut layout.sys_path, guest);
            }
        }
        for (module, path) in added.modules {
            map_module(&mut layout, &mut mapper, module, &path);
        }
    }
    layout.link_roots.insert(0, found.path.clone());
    layout.notes.extend(mapper.notes);
    layout.editable = mapper.editable;
    layout
}

/// A module whose path ends in its name needs only the folder above on `sys.path`.
fn map_module(layout: &mut EnvironmentLayout, mapper: &mut outside::Mapper<'_>, module: String, path: &Path) {
    let mut above = path;
    let by_name = module.rsplit('.').all(|part| {
        let same = above.file_name().is_some_and(|name| name == part);
        above = above.parent().unwrap_or(above);
        same
    });
    if by_name {
        if let Some(guest) = mapper.guest(above) {
            push_new(&mut layout.sys_path, guest);
        }
    } else if let Some(folder) = path.parent()
        && let Some(guest) = mapper.guest(folder)
        && let Some(name) = path.file_name().and_then(|n| n.to_str())
    {
        layout.modules.push(ModuleMapping { module, guest: format!("{guest}/{name}") });
    }
}

/// uv can install a package as links into its cache.
fn link_roots(variables: &Variables<'_>) -> Vec<PathBuf> {
    let uv = variables.absolute("UV_CACHE_DIR").or_else(|| Some(variables.cache_home()?.join("uv")));
    uv.into_iter().filter_map(|p| p.canonicalize().ok()).collect()
}

fn push_new(all: &mut Vec<String>, one: String) {
    if !all.contains(&one) {
        all.push(one);
    }
}
