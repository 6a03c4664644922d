//! The crate that asks models, and a real server of somebody else's (`llama`), over all three protocols.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod llama;

use std::cell::Cell;
use std::time::{Duration, Instant};

use airlock_core::conversation::{Message, Part, Reply, Request, Stop, ToolCall, ToolChoice, ToolResult, ToolSpec};
use airlock_models::{Client, Delta, ModelError, Protocol, Secret, Settings, preset};
use serde_json::{Map, Value, json};

use llama::{CONTEXT, KEY, Llama};

const PROTOCOLS: [Protocol; 3] = [Protocol::Chat, Protocol::Responses, Protocol::Anthropic];

fn settings(server: &Llama, protocol: Protocol) -> Settings {
    let mut settings =
        Settings::of(&preset("llamacpp").expect("a preset"), "smollm2", Some(Secret::new(KEY).expect("a key")));
    settings.protocol = protocol;
    settings.base_url = match protocol {
        Protocol::Anthropic => server.url(),
        Protocol::Chat | Protocol::Responses => format!("{}/v1", server.url()),
    };
    // The likeliest word each time, so that every run says the same.
    settings.extra = Map::from_iter([("temperature".to_owned(), json!(0))]);
    settings
}

fn client(server: &Llama, protocol: Protocol) -> Client {
    Client::new(settings(server, protocol)).expect("settings that can be used")
}

fn user(text: &str) -> Message {
    Message::User { text: text.to_owned() }
}

fn question(messages: Vec<Message>, max_output_tokens: u32) -> Request {
    Request {
        system: "You call functions.".to_owned(),
        messages,
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        max_output_tokens,
    }
}

/// A file that was read: the question, the call, its result.
fn read_before(id: &str, path: &str) -> [Message; 3] {
    let arguments = json!({"path": path}).to_string();
    let call = ToolCall { id: id.to_owned(), name: "read".to_owned(), arguments };
    let result = ToolResult { id: id.to_owned(), text: "hello".to_owned(), is_error: false };
    [
        user(&format!("Read {path}")),
        Message::Assistant { parts: vec![Part::Call(call)] },
        Message::Tools { results: vec![result] },
    ]
}

fn ask(client: &Client, request: &Request) -> (Vec<Delta>, Result<Reply, ModelError>) {
    let mut deltas = Vec::new();
    let reply = client.ask_blocking(request, &mut |delta| deltas.push(delta), &|| false);
    (deltas, reply)
}

#[test]
fn text_streams_and_is_counted_over_each_protocol() {
    let Some(server) = Llama::start() else { return };
    for protocol in PROTOCOLS {
        let request = question(vec![user("Count from one to ten.")], 12);
        let (deltas, reply) = ask(&client(&server, protocol), &request);
        let reply = reply.unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
        let pieces: Vec<&str> = deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::Text(piece) => Some(piece.as_str()),
                _ => None,
            })
            .collect();
        assert!(pieces.len() > 1, "{protocol:?}: {deltas:?}");
        assert_eq!(pieces.concat(), reply.text(), "{protocol:?}");
        // Over Responses this server says that it is done whatever ended it.
        assert!(reply.stop == Stop::Length || protocol == Protocol::Responses, "{protocol:?}: {:?}", reply.stop);
        assert!((1..=12).contains(&reply.usage.output) && reply.usage.input > 5, "{protocol:?}: {:?}", reply.usage);
        assert!(reply.usage.cache_read <= reply.usage.input, "{protocol:?}: {:?}", reply.usage);
        assert!(!reply.model.is_empty(), "{protocol:?}");
        // Asked again, what was read before comes from a cache, and that is told too.
        let again = ask(&client(&server, protocol), &request).1.expect("a reply").usage;
        assert!(again.cache_read > 0 && again.input == reply.usage.input, "{protocol:?}: {again:?}");
    }
}

