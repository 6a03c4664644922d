//! OpenAI Responses: <https://platform.openai.com/docs/api-reference/responses> and its events,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>. Nothing is stored there (`store: false`), so reasoning
//! comes encrypted and is given back item by item
//! (<https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items>).

use std::collections::BTreeMap;

use airlock_core::conversation::{Message, Part, Reply, Request, Stop, ToolChoice, Usage};
use serde_json::{Map, Value, json};

use super::assembly::At;
use super::{Assembly, Decoder, Delta, Fault, Manner, Refusal, arguments_text, number, text, wire_id, wire_name};
use crate::sse;

/// The body of a request.
pub fn body(request: &Request, manner: &Manner<'_>) -> Map<String, Value> {
    let quirks = manner.quirks;
    let mut input = Vec::new();
    for message in &request.messages {
        match message {
            Message::User { text } => {
                input.push(
                    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}),
                );
            }
            Message::Assistant { parts } => assistant(parts, manner, &mut input),
            Message::Tools { results } => input.extend(results.iter().map(
                |result| json!({"type": "function_call_output", "call_id": call_id(&result.id), "output": result.text}),
            )),
        }
    }
    let mut body = Map::new();
    body.insert("model".into(), manner.model.into());
    if !request.system.is_empty() {
        body.insert("instructions".into(), request.system.as_str().into());
    }
    body.insert("input".into(), input.into());
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let (name, description, parameters) = (&tool.name, &tool.description, &tool.parameters);
            json!({"type": "function", "name": name, "description": description, "parameters": parameters, "strict": false})
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
    body.insert("max_output_tokens".into(), request.max_output_tokens.into());
    body.insert("stream".into(), true.into());
    body.insert("store".into(), false.into());
    if quirks.encrypted_reasoning {
        body.insert("include".into(), json!(["reasoning.encrypted_content"]));
    }
    if let Some(effort) = manner.effort.filter(|_| quirks.effort) {
        let mut reasoning = json!({"effort": effort});
        if quirks.reasoning_summary {
            reasoning["summary"] = "auto".into();
        }
        body.insert("reasoning".into(), reasoning);
    }
    if let Some(key) = manner.cache_key.filter(|_| quirks.cache_key) {
        body.insert("prompt_cache_key".into(), key.into());
    }
    body
}

fn call_id(id: &str) -> String {
    wire_id(id, 64, |byte| byte.is_ascii_graphic())
}

/// A turn of the model as items. Reasoning has to be followed by what came of it, so none stays at the end.
fn assistant(parts: &[Part], manner: &Manner<'_>, input: &mut Vec<Value>) {
    let mut phase = None;
    let mut reasoning = Vec::new();
    for part in parts {
        match part {
            Part::Reasoning { opaque: Some(opaque), .. } if opaque.protocol == manner.origin => {
                match opaque.value["phase"].as_str() {
                    Some(word) => phase = Some(word),
                    None if manner.quirks.encrypted_reasoning => reasoning.push(opaque.value.clone()),
                    None => {}
                }
            }
            Part::Reasoning { .. } => {}
            Part::Text { text } if text.is_empty() => {}
            Part::Text { text } => {
                input.append(&mut reasoning);
                let content = json!([{"type": "output_text", "text": text}]);
                let mut item = json!({"type": "message", "role": "assistant", "content": content});
                if let Some(phase) = phase.take() {
                    item["phase"] = phase.into();
                }
                input.push(item);
            }
            Part::Call(call) => {
                input.append(&mut reasoning);
                let (id, arguments) = (call_id(&call.id), arguments_text(&call.arguments));
                let name = wire_name(&call.name);
                input.push(json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}));
            }
        }
    }
}

/// A reply in the making.
pub struct Stream {
    reply: Assembly,
    /// Parts by their place in the output.
    items: BTreeMap<u64, At>,
    /// Places by the item's id, of servers that leave places out.
    places: Vec<(String, u64)>,
    /// Places of items that are whole.
    whole: Vec<u64>,
    stop: Option<Stop>,
    refused: bool,
}

impl Stream {
    pub fn new(reply: Assembly) -> Self {
        Self { reply, items: BTreeMap::new(), places: Vec::new(), whole: Vec::new(), stop: None, refused: false }
    }

    /// The place in the output that an event speaks of.
    fn place(&mut self, event: &Value) -> Result<u64, Fault> {
        if let Some(place) = event["output_index"].as_u64() {
            return Ok(place);
        }
        let id = event["item_id"].as_str().or_else(|| event["item"]["id"].as_str()).unwrap_or_default();
        if let Some((_, place)) = self.places.iter().find(|(own, _)| own == id) {
            return Ok(*place);
        }
        self.reply.room(self.places.len())?;
        let place = self.places.len() as u64;
        self.places.push((id.to_owned(), place));
        Ok(place)
    }

    /// The part at a place, made by `new` where it is not there.
    fn part(&mut self, place: u64, new: fn(&mut Assembly) -> Result<At, Fault>) -> Result<At, Fault> {
        if let Some(at) = self.items.get(&place) {
            return Ok(*at);
        }
        let at = new(&mut self.reply)?;
        self.items.insert(place, at);
        Ok(at)
    }

