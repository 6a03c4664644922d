//! Host paths an environment names, as guest paths; which of those outside the repository are mounted.

use std::path::{Path, PathBuf};

use super::{HostDir, Query};
use crate::project::git_index::Tracked;

/// Most folders mounted from outside.
const MAX_EDITABLE: usize = 100;
const MAX_NOTES: usize = 20;
/// How far above a source folder its project's file may lie: `project/src/deep/pkg`.
const MAX_UP: usize = 3;

/// Why a path outside is, or is not, mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    Accepted,
    /// It holds the home folder, the repository or everything.
    TooBroad,
    /// It lies below a hidden folder of the user's, such as `.ssh`.
    Hidden,
    /// No `pyproject.toml`, `setup.py` or `setup.cfg` near it.
    NoProject,
    /// The environment came with the repository.
    Foreign,
}

impl Outside {
    fn describe(self) -> &'static str {
        match self {
            Self::Accepted => "is mounted",
            Self::TooBroad => "holds far more than a project",
            Self::Hidden => "lies in a hidden folder",
            Self::NoProject => "is no Python project",
            Self::Foreign => "is outside, and the environment came with the repository",
        }
    }
}

/// Turns host paths into guest paths, mounting what has to be.
pub(super) struct Mapper<'a> {
    query: &'a Query<'a>,
    environment: &'a Path,
    site_packages: &'a [HostDir],
    home: Option<PathBuf>,
    /// Whether git tracks the environment.
    foreign: bool,
    pub editable: Vec<HostDir>,
    pub notes: Vec<String>,
}

impl<'a> Mapper<'a> {
    pub fn new(query: &'a Query<'a>, environment: &'a Path, site_packages: &'a [HostDir]) -> Self {
        let foreign = environment
            .strip_prefix(query.repository)
            .ok()
            .and_then(|inside| inside.to_str().map(|t| t.replace('\\', "/")))
            .is_some_and(|inside| Tracked::read(query.repository).any_beneath(&inside));
        let home = query.variables.home().and_then(|h| h.canonicalize().ok());
        Self { query, environment, site_packages, home, foreign, editable: Vec::new(), notes: Vec::new() }
    }

    /// The guest path of a folder, or `None` (with a note) where the guest does not see it.
    pub fn guest(&mut self, path: &Path) -> Option<String> {
        let path = path.canonicalize().ok()?;
        if let Some(dir) = self.site_packages.iter().find(|d| path.starts_with(&d.host)) {
            return beneath(&dir.guest, &dir.host, &path);
        }
        if path.starts_with(self.query.repository) {
            return beneath("/workspace", self.query.repository, &path);
        }
        if let Some(dir) = self.editable.iter().find(|d| path.starts_with(&d.host)) {
            return beneath(&dir.guest, &dir.host, &path);
        }
        let verdict = self.judge(&path);
        if verdict != Outside::Accepted || !path.is_dir() || self.editable.len() >= MAX_EDITABLE {
            if self.notes.len() < MAX_NOTES {
                let why = match verdict {
                    Outside::Accepted if self.editable.len() >= MAX_EDITABLE => "is one of too many",
                    Outside::Accepted => "is no folder",
                    verdict => verdict.describe(),
                };
                self.notes.push(format!("{}, which the environment names, {why} and is left out", path.display()));
            }
            return None;
        }
        let guest = format!("/editable/{}", self.editable.len());
        self.editable.push(HostDir { host: path, guest: guest.clone() });
        Some(guest)
    }

    /// An environment is data that a repository can bring along; a line in it must not open the user's files.
    fn judge(&self, path: &Path) -> Outside {
        let broad = |p: &Path| {
            p.parent().is_none()
                || self.home.as_deref().is_some_and(|home| home.starts_with(p))
                || self.query.repository.starts_with(p)
        };
        if self.foreign {
            return Outside::Foreign;
        }
        if broad(path) {
            return Outside::TooBroad;
        }
        // Pipenv and pip keep checked-out sources inside the environment itself.
        if path.starts_with(self.environment) {
            return Outside::Accepted;
        }
        let below = self.home.as_deref().and_then(|home| path.strip_prefix(home).ok()).unwrap_or(path);
        if below.components().any(|c| c.as_os_str().to_str().is_some_and(|s| s.starts_with('.'))) {
            return Outside::Hidden;
        }
        let marked = path
            .ancestors()
            .take(MAX_UP + 1)
            .take_while(|p| !broad(p))
            .any(|p| ["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|f| p.join(f).is_file()));
        if marked { Outside::Accepted } else { Outside::NoProject }
    }
}

fn beneath(guest: &str, host: &Path, path: &Path) -> Option<String> {
    let mut out = guest.to_owned();
    for part in path.strip_prefix(host).ok()?.iter() {
        out.push('/');
        out.push_str(part.to_str()?);
    }
    Some(out)
}
