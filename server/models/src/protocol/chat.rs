//! OpenAI Chat Completions: <https://platform.openai.com/docs/api-reference/chat>, and what other servers add to it:
//! `reasoning_content` (<https://api-docs.deepseek.com/guides/thinking_mode>), `reasoning` and `reasoning_details`
//! (<https://openrouter.ai/docs/use-cases/reasoning-tokens>), content in chunks
//! (<https://docs.mistral.ai/capabilities/reasoning>).

use airlock_core::conversation::{Message, Part, Reply, Request, Stop, ToolChoice, Usage};
use serde_json::{Map, Value, json};

use super::assembly::At;
use super::{Assembly, Decoder, Delta, Fault, Manner, Refusal, arguments_text, number, text, wire_id, wire_name};
use crate::presets::TokenLimit;
use crate::sse;

/// The body of a request.
pub fn body(request: &Request, manner: &Manner<'_>) -> Map<String, Value> {
    let quirks = manner.quirks;
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system}));
    }
    let id = |id: &str| match quirks.short_ids {
        true => wire_id(id, 9, |byte| byte.is_ascii_alphanumeric()),
        false => wire_id(id, 40, |byte| byte.is_ascii_graphic()),
    };
    for message in &request.messages {
        match message {
            Message::User { text } => messages.push(json!({"role": "user", "content": text})),
            Message::Assistant { parts } => messages.extend(assistant(parts, manner, &id)),
            Message::Tools { results } => messages.extend(
                results
                    .iter()
                    .map(|result| json!({"role": "tool", "tool_call_id": id(&result.id), "content": result.text})),
            ),
        }
    }
    let mut body = Map::new();
    body.insert("model".into(), manner.model.into());
    body.insert("messages".into(), messages.into());
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let (name, description, parameters) = (&tool.name, &tool.description, &tool.parameters);
            json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
        });
        body.insert("tools".into(), tools.collect());
        if quirks.tool_choice {
            let choice = match request.tool_choice {
                ToolChoice::Auto => "auto",
                ToolChoice::Required => "required",
                ToolChoice::None => "none",
            };
            body.insert("tool_choice".into(), choice.into());
        }
        if quirks.parallel_tool_calls {
            body.insert("parallel_tool_calls".into(), true.into());
        }
    }
    let limit = match quirks.token_limit {
        TokenLimit::MaxTokens => "max_tokens",
        TokenLimit::MaxCompletionTokens => "max_completion_tokens",
    };
    body.insert(limit.into(), request.max_output_tokens.into());
    body.insert("stream".into(), true.into());
    if quirks.stream_usage {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    if let Some(effort) = manner.effort.filter(|_| quirks.effort) {
        body.insert("reasoning_effort".into(), effort.into());
    }
    if let Some(key) = manner.cache_key.filter(|_| quirks.cache_key) {
        body.insert("prompt_cache_key".into(), key.into());
    }
    body
}

/// A turn of the model; none where it said nothing.
fn assistant(parts: &[Part], manner: &Manner<'_>, id: &impl Fn(&str) -> String) -> Option<Value> {
    let mut said = String::new();
    let mut calls = Vec::new();
    let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
    let mut thought = String::new();
    let mut details = Vec::new();
    for part in parts {
        match part {
            Part::Text { text } => said.push_str(text),
            Part::Call(call) => calls.push(json!({
                "id": id(&call.id),
                "type": "function",
                "function": {"name": wire_name(&call.name), "arguments": arguments_text(&call.arguments)},
            })),
            Part::Reasoning { text, opaque: Some(opaque) } if opaque.protocol == manner.origin => {
                thought.push_str(text);
                // Signed or encrypted for the model.
                if manner.quirks.encrypted_reasoning && opaque.value["model"].as_str() == Some(manner.model) {
                    details.extend(opaque.value["reasoning_details"].as_array().into_iter().flatten().cloned());
                }
            }
            Part::Reasoning { .. } => {}
        }
    }
    if said.is_empty() && calls.is_empty() {
        return None;
    }
    message.insert("content".into(), if said.is_empty() { Value::Null } else { said.into() });
    let has_calls = !calls.is_empty();
    if has_calls {
        message.insert("tool_calls".into(), calls.into());
    }
    if !details.is_empty() {
        message.insert("reasoning_details".into(), details.into());
    } else if manner.quirks.reasoning_back && (has_calls || !thought.is_empty()) {
        // Asked for with every call, that of a model elsewhere too, which has none to give.
        message.insert("reasoning_content".into(), thought.into());
    }
    Some(Value::Object(message))
}

/// A reply in the making.
pub struct Stream {
    reply: Assembly,
    /// The model that is asked.
    model: String,
    reasoning_back: bool,
    /// Calls by the server's index.
    calls: Vec<(u64, At)>,
    /// Reasoning that is to be given back as it came.
    details: Vec<Value>,
    stop: Option<Stop>,
    refused: bool,
    closed: bool,
}

impl Stream {
    pub fn new(reply: Assembly, manner: &Manner<'_>) -> Self {
        Self {
            reply,
            model: manner.model.to_owned(),
            reasoning_back: manner.quirks.reasoning_back,
            calls: Vec::new(),
            details: Vec::new(),
            stop: None,
            refused: false,
            closed: false,
        }
    }

