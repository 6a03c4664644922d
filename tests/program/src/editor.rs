//! A small strict client: it keeps documents as an editor does, answers what a server may ask, and fails on what it does not
//! know.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{airlock, data};

/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the client does with an edit that it is asked to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// Makes it, tells the change, answers.
    Made,
    /// Answers that it is made, and makes it afterwards, as Neovim may.
    AnsweredFirst,
    /// Answers that it is made, and does nothing, as for a stale version.
    Skipped,
    Refused,
    /// Answers nothing, whatever the server asks.
    Silent,
}

/// How the columns of a place are counted, as the protocol names it.
pub const UTF_8: &str = "utf-8";
pub const UTF_16: &str = "utf-16";
pub const UTF_32: &str = "utf-32";

/// What a client is when it begins.
#[derive(Clone, Debug, Default)]
pub struct Setup<'a> {
    pub folders: &'a [&'a Path],
    /// Its initialization options.
    pub options: Value,
    /// What it can do with the workspace, besides edits of several documents.
    pub able: Value,
    /// What it counts columns in, the best first; without any it says nothing of it.
    pub encodings: &'a [&'a str],
    /// It can have the user choose.
    pub asks: bool,
    /// What it is called.
    pub name: Option<&'a str>,
    /// Set for its server.
    pub environment: &'a [(&'a str, &'a OsStr)],
}

/// An editor.
pub struct Client {
    child: Child,
    /// What columns are counted in.
    encoding: String,
    input: Option<ChildStdin>,
    incoming: Receiver<Value>,
    /// Taken from the server, and not looked at yet.
    waiting: VecDeque<Value>,
    next: i64,
    pub edits: Edits,
    /// Text and version by URI.
    pub documents: BTreeMap<String, (i64, String)>,
    /// The findings shown, by URI.
    pub shown: BTreeMap<String, Vec<Value>>,
    /// Documents that the server asked to show.
    pub opened: Vec<String>,
    /// Messages to the user.
    pub messages: Vec<String>,
    /// Those, and lines of the log.
    pub said: Vec<String>,
    /// What it answers to who asks for its settings.
    pub settings: Value,
    /// What the user was asked, and the title that he chooses of the next question.
    pub asked: Vec<Value>,
    pub choice: Option<String>,
    /// What the server registered.
    pub registered: Vec<Value>,
    /// How often lenses were to be asked for again.
    pub refreshed: usize,
    /// What progress reported.
    pub reported: Vec<String>,
    /// Kinds of progress seen, in order, by token.
    pub progress: BTreeMap<String, Vec<String>>,
}

/// The URI of a file.
pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

impl Client {
    /// Starts a server in a folder, and greets it.
    pub fn start(folder: &Path, options: Value) -> Self {
        Self::begin(&Setup { folders: &[folder], options, ..Setup::default() })
    }

    /// The same for a server that keeps its sessions elsewhere.
    pub fn start_with_data(folder: &Path, data: &Path) -> Self {
        let environment = [("XDG_DATA_HOME", data.as_os_str())];
        let options = json!({"checkOnSave": false});
        Self::begin(&Setup { folders: &[folder], options, environment: &environment, ..Setup::default() })
    }

    /// The same for a client with several folders or none, that can be asked for settings, watches files and shows lenses.
    pub fn start_able(folders: &[&Path], settings: Value) -> Self {
        let able = json!({
            "configuration": true,
            "didChangeWatchedFiles": {"dynamicRegistration": true},
            "codeLens": {"refreshSupport": true},
        });
        let setup = Setup { folders, able, ..Setup::default() };
        let mut client = Self::unmet(&setup);
        client.settings = settings;
        client.hello(&setup)
    }

    /// Starts a server, and greets it.
    pub fn begin(setup: &Setup<'_>) -> Self {
        Self::unmet(setup).hello(setup)
    }

    /// Starts a server that is to be greeted.
    fn unmet(setup: &Setup<'_>) -> Self {
        let mut command = airlock(setup.folders.first().copied().unwrap_or_else(|| Path::new("/")));
        command.env("XDG_STATE_HOME", data());
        command.envs(setup.environment.iter().copied());
        Self::of(command)
    }

