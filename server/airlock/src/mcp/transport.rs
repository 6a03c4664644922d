//! The transport between standard input and output, in place of the SDK's own: that one passes over what it cannot read without
//! an answer, and bounds neither the requests at work nor, by itself, a second one under the id of a first.

use std::collections::HashSet;
use std::io::{self, BufReader, BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{ClientNotification, ErrorData, JsonRpcError, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::{Line, Lines, MAX_LINE};
use super::message::{Incoming, decode, is_beginning, may_be_first};

/// Requests at work at a time. What comes while so many are is refused, not queued, so that a cancel is read all the same.
const MOST_AT_WORK: usize = 64;
/// Messages read ahead, and messages that wait to be written.
const AHEAD: usize = 64;

/// The two streams, and what is asked for over them.
pub struct Stdio {
    input: mpsc::Receiver<Incoming>,
    output: mpsc::Sender<Vec<u8>>,
    /// Requests that have no answer yet.
    at_work: Arc<Mutex<HashSet<RequestId>>>,
    /// An answer of the transport's own. Kept here, since whoever waits for the next message may stop waiting.
    answer: Option<Vec<u8>>,
    has_begun: bool,
    /// Set when nothing more will come.
    ended: CancellationToken,
}

impl Stdio {
    /// Takes both streams of the process. The second value is told when all that was to be written is written, after this is
    /// dropped.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn open(ended: CancellationToken) -> io::Result<(Self, std::sync::mpsc::Receiver<()>)> {
        let (input, (output, written)) = (read_input()?, write_output()?);
        Ok((Self { input, output, at_work: Arc::default(), answer: None, has_begun: false, ended }, written))
    }

    /// Looks at what came in; what is left of it for the service.
    fn take(&mut self, incoming: Incoming) -> Option<RxJsonRpcMessage<RoleServer>> {
        let message = match incoming {
            Incoming::Bad { id, error } => {
                tracing::warn!("a message was passed over: {}", error.message);
                self.answer = encode(&JsonRpcError::new(id, error));
                return None;
            }
            Incoming::Nothing(why) => {
                tracing::warn!("a message was passed over: {why}");
                return None;
            }
            Incoming::Message(message) => *message,
        };
        // Before the conversation has begun, the service ends at anything that is no request.
        if !self.has_begun {
            if !may_be_first(&message) {
                tracing::warn!("a message before `initialize` was passed over");
                return None;
            }
            self.has_begun = is_beginning(&message);
        }
        let mut at_work = lock(&self.at_work);
        match &message {
            JsonRpcMessage::Request(request) => {
                let refused = if at_work.contains(&request.id) {
                    Some(ErrorData::invalid_request("another request of this id is at work", None))
                } else if at_work.len() >= MOST_AT_WORK {
                    let message = format!("{MOST_AT_WORK} requests are at work; ask again when some are answered");
                    Some(ErrorData::internal_error(message, None))
                } else {
                    at_work.insert(request.id.clone());
                    None
                };
                if let Some(error) = refused {
                    // Under the id of the one that was refused; another answer under it may be still to come.
                    self.answer = encode(&JsonRpcError::new(Some(request.id.clone()), error));
                    return None;
                }
            }
            // Nothing answers a request that was cancelled.
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    at_work.remove(id);
                }
            }
            _ => {}
        }
        drop(at_work);
        Some(message)
    }
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = match &message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(id) = answered {
            lock(&self.at_work).remove(id);
        }
        let (output, bytes) = (self.output.clone(), encode(&message));
        async move {
            let Some(bytes) = bytes else { return Ok(()) };
            let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client reads no more");
            output.send(bytes).await.map_err(gone)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if self.answer.is_some() {
                // Nothing is lost where this is dropped while it waits.
                let Ok(room) = self.output.reserve().await else {
                    self.ended.cancel();
                    return None;
                };
                if let Some(answer) = self.answer.take() {
                    room.send(answer);
                }
            }
            let Some(incoming) = self.input.recv().await else {
                self.ended.cancel();
                return None;
            };
            if let Some(message) = self.take(incoming) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.ended.cancel();
        Ok(())
    }
}

fn lock(at_work: &Mutex<HashSet<RequestId>>) -> std::sync::MutexGuard<'_, HashSet<RequestId>> {
    at_work.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encode(message: &impl serde::Serialize) -> Option<Vec<u8>> {
    match serde_json::to_vec(message) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            Some(bytes)
        }
        Err(error) => {
            tracing::error!("a message cannot be written: {error}");
            None
        }
    }
}

fn read_input() -> io::Result<mpsc::Receiver<Incoming>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let mut lines = Lines::new(BufReader::new(io::stdin().lock()));
        loop {
            let incoming = match lines.read() {
                Ok(Some(Line::Text(line))) => decode(&line),
                Ok(Some(Line::TooLong(bytes))) => {
                    let message = format!("a message has {bytes} bytes, more than the {MAX_LINE} taken");
                    Incoming::Bad { id: None, error: ErrorData::invalid_request(message, None) }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("standard input cannot be read: {error}");
                    return;
                }
            };
            if sender.blocking_send(incoming).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

fn write_output() -> io::Result<(mpsc::Sender<Vec<u8>>, std::sync::mpsc::Receiver<()>)> {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(AHEAD);
    let (last, written) = std::sync::mpsc::channel::<()>();
    std::thread::Builder::new().name("output".to_owned()).spawn(move || {
        // Whoever listens is told by its going.
        let _last = last;
        let mut output = BufWriter::new(io::stdout().lock());
        while let Some(bytes) = receiver.blocking_recv() {
            let written = output.write_all(&bytes).and_then(|()| output.flush());
            if let Err(error) = written {
                tracing::warn!("standard output cannot be written: {error}");
                return;
            }
        }
    })?;
    Ok((sender, written))
}
