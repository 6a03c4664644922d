//! From what the user named to pytest's root and the repository around it.
//!
//! The root follows pytest's own rules (`findpaths.determine_setup`, pytest 9) with two differences. The search upwards
//! ends at the repository, or short of the home folder: a stray `pytest.ini` there would put everything the user has into
//! the snapshot. And where nothing marks a root, a working folder elsewhere does not count. What pytest would run by the
//! configuration of its first argument alone, though others lie outside that project, is refused.

use std::io;
use std::path::{Path, PathBuf};

use super::pytest_ini;

/// What the user asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The working folder.
    pub cwd: &'a Path,
    /// Files, folders or test ids; none means the working folder.
    pub args: &'a [String],
    /// `--root`, or the setting.
    pub root: Option<&'a Path>,
    /// The user's home folder, which is never taken as a project.
    pub home: Option<&'a Path>,
}

/// One thing to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Absolute, links resolved.
    pub path: PathBuf,
    /// What follows the first `::` of a test id.
    pub selector: Option<String>,
}

/// Where everything is. All paths are absolute, links resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The repository, or the root where there is none: what goes into the snapshot.
    pub repository: PathBuf,
    /// Whether version control keeps it.
    pub versioned: bool,
    /// pytest's root, at or beneath `repository`.
    pub root: PathBuf,
    /// The file pytest is configured by.
    pub inifile: Option<PathBuf>,
    /// Root and file may be others than pytest would find by its arguments: it has to be told.
    pub told: bool,
    /// At least one, each at or beneath `root`.
    pub targets: Vec<Target>,
    /// What the user should know: which of several projects was taken.
    pub notes: Vec<String>,
}

/// Why there is no project to work on.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    #[error("{} does not exist; name a file, a folder or a test id such as tests/test_a.py::test_b", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is neither a file nor a folder", .0.display())]
    Special(PathBuf),
    #[error("{} is not a folder; --root names the folder of a project", .0.display())]
    RootNotFolder(PathBuf),
    #[error("{} lies outside {}; choose a --root that holds it", .path.display(), .root.display())]
    Outside { path: PathBuf, root: PathBuf },
    #[error(
        "{} is a project with a configuration of its own, and {} lies outside it; test one project at a time, or name a \
         folder that holds both with --root", .project.display(), .other.display()
    )]
    TwoProjects { project: PathBuf, other: PathBuf },
    #[error("{} holds more than one project; name the folder of the one to test", .0.display())]
    TooBroad(PathBuf),
    #[error("{} is not a Python project: there is no .py file in it; name the folder of one", .0.display())]
    NotPython(PathBuf),
    #[error("{} is no Python file and lies in no project; name a test file, or the folder of a project", .0.display())]
    NotATest(PathBuf),
}

impl RootError {
    /// Names the case.
    #[cfg(test)]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "path_missing",
            Self::Unreadable { .. } => "path_unreadable",
            Self::Special(_) => "path_special",
            Self::RootNotFolder(_) => "bad_root",
            Self::Outside { .. } => "outside_root",
            Self::TwoProjects { .. } => "two_projects",
            Self::TooBroad(_) => "too_broad",
            Self::NotPython(_) => "not_python",
            Self::NotATest(_) => "not_a_test",
        }
    }
}

