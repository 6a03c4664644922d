//! A project with a function to write, and a model that says what a test wants.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Airlock, Project};
use airlock_program_tests::model_server::{Asked, ModelServer, Script, chat_reply};
use serde_json::{Value, json};

pub const MODULE: &str = "\
def larger(a, b):
    return a


def smaller(a, b):
    return b
";

pub const TEST: &str = "\
from two import larger


def test_first():
    assert larger(2, 1) == 2


def test_second():
    assert larger(1, 2) == 2
";

pub const TARGET: &str = "test_two.py::test_second";

/// What mends it.
pub fn edit() -> String {
    json!({"path": "two.py", "old_text": "    return a\n", "new_text": "    return a if a > b else b\n"}).to_string()
}

/// A reply that calls one tool.
pub fn call(id: &str, tool: &str, arguments: &str) -> Script {
    chat_reply("I look.\n", &[(id, tool, arguments)])
}

/// A last reply.
pub fn done(words: &str) -> Script {
    chat_reply(words, &[])
}

/// A project, a data folder, and a model.
pub struct Setting {
    pub project: Project,
    pub data: Project,
    pub server: ModelServer,
}

impl Setting {
    pub fn new(scripts: Vec<Script>) -> Self {
        Self::of(&[("two.py", MODULE), ("test_two.py", TEST)], scripts)
    }

    pub fn of(files: &[(&str, &str)], scripts: Vec<Script>) -> Self {
        Self { project: Project::new(files), data: Project::empty(), server: ModelServer::start(scripts) }
    }

    /// A model that answers by what it is asked.
    pub fn answering(files: &[(&str, &str)], answers: impl FnMut(&Asked) -> Script + Send + 'static) -> Self {
        Self { project: Project::new(files), data: Project::empty(), server: ModelServer::answering(answers) }
    }

    pub fn airlock(&self, arguments: &[&str]) -> Airlock {
        self.project.airlock(arguments).env("XDG_DATA_HOME", self.data.path())
    }

    /// A call that asks the model.
    pub fn asking(&self, arguments: &[&str]) -> Airlock {
        let url = format!("{}/v1", self.server.url());
        let model = ["--provider", "llamacpp", "--model", "scripted", "--base-url", &url];
        self.airlock(&[arguments, &model].concat())
    }

    /// A task of these options, of which the model is asked at once.
    pub fn task(&self, options: &[&str]) -> Airlock {
        self.asking(&[&["run", "make larger give the larger one", "--no-search"], options].concat())
    }

    /// The same, with a search for a repair before.
    pub fn searching(&self, options: &[&str]) -> Airlock {
        self.asking(&[&["run", "make larger give the larger one"], options].concat())
    }

    pub fn show(&self, id: &str) -> Value {
        let (document, exit) = self.airlock(&["sessions", "show", id]).json();
        assert_eq!(exit, 0, "{document}");
        document
    }

    /// The results of tools that the model was told of in its n-th request, from 0.
    pub fn told(&self, request: usize) -> Vec<String> {
        let asked = self.server.asked();
        let messages = asked[request].json()["messages"].as_array().expect("messages").clone();
        let tools = messages.iter().filter(|message| message["role"] == "tool");
        tools.map(|message| message["content"].as_str().expect("a text").to_owned()).collect()
    }

    /// The results of all tools that the model was told of at last, each after the call that it answers.
    pub fn told_at_last(&self) -> Vec<(String, String)> {
        let asked = self.server.asked();
        let messages = asked.last().expect("it was asked").json()["messages"].as_array().expect("messages").clone();
        let calls = messages.iter().flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
        let calls =
            calls.map(|call| format!("{} {}", word(&call["function"], "name"), word(&call["function"], "arguments")));
        let results = messages.iter().filter(|message| message["role"] == "tool");
        calls.zip(results.map(|message| word(message, "content").to_owned())).collect()
    }

