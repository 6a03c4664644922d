//! The protocols as data: what is sent, and what becomes of what comes back.

mod anthropic;
mod chat;
mod odd;
mod refusals;
mod responses;

use airlock_core::conversation::{
    Message, Opaque, Part, Reply, Request, Stop, ToolCall, ToolChoice, ToolResult, ToolSpec, Usage,
};
use serde_json::{Map, Value, json};

use super::{Delta, Fault, Limits, Manner, Protocol, body, decoder};
use crate::presets::Quirks;
use crate::sse::Event;

const ORIGIN: &str = "here";

/// A question with everything in it.
pub fn question() -> Request {
    Request {
        system: "Be brief.".to_owned(),
        messages: vec![Message::User { text: "Look.".to_owned() }],
        tools: vec![tool("read"), tool("list")],
        tool_choice: ToolChoice::Auto,
        max_output_tokens: 100,
    }
}

pub fn tool(name: &str) -> ToolSpec {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    ToolSpec { name: name.to_owned(), description: format!("To {name}."), parameters }
}

pub fn text(text: &str) -> Part {
    Part::Text { text: text.to_owned() }
}

pub fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::Call(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
}

pub fn thought(text: &str, value: Option<Value>) -> Part {
    let opaque = value.map(|value| Opaque { protocol: ORIGIN.to_owned(), value });
    Part::Reasoning { text: text.to_owned(), opaque }
}

pub fn result(id: &str, text: &str, is_error: bool) -> ToolResult {
    ToolResult { id: id.to_owned(), text: text.to_owned(), is_error }
}

/// A way to put a question; tests change what they are about.
pub struct Way {
    pub protocol: Protocol,
    pub quirks: Quirks,
    pub effort: Option<&'static str>,
    pub thinking_tokens: Option<u32>,
    pub cache_key: Option<&'static str>,
    pub extra: Map<String, Value>,
    pub limits: Limits,
}

impl Way {
    pub fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            quirks: Quirks::default(),
            effort: None,
            thinking_tokens: None,
            cache_key: None,
            extra: Map::new(),
            limits: Limits::default(),
        }
    }

    fn manner(&self) -> Manner<'_> {
        Manner {
            protocol: self.protocol,
            model: "m",
            origin: ORIGIN,
            quirks: &self.quirks,
            effort: self.effort,
            thinking_tokens: self.thinking_tokens,
            cache_key: self.cache_key,
            extra: &self.extra,
        }
    }

    pub fn body(&self, request: &Request) -> Value {
        body(request, &self.manner())
    }

    /// Plays events to the end of the stream.
    pub fn play(&self, request: &Request, events: &[Value]) -> (Vec<Delta>, Result<Reply, Fault>) {
        let mut decoder = decoder(request, &self.manner(), self.limits);
        let mut out = Vec::new();
        for event in events {
            let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
            let event = Event { name: event["type"].as_str().unwrap_or_default().to_owned(), data };
            if let Err(fault) = decoder.event(&event, &mut out) {
                return (out, Err(fault));
            }
            if decoder.is_closed() {
                break;
            }
        }
        (out, decoder.finish())
    }

    pub fn reply(&self, events: &[Value]) -> Reply {
        self.play(&question(), events).1.expect("a reply")
    }

    pub fn fault(&self, events: &[Value]) -> Fault {
        self.play(&question(), events).1.expect_err("no reply")
    }

    pub fn whole(&self, reply: &Value) -> Result<Reply, Fault> {
        let request = question();
        let mut decoder = decoder(&request, &self.manner(), self.limits);
        decoder.whole(reply, &mut Vec::new())?;
        decoder.finish()
    }
}

/// What deltas add up to: text, reasoning, and each call's name and arguments.
pub fn told(deltas: &[Delta]) -> (String, String, Vec<(String, String)>) {
    let (mut text, mut thought, mut calls) = (String::new(), String::new(), Vec::<(String, String)>::new());
    for delta in deltas {
        match delta {
            Delta::Text(piece) => text.push_str(piece),
            Delta::Reasoning(piece) => thought.push_str(piece),
            Delta::CallBegun { call, name } => {
                // The name of one may come after that of the next.
                calls.resize(calls.len().max(call + 1), (String::new(), String::new()));
                calls[*call].0.clone_from(name);
            }
            Delta::CallArguments { call, piece } => calls[*call].1.push_str(piece),
            Delta::Usage(_) | Delta::Again { .. } => {}
        }
    }
    (text, thought, calls)
}

pub fn usage(input: u64, cache_read: u64, cache_write: u64, output: u64) -> Usage {
    Usage { input, cache_read, cache_write, output }
}

#[test]
fn fields_of_the_user_s_own_go_over_ours() {
    for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
        let mut way = Way::of(protocol);
        way.extra = Map::from_iter([("seed".to_owned(), json!(7)), ("stream".to_owned(), json!(false))]);
        let body = way.body(&question());
        assert_eq!((&body["seed"], &body["stream"]), (&json!(7), &json!(false)));
    }
}

#[test]
fn without_tools_nothing_is_said_of_them() {
    let mut request = question();
    request.tools.clear();
    request.system.clear();
    for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
        let body = Way::of(protocol).body(&request);
        for name in ["tools", "tool_choice", "parallel_tool_calls", "system", "instructions"] {
            assert_eq!(body.get(name), None, "{name}");
        }
    }
}