/// Finds root and repository. Reads names and configuration files only; runs nothing, git neither.
///
/// # Errors
/// See [`RootError`].
pub fn find(request: &Request<'_>) -> Result<Found, RootError> {
    let cwd = real(request.cwd)?;
    let given_root = request.root.map(|root| real_folder(&cwd.join(root))).transpose()?;
    let targets = match request.args {
        [] => vec![Target { path: given_root.clone().unwrap_or_else(|| cwd.clone()), selector: None }],
        args => args.iter().map(|arg| target(arg, &cwd, given_root.as_deref())).collect::<Result<_, _>>()?,
    };
    let folders: Vec<&Path> = targets.iter().map(|t| folder_of(&t.path)).collect();
    let ancestor = common_ancestor(&folders);
    let home = request.home.and_then(|h| h.canonicalize().ok());
    let broad = Broad { home: home.as_deref() };
    let mut notes = Vec::new();

    let start = given_root.as_deref().unwrap_or(&ancestor);
    let repository = broad.upwards(start).find(|f| is_repository(f)).map(Path::to_owned);
    let chain = |from: &Path| -> Vec<PathBuf> {
        let within = |f: &&Path| repository.as_deref().is_none_or(|r| f.starts_with(r));
        broad.upwards(from).take_while(within).map(Path::to_owned).collect()
    };
    let (root, inifile) = match given_root {
        Some(root) => {
            let inifile = pytest_ini::locate(chain(&root).iter().map(PathBuf::as_path));
            (root, inifile)
        }
        None => pytest_root(&ancestor, &folders, &cwd, &chain)?,
    };
    let told = request.root.is_some() || folders.iter().any(|folder| *folder != ancestor);
    if let Some(outside) = targets.iter().find(|t| !t.path.starts_with(&root)) {
        return Err(RootError::Outside { path: outside.path.clone(), root });
    }
    let versioned = repository.is_some();
    // A project may collect files of other kinds; without one there is only pytest itself.
    let is_python = |path: &Path| path.extension().is_some_and(|end| end == "py");
    if !versioned
        && inifile.is_none()
        && let Some(stray) = targets.iter().find(|target| target.path.is_file() && !is_python(&target.path))
    {
        return Err(RootError::NotATest(stray.path.clone()));
    }
    let repository = repository.unwrap_or_else(|| root.clone());
    if broad.is(&repository) {
        return Err(RootError::TooBroad(repository));
    }
    if !super::python_files::any(&root).map_err(|source| RootError::Unreadable { path: root.clone(), source })? {
        return Err(RootError::NotPython(root));
    }
    if root != repository {
        notes.push(format!("{} is tested, inside {}", root.display(), repository.display()));
    }
    Ok(Found { repository, versioned, root, inifile, told, targets, notes })
}

impl Found {
    /// pytest's arguments that hold it to this root and file; none where it finds the same by itself.
    pub fn configuration(&self) -> Vec<String> {
        let Some(root) = self.guest_path(&self.root).filter(|_| self.told) else { return Vec::new() };
        let file = self.inifile.as_deref().and_then(|file| self.guest_path(file));
        vec![format!("--rootdir={root}"), "-c".to_owned(), file.unwrap_or_else(|| "/dev/null".to_owned())]
    }

    /// The path of something in the repository as the guest sees it.
    pub fn guest_path(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(&self.repository).ok()?;
        let mut guest = "/workspace".to_owned();
        for part in inside.components() {
            guest.push('/');
            guest.push_str(part.as_os_str().to_str()?);
        }
        Some(guest)
    }

    /// The targets as pytest's arguments, relative to the root, with `/`. None where the root itself is meant, so that
    /// the project's `testpaths` hold.
    pub fn pytest_args(&self) -> Vec<String> {
        if self.targets.iter().any(|t| t.path == self.root && t.selector.is_none()) {
            return Vec::new();
        }
        self.targets
            .iter()
            .filter_map(|target| {
                let inside = target.path.strip_prefix(&self.root).ok()?;
                let parts: Vec<&str> = inside.iter().map(|p| p.to_str()).collect::<Option<_>>()?;
                Some(match &target.selector {
                    Some(selector) => format!("{}::{selector}", parts.join("/")),
                    None => parts.join("/"),
                })
            })
            .collect()
    }
}

/// `determine_setup`, the part without options.
fn pytest_root(
    ancestor: &Path,
    folders: &[&Path],
    cwd: &Path,
    chain: &dyn Fn(&Path) -> Vec<PathBuf>,
) -> Result<(PathBuf, Option<PathBuf>), RootError> {
    let with_parent = |file: PathBuf| (folder_of_file(&file), Some(file));
    let locate = |folders: &[PathBuf]| pytest_ini::locate(folders.iter().map(PathBuf::as_path));
    let upwards = chain(ancestor);
    if let Some(file) = locate(&upwards) {
        return Ok(with_parent(file));
    }
    if let Some(folder) = upwards.iter().find(|f| f.join("setup.py").is_file()) {
        return Ok((folder.clone(), None));
    }
    // Above them all there is none.
    if let Some(file) = folders.iter().find_map(|f| locate(&chain(f)))
        && let project = folder_of_file(&file)
        && let Some(other) = folders.iter().find(|f| !f.starts_with(&project))
    {
        return Err(RootError::TwoProjects { project, other: (*other).to_owned() });
    }
    let marked = upwards.iter().find(|f| f.join("setup.cfg").is_file());
    let here = upwards.iter().find(|f| *f == cwd);
    Ok((marked.or(here).cloned().unwrap_or_else(|| ancestor.to_owned()), None))
}

