//! Conversations as text files, in `scenarios/`: files, settings, what is asked, and what is to be answered.
//!
//! ```text
//! # What it shows.
//! -- client --            what the client is: settings, able, folders, encoding, greets; all of it may be left out
//! -- it.py --             a file of the project, up to the next line of this form
//! -- steps --
//! verb what               one step, with what is expected of it indented below
//! ```
//!
//! | verb | |
//! |---|---|
//! | `open FILE`, `save FILE`, `close FILE` | as an editor does; an indented text is the editor's own |
//! | `type FILE "OLD" "NEW"` | puts one text in the place of another |
//! | `write FILE "TEXT"` | somebody else writes to the disk |
//! | `command NAME [ARGUMENTS]` | asks for a command; indented: the answer |
//! | `request METHOD PARAMS`, `send MESSAGE`, `bytes "TEXT"` | asks; indented: the answer |
//! | `notify METHOD PARAMS` | tells |
//! | `actions FILE LINE` | indented: kind and title of each action there |
//! | `pick FILE LINE TITLE` | does what the action of this title says |
//! | `lenses FILE` | indented: line and title of each lens |
//! | `shown FILE` | waits until these are the findings: line, severity, code, and words of the message |
//! | `said TEXT` | waits until it is said |
//! | `quiet FILE` | nothing has been begun |
//! | `reads FILE` | waits until the editor's text is the indented one |
//! | `exit CODE` | the process ends with this |
//!
//! Lines count from 1. In JSON, `"@it.py"` is the file's URI and `"@"` the project's; an answer has to have what is written and may
//! have more, `"*"` is anything, and `"…words…"` a text with these words.

use std::fs;
use std::path::Path;

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup, uri};
use airlock_program_tests::repository;
use serde_json::{Value, json};

const FOLDER: &str = "tests/program/suites/lsp/scenarios";

#[test]
fn bad_messages_are_answered_and_the_next_is_served() {
    run("bad_messages_are_answered_and_the_next_is_served");
}

#[test]
fn wrong_arguments_are_named() {
    run("wrong_arguments_are_named");
}

#[test]
fn positions_that_are_nowhere_do_no_harm() {
    run("positions_that_are_nowhere_do_no_harm");
}

#[test]
fn before_initialize_nothing_is_served() {
    run("before_initialize_nothing_is_served");
}

#[test]
fn after_shutdown_nothing_is_served() {
    run("after_shutdown_nothing_is_served");
}

#[test]
fn without_a_folder_an_open_file_says_what_is_meant() {
    run("without_a_folder_an_open_file_says_what_is_meant");
}

#[test]
fn names_of_files_are_one_name_however_they_are_written() {
    run("names_of_files_are_one_name_however_they_are_written");
}

#[test]
fn a_failure_in_the_code_is_shown_there_and_in_the_test() {
    run("a_failure_in_the_code_is_shown_there_and_in_the_test");
}

#[test]
fn what_cannot_run_has_one_hint_with_its_reason_and_its_cure() {
    run("what_cannot_run_has_one_hint_with_its_reason_and_its_cure");
}

#[test]
fn one_test_is_run_and_the_findings_of_the_others_stay() {
    run("one_test_is_run_and_the_findings_of_the_others_stay");
}

#[test]
fn settings_come_from_the_client_and_change_while_it_runs() {
    run("settings_come_from_the_client_and_change_while_it_runs");
}

#[test]
fn files_that_others_write_are_noticed() {
    run("files_that_others_write_are_noticed");
}

#[test]
fn every_scenario_is_run() {
    let own = fs::read_to_string(repository().join("tests/program/suites/lsp/scenarios.rs")).expect("there");
    for entry in fs::read_dir(repository().join(FOLDER)).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let name = name.strip_suffix(".txt").expect("scenarios alone").to_owned();
        assert!(own.contains(&format!("run(\"{name}\")")), "nothing runs {name}");
    }
}

/// A scenario as it is written.
struct Scenario {
    client: Value,
    files: Vec<(String, String)>,
    steps: Vec<Step>,
}

/// One step: its line's number, its verb, what follows, and what is indented below.
struct Step {
    line: usize,
    verb: String,
    rest: String,
    below: Vec<String>,
}

