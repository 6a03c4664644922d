//! A project with a function to write, and a model that says what a test wants.

use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Airlock, Project};
use airlock_program_tests::model_server::{ModelServer, Script, chat_reply};
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

    pub fn airlock(&self, arguments: &[&str]) -> Airlock {
        self.project.airlock(arguments).env("XDG_DATA_HOME", self.data.path())
    }

    /// A call that asks the model.
    pub fn asking(&self, arguments: &[&str]) -> Airlock {
        let url = format!("{}/v1", self.server.url());
        let model = ["--provider", "llamacpp", "--model", "scripted", "--base-url", &url];
        self.airlock(&[arguments, &model].concat())
    }

    /// A task of these options.
    pub fn task(&self, options: &[&str]) -> Airlock {
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
