//! Which folders may be worked in: the one that the program was started for, and of it what the client opens up.
//!
//! A client can narrow what the user named on the command line and never widen it. Where the user named none, the client's roots
//! are the user's choice in the client; without any, the folder that the program was started in is meant.

use std::path::{Path, PathBuf};

use airlock_core::status::ErrorCode;

use crate::failure::Failure;

/// Most roots of a client that are looked at.
pub const MOST: usize = 100;

/// Where the program was started, and for what.
#[derive(Clone, Debug)]
pub struct Start {
    /// The folder that the user named, links resolved.
    pub given: Option<PathBuf>,
    pub cwd: PathBuf,
    pub home: Option<PathBuf>,
}

/// Folders that may be worked in, links resolved; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders(Vec<PathBuf>);

impl Start {
    /// The folders, with those that the client names, if it names any.
    ///
    /// # Errors
    /// There is none.
    pub fn folders(&self, client: Option<&[PathBuf]>) -> Result<Folders, Failure> {
        let client: Vec<PathBuf> = client.into_iter().flatten().filter_map(|path| path.canonicalize().ok()).collect();
        let client: Vec<&PathBuf> = client.iter().filter(|path| path.is_dir()).take(MOST).collect();
        let found = match &self.given {
            Some(given) if client.is_empty() => vec![given.clone()],
            Some(given) => {
                let within = |root: &&PathBuf| {
                    if given.starts_with(root) {
                        return Some(given.clone());
                    }
                    root.starts_with(given).then(|| (*root).clone())
                };
                client.iter().filter_map(within).collect()
            }
            None if client.is_empty() => vec![self.cwd.clone()],
            None => client.into_iter().cloned().collect(),
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in found {
            // What a program is started in by chance is nobody's project, and holds everybody's.
            let is_broad =
                folder.parent().is_none() || self.home.as_ref().is_some_and(|home| home.starts_with(&folder));
            if !is_broad && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        match (folders.is_empty(), &self.given) {
            (false, _) => Ok(Folders(folders)),
            (true, Some(given)) => {
                let message = format!("none of the client's roots has to do with {}", given.display());
                Err(Failure::error(ErrorCode::Usage, message)
                    .hint("start `airlock mcp` for a folder that the client has as a root"))
            }
            (true, None) => {
                let message = format!("{} is no project's folder", self.cwd.display());
                Err(Failure::error(ErrorCode::Usage, message)
                    .hint("name the project where the client is configured: airlock mcp /path/to/project"))
            }
        }
    }
}

impl Folders {
    /// The file or folder that a caller names, which has to lie in one of them; the folder itself where there is one only.
    ///
    /// # Errors
    /// It lies elsewhere, or is not there; or none was named, and there are several.
    pub fn find(&self, named: Option<&str>) -> Result<PathBuf, Failure> {
        let Some(named) = named else {
            return match self.0.as_slice() {
                [only] => Ok(only.clone()),
                several => {
                    let list: Vec<String> = several.iter().map(|folder| folder.display().to_string()).collect();
                    Err(Failure::error(ErrorCode::Usage, "there are several folders, and `path` names none of them")
                        .hint(format!("name a project's folder: {}", list.join(", "))))
                }
            };
        };
        let found = self.0.iter().find_map(|folder| folder.join(named).canonicalize().ok());
        let Some(found) = found else {
            let message = format!("{} is not there", airlock_core::text::one_line(named, 200));
            return Err(Failure::error(ErrorCode::PathNotFound, message)
                .hint("`path` is a folder or file of the project, absolute or relative to the workspace"));
        };
        if self.hold(&found) {
            return Ok(found);
        }
        let list: Vec<String> = self.0.iter().map(|folder| folder.display().to_string()).collect();
        let message = format!("{} lies outside the folders that are open here", found.display());
        Err(Failure::error(ErrorCode::Usage, message).hint(format!("open are: {}", list.join(", "))))
    }

    /// Whether a path, links resolved, lies in one of them.
    pub fn hold(&self, path: &Path) -> bool {
        self.0.iter().any(|folder| path.starts_with(folder))
    }

    /// Whether a workspace is one of them, lies in one, or holds one.
    pub fn concern(&self, workspace: &Path) -> bool {
        self.0.iter().any(|folder| workspace.starts_with(folder) || folder.starts_with(workspace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let root = folder.path().canonicalize().expect("real");
        for name in ["home", "one/sub", "two"] {
            std::fs::create_dir_all(root.join(name)).expect("made");
        }
        std::fs::write(root.join("one/file.py"), "").expect("written");
        (folder, root)
    }

    fn start(root: &Path, given: Option<&str>, cwd: &str) -> Start {
        Start { given: given.map(|given| root.join(given)), cwd: root.join(cwd), home: Some(root.join("home")) }
    }

    #[test]
    fn a_client_narrows_and_never_widens_what_the_user_named() {
        let (_folder, root) = folder();
        let paths = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(|name| root.join(name)).collect() };
        type Case<'a> = (Option<&'a str>, Option<&'a [&'a str]>, Option<&'a [&'a str]>);
        let cases: &[Case<'_>] = &[
            (Some("one"), None, Some(&["one"])),
            (Some("one"), Some(&[]), Some(&["one"])),
            (Some("one"), Some(&["one/sub"]), Some(&["one/sub"])),
            (Some("one"), Some(&["one/sub", "two"]), Some(&["one/sub"])),
            (Some("one"), Some(&[""]), Some(&["one"])),
            (Some("one"), Some(&["two"]), None),
            (None, None, Some(&["two"])),
            (None, Some(&["one"]), Some(&["one"])),
            (None, Some(&["one", "two", "one"]), Some(&["one", "two"])),
            (None, Some(&["gone"]), Some(&["two"])),
            (None, Some(&["home"]), None),
            (None, Some(&[""]), None),
        ];
        for (given, client, expected) in cases {
            let client = client.map(paths);
            let found = start(&root, *given, "two").folders(client.as_deref());
            assert_eq!(found.ok(), expected.map(|names| Folders(paths(names))), "{given:?} {client:?}");
        }
        assert!(start(&root, None, "home").folders(None).is_err(), "a home is no project");
        assert!(Start { cwd: "/".into(), ..start(&root, None, "") }.folders(None).is_err());
    }

    #[test]
    fn paths_are_found_inside_only() {
        let (_folder, root) = folder();
        let folders = Folders(vec![root.join("one")]);
        assert_eq!(folders.find(None).expect("one"), root.join("one"));
        for (named, found) in [("sub", "one/sub"), ("file.py", "one/file.py"), (".", "one"), ("sub/..", "one")] {
            assert_eq!(folders.find(Some(named)).expect(named), root.join(found));
        }
        assert!(folders.find(root.join("one/sub").to_str()).is_ok());
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.join("two"), root.join("one/out")).expect("linked");
        for named in ["../two", "..", "/", "gone", "out", "", "sub/../../two", "a\0b"] {
            let is_itself = named.is_empty();
            assert_eq!(folders.find(Some(named)).is_ok(), is_itself, "{named:?}");
        }
        let several = Folders(vec![root.join("one"), root.join("two")]);
        assert!(several.find(None).is_err());
        assert!(
            several.concern(&root) && several.concern(&root.join("one/sub")) && !several.concern(&root.join("home"))
        );
    }
}
