//! Anthropic Messages: <https://platform.claude.com/docs/en/api/messages>, its events
//! (<https://platform.claude.com/docs/en/build-with-claude/streaming>), thinking
//! (<https://platform.claude.com/docs/en/build-with-claude/extended-thinking>) and caching
//! (<https://platform.claude.com/docs/en/build-with-claude/prompt-caching>).

use airlock_core::conversation::{Message, Part, Reply, Request, Stop, ToolChoice, Usage};
use serde_json::{Map, Value, json};

use super::assembly::At;
use super::{Assembly, Decoder, Delta, Fault, Manner, Refusal, arguments_object, text, wire_id, wire_name};
use crate::sse;

/// The body of a request.
pub fn body(request: &Request, manner: &Manner<'_>) -> Map<String, Value> {
    let quirks = manner.quirks;
    let mark = |block: &mut Value| {
        if quirks.cache_control {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
    };
    let mut messages = messages(request, manner);
    let last = messages.last_mut().and_then(|message| message["content"].as_array_mut()?.last_mut());
    last.map(mark);
    let mut body = Map::new();
    body.insert("model".into(), manner.model.into());
    body.insert("max_tokens".into(), request.max_output_tokens.into());
    if !request.system.is_empty() {
        let mut block = json!({"type": "text", "text": request.system});
        mark(&mut block);
        body.insert("system".into(), vec![block].into());
    }
    body.insert("messages".into(), messages.into());
    if !request.tools.is_empty() {
        let tools = request
            .tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}));
        let mut tools: Vec<Value> = tools.collect();
        tools.last_mut().map(mark);
        body.insert("tools".into(), tools.into());
        if quirks.tool_choice {
            let choice = match request.tool_choice {
                ToolChoice::Auto => "auto",
                ToolChoice::Required => "any",
                ToolChoice::None => "none",
            };
            body.insert("tool_choice".into(), json!({"type": choice}));
        }
    }
    // Thinking and a call that has to be made exclude each other.
    if quirks.effort && request.tool_choice != ToolChoice::Required {
        if let Some(tokens) = manner.thinking_tokens.filter(|tokens| *tokens < request.max_output_tokens) {
            body.insert("thinking".into(), json!({"type": "enabled", "budget_tokens": tokens}));
        } else if manner.effort.is_some() {
            body.insert("thinking".into(), json!({"type": "adaptive", "display": "summarized"}));
        }
    }
    if let Some(effort) = manner.effort.filter(|_| quirks.effort) {
        body.insert("output_config".into(), json!({"effort": effort}));
    }
    body.insert("stream".into(), true.into());
    body
}

fn call_id(id: &str) -> String {
    wire_id(id, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Turns by turns: what one side says at once is one message, and none is empty.
fn messages(request: &Request, manner: &Manner<'_>) -> Vec<Value> {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = match message {
            Message::User { text } => ("user", text_block(text).into_iter().collect()),
            Message::Assistant { parts } => ("assistant", assistant(parts, manner)),
            Message::Tools { results } => {
                let blocks = results.iter().map(|result| {
                    let mut block = json!({"type": "tool_result", "tool_use_id": call_id(&result.id)});
                    // An error needs words, and text may not be blank.
                    if !result.text.trim().is_empty() {
                        block["content"] = result.text.as_str().into();
                    }
                    if result.is_error && !result.text.trim().is_empty() {
                        block["is_error"] = true.into();
                    }
                    block
                });
                ("user", blocks.collect::<Vec<_>>())
            }
        };
        match messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => messages.push((role, blocks)),
        }
    }
    messages.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

/// A turn of the model as blocks. It may not end with thinking.
fn assistant(parts: &[Part], manner: &Manner<'_>) -> Vec<Value> {
    let blocks = parts.iter().filter_map(|part| match part {
        Part::Text { text } => text_block(text),
        Part::Reasoning { opaque: Some(opaque), .. } if opaque.protocol == manner.origin => {
            manner.quirks.encrypted_reasoning.then(|| opaque.value.clone())
        }
        Part::Reasoning { .. } => None,
        Part::Call(call) => {
            let (id, input) = (call_id(&call.id), arguments_object(&call.arguments));
            Some(json!({"type": "tool_use", "id": id, "name": wire_name(&call.name), "input": input}))
        }
    });
    let mut blocks: Vec<Value> = blocks.collect();
    while blocks.last().is_some_and(|block| matches!(text(block, "type"), "thinking" | "redacted_thinking")) {
        blocks.pop();
    }
    blocks
}

/// A reply in the making.
pub struct Stream {
    reply: Assembly,
    /// Blocks by their index.
    blocks: Vec<(u64, Block)>,
    stop: Option<Stop>,
    closed: bool,
}

struct Block {
    at: At,
    kind: Kind,
}

enum Kind {
    Text,
    Thinking {
        text: String,
        signature: String,
    },
    Call {
        input: Value,
    },
    /// Thinking that is hidden from everybody.
    Hidden,
}

impl Stream {
    pub fn new(reply: Assembly) -> Self {
        Self { reply, blocks: Vec::new(), stop: None, closed: false }
    }

