//! The worker's end of the door: hands the harness its command, passes its events on, keeps the deadlines in step.

use serde_json::{Value, json};

use super::protocol::FromWorker;
use super::server::Shared;
use crate::link::Door;

/// Bytes of events that one job may send.
const MAX_EVENTS: usize = 512 << 20;

/// Answers one job's guest.
pub struct JobDoor {
    pub shared: &'static Shared,
    pub id: u64,
    /// The commands that the harness has not fetched yet.
    pub commands: std::vec::IntoIter<String>,
    pub sent: usize,
}

impl Door for JobDoor {
    fn call(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        let request: Value =
            serde_json::from_slice(request).map_err(|error| format!("the guest sent what is not JSON: {error}"))?;
        match request.get("op").and_then(Value::as_str) {
            Some("command") => Ok(self.commands.next().unwrap_or_else(|| "null".to_owned()).into_bytes()),
            Some("emit") => {
                let event = request.get("event").ok_or("the guest sent an event without content")?;
                if matches!(event.get("event").and_then(Value::as_str), Some("start" | "result")) {
                    self.shared.watch.step(self.id);
                }
                let event = serde_json::to_vec(event).map_err(|error| error.to_string())?;
                self.sent += event.len();
                if self.sent > MAX_EVENTS {
                    return Err("the guest reported more than the sandbox takes".to_owned());
                }
                (self.shared.out)(&FromWorker::Event { id: self.id, event });
                Ok(b"{}".to_vec())
            }
            Some(other) => serde_json::to_vec(&json!({"error": format!("the host has no {other}")}))
                .map_err(|error| error.to_string()),
            None => Err("the guest sent a message without an operation".to_owned()),
        }
    }
}