#[test]
fn reasoning_of_another_provider_is_kept_back() {
    let mut request = question();
    let opaque = Opaque { protocol: "elsewhere".to_owned(), value: json!({"type": "thinking", "signature": "s"}) };
    let foreign = Part::Reasoning { text: "secret plan".to_owned(), opaque: Some(opaque) };
    let unsigned = Part::Reasoning { text: "secret plan".to_owned(), opaque: None };
    request.messages.push(Message::Assistant { parts: vec![foreign, unsigned, text("Done.")] });
    for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
        let mut way = Way::of(protocol);
        way.quirks.reasoning_back = true;
        let body = way.body(&request).to_string();
        assert!(!body.contains("secret plan") && !body.contains("signature"), "{body}");
        assert!(body.contains("Done."));
    }
}

#[test]
fn a_turn_in_which_nothing_was_said_is_left_out() {
    let mut request = question();
    let empty = [vec![], vec![text("")], vec![thought("cut off", Some(json!({"type": "thinking", "signature": "s"})))]];
    request.messages.extend(empty.map(|parts| Message::Assistant { parts }));
    assert_eq!(Way::of(Protocol::Chat).body(&request)["messages"].as_array().unwrap().len(), 2);
    assert_eq!(Way::of(Protocol::Anthropic).body(&request)["messages"].as_array().unwrap().len(), 1);
    assert_eq!(Way::of(Protocol::Responses).body(&request)["input"].as_array().unwrap().len(), 1);
}

#[test]
fn events_that_are_no_json_and_streams_without_an_end_are_told_apart() {
    for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
        let way = Way::of(protocol);
        assert!(matches!(way.fault(&["{\"a\":".into()]), Fault::Malformed(_)), "{protocol:?}");
        assert_eq!(way.fault(&[]), Fault::CutOff);
        // What is JSON and means nothing is passed over, whatever its shape.
        for odd in
            [json!([]), json!(7), Value::Null, json!({}), json!({"type": 3}), json!({"choices": {}, "type": "new"})]
        {
            assert_eq!(way.fault(&[odd]), Fault::CutOff, "{protocol:?}");
        }
        assert!(way.whole(&json!({})).is_err() && way.whole(&json!([1])).is_err(), "{protocol:?}");
    }
}

#[test]
fn malformed_arguments_of_a_past_call_travel_inside_of_an_object() {
    let mut request = question();
    let parts = vec![call("c1", "read", "{\"path\": "), call("c2", "read", "[1]"), call("c3", "list", "")];
    request.messages.push(Message::Assistant { parts });
    let inside = |raw: &str| json!({"malformed_arguments": raw});
    let expected = [inside("{\"path\": "), inside("[1]"), json!({})];
    let chat = Way::of(Protocol::Chat).body(&request);
    let responses = Way::of(Protocol::Responses).body(&request);
    let anthropic = Way::of(Protocol::Anthropic).body(&request);
    for (n, expected) in expected.iter().enumerate() {
        let read = |value: &Value| serde_json::from_str::<Value>(value.as_str().unwrap()).unwrap();
        assert_eq!(read(&chat["messages"][2]["tool_calls"][n]["function"]["arguments"]), *expected);
        assert_eq!(read(&responses["input"][1 + n]["arguments"]), *expected);
        assert_eq!(anthropic["messages"][1]["content"][n]["input"], *expected);
    }
}

#[test]
fn stops_agree_with_calls() {
    let chunk = |reason: &str| json!({"choices": [{"delta": {}, "finish_reason": reason}]});
    let calls =
        json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "read"}}]}}]});
    let way = Way::of(Protocol::Chat);
    assert_eq!(way.reply(&[calls.clone(), chunk("stop")]).stop, Stop::Calls);
    assert_eq!(way.reply(&[chunk("tool_calls")]).stop, Stop::Done);
    assert_eq!(way.reply(&[calls, chunk("length")]).stop, Stop::Length);
}

#[test]
fn calls_of_tools_that_cannot_be_go_back_under_names_that_can() {
    let mut request = question();
    for name in ["multi_tool_use.parallel", "", "read file\u{e9}", &"x".repeat(100)] {
        let id = format!("call_{}", "0".repeat(60));
        let calls = vec![Part::Call(ToolCall { id: id.clone(), name: name.to_owned(), arguments: "{}".into() })];
        request.messages.push(Message::Assistant { parts: calls });
        let result = ToolResult { id, text: "there is no such tool".into(), is_error: true };
        request.messages.push(Message::Tools { results: vec![result] });
    }
    let expected = ["multi_tool_use_parallel", "no_name", "read_file_", &"x".repeat(64)];
    for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
        let body = Way::of(protocol).body(&request).to_string();
        for name in expected {
            assert!(body.contains(&format!("\"name\":\"{name}\"")), "{name}: {body}");
        }
    }
    let body = Way::of(Protocol::Chat).body(&request);
    let messages = body["messages"].as_array().unwrap();
    let ids: Vec<&Value> =
        messages.iter().map(|message| &message["tool_calls"][0]["id"]).filter(|id| id.is_string()).collect();
    assert!(ids.len() >= 4 && ids.iter().all(|id| id.as_str().is_some_and(|id| id.len() <= 40)), "{ids:?}");
    assert_eq!(messages.last().unwrap()["tool_call_id"], **ids.last().unwrap(), "a result names its call");
}