fn folder_of_file(file: &Path) -> PathBuf {
    file.parent().unwrap_or(file).to_owned()
}

/// Reads one argument: a path, or a test id whose path is before the first `::`.
fn target(arg: &str, cwd: &Path, root: Option<&Path>) -> Result<Target, RootError> {
    // An id as pytest prints it is relative to the root, which need not be the working folder.
    let bases = [Some(cwd), root];
    let existing = |path: &str| bases.iter().flatten().map(|b| b.join(path)).find(|p| p.symlink_metadata().is_ok());
    let (path, selector) = match existing(arg) {
        Some(path) => (path, None),
        None => match arg.split_once("::") {
            Some((path, selector)) if !selector.is_empty() => {
                (existing(path).unwrap_or_else(|| cwd.join(path)), Some(selector.to_owned()))
            }
            _ => (cwd.join(arg), None),
        },
    };
    let path = real(&path)?;
    let meta = path.metadata().map_err(|source| RootError::Unreadable { path: path.clone(), source })?;
    let readable = if meta.is_dir() {
        std::fs::read_dir(&path).map(drop)
    } else if meta.is_file() {
        std::fs::File::open(&path).map(drop)
    } else {
        return Err(RootError::Special(path));
    };
    readable.map_err(|source| RootError::Unreadable { path: path.clone(), source })?;
    Ok(Target { path, selector })
}

fn real(path: &Path) -> Result<PathBuf, RootError> {
    path.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RootError::Missing(path.to_owned()),
        _ => RootError::Unreadable { path: path.to_owned(), source },
    })
}

fn real_folder(path: &Path) -> Result<PathBuf, RootError> {
    let path = real(path)?;
    if path.is_dir() { Ok(path) } else { Err(RootError::RootNotFolder(path)) }
}

/// The repository around a folder (absolute, links resolved), not looked for above the user's home; the folder itself where
/// there is none.
pub fn repository_of<'p>(folder: &'p Path, home: Option<&Path>) -> &'p Path {
    Broad { home }.upwards(folder).find(|above| is_repository(above)).unwrap_or(folder)
}

fn folder_of(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(path) }
}

fn common_ancestor(folders: &[&Path]) -> PathBuf {
    let mut folders = folders.iter();
    let mut ancestor = folders.next().map(|f| f.to_path_buf()).unwrap_or_default();
    for folder in folders {
        while !folder.starts_with(&ancestor) && ancestor.pop() {}
    }
    ancestor
}

/// Whether version control keeps its data in this folder. `.git` is a file in work trees and submodules.
fn is_repository(folder: &Path) -> bool {
    let git = folder.join(".git");
    git.is_file() || git.join("HEAD").exists() || folder.join(".hg/store").is_dir() || folder.join(".jj/repo").exists()
}

/// Folders that hold everything the user has and are no project.
struct Broad<'a> {
    home: Option<&'a Path>,
}

impl Broad<'_> {
    /// The home folder, what lies above it, the root of a file system, the folder for temporary files.
    fn is(&self, folder: &Path) -> bool {
        folder.parent().is_none()
            || self.home.is_some_and(|home| home.starts_with(folder))
            || std::env::temp_dir().canonicalize().is_ok_and(|temp| temp.starts_with(folder))
    }

    /// The folder and those above it, up to the first broad one; the folder itself always.
    fn upwards<'p>(&self, folder: &'p Path) -> impl Iterator<Item = &'p Path> {
        folder.ancestors().enumerate().take_while(|(depth, f)| *depth == 0 || !self.is(f)).map(|(_, f)| f)
    }
}
