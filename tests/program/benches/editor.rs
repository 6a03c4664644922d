//! What an editor waits for, in one run beside two other language servers:
//!
//! ```text
//! cargo bench --profile dev -p airlock-program-tests --bench editor
//! ```
//!
//! A bound that is not kept is said in the table, and is no failure: a busy machine keeps none. A run that does not do what
//! it should ends the bench.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, uri};
use airlock_program_tests::packages::npm;
use airlock_program_tests::{ORBIT, cache, fixture, program, repository, text};
use serde_json::{Value, json};

/// A language server that is measured beside ours, from PyPI; the other is in the lock file of `copilot/`.
const RUFF: &str = "ruff==0.17.6 --hash=sha256:aa3b08254a732acba246891089a152c47c5733dc36b8ecb76ce8602f8326e5e4\n";

const STARTS: usize = 30;
/// Of one that takes a hundred times as long.
const LONG_STARTS: usize = 5;
const REQUESTS: usize = 600;
const SAVES: usize = 15;
const LANDINGS: usize = 5;
const FILES: usize = 10_000;
const OPEN: usize = 200;
const LINES: usize = 10_000;

fn main() {
    // Builds the program and installs the guest, outside of what is measured.
    cache();
    println!("{:<58} {:>10} {:>10} {:>10}", "", "median", "99 %", "bound");
    starts();
    large_workspace();
    saves();
    landings();
}

fn row(what: &str, times: Vec<Duration>, bound: f64, of_median: bool) {
    let mut millis: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: usize| millis[(millis.len() * share / 100).min(millis.len() - 1)];
    let (median, high) = (at(50), at(99));
    let word = if (if of_median { median } else { high }) <= bound { "ok  " } else { "OVER" };
    println!("{what:<58} {median:>7.2} ms {high:>7.2} ms {bound:>7.1} ms {word}");
}

fn pss_mb(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("Linux tells");
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).expect("a line");
    let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    kilobytes / 1024.0
}

/// From the start of the process to its answer to `initialize`, and what it takes when nothing is asked of it.
fn starts() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    let (ruff, copilot) = (ruff(), copilot());
    let (mut ours, mut theirs, mut copilots) = (Vec::new(), Vec::new(), Vec::new());
    let time = |command: &mut Command| {
        let (took, mut child) = initialize(command, project.path());
        end(&mut child);
        took
    };
    for number in 0..STARTS {
        ours.push(time(Command::new(program()).arg("lsp")));
        theirs.push(time(Command::new(&ruff).arg("server")));
        // In between, so that all three meet the same machine.
        if let Some(copilot) = copilot.as_ref().filter(|_| number % (STARTS / LONG_STARTS) == 0) {
            copilots.push(time(&mut copilot.command()));
        }
    }
    row("start to the answer to initialize", ours, 10.0, true);
    row("the same of `ruff server`", theirs, 10.0, true);
    if !copilots.is_empty() {
        row("the same of Copilot's language server", copilots, 10.0, true);
    }
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    let document = client.open(&project.join("a.py"));
    client.actions(&document, 0);
    println!(
        "{:<58} {:>7.1} MB {:>25}",
        "memory with a file open, nothing asked (Pss)",
        pss_mb(client.pid()),
        "20.0 MB"
    );
    let (_, mut child) = initialize(Command::new(&ruff).arg("server"), project.path());
    println!("{:<58} {:>7.1} MB", "the same of `ruff server`", pss_mb(child.id()));
    end(&mut child);
    if let Some(copilot) = copilot {
        let (_, mut child) = initialize(&mut copilot.command(), project.path());
        println!("{:<58} {:>7.1} MB", "the same of Copilot's language server, with no file open", pss_mb(child.id()));
        end(&mut child);
    }
    client.end();
}

fn end(child: &mut Child) {
    child.kill().and_then(|()| child.wait()).expect("killed");
}

/// GitHub Copilot's language server, from npm, which is a program of its own.
struct Copilot {
    program: PathBuf,
    /// It keeps things there.
    home: Project,
}

/// None where it cannot be fetched, which is said.
fn copilot() -> Option<Copilot> {
    const NAME: &str = "node_modules/@github/copilot-language-server-linux-x64/copilot-language-server";
    let packages = npm("copilot-language-server", &repository().join("tests/program/benches/copilot"), |_| Ok(()));
    if packages.is_none() {
        println!("Copilot's language server is not measured: npm cannot be reached");
    }
    Some(Copilot { program: packages?.join(NAME), home: Project::empty() })
}

impl Copilot {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--stdio").env("HOME", self.home.path());
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME");
        command
    }
}