impl Scenario {
    fn read(text: &str) -> Self {
        let mut scenario = Self { client: json!({}), files: Vec::new(), steps: Vec::new() };
        let (mut section, mut content) = (String::new(), String::new());
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = line.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
                scenario.close(&section, std::mem::take(&mut content));
                name.clone_into(&mut section);
            } else if section == "steps" {
                scenario.step(number + 1, line);
            } else {
                content.push_str(line);
                content.push('\n');
            }
        }
        assert_eq!(section, "steps", "the steps come last");
        scenario
    }

    fn close(&mut self, section: &str, content: String) {
        match section {
            // The heading.
            "" => {}
            "client" => self.client = serde_json::from_str(&content).expect("JSON"),
            name => self.files.push((name.to_owned(), content)),
        }
    }

    fn step(&mut self, number: usize, line: &str) {
        match line.strip_prefix("  ") {
            Some(below) => self.steps.last_mut().expect("a step above").below.push(below.to_owned()),
            None if line.is_empty() || line.starts_with('#') => {}
            None => {
                let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
                let (verb, rest) = (verb.to_owned(), rest.trim().to_owned());
                self.steps.push(Step { line: number, verb, rest, below: Vec::new() });
            }
        }
    }
}

fn run(name: &str) {
    let text = fs::read_to_string(repository().join(FOLDER).join(format!("{name}.txt"))).expect("there");
    let Scenario { client, files, steps } = Scenario::read(&text);
    let project = Project::empty();
    for (path, content) in &files {
        project.write(path, content);
    }
    let mut player = Player { client: begin(&client, project.path()), project, is_over: false };
    for step in &steps {
        // Where it fails, this says in which step.
        println!("{name}.txt:{}: {} {}", step.line, step.verb, step.rest);
        player.play(step);
    }
    if !player.is_over {
        assert_eq!(player.client.end(), 0);
    }
}

fn begin(client: &Value, project: &Path) -> Client {
    if client["greets"] == false {
        return Client::spawn(project);
    }
    let folders: &[&Path] = if client["folders"] == false { &[] } else { &[project] };
    let settings = client["settings"].clone();
    if client["able"] == true {
        return Client::start_able(folders, settings);
    }
    let encodings: Vec<&str> = client["encoding"].as_str().into_iter().collect();
    Client::begin(&Setup { folders, options: settings, encodings: &encodings, ..Setup::default() })
}

/// Plays a scenario's client.
struct Player {
    client: Client,
    project: Project,
    is_over: bool,
}

impl Player {
    fn uri(&self, path: &str) -> String {
        if path.is_empty() { uri(self.project.path()) } else { uri(&self.project.join(path)) }
    }

    /// JSON with the project's names in it.
    fn json(&self, text: &str) -> Value {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        self.named(value)
    }

