//! A client and a scripted server on this machine: what is sent, and everything that can come back.

mod alone;
mod bounds;
mod failures;
mod replies;
mod retries;
mod stops;
mod tls;

use std::time::Duration;

use airlock_core::conversation::{Message, Part, Reply, Request, ToolChoice, ToolSpec};
use airlock_models::{Client, Delta, ModelError, Protocol, Retries, Secret, Settings, Timeouts, preset};
use airlock_program_tests::model_server::{ModelServer, Script, Step, events, head, stream_head};
use serde_json::{Value, json};

const KEY: &str = "sk-test-0123456789abcdef";

/// Long enough for any machine, where nothing should take long.
const LONG: Duration = Duration::from_secs(60);

pub fn settings(server: &ModelServer, protocol: Protocol) -> Settings {
    let name = match protocol {
        Protocol::Chat => "openrouter",
        Protocol::Responses => "openai",
        Protocol::Anthropic => "anthropic",
    };
    let mut settings = Settings::of(&preset(name).unwrap(), "big-5", Some(Secret::new(KEY).unwrap()));
    settings.base_url = server.url();
    settings.timeouts = Timeouts { connect: LONG, first_byte: LONG, idle: LONG, whole: 2 * LONG };
    settings.retries = Retries { times: 0, first: Duration::from_millis(1), ..Retries::default() };
    settings
}

pub fn question() -> Request {
    Request {
        system: "Be brief.".to_owned(),
        messages: vec![Message::User { text: "Look.".to_owned() }],
        tools: vec![ToolSpec {
            name: "read".to_owned(),
            description: "Reads a file.".to_owned(),
            parameters: json!({"type": "object", "properties": {"path": {"type": "string"}}}),
        }],
        tool_choice: ToolChoice::Auto,
        max_output_tokens: 100,
    }
}

pub fn ask(settings: Settings) -> (Vec<Delta>, Result<Reply, ModelError>) {
    let client = Client::new(settings).expect("settings that can be used");
    let mut deltas = Vec::new();
    let reply = client.ask_blocking(&question(), &mut |delta| deltas.push(delta), &|| false);
    (deltas, reply)
}

/// What comes of a server with these scripts.
pub fn ask_of(protocol: Protocol, scripts: Vec<Script>) -> (Vec<Delta>, Result<Reply, ModelError>) {
    let server = ModelServer::start(scripts);
    ask(settings(&server, protocol))
}

pub fn error_of(protocol: Protocol, script: Script) -> ModelError {
    let error = ask_of(protocol, vec![script]).1.expect_err("no reply");
    // Whatever it is, it names the host and nothing of the key.
    let said = format!("{error} {error:?}");
    assert!(!said.contains(KEY) && !said.contains("0123456789abcdef"), "{said}");
    assert!(said.contains("127.0.0.1") || error == ModelError::Cancelled, "{said}");
    assert!(!said.chars().any(char::is_control) && said.len() < 4000, "{said}");
    error
}

pub const PROTOCOLS: [Protocol; 3] = [Protocol::Chat, Protocol::Responses, Protocol::Anthropic];

/// The events of a reply with text and one call.
pub fn reply_events(protocol: Protocol) -> Vec<Value> {
    let text = "Gr\u{fc}\u{df}e \u{1F600}";
    let (one, two) = ("{\"path\":", "\"\u{e9}\"}");
    match protocol {
        Protocol::Chat => {
            let begun = json!([{"index": 0, "id": "c1", "function": {"name": "read", "arguments": one}}]);
            let more = json!([{"index": 0, "function": {"arguments": two}}]);
            vec![
                json!({"model": "m-1", "choices": [{"delta": {"content": text}, "finish_reason": null}]}),
                json!({"choices": [{"delta": {"tool_calls": begun}}]}),
                json!({"choices": [{"delta": {"tool_calls": more}, "finish_reason": "tool_calls"}]}),
                json!({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 5}}),
                "[DONE]".into(),
            ]
        }
        Protocol::Responses => {
            let call = json!({"type": "function_call", "call_id": "c1", "name": "read"});
            let usage = json!({"input_tokens": 20, "output_tokens": 5});
            let response = json!({"status": "completed", "model": "m-1", "usage": usage});
            let arguments = "response.function_call_arguments.delta";
            vec![
                json!({"type": "response.output_text.delta", "output_index": 0, "delta": text}),
                json!({"type": "response.output_item.added", "output_index": 1, "item": call}),
                json!({"type": arguments, "output_index": 1, "delta": one}),
                json!({"type": arguments, "output_index": 1, "delta": two}),
                json!({"type": "response.completed", "response": response}),
            ]
        }
        Protocol::Anthropic => {
            let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
            let delta =
                |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
            let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
            let usage = json!({"input_tokens": 20, "output_tokens": 1});
            vec![
                json!({"type": "message_start", "message": {"model": "m-1", "usage": usage}}),
                start(0, json!({"type": "text", "text": ""})),
                delta(0, json!({"type": "text_delta", "text": text})),
                stop(0),
                start(1, json!({"type": "tool_use", "id": "c1", "name": "read", "input": {}})),
                delta(1, json!({"type": "input_json_delta", "partial_json": one})),
                delta(1, json!({"type": "input_json_delta", "partial_json": two})),
                stop(1),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
                json!({"type": "message_stop"}),
            ]
        }
    }
}

/// A script that sends them.
pub fn good(protocol: Protocol) -> Script {
    vec![stream_head(), Step::Send(events(&reply_events(protocol)))]
}

/// That they were understood.
pub fn assert_good(reply: &Reply) {
    assert_eq!(reply.text(), "Gr\u{fc}\u{df}e \u{1F600}");
    let calls: Vec<_> =
        reply.calls().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(calls, [("c1", "read", "{\"path\":\"\u{e9}\"}")]);
    assert!(matches!(reply.parts[0], Part::Text { .. }));
    assert_eq!((reply.usage.input, reply.usage.output, reply.model.as_str()), (20, 5, "m-1"));
}

/// An answer of this status with this body.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Script {
    vec![Step::Send(head(status, headers)), Step::Send(body.to_vec())]
}
