//! Reading a folder of the host that the guest sees besides the workspace: packages, sources of editable installs.
//!
//! Nothing is walked in advance, since an environment can hold a hundred thousand files of which a run reads a few
//! hundred. Links are resolved here and shown as what they lead to, if that lies in one of the allowed folders (uv installs
//! packages as links into its cache); a link elsewhere is not there.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;

use super::beneath::{EntryType, Folder, Status, split};
use super::workspace::{Content, Limits};

/// Says of a path in a folder (relative, with `/`) whether it is kept from the guest.
pub type IsHidden = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What of a folder the guest may see.
pub enum Visible {
    /// All of it: installed packages, which hold no secrets but files whose names look like some (`cacert.pem`).
    Everything,
    /// Someone's working copy: without `.git` and what the predicate hides.
    Sources(IsHidden),
}

/// One folder, open.
pub struct HostTree {
    visible: Visible,
    /// The folder itself first, then those that links may lead to.
    roots: Vec<(PathBuf, Folder)>,
    max_bytes: u64,
}

impl HostTree {
    /// Opens a folder (absolute, links resolved) and those its links may lead to.
    ///
    /// # Errors
    /// The folder cannot be opened; an allowed one that cannot is left out.
    pub fn open(path: &Path, links_to: &[PathBuf], visible: Visible) -> io::Result<Self> {
        let mut roots = vec![(path.to_owned(), Folder::open_root(path)?)];
        roots.extend(links_to.iter().filter_map(|p| Some((p.clone(), Folder::open_root(p).ok()?))));
        Ok(Self { visible, roots, max_bytes: Limits::default().file_bytes })
    }

    /// Names in a folder (`""` is the tree itself), sorted, each with what it is or leads to: a file or a folder.
    ///
    /// # Errors
    /// No such folder, or the system refuses.
    pub fn list(&self, path: &str) -> io::Result<Vec<(String, EntryType)>> {
        let folder = self.folder(path)?;
        let mut names = Vec::new();
        for named in folder.entries()? {
            let Ok(name) = named.name.into_string() else { continue };
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if self.hidden(&inner) {
                continue;
            }
            match named.kind {
                EntryType::Special => {}
                EntryType::Link => {
                    if let Ok(status) = self.status(&inner) {
                        names.push((name, status.kind));
                    }
                }
                kind => names.push((name, kind)),
            }
        }
        names.sort();
        Ok(names)
    }

    /// What a path is, links followed where they may be.
    ///
    /// # Errors
    /// Nothing there that the guest may see.
    pub fn status(&self, path: &str) -> io::Result<Status> {
        self.look(path, |folder, name| {
            let status = folder.status(name)?;
            match status.kind {
                EntryType::File | EntryType::Folder => Ok(status),
                EntryType::Link | EntryType::Special => Err(io::ErrorKind::InvalidInput.into()),
            }
        })
    }

