//! The guarded transport: tower-lsp's service between standard input and output.
//!
//! In place of tower-lsp's own `Server`, which stays alive after `exit`, ends at bad JSON, and stops for good when four
//! handlers wait for the client. Here each new request is polled once before the next is read, so that handlers start in
//! the order of their messages; whatever waits does not keep others from being answered; a message that cannot be read is
//! answered by the protocol's code, and the next one is served.

use std::future::Future;
use std::io::{self, BufReader, BufWriter};
use std::panic::AssertUnwindSafe;
use std::task::Poll;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt, future, poll};
use serde_json::Value;
use tokio::sync::mpsc;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::{ClientSocket, LanguageServer, LspService};
use tower_service::Service;

use super::frame::{self, Frame, Frames};

/// Requests at work at a time; more are read when some are done. No handler waits for the client, so some always are.
const MOST_RUNNING: usize = 256;
/// Messages read ahead, and messages that wait to be written.
const AHEAD: usize = 64;

/// How the conversation ended: the process's exit code.
pub type ExitCode = u8;

enum Incoming {
    Request(Request),
    Response(Response),
    Bad { id: Id, error: Error },
}

/// Serves until `exit`, or until the client is gone.
pub async fn serve<S: LanguageServer>(mut service: LspService<S>, socket: ClientSocket) -> ExitCode {
    let mut input = spawn_reader();
    let output = spawn_writer();
    let (mut requests, mut responses) = socket.split();
    let mut running = FuturesUnordered::new();
    let mut is_shut_down = false;
    loop {
        let outgoing = tokio::select! {
            Some(done) = running.next(), if !running.is_empty() => done,
            Some(request) = requests.next() => encode(&request),
            incoming = input.recv(), if running.len() < MOST_RUNNING => match incoming {
                None => return u8::from(!is_shut_down),
                Some(Incoming::Bad { id, error }) => encode(&Response::from_error(id, error)),
                Some(Incoming::Response(response)) => {
                    // Nobody may be waiting for it any more.
                    let _ = responses.send(response).await;
                    None
                }
                Some(Incoming::Request(request)) => {
                    match request.method() {
                        "exit" => return u8::from(!is_shut_down),
                        "shutdown" => is_shut_down = true,
                        _ => {}
                    }
                    if future::poll_fn(|context| service.poll_ready(context)).await.is_err() {
                        return u8::from(!is_shut_down);
                    }
                    let id = request.id().cloned();
                    let mut answer = Box::pin(answered(id, service.call(request)));
                    match poll!(&mut answer) {
                        Poll::Ready(done) => done,
                        Poll::Pending => {
                            running.push(answer);
                            None
                        }
                    }
                }
            },
        };
        if let Some(bytes) = outgoing
            && output.send(bytes).await.is_err()
        {
            // The client reads no more.
            return u8::from(!is_shut_down);
        }
    }
}

/// The answer to a request; an error where its handler panics, which is no reason for the others not to be served. What a handler
/// shares is a channel, which no panic leaves half done.
async fn answered<E>(id: Option<Id>, handler: impl Future<Output = Result<Option<Response>, E>>) -> Option<Vec<u8>> {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(answer) => answer.ok().flatten().as_ref().and_then(encode),
        // The hook has written down where and why.
        Err(_) => encode(&Response::from_error(id?, Error::internal_error())),
    }
}

fn encode(message: &impl serde::Serialize) -> Option<Vec<u8>> {
    match serde_json::to_vec(message) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            tracing::error!("a message cannot be written: {error}");
            None
        }
    }
}

fn spawn_reader() -> mpsc::Receiver<Incoming> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = Frames::new(BufReader::new(io::stdin().lock()));
        loop {
            let incoming = match input.read() {
                Ok(Some(Frame::Body(body))) => decode(&body),
                Ok(Some(Frame::Refused(why))) => bad(Id::Null, ErrorCode::ParseError, why),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("standard input cannot be read: {error}");
                    return;
                }
            };
            if let Incoming::Bad { error, .. } = &incoming {
                tracing::warn!("a message was passed over: {}", error.message);
            }
            if sender.blocking_send(incoming).is_err() {
                return;
            }
        }
    });
    receiver
}

