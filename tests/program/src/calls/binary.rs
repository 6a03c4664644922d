//! The program under test, run as a user runs it.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{cache, data, program, repository};

/// Longest that one call may take. Only a hung one meets it, also on a busy machine of two cores.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two looks at whether the program has ended.
const GLANCE: Duration = Duration::from_millis(2);

/// A call of the program.
pub fn airlock<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Airlock {
    Airlock {
        arguments: arguments.into_iter().map(|word| word.as_ref().to_owned()).collect(),
        folder: repository().to_owned(),
        variables: Vec::new(),
        input: Vec::new(),
        cache: None,
    }
}

/// A call of the program, before it starts.
#[derive(Clone, Debug)]
pub struct Airlock {
    arguments: Vec<OsString>,
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    cache: Option<PathBuf>,
}

impl Airlock {
    /// Starts it in this folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Gives it this on its standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Gives it a cache of its own instead of the one with the guest.
    #[must_use]
    pub fn cache(mut self, home: &Path) -> Self {
        self.cache = Some(home.to_owned());
        self
    }

    /// The command, for a test that does more with it than wait.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.args(&self.arguments).current_dir(&self.folder);
        // A short environment: what the caller's shell has activated or coloured decides nothing.
        command.env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "PIP_INDEX_URL", "PIP_CERT", "PIP_PROXY", "HTTPS_PROXY", "https_proxy"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("XDG_CONFIG_HOME", repository().join("tests/no-such-folder"));
        command.env("XDG_CACHE_HOME", self.cache.as_deref().unwrap_or_else(|| cache()));
        command.env("XDG_DATA_HOME", data());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(&self) -> Running {
        let mut child = self.command().spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = self.input.clone();
        // A program that reads none of its input closes the pipe, which is no concern of the test's.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = reader(child.stdout.take().expect("piped"));
        let stderr = reader(child.stderr.take().expect("piped"));
        Running { child, started: Instant::now(), writer, stdout, stderr, what: format!("{:?}", self.arguments) }
    }

    /// Runs it to its end.
    pub fn run(&self) -> Ended {
        self.start().wait()
    }

    /// Runs it with `--json` and gives the document and the exit code.
    pub fn json(mut self) -> (Value, i32) {
        self.arguments.push("--json".into());
        let ended = self.run();
        (ended.document(), ended.code)
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is all there is to look at.
        drop(pipe.read_to_end(&mut bytes));
        bytes
    })
}

/// A call that has not ended yet.
#[derive(Debug)]
pub struct Running {
    child: Child,
    started: Instant,
    writer: JoinHandle<()>,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    what: String,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn wait(mut self) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if self.started.elapsed() > PATIENCE {
                drop(self.child.kill());
                panic!("airlock {} did not end within {} s", self.what, PATIENCE.as_secs());
            }
            std::thread::sleep(GLANCE);
        };
        let wall = self.started.elapsed();
        self.writer.join().expect("the writer does not panic");
        Ended {
            // None where a signal ended it.
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(self.stdout.join().expect("the reader does not panic")).expect("UTF-8"),
            stderr: String::from_utf8(self.stderr.join().expect("the reader does not panic")).expect("UTF-8"),
            wall,
            what: self.what,
        }
    }
}

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code, -1 where a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub wall: Duration,
    what: String,
}

impl Ended {
    /// Its one document.
    ///
    /// # Panics
    /// Where stdout is anything but one document of version 1 whose status fits the exit code.
    pub fn document(&self) -> Value {
        let Self { stdout, stderr, what, .. } = self;
        let document: Value = serde_json::from_str(stdout)
            .unwrap_or_else(|error| panic!("airlock {what}: stdout is not one document: {error}\n{stdout}\n{stderr}"));
        assert!(stdout.ends_with('\n'), "airlock {what}: the document does not end its line");
        assert_eq!(document["version"], 1, "airlock {what}");
        assert!(document["command"].is_string(), "airlock {what}: no command");
        assert!(document["wall_ms"].is_number(), "airlock {what}: no wall_ms");
        let status = document["status"].as_str().unwrap_or_default();
        assert_eq!(exit_code(status), Some(self.code), "airlock {what}: {status}\n{stderr}");
        assert_eq!(status == "error", document.get("error").is_some(), "airlock {what}: {document}");
        if let Some(error) = document.get("error") {
            assert!(error["code"].is_string() && error.get("hint").is_some(), "airlock {what}: {error}");
            let message = error["message"].as_str().expect("a message");
            assert!(!message.is_empty() && !message.ends_with('.'), "airlock {what}: {message:?}");
        }
        document
    }
}

/// The table of exit codes.
pub fn exit_code(status: &str) -> Option<i32> {
    Some(match status {
        "verified" | "no_regression" | "passed" | "nothing_to_fix" | "ok" => 0,
        "not_fixed" | "partly_fixed" | "failed" | "refused" => 1,
        "error" => 2,
        "not_testable" => 3,
        "cancelled" => 130,
        _ => return None,
    })
}
