//! Puts a reply together from its pieces, within bounds, and tells each piece as it comes.

use std::collections::HashSet;

use airlock_core::conversation::{Message, Opaque, Part, Reply, Request, Stop, ToolCall, Usage};
use serde_json::Value;

use super::{Delta, Fault, Limits};
use crate::redact::is_hidden;

/// A reply in the making.
pub struct Assembly {
    slots: Vec<Slot>,
    calls: usize,
    limits: Limits,
    origin: String,
    /// Ids of the conversation, which no new call may have.
    taken: HashSet<String>,
    turn: usize,
    pub usage: Usage,
    model: String,
}

enum Slot {
    Text(String),
    Reasoning { text: String, opaque: Option<Value> },
    Call { number: usize, id: String, name: String, arguments: String, told: bool },
}

/// Names a part of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(usize);

impl Assembly {
    pub fn new(request: &Request, origin: &str, limits: Limits) -> Self {
        let said = request.messages.iter().filter_map(|message| match message {
            Message::Assistant { parts } => Some(parts),
            _ => None,
        });
        let taken = said.flatten().filter_map(|part| match part {
            Part::Call(call) => Some(call.id.clone()),
            _ => None,
        });
        Self {
            slots: Vec::new(),
            calls: 0,
            limits,
            origin: origin.to_owned(),
            taken: taken.collect(),
            turn: request.messages.len(),
            usage: Usage::default(),
            model: String::new(),
        }
    }

    /// Whether one more fits where this many parts are.
    pub fn room(&self, parts: usize) -> Result<(), Fault> {
        if parts >= self.limits.parts {
            return Err(Fault::TooMuch { what: "parts of a reply", limit: self.limits.parts });
        }
        Ok(())
    }

    fn push(&mut self, slot: Slot) -> Result<At, Fault> {
        self.room(self.slots.len())?;
        self.slots.push(slot);
        Ok(At(self.slots.len() - 1))
    }

    /// The model's name, which is shown to people and decides nothing: it is cut where it is too long.
    pub fn model(&mut self, name: &str) {
        if self.model.is_empty() {
            let name = &name[..name.floor_char_boundary(self.limits.name_bytes)];
            self.model = name.chars().filter(|c| !is_hidden(*c)).collect();
        }
    }

    pub fn usage(&mut self, usage: Usage, out: &mut Vec<Delta>) {
        if usage != self.usage {
            self.usage = usage;
            out.push(Delta::Usage(usage));
        }
    }

    pub fn new_text(&mut self) -> Result<At, Fault> {
        self.push(Slot::Text(String::new()))
    }

    pub fn new_reasoning(&mut self) -> Result<At, Fault> {
        self.push(Slot::Reasoning { text: String::new(), opaque: None })
    }

    /// A call, of which id and name may become known later.
    pub fn new_call(&mut self) -> Result<At, Fault> {
        if self.calls >= self.limits.calls {
            return Err(Fault::TooMuch { what: "calls of a reply", limit: self.limits.calls });
        }
        let number = self.calls;
        let (id, name, arguments) = (String::new(), String::new(), String::new());
        let at = self.push(Slot::Call { number, id, name, arguments, told: false })?;
        self.calls += 1;
        Ok(at)
    }

    /// Appends to a part of text or reasoning.
    pub fn append(&mut self, at: At, piece: &str, out: &mut Vec<Delta>) {
        if piece.is_empty() {
            return;
        }
        match &mut self.slots[at.0] {
            Slot::Text(text) => {
                text.push_str(piece);
                out.push(Delta::Text(piece.to_owned()));
            }
            Slot::Reasoning { text, .. } => {
                text.push_str(piece);
                out.push(Delta::Reasoning(piece.to_owned()));
            }
            Slot::Call { .. } => {}
        }
    }

    /// Appends text to the part at the end, or to a new one.
    pub fn text(&mut self, piece: &str, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let at = match self.slots.last() {
            Some(Slot::Text(_)) => At(self.slots.len() - 1),
            _ if piece.is_empty() => return Ok(()),
            _ => self.new_text()?,
        };
        self.append(at, piece, out);
        Ok(())
    }

    /// Appends reasoning to the part at the end, or to a new one.
    pub fn reasoning(&mut self, piece: &str, out: &mut Vec<Delta>) -> Result<At, Fault> {
        let at = match self.slots.last() {
            Some(Slot::Reasoning { .. }) => At(self.slots.len() - 1),
            _ => self.new_reasoning()?,
        };
        self.append(at, piece, out);
        Ok(at)
    }