    /// Says that none of these words is in anything that the model was sent, nor in any file of the data folder.
    pub fn assert_nothing_of(&self, secrets: &[&str]) {
        for asked in self.server.asked() {
            let sent = [asked.body.clone(), format!("{} {:?}", asked.line, asked.headers).into_bytes()].concat();
            for secret in secrets {
                assert!(!holds(&sent, secret), "the model was sent {secret}: {}", String::from_utf8_lossy(&sent));
            }
        }
        let files = files_of(self.data.path());
        assert!(files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 50_000, "the database was looked through");
        for (path, bytes) in files {
            for secret in secrets {
                assert!(!holds(&bytes, secret), "{} holds {secret}", path.display());
            }
        }
    }

    /// Waits until the model was asked so often.
    pub fn wait_for(&self, requests: usize) {
        let started = Instant::now();
        while self.server.asked().len() < requests {
            assert!(started.elapsed() < Duration::from_secs(120), "asked {} times", self.server.asked().len());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    document[key].as_str().unwrap_or_else(|| panic!("no {key} in {document}"))
}

/// Whether bytes hold a text.
pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every file beneath a folder.
pub fn files_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.push((path, bytes));
            }
        }
    }
    files
}

/// A port of this machine that nobody may come to.
pub struct Trap(TcpListener);

impl Trap {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it can be asked without waiting");
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    pub fn assert_nobody_came(&self) {
        match self.0.accept() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            came => panic!("somebody came: {came:?}"),
        }
    }
}

/// An order as it lies about in a file.
pub fn order(tool: &str, arguments: &Value) -> String {
    format!("ORDER {tool} {arguments}\n")
}

/// A model that obeys: it makes these calls first, and then every call that the word ORDER asks for in any text it is shown,
/// once. What it does follows from what it is asked with alone. Without another order it ends with these words.
pub fn obedient(
    first: Vec<(&'static str, Value)>,
    last: &'static str,
) -> impl FnMut(&Asked) -> Script + Send + 'static {
    move |asked| {
        let messages = asked.json()["messages"].as_array().expect("messages").clone();
        let made: Vec<(String, Value)> = messages
            .iter()
            .flat_map(|message| message["tool_calls"].as_array().into_iter().flatten())
            .map(|call| (word(&call["function"], "name").to_owned(), arguments_of(&call["function"])))
            .collect();
        let mut calls: Vec<(String, Value)> =
            first.iter().filter(|_| made.is_empty()).map(|(tool, value)| ((*tool).to_owned(), value.clone())).collect();
        for message in messages.iter().filter(|message| message["role"] != "assistant" && message["role"] != "system") {
            let mut texts = vec![message["content"].as_str().unwrap_or_default().to_owned()];
            // What tests and programs say is in JSON.
            let within = texts[0].lines().next().map(|_| texts[0].clone()).unwrap_or_default();
            let value = serde_json::Deserializer::from_str(&within).into_iter::<Value>().next();
            if let Some(Ok(value)) = value {
                strings(&value, &mut texts);
            }
            for found in texts.iter().flat_map(|text| orders(text)) {
                if !made.contains(&found) && !calls.contains(&found) && calls.len() < 60 {
                    calls.push(found);
                }
            }
        }
        let calls: Vec<(String, String, String)> = calls
            .into_iter()
            .enumerate()
            .map(|(at, (tool, arguments))| (format!("c{}_{at}", made.len()), tool, arguments.to_string()))
            .collect();
        let calls: Vec<(&str, &str, &str)> =
            calls.iter().map(|(id, tool, arguments)| (id.as_str(), tool.as_str(), arguments.as_str())).collect();
        chat_reply(if calls.is_empty() { last } else { "I obey.\n" }, &calls)
    }
}

fn arguments_of(function: &Value) -> Value {
    serde_json::from_str(word(function, "arguments")).unwrap_or_default()
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, into)),
        _ => {}
    }
}

fn orders(text: &str) -> Vec<(String, Value)> {
    text.split("ORDER ")
        .skip(1)
        .filter_map(|order| {
            let (tool, rest) = order.split_once(' ')?;
            let arguments = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
            arguments.is_object().then(|| (tool.to_owned(), arguments))
        })
        .collect()
}
