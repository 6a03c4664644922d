//! The worker's end of the door: hands the harness its command, passes its events on, keeps the deadlines in step, and
//! computes what the guest's library leaves to a C library, and moves the guest's clock when a test travels in time.

use serde_json::{Value, json};

use super::keys;
use super::protocol::FromWorker;
use super::server::Shared;
use crate::link::Door;
use crate::wasi::Process;

/// Bytes of events that one job may send: what the server may have to keep of it.
const MAX_EVENTS: usize = 256 << 20;

/// Events that one job may send.
const MAX_EVENT_COUNT: usize = 1 << 20;

/// Answers one job's guest.
pub struct JobDoor {
    shared: &'static Shared,
    id: u64,
    /// The commands that the harness has not fetched yet.
    commands: std::vec::IntoIter<String>,
    sent: usize,
    events: usize,
}

impl JobDoor {
    pub fn new(shared: &'static Shared, id: u64, commands: Vec<String>) -> Self {
        Self { shared, id, commands: commands.into_iter(), sent: 0, events: 0 }
    }

    fn emit(&mut self, event: &Value) -> Result<(), String> {
        if matches!(event.get("event").and_then(Value::as_str), Some("start" | "result" | "collecting")) {
            self.shared.watch.step(self.id);
        }
        let event = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        self.sent += event.len();
        self.events += 1;
        if self.sent > MAX_EVENTS || self.events > MAX_EVENT_COUNT {
            return Err("the guest reported more than the sandbox takes".to_owned());
        }
        (self.shared.out)(&FromWorker::Event { id: self.id, event });
        Ok(())
    }
}

impl Door for JobDoor {
    fn call(&mut self, request: &[u8], process: &mut Process) -> Result<Vec<u8>, String> {
        let request: Value =
            serde_json::from_slice(request).map_err(|error| format!("the guest sent what is not JSON: {error}"))?;
        let answer = match request.get("op").and_then(Value::as_str) {
            Some("command") => return Ok(self.commands.next().unwrap_or_else(|| "null".to_owned()).into_bytes()),
            Some("emit") => {
                let event = request.get("event").ok_or("the guest sent an event without content")?;
                self.emit(event)?;
                // What its tests share is used up: the harness ends here, and what is left runs in a new guest.
                let used_up = event.get("event").and_then(Value::as_str) == Some("result")
                    && process.limits_hit.iter().any(|limit| limit.is_used_up());
                if used_up { json!({"used_up": true}) } else { json!({}) }
            }
            Some("pbkdf2") => key(keys::pbkdf2(&request)),
            Some("scrypt") => key(keys::scrypt(&request)),
            Some("clock") => clock(&request, process),
            Some(other) => json!({"error": format!("the host has no {}", other.escape_debug())}),
            None => return Err("the guest sent a message without an operation".to_owned()),
        };
        serde_json::to_vec(&answer).map_err(|error| error.to_string())
    }
}

/// Answers `{"op":"clock", "realtime_ns": nanoseconds since 1970 or null, "tick": …}`.
fn clock(request: &Value, process: &mut Process) -> Value {
    let to = match request.get("realtime_ns") {
        Some(Value::Null) => None,
        Some(to) if to.as_u64().is_some_and(|to| i64::try_from(to).is_ok()) => to.as_u64(),
        _ => return json!({"error": "realtime_ns is null or a number of nanoseconds from 1970 to 2262"}),
    };
    let Some(tick) = request.get("tick").and_then(Value::as_bool) else {
        return json!({"error": "tick is true or false"});
    };
    process.clock.travel(to, tick);
    json!({"ok": true})
}

fn key(key: Result<String, String>) -> Value {
    match key {
        Ok(key) => json!({"key": key}),
        Err(error) => json!({"error": error}),
    }
}