    /// Reads and hashes a file.
    ///
    /// # Errors
    /// Nothing there that the guest may see; larger than 64 MiB; the system refuses.
    pub fn read(&self, path: &str) -> io::Result<Content> {
        self.look(path, |folder, name| {
            let (file, status) = folder.open_file(name)?;
            if status.stamp.len > self.max_bytes {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let mut bytes = Vec::with_capacity(usize::try_from(status.stamp.len).unwrap_or(0));
            file.take(self.max_bytes).read_to_end(&mut bytes)?;
            Ok(Content { hash: ContentHash::of(&bytes), bytes: bytes.into() })
        })
    }

    fn folder(&self, path: &str) -> io::Result<Folder> {
        if path.is_empty() {
            return self.roots[0].1.folder("");
        }
        self.look(path, |folder, name| folder.child(name.as_ref()))
    }

    /// Does something with the last part of a path: first without following any link, which is the usual case and one
    /// call; then with the links resolved.
    fn look<T>(&self, path: &str, act: impl Fn(&Folder, &str) -> io::Result<T>) -> io::Result<T> {
        let (above, name) = split(path).ok_or(io::ErrorKind::InvalidInput)?;
        if self.hidden(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let direct = self.roots[0].1.folder(above).and_then(|folder| act(&folder, name));
        match direct {
            // A link somewhere on the way, or a file where a folder was expected (`O_DIRECTORY` on a link says that).
            Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory) => {}
            done => return done,
        }
        let real = self.roots[0].0.join(path).canonicalize()?;
        for (at, root) in &self.roots {
            let Ok(inside) = real.strip_prefix(at) else { continue };
            let parts: Option<Vec<&str>> = inside.iter().map(|p| p.to_str()).collect();
            let inside = parts.ok_or(io::ErrorKind::NotFound)?.join("/");
            let Some((above, name)) = split(&inside) else { break };
            // What hides a path hides it under each of its names.
            if std::ptr::eq(at, &self.roots[0].0) && self.hidden(&inside) {
                break;
            }
            return act(&root.folder(above)?, name);
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn hidden(&self, path: &str) -> bool {
        match &self.visible {
            Visible::Everything => false,
            Visible::Sources(is_hidden) => {
                path.split('/').any(|part| part == ".git")
                    || path.match_indices('/').any(|(at, _)| is_hidden(&path[..at]))
                    || is_hidden(path)
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_shown_as_what_they_lead_to_where_that_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for name in ["site/real", "cache/pkg/deep", "private"] {
            fs::create_dir_all(base.join(name)).unwrap();
        }
        for name in ["site/real/a.py", "cache/pkg/deep/b.py", "private/key"] {
            fs::write(base.join(name), name).unwrap();
        }
        symlink(base.join("cache/pkg"), base.join("site/pkg")).unwrap();
        symlink(base.join("cache/pkg/deep/b.py"), base.join("site/b.py")).unwrap();
        symlink(base.join("private"), base.join("site/out")).unwrap();
        symlink(base.join("private/key"), base.join("site/key")).unwrap();
        symlink("nowhere", base.join("site/dangling")).unwrap();
        let tree =
            HostTree::open(&base.join("site"), &[base.join("cache"), base.join("none")], Visible::Everything).unwrap();
        assert_eq!(
            tree.list("").unwrap(),
            [("b.py", EntryType::File), ("pkg", EntryType::Folder), ("real", EntryType::Folder)]
                .map(|(n, k)| (n.to_owned(), k))
        );
        assert_eq!(tree.list("pkg/deep").unwrap().len(), 1);
        for (path, text) in
            [("real/a.py", "site/real/a.py"), ("pkg/deep/b.py", "cache/pkg/deep/b.py"), ("b.py", "cache/pkg/deep/b.py")]
        {
            assert_eq!(&*tree.read(path).unwrap().bytes, text.as_bytes());
            assert_eq!(tree.status(path).unwrap().kind, EntryType::File);
        }
        for path in ["out/key", "key", "dangling", "real/../real/a.py", "real/a.py/x", "none", "/etc/passwd", "real"] {
            assert!(tree.read(path).is_err(), "{path}");
        }
        assert!(tree.status("out").is_err() && tree.list("out").is_err());
    }

    #[test]
    fn secrets_of_a_working_copy_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir_all(base.join(".git")).unwrap();
        fs::create_dir_all(base.join("keys")).unwrap();
        for name in [".git/config", ".env", "keys/a", "m.py"] {
            fs::write(base.join(name), "").unwrap();
        }
        symlink(".env", base.join("alias")).unwrap();
        let is_secret = |path: &str| path == ".env" || path == "keys";
        let tree = HostTree::open(&base, &[], Visible::Sources(Box::new(is_secret))).unwrap();
        assert_eq!(tree.list("").unwrap(), [("m.py".to_owned(), EntryType::File)]);
        for path in [".env", "alias", ".git/config", "keys/a"] {
            assert!(tree.read(path).is_err(), "{path}");
        }
    }
}