    fn chunk(&mut self, chunk: &Value, piece: &str, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(refusal) = Refusal::in_stream(chunk) {
            return Err(Fault::Said(refusal));
        }
        if let Some(model) = chunk["model"].as_str() {
            self.reply.model(model);
        }
        // One choice was asked for.
        let choice = &chunk["choices"][0];
        self.delta(&choice[piece], out)?;
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.stop = Some(match reason {
                "tool_calls" | "function_call" => Stop::Calls,
                "length" | "model_length" => Stop::Length,
                "content_filter" => Stop::Refused,
                "error" | "insufficient_system_resource" => {
                    return Err(Fault::Said(Refusal::overloaded(&format!("it ended with {reason}"))));
                }
                _ => Stop::Done,
            });
        }
        // Groq puts it elsewhere.
        for usage in [&chunk["usage"], &chunk["x_groq"]["usage"]] {
            if usage.is_object() {
                self.reply.usage(read_usage(usage), out);
            }
        }
        Ok(())
    }

    fn delta(&mut self, delta: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        // Some send both names with the same text.
        let thought = [text(delta, "reasoning_content"), text(delta, "reasoning")];
        if let Some(piece) = thought.into_iter().find(|piece| !piece.is_empty()) {
            let at = self.reply.reasoning(piece, out)?;
            if self.reasoning_back {
                self.reply.keep(at, json!({}));
            }
        }
        for detail in delta["reasoning_details"].as_array().into_iter().flatten() {
            self.detail(detail)?;
        }
        match &delta["content"] {
            Value::String(piece) => self.reply.text(piece, out)?,
            Value::Array(chunks) => {
                for chunk in chunks {
                    self.reply.text(text(chunk, "text"), out)?;
                    for thought in chunk["thinking"].as_array().into_iter().flatten() {
                        if !text(thought, "text").is_empty() {
                            self.reply.reasoning(text(thought, "text"), out)?;
                        }
                    }
                }
            }
            _ => {}
        }
        let refusal = text(delta, "refusal");
        if !refusal.is_empty() {
            self.refused = true;
            self.reply.text(refusal, out)?;
        }
        for (position, call) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
            self.call(call, position, out)?;
        }
        Ok(())
    }

    fn call(&mut self, call: &Value, position: usize, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let (id, name) = (text(call, "id"), text(&call["function"], "name"));
        let is_new = |reply: &Assembly, at: At| !id.is_empty() && !name.is_empty() && reply.id(at) != id;
        let known = match call["index"].as_u64() {
            Some(index) => self.calls.iter().rev().find(|(own, _)| *own == index).map(|(_, at)| *at),
            // Without an index: an id that is known, else a call that begins, else the last one goes on.
            None if !id.is_empty() => self.calls.iter().map(|(_, at)| *at).find(|at| self.reply.id(*at) == id),
            None if !name.is_empty() => None,
            None => self.calls.last().map(|(_, at)| *at),
        };
        // Some give all calls one index.
        let at = match known.filter(|at| !is_new(&self.reply, *at)) {
            Some(at) => at,
            None => {
                let at = self.reply.new_call()?;
                self.calls.push((call["index"].as_u64().unwrap_or(position as u64), at));
                at
            }
        };
        self.reply.identify(at, id, name, out)?;
        match &call["function"]["arguments"] {
            Value::String(piece) => self.reply.arguments(at, piece, out),
            // As an object, against the format.
            Value::Object(whole) => self.reply.arguments(at, &Value::Object(whole.clone()).to_string(), out),
            _ => {}
        }
        Ok(())
    }

    /// Joins the pieces of one reasoning block: text grows, everything else is taken as it comes.
    fn detail(&mut self, piece: &Value) -> Result<(), Fault> {
        let Value::Object(piece) = piece else { return Ok(()) };
        let same = |own: &Value| own["index"] == piece["index"] && own["type"] == piece["type"];
        if let Some(Value::Object(own)) =
            self.details.iter_mut().rev().find(|own| piece.contains_key("index") && same(own))
        {
            for (name, value) in piece {
                match (own.get_mut(name), value) {
                    (Some(Value::String(own)), Value::String(more))
                        if matches!(name.as_str(), "text" | "summary" | "data") =>
                    {
                        own.push_str(more);
                    }
                    (_, Value::Null) => {}
                    (_, value) => drop(own.insert(name.clone(), value.clone())),
                }
            }
        } else {
            self.reply.room(self.details.len())?;
            self.details.push(Value::Object(piece.clone()));
        }
        Ok(())
    }
}

fn read_usage(usage: &Value) -> Usage {
    let details = &usage["prompt_tokens_details"];
    let cached = details["cached_tokens"].as_u64().or_else(|| usage["prompt_cache_hit_tokens"].as_u64());
    Usage {
        input: number(usage, "prompt_tokens"),
        cache_read: cached.unwrap_or_default(),
        cache_write: number(details, "cache_write_tokens"),
        output: number(usage, "completion_tokens"),
    }
}

impl Decoder for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if event.data.trim() == "[DONE]" {
            self.closed = true;
            return Ok(());
        }
        let chunk = super::json(&event.data)?;
        self.chunk(&chunk, "delta", out)
    }

    fn whole(&mut self, reply: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        self.chunk(reply, "message", out)?;
        if !reply["choices"][0]["message"].is_object() {
            return Err(Fault::Malformed("the reply has no message".to_owned()));
        }
        self.closed = true;
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn is_complete(&self) -> bool {
        self.closed || self.stop.is_some()
    }

    fn finish(mut self: Box<Self>) -> Result<Reply, Fault> {
        if !self.is_complete() {
            return Err(Fault::CutOff);
        }
        if !self.details.is_empty() {
            let at = match self.reply.last_reasoning() {
                Some(at) => at,
                None => self.reply.new_reasoning()?,
            };
            self.reply.keep(at, json!({"reasoning_details": self.details, "model": self.model}));
        }
        let stop = if self.refused { Stop::Refused } else { self.stop.unwrap_or(Stop::Done) };
        Ok(self.reply.finish(stop))
    }
}