    /// What has to be given back with a part of reasoning.
    pub fn keep(&mut self, at: At, value: Value) {
        if let Slot::Reasoning { opaque, .. } = &mut self.slots[at.0] {
            *opaque = Some(value);
        }
    }

    /// The last part of reasoning.
    pub fn last_reasoning(&self) -> Option<At> {
        self.slots.iter().rposition(|slot| matches!(slot, Slot::Reasoning { .. })).map(At)
    }

    /// Whether nothing was said in a part yet.
    pub fn is_empty(&self, at: At) -> bool {
        match &self.slots[at.0] {
            Slot::Text(text) | Slot::Reasoning { text, .. } => text.is_empty(),
            Slot::Call { arguments, .. } => arguments.is_empty(),
        }
    }

    /// Id and name of a call, each taken once, as soon as it is known.
    pub fn identify(&mut self, at: At, new_id: &str, new_name: &str, out: &mut Vec<Delta>) -> Result<(), Fault> {
        bounded("bytes of an id", new_id, self.limits.id_bytes)?;
        bounded("bytes of a tool's name", new_name, self.limits.name_bytes)?;
        if let Slot::Call { number, id, name, arguments, told } = &mut self.slots[at.0] {
            if id.is_empty() {
                new_id.clone_into(id);
            }
            if name.is_empty() {
                new_name.clone_into(name);
            }
            if !*told && !name.is_empty() {
                *told = true;
                out.push(Delta::CallBegun { call: *number, name: name.clone() });
                if !arguments.is_empty() {
                    out.push(Delta::CallArguments { call: *number, piece: arguments.clone() });
                }
            }
        }
        Ok(())
    }

    /// The id of a call as far as it is known.
    pub fn id(&self, at: At) -> &str {
        match &self.slots[at.0] {
            Slot::Call { id, .. } => id,
            _ => "",
        }
    }

    /// Appends to the arguments of a call.
    pub fn arguments(&mut self, at: At, piece: &str, out: &mut Vec<Delta>) {
        if let Slot::Call { number, arguments, told, .. } = &mut self.slots[at.0]
            && !piece.is_empty()
        {
            arguments.push_str(piece);
            if *told {
                out.push(Delta::CallArguments { call: *number, piece: piece.to_owned() });
            }
        }
    }

    /// The reply. Calls decide over a reason that says nothing of them, as servers differ there; empty parts are left out.
    pub fn finish(mut self, stop: Stop) -> Reply {
        let stop = match stop {
            Stop::Done | Stop::Calls if self.calls > 0 => Stop::Calls,
            Stop::Calls => Stop::Done,
            other => other,
        };
        let mut parts = Vec::new();
        for slot in std::mem::take(&mut self.slots) {
            match slot {
                Slot::Text(text) if text.is_empty() => {}
                Slot::Text(text) => parts.push(Part::Text { text }),
                Slot::Reasoning { text, opaque: None } if text.is_empty() => {}
                Slot::Reasoning { text, opaque } => {
                    let opaque = opaque.map(|value| Opaque { protocol: self.origin.clone(), value });
                    parts.push(Part::Reasoning { text, opaque });
                }
                Slot::Call { number, id, name, arguments, .. } => {
                    let id = self.free_id(id, number);
                    // A call without arguments is one with none, which is what most servers mean by it.
                    let arguments = if arguments.trim().is_empty() { "{}".to_owned() } else { arguments };
                    parts.push(Part::Call(ToolCall { id, name, arguments }));
                }
            }
        }
        Reply { parts, stop, usage: self.usage, model: self.model }
    }

    /// An id that names one call of the conversation. Some servers give none, or begin anew with each reply.
    fn free_id(&mut self, id: String, number: usize) -> String {
        let mut free = id;
        let mut again = 0;
        while free.is_empty() || self.taken.contains(&free) {
            free = format!("call{}x{number}x{again}", self.turn);
            again += 1;
        }
        self.taken.insert(free.clone());
        free
    }
}

fn bounded(what: &'static str, text: &str, limit: usize) -> Result<(), Fault> {
    if text.len() > limit { Err(Fault::TooMuch { what, limit }) } else { Ok(()) }
}
