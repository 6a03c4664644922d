//! The main job, from a failing test to its accepted repair, in real editors: what their users do, with the configurations that
//! the repository gives them. Each editor comes from a package index, pinned; `packages` tells how.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod helix;
mod neovim;
mod screen;
mod vscode;

use std::path::Path;
use std::process::{Command, Stdio};

use airlock_program_tests::{airlock, fixture, program};
use tempfile::TempDir;

/// A shop with a failing test, a home of its own for the editor, and the environment that a server is to have.
pub struct Desk {
    _folder: TempDir,
    pub project: std::path::PathBuf,
    pub home: TempDir,
}

impl Desk {
    pub fn of_the_shop() -> Self {
        let (folder, project) = fixture("shop");
        Self { _folder: folder, project, home: TempDir::new().expect("a temporary folder") }
    }

    /// What the server is to have in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let word = |value: &std::ffi::OsStr| value.to_str().expect("UTF-8").to_owned();
        let mut pairs: Vec<(String, String)> = airlock(&self.project)
            .get_envs()
            .filter_map(|(name, value)| Some((word(name), word(value?))))
            .filter(|(name, _)| name != "XDG_CONFIG_HOME")
            .collect();
        // Reviews of one test are none of another's.
        let state = self.home.path().join("state");
        for (name, value) in [("XDG_STATE_HOME", state.as_path()), ("HOME", self.home.path())] {
            pairs.push((name.to_owned(), word(value.as_os_str())));
        }
        pairs
    }

    /// A call in the project, in that environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.project).envs(self.environment()).stdin(Stdio::null());
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "NO_COLOR", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command
    }

    /// `PATH` with the program in front, under its name.
    pub fn path(&self) -> String {
        let folder = program().parent().and_then(Path::to_str).expect("UTF-8");
        format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
    }
}