fn spawn_writer() -> mpsc::Sender<Vec<u8>> {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(AHEAD);
    std::thread::spawn(move || {
        let mut output = BufWriter::new(io::stdout().lock());
        while let Some(body) = receiver.blocking_recv() {
            if frame::write(&mut output, &body).is_err() {
                return;
            }
        }
    });
    sender
}

fn bad(id: Id, code: ErrorCode, message: impl Into<String>) -> Incoming {
    Incoming::Bad { id, error: Error { code, message: message.into().into(), data: None } }
}

/// A message, or the answer to one that is none.
fn decode(body: &[u8]) -> Incoming {
    let mut value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return bad(Id::Null, ErrorCode::ParseError, format!("a message is no JSON: {error}")),
    };
    let Value::Object(members) = &mut value else {
        return bad(Id::Null, ErrorCode::InvalidRequest, "a message is no object (batches are not part of LSP)");
    };
    let id = members.get("id").and_then(|id| serde_json::from_value::<Id>(id.clone()).ok()).unwrap_or(Id::Null);
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return bad(id, ErrorCode::InvalidRequest, "a message is not of JSON-RPC 2.0");
    }
    let is_request = members.contains_key("method");
    // Clients write null for no parameters, where tower-lsp wants none.
    if is_request && members.get("params").is_some_and(Value::is_null) {
        members.remove("params");
    }
    let decoded = if is_request {
        serde_json::from_value(value).map(Incoming::Request)
    } else {
        serde_json::from_value(value).map(Incoming::Response)
    };
    match decoded {
        Ok(incoming) => incoming,
        Err(error) if is_request => bad(id, ErrorCode::InvalidRequest, format!("a request is none: {error}")),
        // An answer is not answered.
        Err(error) => bad(Id::Null, ErrorCode::InvalidRequest, format!("an answer is none: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_panics_is_answered_with_an_error_and_the_next_is_served() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.build().expect("a runtime");
        let asked = |id: Option<Id>, fails: bool| {
            let handler = {
                let id = id.clone();
                async move {
                    assert!(!fails, "a handler that is wrong");
                    Ok::<_, ()>(id.map(|id| Response::from_ok(id, Value::from("done"))))
                }
            };
            runtime.block_on(answered(id, handler)).map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("JSON"))
        };
        let failed = asked(Some(Id::Number(7)), true).expect("an answer");
        assert_eq!((&failed["id"], &failed["error"]["code"]), (&Value::from(7), &Value::from(-32603)));
        // A notification has no answer, whatever comes of it.
        assert_eq!(asked(None, true), None);
        assert_eq!(asked(Some(Id::Number(8)), false).expect("an answer")["result"], "done");
    }

    #[test]
    fn each_bad_message_has_the_code_of_the_protocol() {
        let code = |text: &str| match decode(text.as_bytes()) {
            Incoming::Bad { error, .. } => error.code.code(),
            Incoming::Request(_) => 1,
            Incoming::Response(_) => 2,
        };
        let deep = format!("{{\"jsonrpc\":\"2.0\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let cases = [
            ("{", -32700),
            ("\u{feff}{}", -32700),
            (deep.as_str(), -32700),
            (r#"{"jsonrpc":"2.0","method":"\ud800"}"#, -32700),
            ("[]", -32600),
            ("3", -32600),
            (r#"{"method":"x"}"#, -32600),
            (r#"{"jsonrpc":"1.0","method":"x"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":3}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#, 1),
            (r#"{"jsonrpc":"2.0","method":"x","params":{}}"#, 1),
            (r#"{"jsonrpc":"2.0","id":1,"method":"shutdown","params":null}"#, 1),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, 2),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text:.60}");
        }
        assert!(matches!(decode(b"\xff"), Incoming::Bad { .. }));
    }
}