#[test]
fn tools_are_called_over_each_protocol_and_their_results_are_read() {
    let Some(server) = Llama::start() else { return };
    for protocol in PROTOCOLS {
        let client = client(&server, protocol);
        let mut messages = [read_before("call_1", "b.txt"), read_before("call_2", "c.txt")].concat();
        messages.push(user("Read a.txt"));
        let mut request = question(messages, 60);
        request.tool_choice = ToolChoice::Required;
        request.tools = vec![ToolSpec {
            name: "read".to_owned(),
            description: "Reads a file".to_owned(),
            parameters: json!({
                "type": "object", "properties": {"path": {"type": "string", "maxLength": 20}}, "required": ["path"],
            }),
        }];
        let (deltas, reply) = ask(&client, &request);
        let reply = reply.unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
        assert_eq!(reply.stop, Stop::Calls, "{protocol:?}: {reply:?}");
        let calls: Vec<&ToolCall> = reply.calls().collect();
        assert_eq!(calls[0].name, "read", "{protocol:?}");
        let arguments: Value = serde_json::from_str(&calls[0].arguments).expect("JSON");
        assert!(arguments["path"].is_string(), "{protocol:?}: {arguments}");
        assert!(deltas.contains(&Delta::CallBegun { call: 0, name: "read".to_owned() }), "{protocol:?}");
        let told: String = deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::CallArguments { call: 0, piece } => Some(piece.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(told, calls[0].arguments, "{protocol:?}");
        // The conversation goes on with what was called and what came of it, a malformed call included.
        let results = calls.iter().map(|call| ToolResult {
            id: call.id.clone(),
            text: "no such file".to_owned(),
            is_error: true,
        });
        let results = Message::Tools { results: results.collect() };
        let broken = Part::Call(ToolCall {
            id: "broken".to_owned(),
            name: "read".to_owned(),
            arguments: "{\"path\": ".to_owned(),
        });
        let parts = reply.parts.clone();
        request.messages.extend([Message::Assistant { parts }, results, Message::Assistant { parts: vec![broken] }]);
        let result =
            ToolResult { id: "broken".to_owned(), text: "these arguments are no JSON".to_owned(), is_error: true };
        request.messages.extend([Message::Tools { results: vec![result] }, user("Stop.")]);
        request.tool_choice = ToolChoice::Auto;
        request.max_output_tokens = 4;
        ask(&client, &request).1.unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
    }
}

#[test]
fn a_stop_ends_the_work_of_the_server_over_each_protocol() {
    let Some(server) = Llama::start() else { return };
    for protocol in PROTOCOLS {
        let client = client(&server, protocol);
        let stopped = Cell::new(None);
        let request = question(vec![user("Tell a long story.")], 1500);
        let reply = client.ask_blocking(
            &request,
            &mut |_| {
                if stopped.get().is_none() {
                    stopped.set(Some(Instant::now()));
                }
            },
            &|| stopped.get().is_some(),
        );
        assert_eq!(reply, Err(ModelError::Cancelled), "{protocol:?}");
        assert!(stopped.get().expect("something was told").elapsed() < Duration::from_secs(2), "{protocol:?}");
        // It looks now and then whether somebody still listens.
        let begun = Instant::now();
        while server.is_busy() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{protocol:?}: it goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn refusals_the_list_and_a_test_over_each_protocol() {
    let Some(server) = Llama::start() else { return };
    for protocol in PROTOCOLS {
        let client = client(&server, protocol);
        let long = question(vec![user(&"word ".repeat(5000))], 10);
        let error = ask(&client, &long).1.expect_err("too long");
        assert!(matches!(error, ModelError::ContextTooLong { .. }), "{protocol:?}: {error:?}");
        let mut wrong = settings(&server, protocol);
        wrong.key = Some(Secret::new("sk-another").expect("a key"));
        let error =
            ask(&Client::new(wrong).expect("settings"), &question(vec![user("Hi")], 5)).1.expect_err("a wrong key");
        assert!(matches!(error, ModelError::KeyRefused { status: 401, .. }), "{protocol:?}: {error:?}");
        let mut elsewhere = settings(&server, protocol);
        elsewhere.base_url = format!("{}/nothing/here", server.url());
        let error =
            ask(&Client::new(elsewhere).expect("settings"), &question(vec![user("Hi")], 5)).1.expect_err("nothing");
        assert!(matches!(error, ModelError::UnknownPath { .. }), "{protocol:?}: {error:?}");
        let models = client.models_blocking(&|| false).unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
        assert_eq!((models.len(), models[0].context), (1, Some(CONTEXT)), "{protocol:?}");
        let probe = client.test_blocking(&|| false).unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
        assert!(
            probe.streaming && probe.usage.output > 0 && probe.first_byte <= probe.whole,
            "{protocol:?}: {probe:?}"
        );
    }
}
