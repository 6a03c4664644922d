//! The protocols, without IO: a request becomes JSON, and the events of a stream become deltas and a reply.

mod anthropic;
mod assembly;
mod chat;
mod refusal;
mod responses;
#[cfg(test)]
mod tests;

use std::time::Duration;

use airlock_core::conversation::{Reply, Request, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::presets::Quirks;
use crate::sse;

pub(crate) use assembly::Assembly;
pub(crate) use refusal::{Kind, Refusal};

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OpenAI Chat Completions, which most servers speak.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
}

impl Protocol {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
        }
    }

    /// Where questions go, behind the base address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Anthropic => "v1/messages",
        }
    }

    /// Where the list of models is, behind the base address.
    pub(crate) fn models_path(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "models",
            Self::Anthropic => "v1/models?limit=1000",
        }
    }
}

/// What happens while a reply comes in. Pieces of one kind follow each other in the order of the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    Text(String),
    Reasoning(String),
    /// The model begins a call: the n-th of the reply, from 0.
    CallBegun {
        call: usize,
        name: String,
    },
    /// A piece of that call's arguments.
    CallArguments {
        call: usize,
        piece: String,
    },
    /// Tokens as counted so far.
    Usage(Usage),
    /// The request failed and is made again after a while: what was told so far counts no more.
    Again {
        wait: Duration,
        why: ModelError,
    },
}

/// Bounds of what a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one reply, in bytes as they are sent.
    pub reply_bytes: usize,
    /// Of one event, and of one line.
    pub event_bytes: usize,
    /// Pieces of text, reasoning and calls of one reply.
    pub parts: usize,
    pub calls: usize,
    /// Bytes of an id, and of a name. Some servers name a model by its file.
    pub id_bytes: usize,
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        // Deltas are sent as JSON, some hundred bytes for a word, so a long reply is several MiB.
        Self { reply_bytes: 64 * MIB, event_bytes: 4 * MIB, parts: 1024, calls: 128, id_bytes: 1024, name_bytes: 1024 }
    }
}

/// How a request is to be put, besides what it says.
pub(crate) struct Manner<'a> {
    pub protocol: Protocol,
    pub model: &'a str,
    /// Names protocol and provider: only what came from there is given back to it.
    pub origin: &'a str,
    pub quirks: &'a Quirks,
    pub effort: Option<&'a str>,
    pub thinking_tokens: Option<u32>,
    pub cache_key: Option<&'a str>,
    /// Further fields of the body.
    pub extra: &'a Map<String, Value>,
}

/// The body of a request.
pub(crate) fn body(request: &Request, manner: &Manner<'_>) -> Value {
    let mut body = match manner.protocol {
        Protocol::Chat => chat::body(request, manner),
        Protocol::Responses => responses::body(request, manner),
        Protocol::Anthropic => anthropic::body(request, manner),
    };
    for (name, value) in manner.extra {
        body.insert(name.clone(), value.clone());
    }
    Value::Object(body)
}

/// Reads what a server answers to such a request.
pub(crate) fn decoder(request: &Request, manner: &Manner<'_>, limits: Limits) -> Box<dyn Decoder> {
    let assembly = Assembly::new(request, manner.origin, limits);
    match manner.protocol {
        Protocol::Chat => Box::new(chat::Stream::new(assembly, manner)),
        Protocol::Responses => Box::new(responses::Stream::new(assembly)),
        Protocol::Anthropic => Box::new(anthropic::Stream::new(assembly)),
    }
}

/// A reply in the making.
pub(crate) trait Decoder {
    /// Takes an event of the stream.
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Fault>;

    /// Takes a whole reply, of a server that does not stream.
    fn whole(&mut self, reply: &Value, out: &mut Vec<Delta>) -> Result<(), Fault>;

    /// Nothing more is to come.
    fn is_closed(&self) -> bool;

    /// All that a reply needs is there, though something may still come.
    fn is_complete(&self) -> bool;

    fn finish(self: Box<Self>) -> Result<Reply, Fault>;
}

/// Why no reply came of a stream, without knowing whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooMuch {
        what: &'static str,
        limit: usize,
    },
    Malformed(String),
    /// The server said so itself.
    Said(Refusal),
    CutOff,
}

/// The JSON of an event.
fn json(data: &str) -> Result<Value, Fault> {
    serde_json::from_str(data).map_err(|error| Fault::Malformed(format!("an event is no JSON ({error})")))
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// The arguments of a call for a provider that reads them: JSON objects as they are, anything else inside of one, since
/// servers refuse a whole conversation for one call that was malformed.
fn arguments_object(arguments: &str) -> Map<String, Value> {
    if arguments.trim().is_empty() {
        return Map::new();
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => map,
        _ => Map::from_iter([("malformed_arguments".to_owned(), Value::from(arguments))]),
    }
}

/// The same as text, unchanged where it can be.
fn arguments_text(arguments: &str) -> String {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(_)) => arguments.to_owned(),
        _ => Value::Object(arguments_object(arguments)).to_string(),
    }
}

/// The name of a called tool that a provider takes: a model may have called one that is none, and each provider refuses a whole
/// conversation for it.
fn wire_name(name: &str) -> String {
    let takes = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = name.chars().map(takes).take(64).collect();
    if name.is_empty() { "no_name".to_owned() } else { name }
}

/// An id that a provider takes: its own as it is, one that another made as a name for it. The same id gives the same name.
fn wire_id(id: &str, max: usize, takes: impl Fn(u8) -> bool) -> String {
    if !id.is_empty() && id.len() <= max && id.bytes().all(takes) {
        return id.to_owned();
    }
    // FNV-1a, in digits that every provider takes.
    let mut hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut name = String::new();
    for _ in 0..max.min(9) {
        name.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(hash % 36) as usize]));
        hash /= 36;
    }
    name
}
