use std::thread;

use airlock_core::conversation::Stop;
use airlock_program_tests::model_server::{chat_reply, json_answer};

use super::*;

#[test]
fn a_reply_is_the_same_however_it_is_cut() {
    for protocol in PROTOCOLS {
        let all = events(&reply_events(protocol));
        let middle = all.windows(2).position(|two| two == [0xc3, 0xbc]).expect("an umlaut") + 1;
        let scripts = [
            vec![stream_head(), Step::Send(all.clone())],
            vec![stream_head(), Step::Drip(all.clone())],
            // In the middle of a character.
            vec![stream_head(), Step::Send(all[..middle].to_vec()), Step::Send(all[middle..].to_vec())],
        ];
        for script in scripts {
            let (deltas, reply) = ask_of(protocol, vec![script]);
            let reply = reply.unwrap();
            assert_good(&reply);
            assert_eq!(reply.stop, Stop::Calls);
            let text: String = deltas
                .iter()
                .filter_map(|delta| match delta {
                    Delta::Text(piece) => Some(piece.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(text, reply.text());
            assert!(deltas.contains(&Delta::CallBegun { call: 0, name: "read".to_owned() }));
            assert!(deltas.contains(&Delta::CallArguments { call: 0, piece: "\"\u{e9}\"}".to_owned() }));
            assert!(deltas.contains(&Delta::Usage(reply.usage)));
        }
    }
}

#[test]
fn pieces_are_told_while_the_rest_is_still_to_come() {
    for protocol in PROTOCOLS {
        let all = events(&reply_events(protocol));
        let server = ModelServer::start(vec![vec![
            stream_head(),
            Step::Send(all[..all.len() - 20].to_vec()),
            Step::Gate,
            Step::Send(all[all.len() - 20..].to_vec()),
        ]]);
        let client = Client::new(settings(&server, protocol)).unwrap();
        // The server sends the end only after the first piece was told.
        let mut went_on = false;
        let reply = client.ask_blocking(
            &question(),
            &mut |delta| {
                if matches!(delta, Delta::Text(_)) && !std::mem::replace(&mut went_on, true) {
                    server.go_on();
                }
            },
            &|| false,
        );
        assert_good(&reply.unwrap());
    }
}

#[test]
fn a_question_goes_to_the_protocol_s_place_with_the_key_where_it_belongs() {
    for (protocol, line) in [
        (Protocol::Chat, "POST /base/chat/completions"),
        (Protocol::Responses, "POST /base/responses"),
        (Protocol::Anthropic, "POST /base/v1/messages"),
    ] {
        let server = ModelServer::start(vec![good(protocol)]);
        let mut settings = settings(&server, protocol);
        settings.base_url = format!("{}/base/", server.url());
        ask(settings).1.unwrap();
        let [asked] = server.asked().try_into().expect("one question");
        assert_eq!(asked.line, line);
        assert_eq!(asked.json()["model"], "big-5");
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let with_key: Vec<_> = asked.headers.iter().filter(|(_, value)| value.contains(KEY)).collect();
        assert_eq!(with_key.len(), 1);
        match protocol {
            Protocol::Anthropic => {
                assert_eq!(asked.header("x-api-key"), Some(KEY));
                assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
            }
            _ => assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str())),
        }
        assert!(!String::from_utf8_lossy(&asked.body).contains(KEY));
    }
}

#[test]
fn without_a_key_none_is_sent() {
    let server = ModelServer::start(vec![good(Protocol::Chat)]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.key = None;
    ask(settings).1.unwrap();
    assert_eq!(server.asked()[0].header("authorization"), None);
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let bodies = [
        (Protocol::Chat, json!({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})),
        (
            Protocol::Responses,
            json!({"status": "completed", "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]},
            ]}),
        ),
        (Protocol::Anthropic, json!({"content": [{"type": "text", "text": "Yes."}], "stop_reason": "end_turn"})),
    ];
    for (protocol, body) in bodies {
        let (deltas, reply) = ask_of(protocol, vec![json_answer("200 OK", &[], &body)]);
        assert_eq!(reply.unwrap().text(), "Yes.");
        assert_eq!(deltas, [Delta::Text("Yes.".to_owned())]);
        // Without a word on what it is, too.
        let script = vec![Step::Send(head("200 OK", &[])), Step::Send(body.to_string().into_bytes())];
        assert_eq!(ask_of(protocol, vec![script]).1.unwrap().text(), "Yes.");
    }
    // A stream that is not called one.
    let script = vec![Step::Send(head("200 OK", &[])), Step::Send(events(&reply_events(Protocol::Chat)))];
    assert_good(&ask_of(Protocol::Chat, vec![script]).1.unwrap());
}

#[test]
fn a_reply_that_is_whole_is_taken_whatever_follows() {
    // Nothing more, and the connection stays open.
    for protocol in PROTOCOLS {
        let script = vec![stream_head(), Step::Send(events(&reply_events(protocol))), Step::Silence];
        let server = ModelServer::start(vec![script]);
        assert_good(&ask(settings(&server, protocol)).1.unwrap());
        assert!(server.was_hung_up_on(LONG));
    }
    // A reason to stop, and neither a mark of the end nor an end: what was said is taken when the server says no more.
    let mut all = reply_events(Protocol::Chat);
    all.truncate(4);
    let server = ModelServer::start(vec![vec![stream_head(), Step::Send(events(&all)), Step::Silence]]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.timeouts.idle = Duration::from_millis(100);
    assert_good(&ask(settings).1.unwrap());
}

#[test]
fn the_list_of_models() {
    for (protocol, line) in [
        (Protocol::Chat, "GET /models"),
        (Protocol::Responses, "GET /models"),
        (Protocol::Anthropic, "GET /v1/models?limit=1000"),
    ] {
        let list = json!({"data": [{"id": "big-5", "context_length": 8000}, {"id": "a"}]});
        let server = ModelServer::start(vec![json_answer("200 OK", &[], &list)]);
        let client = Client::new(settings(&server, protocol)).unwrap();
        let models = client.models_blocking(&|| false).unwrap();
        let told: Vec<_> = models.iter().map(|model| (model.id.as_str(), model.context)).collect();
        assert_eq!(told, [("a", None), ("big-5", Some(8000))]);
        assert_eq!(server.asked()[0].line, line);
    }
    let listed = |script: Script| {
        let server = ModelServer::start(vec![script]);
        Client::new(settings(&server, Protocol::Chat)).unwrap().models_blocking(&|| false).unwrap_err()
    };
    assert!(matches!(listed(json_answer("200 OK", &[], &json!({"no": 1}))), ModelError::Malformed { .. }));
    assert!(matches!(
        listed(answer("200 OK", &[("Content-Type", "text/html")], b"<html>")),
        ModelError::NotAnApi { .. }
    ));
    assert!(matches!(listed(json_answer("401 Unauthorized", &[], &json!({}))), ModelError::KeyRefused { .. }));
    assert!(matches!(listed(json_answer("404 Not Found", &[], &json!({}))), ModelError::UnknownPath { .. }));
}

#[test]
fn a_test_says_what_a_provider_can_do() {
    let called = json!([{"index": 0, "id": "c", "function": {"name": "report_ready", "arguments": "{}"}}]);
    let calls = [
        json!({"model": "m-1", "choices": [{"delta": {"tool_calls": called}, "finish_reason": "tool_calls"}]}),
        "[DONE]".into(),
    ];
    let server = ModelServer::start(vec![vec![stream_head(), Step::Send(events(&calls))]]);
    let probe = Client::new(settings(&server, Protocol::Chat)).unwrap().test_blocking(&|| false).unwrap();
    assert!(probe.streaming && probe.tools && probe.first_byte <= probe.whole);
    assert_eq!(probe.model, "m-1");
    assert_eq!(server.asked()[0].json()["tool_choice"], "required");

    // No tools, and no stream.
    let refused =
        json_answer("400 Bad Request", &[], &json!({"error": {"message": "this model does not support tools"}}));
    let said = json_answer(
        "200 OK",
        &[],
        &json!({"model": "m-2", "choices": [{"message": {"content": "ready"}, "finish_reason": "stop"}]}),
    );
    let server = ModelServer::start(vec![refused, said]);
    let probe = Client::new(settings(&server, Protocol::Chat)).unwrap().test_blocking(&|| false).unwrap();
    assert!(!probe.streaming && !probe.tools && probe.model == "m-2");
    assert_eq!(server.asked()[1].json().get("tools"), None);

    let server = ModelServer::start(vec![json_answer("401 Unauthorized", &[], &json!({}))]);
    let error = Client::new(settings(&server, Protocol::Chat)).unwrap().test_blocking(&|| false).unwrap_err();
    assert!(matches!(error, ModelError::KeyRefused { .. }));
}

#[test]
fn the_server_s_own_replies_are_understood() {
    let script = chat_reply("Both.", &[("a", "read", "{}"), ("b", "list", "{\"x\":1}")]);
    let reply = ask_of(Protocol::Chat, vec![script]).1.unwrap();
    let calls: Vec<_> = reply.calls().map(|call| (call.id.as_str(), call.arguments.as_str())).collect();
    assert_eq!((reply.text().as_str(), calls), ("Both.", vec![("a", "{}"), ("b", "{\"x\":1}")]));
    assert_eq!((reply.stop, reply.usage.input), (Stop::Calls, 100));
    assert_eq!(ask_of(Protocol::Chat, vec![chat_reply("Done.", &[])]).1.unwrap().stop, Stop::Done);
}

#[test]
fn every_preset_makes_a_client() {
    for preset in airlock_models::presets() {
        let mut settings = Settings::of(&preset, "any", None);
        settings.ca_file = Some(super::tls::ca());
        let client = Client::new(settings).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert!(preset.base_url.contains(client.host()) && client.model() == "any");
    }
}

#[test]
fn one_client_is_asked_from_many_threads_at_once() {
    let server = ModelServer::start((0..8).map(|_| good(Protocol::Chat)).collect());
    let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_good(&client.ask_blocking(&question(), &mut |_| {}, &|| false).unwrap()));
        }
    });
    assert_eq!(server.asked().len(), 8);
    assert!(!format!("{client:?}").contains(KEY));
}