fn ruff() -> PathBuf {
    let folder = cache().join("airlock-tests").join("ruff-0.17.6");
    let found = folder.join("bin/ruff");
    if !found.exists() {
        fs::create_dir_all(&folder).expect("a folder can be made");
        let wanted = folder.join("requirements.txt");
        fs::write(&wanted, RUFF).expect("written");
        let done = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target"])
            .arg(&folder)
            .arg("--requirement")
            .arg(&wanted)
            .output()
            .expect("python3 runs");
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
    found
}

/// Starts a server and greets it; how long its answer took.
fn initialize(command: &mut Command, folder: &Path) -> (Duration, Child) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "processId": std::process::id(),
        "capabilities": {},
        "rootUri": uri(folder),
        "workspaceFolders": [{"uri": uri(folder), "name": "project"}],
    }})
    .to_string();
    let began = Instant::now();
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let input = child.stdin.as_mut().expect("piped");
    write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| input.flush()).expect("it reads");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    // Some tell of other things first.
    let answer = loop {
        let message = message(&mut output);
        if message.get("method").is_none() {
            break message;
        }
    };
    let took = began.elapsed();
    assert!(answer.get("result").is_some(), "{answer}");
    (took, child)
}

fn message(output: &mut impl BufRead) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).expect("it answers") > 0);
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).expect("it answers");
    serde_json::from_slice(&body).expect("JSON")
}

/// Ten thousand files, two hundred of them open, and a long one that is typed in, while a search takes all there is.
fn large_workspace() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.pytest.ini_options]\ntestpaths = ['tests']\n"),
        ("orbit.py", ORBIT),
        ("tests/test_orbit.py", "from orbit import orbit\n\ndef test_orbit():\n    assert orbit(7) == 123457\n"),
    ]);
    for number in 0..FILES {
        project.write(&format!("src/p{}/m{number}.py", number / 100), format!("VALUE = {number}\n"));
    }
    let long: String = (0..LINES).map(|line| format!("value_{line} = {line}\n")).collect();
    project.write("src/long.py", &long);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false, "search": {"timeLimit": 600}}));
    for number in 0..OPEN - 1 {
        client.open(&project.join(&format!("src/p{}/m{number}.py", number / 100)));
    }
    let document = client.open(&project.join("src/long.py"));
    client.command("airlock.makeTestPass", json!(["tests/test_orbit.py::test_orbit"]));
    client.wait("it searches", |client| client.reported.iter().any(|text| text.contains("tried")));
    let mut asked = Vec::new();
    let mut typed = Vec::new();
    for number in 0..REQUESTS {
        let began = Instant::now();
        client.actions(&document, 5000);
        asked.push(began.elapsed());
        let began = Instant::now();
        client.insert(&document, 5000 + number % 50, "# x\n");
        client.actions(&document, 5000);
        typed.push(began.elapsed());
    }
    row("code actions of a file of 10,000 lines during a search", asked, 5.0, false);
    row("a change of it, and code actions after that", typed, 7.0, false);
    client.command("airlock.cancel", json!([]));
    client.end();
}

/// From a save to findings of the new text.
fn saves() {
    let project = Project::new(&[
        ("it.py", "def f():\n    return 1\n"),
        (
            "test_it.py",
            "from it import f\n\n\ndef test_it():\n    assert f() == 1\n\n\ndef test_two():\n    assert f() < 9\n",
        ),
    ]);
    let mut client = Client::start(project.path(), json!({}));
    let module = client.open(&project.join("it.py"));
    let tests = client.open(&project.join("test_it.py"));
    client.command("airlock.checkTests", json!([]));
    client.wait("it is checked", |client| client.said.iter().any(|text| text.contains("2 passed")));
    let mut times = Vec::new();
    for number in 0..SAVES {
        // Another text each time, failing and passing in turn.
        let value = if number % 2 == 0 { format!("{}", number + 2) } else { "1".to_owned() };
        client.replace(&module, &format!("def f():\n    return {value}  # {number}\n"));
        let began = Instant::now();
        client.save(&module);
        client.wait("it is fresh", |client| {
            client.shown.get(&tests).is_some_and(|found| found.is_empty() == (number % 2 == 1))
        });
        times.push(began.elapsed());
    }
    row("a save to fresh findings, a small project", times, 500.0, true);
    client.end();
}

/// From an accept to the word that it has landed, on an unchanged base.
fn landings() {
    let mut times = Vec::new();
    for _ in 0..LANDINGS {
        let (_folder, project) = fixture("shop");
        let mut client = Client::start(&project, json!({"checkOnSave": false}));
        client.open(&project.join("src/shop/discounts.py"));
        client
            .command("airlock.makeTestPass", json!(["tests/test_discounts.py::test_discount_starts_at_its_threshold"]));
        client.wait("it waits", |client| !client.opened.is_empty());
        let began = Instant::now();
        client.command("airlock.accept", json!([]));
        client.wait("it has landed", |client| client.messages.iter().any(|text| text.contains("applied")));
        times.push(began.elapsed());
        client.end();
    }
    row("accept to landed", times, 100.0, true);
}