    fn hello(mut self, setup: &Setup<'_>) -> Self {
        let client = &mut self;
        let mut workspace = json!({"applyEdit": true, "workspaceEdit": {"documentChanges": true}});
        if let Some(able) = setup.able.as_object() {
            workspace.as_object_mut().expect("an object").extend(able.clone());
        }
        let mut capabilities = json!({
            "window": {"workDoneProgress": true, "showDocument": {"support": true}},
            "workspace": workspace,
        });
        if setup.asks {
            capabilities["window"]["showMessage"] = json!({"messageActionItem": {"additionalPropertiesSupport": true}});
        }
        if !setup.encodings.is_empty() {
            capabilities["general"] = json!({"positionEncodings": setup.encodings});
        }
        let folders = setup.folders;
        let named: Vec<Value> = folders.iter().map(|folder| json!({"uri": uri(folder), "name": "project"})).collect();
        let mut params = json!({
            "processId": std::process::id(),
            "capabilities": capabilities,
            "rootUri": folders.first().map(|folder| uri(folder)),
            "workspaceFolders": named,
            "initializationOptions": setup.options,
        });
        if let Some(name) = setup.name {
            params["clientInfo"] = json!({"name": name});
        }
        let answer = client.request("initialize", params);
        assert_eq!(answer["result"]["serverInfo"]["name"], "airlock", "{answer}");
        let encoding = setup.encodings.first().copied().unwrap_or(UTF_16);
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], encoding);
        encoding.clone_into(&mut client.encoding);
        client.notify("initialized", json!({}));
        self
    }

    /// Starts a server, and says nothing to it.
    pub fn spawn(folder: &Path) -> Self {
        Self::unmet(&Setup { folders: &[folder], ..Setup::default() })
    }

    fn of(mut command: Command) -> Self {
        let mut child = command
            .args(["lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (sender, incoming) = channel();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            encoding: UTF_16.to_owned(),
            incoming,
            waiting: VecDeque::new(),
            next: 1,
            edits: Edits::Made,
            documents: BTreeMap::new(),
            shown: BTreeMap::new(),
            opened: Vec::new(),
            messages: Vec::new(),
            said: Vec::new(),
            reported: Vec::new(),
            settings: Value::Null,
            asked: Vec::new(),
            choice: None,
            registered: Vec::new(),
            refreshed: 0,
            progress: BTreeMap::new(),
        }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open");
        input.write_all(bytes).and_then(|()| input.flush()).expect("the server reads");
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.write(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks, and serves the server until it answers.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.until(|message| message.get("method").is_none() && message["id"] == id)
    }

    /// Asks for a command.
    pub fn command(&mut self, name: &str, arguments: Value) -> Value {
        self.request("workspace/executeCommand", json!({"command": name, "arguments": arguments}))
    }

    /// The next message that fits; what comes before it is served.
    pub fn until(&mut self, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let message = self.waiting.pop_front().unwrap_or_else(|| self.receive(began));
            if message.get("method").is_some() {
                self.serve(&message);
            }
            if fits(&message) {
                return message;
            }
        }
    }

    /// Serves the server until something is true of what it showed.
    pub fn wait(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {:?} {:?}", self.said, self.shown);
            let message = self.receive(began);
            assert!(message.get("method").is_some(), "an answer that nobody waits for: {message}");
            self.serve(&message);
        }
    }

    fn receive(&mut self, began: Instant) -> Value {
        match self.incoming.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("the server says nothing; so far {:?}", self.said),
            Err(RecvTimeoutError::Disconnected) => panic!("the server is gone; so far {:?}", self.said),
        }
    }

    fn serve(&mut self, message: &Value) {
        let params = &message["params"];
        let answer = match message["method"].as_str().expect("a method") {
            "textDocument/publishDiagnostics" => {
                let uri = params["uri"].as_str().expect("a URI").to_owned();
                if let (Some(version), Some((now, _))) = (params["version"].as_i64(), self.documents.get(&uri)) {
                    assert_eq!(version, *now, "findings of a stale text of {uri}");
                }
                self.shown.insert(uri, params["diagnostics"].as_array().expect("a list").clone());
                None
            }
            method @ ("window/showMessage" | "window/logMessage") => {
                let text = params["message"].as_str().expect("a text").to_owned();
                if method == "window/showMessage" {
                    self.messages.push(text.clone());
                }
                self.said.push(text);
                None
            }
            "$/progress" => {
                let token = params["token"].as_str().expect("a token").to_owned();
                let seen = self.progress.get_mut(&token).expect("a progress that was created");
                let kind = params["value"]["kind"].as_str().expect("a kind").to_owned();
                let fits = match kind.as_str() {
                    "begin" => seen.is_empty(),
                    "report" | "end" => {
                        seen.first().is_some_and(|first| first == "begin") && !seen.contains(&"end".into())
                    }
                    _ => false,
                };
                assert!(fits, "{kind} after {seen:?}");
                seen.push(kind);
                self.reported.extend(params["value"]["message"].as_str().map(str::to_owned));
                None
            }
            "window/workDoneProgress/create" => {
                let token = params["token"].as_str().expect("a token").to_owned();
                assert!(self.progress.insert(token, Vec::new()).is_none(), "a token is used twice");
                Some(Value::Null)
            }
            "window/showMessageRequest" => {
                self.asked.push(params.clone());
                Some(self.choice.as_ref().map_or(Value::Null, |title| json!({"title": title})))
            }
            "window/showDocument" => {
                self.opened.push(params["uri"].as_str().expect("a URI").to_owned());
                Some(json!({"success": true}))
            }
            "workspace/applyEdit" => match self.edits {
                Edits::Made => {
                    self.apply(&params["edit"]);
                    Some(json!({"applied": true}))
                }
                Edits::AnsweredFirst => {
                    self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": {"applied": true}}));
                    self.apply(&params["edit"]);
                    return;
                }
                Edits::Skipped | Edits::Silent => Some(json!({"applied": true})),
                Edits::Refused => Some(json!({"applied": false, "failureReason": "the buffer is read-only"})),
            },
            "workspace/configuration" => {
                assert_eq!(params["items"], json!([{"section": "airlock"}]));
                Some(json!([self.settings]))
            }
            "client/registerCapability" => {
                self.registered.extend(params["registrations"].as_array().expect("a list").clone());
                Some(Value::Null)
            }
            "workspace/codeLens/refresh" => {
                self.refreshed += 1;
                Some(Value::Null)
            }
            method => panic!("the client does not know {method}: {message}"),
        };
        if self.edits == Edits::Silent {
            return;
        }
        if let Some(result) = answer {
            self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
        } else {
            assert!(message.get("id").is_none(), "a notification with an id: {message}");
        }
    }

    /// Opens a file as it is on the disk.
    pub fn open(&mut self, path: &Path) -> String {
        let text = std::fs::read_to_string(path).expect("read");
        self.open_as(path, &text)
    }

    /// Opens a file with a text of the editor's own.
    pub fn open_as(&mut self, path: &Path, text: &str) -> String {
        let uri = uri(path);
        self.documents.insert(uri.clone(), (1, text.to_owned()));
        let document = json!({"uri": uri, "languageId": "python", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
        uri
    }

    /// Types: replaces the whole text.
    pub fn replace(&mut self, uri: &str, text: &str) {
        let (version, kept) = self.documents.get_mut(uri).expect("an open document");
        // Neovim's versions jump.
        *version += 3;
        text.clone_into(kept);
        let identifier = json!({"uri": uri, "version": version});
        self.notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": [{"text": text}]}));
    }

    /// Types: puts a text at the beginning of a line.
    pub fn insert(&mut self, uri: &str, line: usize, new: &str) {
        let (version, kept) = self.documents.get_mut(uri).expect("an open document");
        *version += 1;
        let at: usize = kept.split_inclusive('\n').take(line).map(str::len).sum();
        kept.insert_str(at, new);
        let place = json!({"line": line, "character": 0});
        let change = json!({"range": {"start": place, "end": place}, "text": new});
        let identifier = json!({"uri": uri, "version": version});
        self.notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": [change]}));
    }

    /// Types: puts a text in the place of a range of bytes.
    pub fn type_over(&mut self, uri: &str, range: std::ops::Range<usize>, new: &str) {
        let (version, kept) = self.documents.get_mut(uri).expect("an open document");
        *version += 1;
        let place = |at: usize| {
            let start = kept[..at].rfind('\n').map_or(0, |end| end + 1);
            json!({"line": kept[..at].matches('\n').count(), "character": columns(&kept[start..at], &self.encoding)})
        };
        let change = json!({"range": {"start": place(range.start), "end": place(range.end)}, "text": new});
        kept.replace_range(range, new);
        let identifier = json!({"uri": uri, "version": version});
        self.notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": [change]}));
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn save(&mut self, uri: &str) {
        let path = uri.strip_prefix("file://").expect("a file");
        std::fs::write(path, &self.documents[uri].1).expect("written");
        self.notify("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
    }

    /// The actions at a line, with the findings that stand there.
    pub fn actions(&mut self, uri: &str, line: u64) -> Vec<Value> {
        self.actions_beside(uri, line, &[])
    }

    /// The same where other servers have found something there, too.
    pub fn actions_beside(&mut self, uri: &str, line: u64, others: &[Value]) -> Vec<Value> {
        let range = json!({"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}});
        let there = |found: &&Value| {
            let range = &found["range"];
            (range["start"]["line"].as_u64()..=range["end"]["line"].as_u64()).contains(&Some(line))
        };
        let own = self.shown.get(uri).into_iter().flatten().filter(there);
        let found: Vec<Value> = own.chain(others).cloned().collect();
        let params = json!({"textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": found}});
        let answer = self.request("textDocument/codeAction", params);
        let actions = answer["result"].as_array().expect("a list").clone();
        for action in &actions {
            assert!(action["title"].as_str().is_some_and(|title| title.starts_with("Airlock: ")), "{action}");
            assert!(action["command"]["command"].is_string() && action.get("edit").is_none(), "{action}");
        }
        actions
    }

    /// Titles of the lenses of a document, with their lines and arguments.
    pub fn lenses(&mut self, uri: &str) -> Vec<(u64, String, Value)> {
        let answer = self.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}}));
        let lenses = answer["result"].as_array().expect("a list").iter();
        lenses
            .map(|lens| {
                let title = lens["command"]["title"].as_str().expect("a title").to_owned();
                (lens["range"]["start"]["line"].as_u64().expect("a line"), title, lens["command"]["arguments"].clone())
            })
            .collect()
    }

    /// Does what an action says.
    pub fn pick(&mut self, actions: &[Value], title: &str) -> Value {
        let fits = |action: &&Value| action["title"].as_str().is_some_and(|found| found.starts_with(title));
        let action = actions.iter().find(fits).unwrap_or_else(|| panic!("no action {title:?} in {actions:?}"));
        let command = action["command"]["command"].as_str().expect("a name").to_owned();
        self.command(&command, action["command"]["arguments"].clone())
    }

    fn apply(&mut self, edit: &Value) {
        for document in edit["documentChanges"].as_array().expect("document changes") {
            let uri = document["textDocument"]["uri"].as_str().expect("a URI").to_owned();
            let (version, text) = self.documents.get(&uri).expect("an open document").clone();
            assert_eq!(document["textDocument"]["version"], version, "an edit of a stale text");
            let mut edits: Vec<(usize, usize, String)> = document["edits"]
                .as_array()
                .expect("edits")
                .iter()
                .map(|edit| {
                    let place = |end: &str| offset(&text, &edit["range"][end], &self.encoding);
                    (place("start"), place("end"), edit["newText"].as_str().expect("a text").to_owned())
                })
                .collect();
            edits.sort();
            let mut new = text.clone();
            for (start, end, with) in edits.into_iter().rev() {
                new.replace_range(start..end, &with);
            }
            self.replace(&uri, &new);
        }
    }

    /// Says goodbye; the exit code.
    pub fn end(mut self) -> i32 {
        let answer = self.request("shutdown", Value::Null);
        assert!(answer.get("error").is_none(), "{answer}");
        self.notify("exit", Value::Null);
        self.exit_code()
    }

    /// Waits for the process.
    pub fn exit_code(&mut self) -> i32 {
        let status = self.child.wait().expect("the server ends");
        status.code().expect("no signal")
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("killed");
    }

    /// Closes the server's input.
    pub fn hang_up(&mut self) {
        self.input.take();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Gone already, mostly.
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() {
            let left = self.waiting.iter().find(|message| message.get("method").is_none());
            assert!(left.is_none(), "an answer that nobody waited for: {left:?}");
        }
    }
}

/// The byte of a place.
pub fn offset(text: &str, place: &Value, encoding: &str) -> usize {
    let (line, column) = (place["line"].as_u64().expect("a line"), place["character"].as_u64().expect("a column"));
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(usize::try_from(line).expect("fits")).map(str::len).sum();
    let rest = lines.next().unwrap_or_default();
    let mut units = 0;
    for (at, c) in rest.char_indices() {
        if units >= column {
            assert_eq!(units, column, "a place inside a character of {rest:?}");
            return before + at;
        }
        units += units_of(c, encoding);
    }
    before + rest.len()
}

/// How many columns a text takes.
pub fn columns(text: &str, encoding: &str) -> u64 {
    text.chars().map(|c| units_of(c, encoding)).sum()
}

fn units_of(c: char, encoding: &str) -> u64 {
    match encoding {
        UTF_8 => c.len_utf8() as u64,
        UTF_16 => c.len_utf16() as u64,
        _ => 1,
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => {
                let value = line.strip_prefix("Content-Length: ").expect("nothing but the protocol on stdout");
                length = Some(value.parse::<usize>().expect("a number"));
            }
        }
    }
    let mut body = vec![0; length.expect("a length")];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}
