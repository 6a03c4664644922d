//! A small strict client of the Model Context Protocol: it answers what a server may ask, checks every answer against the schema
//! that the server gave for it, and fails on what it does not know.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::airlock;
use crate::schema::check;

/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The protocol's version that is asked for.
pub const VERSION: &str = "2025-11-25";

/// An agent's client.
pub struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    incoming: Receiver<Value>,
    errors: Option<JoinHandle<String>>,
    next: i64,
    /// What progress reported, by token.
    pub progress: BTreeMap<String, Vec<(f64, String)>>,
    /// The roots that it names where it has some.
    pub roots: Option<Vec<String>>,
    /// How often they were asked for.
    pub asked: usize,
    /// The schema of each tool's answer.
    schemas: BTreeMap<String, Value>,
    /// Requests whose answers do not matter any more.
    forgotten: Vec<i64>,
}

impl Agent {
    /// Starts a server in a folder, and greets it.
    pub fn start(folder: &Path) -> Self {
        Self::with(airlock(folder), &[], None)
    }

    /// The same with arguments for the server, and with roots.
    pub fn with(command: Command, arguments: &[&str], roots: Option<Vec<String>>) -> Self {
        let mut agent = Self::spawn(command, arguments);
        agent.roots = roots;
        agent.greet();
        agent
    }

    /// Starts a server, and says nothing to it.
    pub fn spawn(mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .arg("mcp")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (sender, incoming) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = line.expect("text on stdout");
                let message: Value = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("nothing but the protocol on stdout: {line:?} ({error})"));
                assert_eq!(message["jsonrpc"], "2.0", "{message}");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What was written by then is enough.
            drop(stderr.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            input: child.stdin.take(),
            child,
            incoming,
            errors: Some(errors),
            next: 1,
            progress: BTreeMap::new(),
            roots: None,
            asked: 0,
            schemas: BTreeMap::new(),
            forgotten: Vec::new(),
        }
    }

    /// Begins the conversation, and learns the tools.
    pub fn greet(&mut self) -> Value {
        let mut capabilities = json!({});
        if self.roots.is_some() {
            capabilities["roots"] = json!({"listChanged": true});
        }
        let answer = self.request(
            "initialize",
            json!({
                "protocolVersion": VERSION,
                "capabilities": capabilities,
                "clientInfo": {"name": "strict", "version": "1"},
            }),
        );
        let result = answer["result"].clone();
        assert_eq!(result["protocolVersion"], VERSION, "{answer}");
        assert_eq!(result["serverInfo"]["name"], "airlock", "{answer}");
        self.notify("notifications/initialized", json!({}));
        for tool in self.tools() {
            let name = tool["name"].as_str().expect("a name").to_owned();
            self.schemas.insert(name, tool["outputSchema"].clone());
        }
        result
    }

    /// The tools there are.
    pub fn tools(&mut self) -> Vec<Value> {
        let answer = self.request("tools/list", json!({}));
        answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("a list: {answer}")).clone()
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open");
        input.write_all(bytes).and_then(|()| input.flush()).expect("the server reads");
    }

    pub fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks, and goes on at once; the request's id.
    pub fn ask(&mut self, method: &str, params: Value) -> i64 {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Serves the server until it answers a request.
    pub fn answer(&mut self, id: i64) -> Value {
        self.until(|message| message.get("method").is_none() && message["id"] == id)
    }

    /// Lets a request's answer come or not.
    pub fn forget(&mut self, id: i64) {
        self.forgotten.push(id);
    }

    /// Asks, and serves the server until it answers.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        self.answer(id)
    }

    /// Calls a tool that answers: what it answers, checked against its schema, and in words.
    pub fn call(&mut self, tool: &str, arguments: Value) -> (Value, String) {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        self.result(tool, &answer)
    }

    /// A tool's answer, checked.
    pub fn result(&self, tool: &str, answer: &Value) -> (Value, String) {
        let result = &answer["result"];
        assert_ne!(result["isError"], true, "{answer}");
        let structured = result["structuredContent"].clone();
        let schema = self.schemas.get(tool).unwrap_or_else(|| panic!("no tool {tool}"));
        if let Err(why) = check(schema, schema, &structured) {
            panic!("{tool}: {why} in {structured}");
        }
        (structured, words(result))
    }

    /// Calls a tool that says what is wrong.
    pub fn fails(&mut self, tool: &str, arguments: Value) -> String {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        words(&answer["result"])
    }

    /// The next message that fits; what comes before it is served.
    pub fn until(&mut self, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let message = match self.incoming.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("the server says nothing"),
                Err(RecvTimeoutError::Disconnected) => panic!("the server is gone: {}", self.errors()),
            };
            if message.get("method").is_some() {
                self.serve(&message);
            }
            if fits(&message) {
                return message;
            }
            assert!(message.get("method").is_some(), "an answer that nobody waits for: {message}");
        }
    }

    fn serve(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str().expect("a method") {
            "notifications/progress" => {
                let token = params["progressToken"].as_str().expect("the token that was given").to_owned();
                let at = params["progress"].as_f64().expect("a number");
                let seen = self.progress.entry(token).or_default();
                assert!(seen.last().is_none_or(|(before, _)| *before < at), "progress goes back: {message}");
                seen.push((at, params["message"].as_str().unwrap_or_default().to_owned()));
            }
            "roots/list" => {
                self.asked += 1;
                let Some(roots) = self.roots.clone() else { panic!("it has no roots: {message}") };
                let roots: Vec<Value> = roots.iter().map(|uri| json!({"uri": uri})).collect();
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": {"roots": roots}}));
            }
            method => panic!("the client does not know {method}: {message}"),
        }
    }

    /// A resource's text, and its type.
    pub fn read(&mut self, uri: &str) -> (String, String) {
        let answer = self.request("resources/read", json!({"uri": uri}));
        let contents = &answer["result"]["contents"][0];
        assert_eq!(contents["uri"], uri, "{answer}");
        let word = |name: &str| contents[name].as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned();
        (word("text"), word("mimeType"))
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the server's input, as clients say goodbye; its exit code, and what it said on standard error.
    pub fn end(mut self) -> (i32, String) {
        self.input.take();
        let code = self.child.wait().expect("the server ends").code().expect("no signal");
        (code, self.errors())
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("killed");
    }

    fn errors(&mut self) -> String {
        self.errors.take().map(|errors| errors.join().expect("read")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Gone already, mostly.
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() {
            let is_left = |message: &Value| {
                message.get("method").is_none()
                    && !message["id"].as_i64().is_some_and(|id| self.forgotten.contains(&id))
            };
            let left = self.incoming.try_iter().find(is_left);
            assert!(left.is_none(), "an answer that nobody waited for: {left:?}");
        }
    }
}

fn words(result: &Value) -> String {
    assert_eq!(result["content"][0]["type"], "text", "{result}");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}
