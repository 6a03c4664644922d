//! Small projects that a test may do with as it likes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Airlock, Tree, airlock};

/// A project in a folder of its own, gone when the test ends.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty one.
    ///
    /// # Panics
    /// Where no folder can be made.
    pub fn empty() -> Self {
        Self { folder: tempfile::Builder::new().prefix("airlock-e2e-").tempdir().expect("a folder can be made") }
    }

    /// One of these files.
    pub fn new<C: AsRef<[u8]>>(files: &[(&str, C)]) -> Self {
        let project = Self::empty();
        for (path, content) in files {
            project.write(path, content);
        }
        project
    }

    /// A copy of a folder, modes included.
    ///
    /// # Panics
    /// Where it cannot be copied.
    pub fn copy_of(source: &Path) -> Self {
        let project = Self::empty();
        let done = Command::new("cp").arg("-a").arg("--").arg(source.join(".")).arg(project.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "{} cannot be copied", source.display());
        project
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path of it.
    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file and the folders it is in.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("beneath a folder")).expect("a folder can be made");
        fs::write(&path, content).expect("a file can be written");
    }

    /// A file's bytes.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// As it is now.
    pub fn tree(&self) -> Tree {
        Tree::of(self.path())
    }

    /// A call of the program in it.
    pub fn airlock(&self, arguments: &[&str]) -> Airlock {
        airlock(arguments).within(self.path())
    }

    /// `git` in it, as if it were in no other repository.
    ///
    /// # Panics
    /// Where git fails.
    pub fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CEILING_DIRECTORIES", self.path().parent().expect("beneath a folder"))
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .output()
            .expect("git can be started");
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}