    fn named(&self, value: Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('@') {
                Some(path) => self.uri(path).into(),
                None => text.into(),
            },
            Value::Array(items) => items.into_iter().map(|item| self.named(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name, self.named(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other,
        }
    }

    fn play(&mut self, step: &Step) {
        let Step { verb, rest, below, .. } = step;
        let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb.as_str() {
            "open" if below.is_empty() => drop(self.client.open(&self.project.join(first))),
            "open" => drop(self.client.open_as(&self.project.join(first), &(below.join("\n") + "\n"))),
            "save" => self.client.save(&self.uri(first)),
            "close" => {
                let document = self.uri(first);
                self.client.documents.remove(&document);
                self.client.notify("textDocument/didClose", json!({"textDocument": {"uri": document}}));
            }
            "type" => {
                let words: Vec<String> = serde_json::Deserializer::from_str(more)
                    .into_iter::<String>()
                    .collect::<Result<_, _>>()
                    .expect("two texts");
                let [old, new] = &words[..] else { panic!("two texts") };
                let document = self.uri(first);
                let at = self.client.documents[&document].1.find(old).expect("the text to replace is there");
                self.client.type_over(&document, at..at + old.len(), new);
            }
            "write" => self.project.write(first, serde_json::from_str::<String>(more).expect("a text")),
            "command" => {
                let arguments = if more.is_empty() { json!([]) } else { self.json(more) };
                let answer = self.client.command(first, arguments);
                self.expect(below, &answer);
            }
            "request" => {
                let params = if more.is_empty() { Value::Null } else { self.json(more) };
                let answer = self.client.request(first, params);
                self.expect(below, &answer);
            }
            "notify" => {
                let params = if more.is_empty() { Value::Null } else { self.json(more) };
                self.client.notify(first, params);
            }
            "send" => {
                let message = self.json(rest);
                self.client.send(&message);
                self.answered(below);
            }
            "bytes" => {
                self.client.write(&bytes(rest));
                self.answered(below);
            }
            "actions" => {
                let document = self.uri(first);
                let found = self.client.actions(&document, line(more)).into_iter();
                let found: Vec<String> =
                    found.map(|action| format!("{} {}", word(&action["kind"]), word(&action["title"]))).collect();
                assert_eq!(&found, below);
            }
            "pick" => {
                let (at, title) = more.split_once(' ').expect("a line and a title");
                let document = self.uri(first);
                let actions = self.client.actions(&document, line(at));
                let answer = self.client.pick(&actions, title);
                self.expect(below, &answer);
            }
            "lenses" => {
                let document = self.uri(first);
                let found = self.client.lenses(&document).into_iter();
                let found: Vec<String> = found.map(|(line, title, _)| format!("{} {title}", line + 1)).collect();
                assert_eq!(&found, below);
            }
            "shown" => {
                let document = self.uri(first);
                self.client.wait(&format!("{below:?}"), |client| are_shown(client.shown.get(&document), below));
            }
            "said" => self.client.wait(rest, |client| client.said.iter().any(|text| text.contains(rest))),
            "quiet" => {
                // Answered after what was told before is taken.
                self.client.lenses(&self.uri(first));
                assert!(self.client.progress.is_empty(), "{:?}", self.client.progress);
            }
            "reads" => {
                let (document, text) = (self.uri(first), below.join("\n") + "\n");
                self.client.wait("the text", |client| client.documents[&document].1 == text);
            }
            "exit" => {
                self.is_over = true;
                assert_eq!(self.client.exit_code().to_string(), *rest);
            }
            verb => panic!("there is no verb {verb}"),
        }
    }

    /// What comes next without a method of its own is the answer.
    fn answered(&mut self, expected: &[String]) {
        if !expected.is_empty() {
            let answer = self.client.until(|message| message.get("method").is_none());
            self.expect(expected, &answer);
        }
    }

    fn expect(&self, expected: &[String], answer: &Value) {
        if !expected.is_empty() {
            let expected = self.json(&expected.join("\n"));
            assert!(fits(&expected, answer), "expected {expected}, and got {answer}");
        }
    }
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a word")
}

/// A line that counts from 1.
fn line(text: &str) -> u64 {
    text.parse::<u64>().expect("a line") - 1
}

/// Whether findings are those expected, in whatever order.
fn are_shown(found: Option<&Vec<Value>>, expected: &[String]) -> bool {
    let found: Vec<&Value> = found.into_iter().flatten().collect();
    let is = |found: &Value, expected: &str| {
        let mut words = expected.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        found["range"]["start"]["line"] == line(next())
            && severity(found) == Some(next())
            && found["code"] == next()
            && found["message"].as_str().is_some_and(|message| message.contains(next()))
    };
    found.len() == expected.len() && expected.iter().all(|expected| found.iter().any(|found| is(found, expected)))
}

fn severity(found: &Value) -> Option<&'static str> {
    let at = usize::try_from(found["severity"].as_u64()?).ok()?;
    ["", "error", "warning", "information", "hint"].get(at).copied()
}

/// Whether a value has what is expected of it.
fn fits(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::String(text), _) if text == "*" => !value.is_null(),
        (Value::String(text), Value::String(value)) => {
            match text.strip_prefix('…').and_then(|text| text.strip_suffix('…')) {
                Some(part) => value.contains(part),
                None => text == value,
            }
        }
        (Value::Object(fields), _) => fields.iter().all(|(name, expected)| fits(expected, &value[name])),
        (Value::Array(items), Value::Array(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| fits(item, value))
        }
        _ => expected == value,
    }
}

/// The bytes of a text in quotes, in which `\r`, `\n`, `\"`, `\\` and `\xff` mean what they do in Rust.
fn bytes(text: &str) -> Vec<u8> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("a text in quotes");
    let mut out = Vec::new();
    let mut letters = inside.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            out.push(letter);
            continue;
        }
        out.push(match letters.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b'x') => {
                let digits: Vec<u8> = letters.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&digits).expect("ASCII"), 16).expect("two digits")
            }
            Some(other) => other,
            None => panic!("a backslash at the end"),
        });
    }
    out
}
