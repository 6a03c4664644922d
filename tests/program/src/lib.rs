//! What the end-to-end suites share: the program, a cache with the guest installed, projects to run it on.

pub mod agent;
pub mod calls;
pub mod editor;
pub mod fetched;
pub mod model_server;
pub mod namespace;
pub mod packages;
pub mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use calls::Project;

/// A bug that no search mends: there are more candidates than anybody waits for, and they keep all cores busy.
pub const ORBIT: &str = "\
def orbit(turns):
    total = 0
    for step in range(turns):
        if step > 1 and turns < 9:
            total = total + step * 2 - 1
        elif step == 1 or turns >= 20:
            total = total - step
        else:
            total += turns // 3
    return total
";

/// The repository's root.
pub fn repository() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).expect("the crate lies two folders deep").to_owned()
    })
}

/// The program, built with the profile that is being tested.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--bin", "airlock"]).current_dir(repository());
        // What cargo says of this crate is none of the build's: with it, dependencies that look at it would be built anew, each
        // time a test comes after a build by hand.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                build.env_remove(name);
            }
        }
        let built = build.status().expect("cargo runs");
        assert!(built.success(), "the program does not build");
        let test = std::env::current_exe().expect("a test knows its own file");
        let folder = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
        folder.join("airlock")
    })
}

/// A cache folder that all suites share. `AIRLOCK_TEST_CACHE` names another place for it.
pub fn cache_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let usual = || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            cache.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache"))
        };
        let cache = std::env::var_os("AIRLOCK_TEST_CACHE").map_or_else(usual, PathBuf::from);
        fs::create_dir_all(&cache).expect("the cache folder can be made");
        cache
    })
}

/// The same with the guest installed and compiled in it.
pub fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let cache = cache_folder().to_owned();
        let installed = Command::new(program())
            .args(["guest", "install", "python", "--json"])
            .env("XDG_CACHE_HOME", &cache)
            .output()
            .expect("the program runs");
        assert!(installed.status.success(), "the guest cannot be installed: {}", text(&installed.stdout));
        cache
    })
}

/// A cache with the installed guest, whose files are linked: to damage one, it is replaced.
///
/// # Panics
/// Where the folder cannot be made.
pub fn linked_cache() -> Project {
    let home = Project::empty();
    let target = home.join("airlock");
    fs::create_dir(&target).expect("made");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).expect("set");
    let guests = cache().join("airlock/guests");
    let copied = |how: &str| {
        let done = Command::new("cp").arg(how).arg(&guests).arg(&target).output();
        done.is_ok_and(|done| done.status.success())
    };
    // Links need one file system.
    if !copied("-al") {
        drop(fs::remove_dir_all(target.join("guests")));
        assert!(copied("-a"), "{} cannot be copied", guests.display());
    }
    home
}

/// A data folder of this process's own, so that the user's sessions stay as they are. Those of processes that have ended go
/// when the next one begins.
pub fn data() -> &'static Path {
    static DATA: OnceLock<PathBuf> = OnceLock::new();
    DATA.get_or_init(|| {
        let all = std::env::temp_dir().join("airlock-tests-data");
        fs::create_dir_all(&all).expect("a folder can be made");
        for old in fs::read_dir(&all).expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        {
            if !Path::new("/proc").join(&old).exists() {
                // Another process may be removing it too.
                drop(fs::remove_dir_all(all.join(old)));
            }
        }
        let own = all.join(std::process::id().to_string());
        fs::create_dir_all(&own).expect("a folder can be made");
        own
    })
}

/// A call of the program with its own configuration folder, so that the user's settings do not matter.
pub fn airlock(cwd: &Path) -> Command {
    static CONFIG: OnceLock<TempDir> = OnceLock::new();
    let config = CONFIG.get_or_init(|| TempDir::new().expect("a temporary folder"));
    let mut command = Command::new(program());
    command
        .current_dir(cwd)
        .env("XDG_CACHE_HOME", cache())
        .env("XDG_CONFIG_HOME", config.path())
        .env("XDG_DATA_HOME", data())
        .env_remove("VIRTUAL_ENV")
        .env_remove("CONDA_PREFIX")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// Text of an output.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a call with `--json` gave.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub document: Value,
    pub stderr: String,
}

impl Answer {
    /// Reads an output, which must be one document.
    pub fn of(output: &Output) -> Self {
        let stdout = text(&output.stdout);
        let stderr = text(&output.stderr);
        let document = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("not one document ({error}): {stdout:?}, stderr {stderr:?}"));
        Self { code: output.status.code().unwrap_or(-1), document, stderr }
    }

    /// The document's `status`.
    pub fn status(&self) -> &str {
        self.document["status"].as_str().unwrap_or_default()
    }

    /// The outcome of every test, by id.
    pub fn outcomes(&self) -> BTreeMap<String, String> {
        let tests = self.document["tests"].as_array().cloned().unwrap_or_default();
        let pair = |test: &Value| Some((test["id"].as_str()?.to_owned(), test["outcome"].as_str()?.to_owned()));
        tests.iter().filter_map(pair).collect()
    }
}

/// Calls the program with `--json`.
pub fn json(cwd: &Path, args: &[&str]) -> Answer {
    Answer::of(&airlock(cwd).args(args).arg("--json").output().expect("the program runs"))
}

/// Copies a folder, links as links.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

/// A copy of a fixture in a folder of its own, outside of any repository.
pub fn fixture(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let project = folder.path().join(name.rsplit('/').next().expect("a name"));
    copy(&repository().join("fixtures").join(name), &project);
    (folder, project)
}

/// Every path below `root` with its kind, mode and content: two that are equal are the same tree, byte for byte.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let meta = fs::symlink_metadata(&path).expect("there");
            let content = if meta.is_dir() {
                open.push(path.clone());
                "folder".to_owned()
            } else if meta.is_file() {
                fs::read(&path).map_or_else(|error| error.to_string(), |bytes| blake3::hash(&bytes).to_string())
            } else {
                format!("{:?} {:?}", meta.file_type(), fs::read_link(&path).ok())
            };
            let mode = meta.permissions().mode();
            found.insert(path.strip_prefix(root).expect("below").to_owned(), format!("{mode:o} {content}"));
        }
    }
    found
}

/// Runs one of the corpus's scripts and gives its JSON.
pub fn corpus_script(script: &str, args: &[&str]) -> Value {
    let output = Command::new("python3")
        .arg(repository().join("tests/corpus").join(script))
        .args(args)
        .env("XDG_CACHE_HOME", cache())
        .stdin(Stdio::null())
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{script} {args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Whether the long forms are asked for.
pub fn long() -> bool {
    std::env::var_os("AIRLOCK_LONG").is_some_and(|value| value == "1")
}