    fn start(&mut self, index: u64, block: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let (at, kind) = match text(block, "type") {
            "text" => {
                let at = self.reply.new_text()?;
                self.reply.append(at, text(block, "text"), out);
                (at, Kind::Text)
            }
            "thinking" => {
                let at = self.reply.new_reasoning()?;
                let (text, signature) = (text(block, "thinking"), text(block, "signature"));
                self.reply.append(at, text, out);
                (at, Kind::Thinking { text: text.to_owned(), signature: signature.to_owned() })
            }
            "redacted_thinking" => {
                let at = self.reply.new_reasoning()?;
                self.reply.keep(at, block.clone());
                (at, Kind::Hidden)
            }
            "tool_use" => {
                let at = self.reply.new_call()?;
                self.reply.identify(at, text(block, "id"), text(block, "name"), out)?;
                (at, Kind::Call { input: block["input"].clone() })
            }
            // Tools that run at the provider are not asked for.
            _ => return Ok(()),
        };
        self.blocks.push((index, Block { at, kind }));
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: &Value, out: &mut Vec<Delta>) {
        let Some((_, block)) = self.blocks.iter_mut().rev().find(|(own, _)| *own == index) else { return };
        match (text(delta, "type"), &mut block.kind) {
            ("text_delta", Kind::Text) => self.reply.append(block.at, text(delta, "text"), out),
            ("thinking_delta", Kind::Thinking { text: all, .. }) => {
                all.push_str(text(delta, "thinking"));
                self.reply.append(block.at, text(delta, "thinking"), out);
            }
            ("signature_delta", Kind::Thinking { signature, .. }) => signature.push_str(text(delta, "signature")),
            ("input_json_delta", Kind::Call { .. }) => {
                self.reply.arguments(block.at, text(delta, "partial_json"), out);
            }
            _ => {}
        }
    }

    /// What is only known when a block is whole.
    fn end(&mut self, index: u64, out: &mut Vec<Delta>) {
        let Some((_, block)) = self.blocks.iter_mut().rev().find(|(own, _)| *own == index) else { return };
        match &block.kind {
            Kind::Thinking { text, signature } if !signature.is_empty() => {
                let back = json!({"type": "thinking", "thinking": text, "signature": signature});
                self.reply.keep(block.at, back);
            }
            // Some servers send the whole input with the beginning.
            Kind::Call { input: Value::Object(input) } if !input.is_empty() && self.reply.is_empty(block.at) => {
                let input = Value::Object(input.clone()).to_string();
                self.reply.arguments(block.at, &input, out);
            }
            _ => {}
        }
    }

    /// Each figure as it was told last; `input` is what no cache had.
    fn usage(&mut self, usage: &Value, out: &mut Vec<Delta>) {
        if !usage.is_object() {
            return;
        }
        let old = self.reply.usage;
        let told = |name: &str, before: u64| usage[name].as_u64().unwrap_or(before);
        let cache_read = told("cache_read_input_tokens", old.cache_read);
        let cache_write = told("cache_creation_input_tokens", old.cache_write);
        let rest = old.input.saturating_sub(old.cache_read).saturating_sub(old.cache_write);
        let input = told("input_tokens", rest).saturating_add(cache_read).saturating_add(cache_write);
        self.reply.usage(Usage { input, cache_read, cache_write, output: told("output_tokens", old.output) }, out);
    }

    fn stopped(&mut self, reason: &Value) {
        if let Some(reason) = reason.as_str() {
            self.stop = Some(match reason {
                "tool_use" => Stop::Calls,
                "max_tokens" | "model_context_window_exceeded" => Stop::Length,
                "refusal" => Stop::Refused,
                // `end_turn`, `stop_sequence`, `pause_turn`, and what is not known.
                _ => Stop::Done,
            });
        }
    }

    fn begun(&mut self, message: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(model) = message["model"].as_str() {
            self.reply.model(model);
        }
        self.usage(&message["usage"], out);
        Ok(())
    }
}

impl Decoder for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let event = super::json(&event.data)?;
        let index = event["index"].as_u64().unwrap_or_default();
        match text(&event, "type") {
            "message_start" => self.begun(&event["message"], out)?,
            "content_block_start" => self.start(index, &event["content_block"], out)?,
            "content_block_delta" => self.delta(index, &event["delta"], out),
            "content_block_stop" => self.end(index, out),
            "message_delta" => {
                self.stopped(&event["delta"]["stop_reason"]);
                self.usage(&event["usage"], out);
            }
            "message_stop" => self.closed = true,
            // `ping`, and kinds that came later, are passed over as the format asks for.
            _ => {
                if let Some(refusal) = Refusal::in_stream(&event) {
                    return Err(Fault::Said(refusal));
                }
            }
        }
        Ok(())
    }

    fn whole(&mut self, reply: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(refusal) = Refusal::in_stream(reply) {
            return Err(Fault::Said(refusal));
        }
        let Some(content) = reply["content"].as_array() else {
            return Err(Fault::Malformed("the reply has no content".to_owned()));
        };
        self.begun(reply, out)?;
        for (index, block) in content.iter().enumerate() {
            self.start(index as u64, block, out)?;
            self.end(index as u64, out);
        }
        self.stopped(&reply["stop_reason"]);
        self.closed = true;
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.closed
    }

    fn is_complete(&self) -> bool {
        self.closed || self.stop.is_some()
    }

    fn finish(self: Box<Self>) -> Result<Reply, Fault> {
        if !self.is_complete() {
            return Err(Fault::CutOff);
        }
        Ok(self.reply.finish(self.stop.unwrap_or(Stop::Done)))
    }
}