    fn added(&mut self, event: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let place = self.place(event)?;
        let item = &event["item"];
        match text(item, "type") {
            "message" => drop(self.message(place, item)?),
            "reasoning" => drop(self.part(place, Assembly::new_reasoning)?),
            "function_call" => {
                let at = self.part(place, Assembly::new_call)?;
                self.reply.identify(at, text(item, "call_id"), text(item, "name"), out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A message's part, with its phase before it.
    fn message(&mut self, place: u64, item: &Value) -> Result<At, Fault> {
        if let (None, Some(phase)) = (self.items.get(&place), item["phase"].as_str()) {
            let at = self.reply.new_reasoning()?;
            self.reply.keep(at, json!({"phase": phase}));
        }
        self.part(place, Assembly::new_text)
    }

    /// A whole item; what no delta told of it is taken from here.
    fn done(&mut self, place: u64, item: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if self.whole.contains(&place) {
            return Ok(());
        }
        match text(item, "type") {
            "message" => {
                let at = self.message(place, item)?;
                let silent = self.reply.is_empty(at);
                for content in item["content"].as_array().into_iter().flatten() {
                    self.refused |= text(content, "type") == "refusal";
                    if silent {
                        self.reply.append(at, text(content, "text"), out);
                        self.reply.append(at, text(content, "refusal"), out);
                    }
                }
            }
            "reasoning" => {
                let at = self.part(place, Assembly::new_reasoning)?;
                if self.reply.is_empty(at) {
                    for list in ["summary", "content"] {
                        for piece in item[list].as_array().into_iter().flatten() {
                            self.reply.append(at, text(piece, "text"), out);
                        }
                    }
                }
                if !text(item, "encrypted_content").is_empty() {
                    // What it thought in plain words is refused in a question.
                    let mut back = Map::new();
                    for name in ["type", "id", "summary", "encrypted_content"] {
                        if let Some(value) = item.get(name).filter(|value| !value.is_null()) {
                            back.insert(name.to_owned(), value.clone());
                        }
                    }
                    back.entry("summary").or_insert_with(|| json!([]));
                    self.reply.keep(at, Value::Object(back));
                }
            }
            "function_call" => {
                let at = self.part(place, Assembly::new_call)?;
                self.reply.identify(at, text(item, "call_id"), text(item, "name"), out)?;
                if self.reply.is_empty(at) {
                    self.reply.arguments(at, text(item, "arguments"), out);
                }
            }
            _ => return Ok(()),
        }
        self.whole.push(place);
        Ok(())
    }

    /// The end of the response, which repeats all of it.
    fn ended(&mut self, response: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        for (place, item) in response["output"].as_array().into_iter().flatten().enumerate() {
            // Servers that number items otherwise have told of them all.
            if self.places.is_empty() {
                self.done(place as u64, item, out)?;
            }
        }
        if let Some(model) = response["model"].as_str() {
            self.reply.model(model);
        }
        let usage = &response["usage"];
        if usage.is_object() {
            let details = &usage["input_tokens_details"];
            let usage = Usage {
                input: number(usage, "input_tokens"),
                cache_read: number(details, "cached_tokens"),
                cache_write: number(details, "cache_write_tokens"),
                output: number(usage, "output_tokens"),
            };
            self.reply.usage(usage, out);
        }
        self.stop = Some(match text(response, "status") {
            "failed" | "cancelled" => {
                let said = Refusal::in_stream(response);
                return Err(Fault::Said(said.unwrap_or_else(|| Refusal::overloaded("the response failed"))));
            }
            "incomplete" if text(&response["incomplete_details"], "reason") == "content_filter" => Stop::Refused,
            "incomplete" => Stop::Length,
            _ if self.refused => Stop::Refused,
            _ => Stop::Done,
        });
        Ok(())
    }
}

impl Decoder for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if event.data.trim() == "[DONE]" {
            return Ok(());
        }
        let event = super::json(&event.data)?;
        let piece = text(&event, "delta");
        match text(&event, "type") {
            "response.created" => {
                if let Some(model) = event["response"]["model"].as_str() {
                    self.reply.model(model);
                }
            }
            "response.output_item.added" => self.added(&event, out)?,
            "response.output_text.delta" | "response.refusal.delta" => {
                self.refused |= text(&event, "type") == "response.refusal.delta";
                let place = self.place(&event)?;
                let at = self.part(place, Assembly::new_text)?;
                self.reply.append(at, piece, out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let place = self.place(&event)?;
                let at = self.part(place, Assembly::new_reasoning)?;
                self.reply.append(at, piece, out);
            }
            // Paragraphs of a summary come one by one.
            "response.reasoning_summary_part.added" if event["summary_index"].as_u64().is_some_and(|n| n > 0) => {
                let place = self.place(&event)?;
                let at = self.part(place, Assembly::new_reasoning)?;
                self.reply.append(at, "\n\n", out);
            }
            "response.function_call_arguments.delta" => {
                let place = self.place(&event)?;
                let at = self.part(place, Assembly::new_call)?;
                self.reply.arguments(at, piece, out);
            }
            "response.output_item.done" => {
                let place = self.place(&event)?;
                self.done(place, &event["item"], out)?;
            }
            "response.completed" | "response.incomplete" | "response.failed" => self.ended(&event["response"], out)?,
            "error" => {
                let said = Refusal::in_stream(&event).unwrap_or_else(|| Refusal::overloaded("it said no more"));
                return Err(Fault::Said(said));
            }
            "" => {
                if let Some(refusal) = Refusal::in_stream(&event) {
                    return Err(Fault::Said(refusal));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, reply: &Value, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(refusal) = Refusal::in_stream(reply) {
            return Err(Fault::Said(refusal));
        }
        if !reply["output"].is_array() {
            return Err(Fault::Malformed("the reply has no output".to_owned()));
        }
        self.ended(reply, out)
    }

    fn is_closed(&self) -> bool {
        self.stop.is_some()
    }

    fn is_complete(&self) -> bool {
        self.stop.is_some()
    }

    fn finish(self: Box<Self>) -> Result<Reply, Fault> {
        let stop = self.stop.ok_or(Fault::CutOff)?;
        Ok(self.reply.finish(stop))
    }
}
