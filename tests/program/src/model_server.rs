//! A scripted HTTP server on this machine that stands in for a model's: what it sends, byte by byte, and when, is what a test
//! says. It notes what it was asked, and when its client hangs up.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// One thing that the server does on a connection.
#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    /// Each byte by itself.
    Drip(Vec<u8>),
    /// Over and over, until the client hangs up.
    Endless(Vec<u8>),
    /// Over and over, this many times.
    Repeat(Vec<u8>, usize),
    /// Nothing, until the client hangs up.
    Silence,
    /// Nothing, until [`ModelServer::go_on`].
    Gate,
}

/// What the server does on one connection, once it has read the request. Then it hangs up.
pub type Script = Vec<Step>;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Its body.
    ///
    /// # Panics
    /// Where that is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// The server. It ends with its value.
pub struct ModelServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
    hung_up: Receiver<()>,
    gate: Sender<()>,
    accepting: Option<JoinHandle<()>>,
}

/// Who says what a connection is answered with.
type Answers = Box<dyn FnMut(&Asked) -> Script + Send>;

struct Shared {
    answers: Mutex<Answers>,
    asked: Arc<Mutex<Vec<Asked>>>,
    hung_up: Sender<()>,
    gate: Mutex<Receiver<()>>,
}

impl ModelServer {
    /// A server whose n-th connection follows the n-th script. Whoever comes after the last is hung up on.
    ///
    /// # Panics
    /// Where there is no port to be had.
    pub fn start(scripts: Vec<Script>) -> Self {
        let mut scripts = scripts.into_iter();
        Self::answering(move |_| scripts.next().unwrap_or_default())
    }

    /// A server that answers each request by what is asked.
    ///
    /// # Panics
    /// Where there is no port to be had.
    pub fn answering(answers: impl FnMut(&Asked) -> Script + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (tell_hung_up, hung_up) = channel();
        let (gate, wait) = channel();
        let shared = Arc::new(Shared {
            answers: Mutex::new(Box::new(answers)),
            asked: Arc::clone(&asked),
            hung_up: tell_hung_up,
            gate: Mutex::new(wait),
        });
        let stop = Arc::clone(&ended);
        let accepting = thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let shared = Arc::clone(&shared);
                // Ends with its connection, at the latest after its time-outs.
                thread::spawn(move || drop(shared.serve(connection)));
            }
        });
        Self { address, asked, ended, hung_up, gate, accepting: Some(accepting) }
    }

    /// Its address, such as `http://127.0.0.1:4321`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a client hung up in the middle of a script, waiting for it as long as this.
    pub fn was_hung_up_on(&self, within: Duration) -> bool {
        self.hung_up.recv_timeout(within).is_ok()
    }

    /// Lets one [`Step::Gate`] pass.
    ///
    /// # Panics
    /// Never while the server lives.
    pub fn go_on(&self) {
        self.gate.send(()).expect("the server is there");
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(60);
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let asked = read_request(&mut connection)?;
        let script = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            // Noted before it is answered, and in the order of the answers.
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            answers(&asked)
        };
        for step in script {
            if let Err(error) = self.step(&mut connection, &step) {
                if matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
                ) {
                    self.hung_up.send(()).ok();
                }
                return Err(error);
            }
        }
        connection.shutdown(Shutdown::Write)?;
        // The client may still read; where it hangs up first, what was sent is not lost to it.
        drop(connection.read(&mut [0; 64]));
        Ok(())
    }

    fn step(&self, connection: &mut TcpStream, step: &Step) -> io::Result<()> {
        match step {
            Step::Send(bytes) => connection.write_all(bytes),
            Step::Drip(bytes) => bytes.iter().try_for_each(|byte| connection.write_all(&[*byte])),
            Step::Endless(bytes) => loop {
                connection.write_all(bytes)?;
            },
            Step::Repeat(bytes, times) => (0..*times).try_for_each(|_| connection.write_all(bytes)),
            Step::Silence => match connection.read(&mut [0; 64])? {
                0 => Err(ErrorKind::ConnectionAborted.into()),
                _ => Ok(()),
            },
            Step::Gate => {
                let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
                gate.recv_timeout(Duration::from_secs(60)).map_err(|_| ErrorKind::TimedOut.into())
            }
        }
    }
}

fn read_request(connection: &mut TcpStream) -> io::Result<Asked> {
    const MOST: usize = 64 * 1024 * 1024;
    let mut all = Vec::new();
    let mut piece = [0; 16 * 1024];
    let mut head = None;
    loop {
        let n = connection.read(&mut piece)?;
        if n == 0 || all.len() > MOST {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        all.extend_from_slice(&piece[..n]);
        if head.is_none() {
            head = all.windows(4).position(|four| four == b"\r\n\r\n");
        }
        let Some(end) = head else { continue };
        let text = String::from_utf8_lossy(&all[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let asked = Asked { line, headers: headers.collect(), body: Vec::new() };
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
        if all.len() >= end + 4 + length {
            return Ok(Asked { body: all[end + 4..end + 4 + length].to_vec(), ..asked });
        }
    }
}

/// The head of an answer that ends with the connection.
pub fn head(status: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A whole answer in JSON.
pub fn json_answer(status: &str, headers: &[(&str, &str)], body: &Value) -> Script {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    vec![Step::Send(head(status, &headers)), Step::Send(body.to_string().into_bytes())]
}

/// The head of a stream of events.
pub fn stream_head() -> Step {
    Step::Send(head("200 OK", &[("Content-Type", "text/event-stream")]))
}

/// Events as they are sent, each with its type as its name where it has one. A text stands for itself.
pub fn events(events: &[Value]) -> Vec<u8> {
    let mut out = String::new();
    for event in events {
        if let Some(name) = event["type"].as_str() {
            out.push_str(&format!("event: {name}\n"));
        }
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        out.push_str(&format!("data: {data}\n\n"));
    }
    out.into_bytes()
}

/// A reply over Chat Completions: text, then calls (id, name, arguments).
pub fn chat_reply(text: &str, calls: &[(&str, &str, &str)]) -> Script {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        json!({"id": "reply", "model": "scripted", "choices": [choice]})
    };
    let mut all = vec![chunk(json!({"role": "assistant", "content": text}), Value::Null)];
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": arguments});
        let call = json!({"index": index, "id": id, "type": "function", "function": function});
        all.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    all.push(chunk(json!({}), if calls.is_empty() { "stop" } else { "tool_calls" }.into()));
    all.push(json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}));
    all.push("[DONE]".into());
    vec![stream_head(), Step::Send(events(&all))]
}
