//! A workspace, a model that says what a test wants, and an editor whose user has configured it.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup};
use airlock_program_tests::model_server::{ModelServer, Script, chat_reply};
use serde_json::{Value, json};

pub const MODULE: &str = "\
def larger(a, b):
    \"\"\"The larger of two.\"\"\"
    raise NotImplementedError


def smaller(a, b):
    # the smaller one, please
    return b
";

pub const TEST: &str = "\
from two import larger, smaller


def test_the_second_is_smaller():
    assert smaller(2, 1) == 1


def test_smaller():
    assert smaller(1, 2) == 1
";

/// What implements the first function, and the module with it.
pub fn implementing() -> String {
    json!({"path": "two.py", "old_text": "    raise NotImplementedError\n", "new_text": "    return a if a > b else b\n"})
        .to_string()
}

pub fn implemented() -> String {
    MODULE.replace("    raise NotImplementedError\n", "    return a if a > b else b\n")
}

/// What mends the second one, which a test runs.
pub fn mending() -> String {
    json!({"path": "two.py", "old_text": "    return b\n", "new_text": "    return a if a < b else b\n"}).to_string()
}

pub fn mended() -> String {
    MODULE.replace("    return b\n", "    return a if a < b else b\n")
}

/// A reply that calls one tool.
pub fn call(id: &str, tool: &str, arguments: &str) -> Script {
    chat_reply("I look.\n", &[(id, tool, arguments)])
}

/// A last reply.
pub fn done(words: &str) -> Script {
    chat_reply(words, &[])
}

pub struct Desk {
    pub project: Project,
    pub server: ModelServer,
    home: Project,
    data: Project,
}

impl Desk {
    pub fn new(scripts: Vec<Script>) -> Self {
        Self::of(&[("two.py", MODULE), ("test_two.py", TEST)], scripts)
    }

    pub fn of(files: &[(&str, &str)], scripts: Vec<Script>) -> Self {
        let server = ModelServer::start(scripts);
        let home = Project::empty();
        let file = format!(
            "[model]\nprovider = \"llamacpp\"\nname = \"scripted\"\nbase_url = \"{}/v1\"\nsearch_seconds = 0\n",
            server.url()
        );
        home.write("airlock/config.toml", file);
        Self { project: Project::new(files), server, home, data: Project::empty() }
    }

    /// An editor of this workspace.
    pub fn editor(&self) -> Client {
        self.editor_of(&Setup::default())
    }

    /// The same with these settings.
    pub fn editor_with(&self, options: Value) -> Client {
        self.begin(&Setup { options, ..Setup::default() })
    }

    pub fn editor_of(&self, setup: &Setup<'_>) -> Client {
        self.begin(&Setup { options: json!({"checkOnSave": false}), ..setup.clone() })
    }

    fn begin(&self, setup: &Setup<'_>) -> Client {
        let folders = [self.project.path()];
        let (home, data) = (self.home.path().as_os_str(), self.data.path().as_os_str());
        let environment = [("XDG_CONFIG_HOME", home), ("XDG_DATA_HOME", data)];
        Client::begin(&Setup { folders: &folders, environment: &environment, ..setup.clone() })
    }

    /// Opens a file, and waits until its project is known: actions of models are offered from then on.
    pub fn open(&self, client: &mut Client, name: &str) -> String {
        let document = client.open(&self.project.join(name));
        let began = Instant::now();
        // Nothing is said of it; a definition has an action once it is so.
        while !titles(&client.actions(&document, 1)).iter().any(|title| title == "Airlock: explain") {
            assert!(began.elapsed() < Duration::from_secs(60), "no action of a model is offered");
            std::thread::yield_now();
        }
        document
    }

    /// Waits until the model was asked so often.
    pub fn wait_for(&self, requests: usize) {
        let began = Instant::now();
        while self.server.asked().len() < requests {
            assert!(began.elapsed() < Duration::from_secs(120), "asked {} times", self.server.asked().len());
            std::thread::yield_now();
        }
    }

    /// What the model was asked, by its number.
    pub fn asked(&self, number: usize) -> String {
        self.server.asked()[number].json().to_string()
    }

    /// The sessions, as the command line lists them.
    pub fn sessions(&self) -> Value {
        let (listed, exit) =
            self.project.airlock(&["sessions", "list"]).env("XDG_DATA_HOME", OsString::from(self.data.path())).json();
        assert_eq!(exit, 0, "{listed}");
        listed["sessions"].clone()
    }
}

pub fn titles(actions: &[Value]) -> Vec<String> {
    actions.iter().filter_map(|action| action["title"].as_str().map(str::to_owned)).collect()
}

/// Whether a message of these words was shown.
pub fn was_told(client: &Client, part: &str) -> bool {
    client.messages.iter().any(|text| text.contains(part))
}

/// The last document that was opened, as a file.
pub fn shown(client: &Client) -> String {
    let path = client.opened.last().and_then(|uri| uri.strip_prefix("file://")).expect("a file");
    std::fs::read_to_string(path).expect("read")
}
