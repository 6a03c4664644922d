use super::*;
use crate::presets::TokenLimit;

fn chunk(delta: Value) -> Value {
    json!({"id": "x", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn end(reason: &str) -> Value {
    json!({"model": "m-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn way() -> Way {
    Way::of(Protocol::Chat)
}

#[test]
fn a_question_as_it_is_sent() {
    let mut request = question();
    request.tools.truncate(1);
    request.messages.extend([
        Message::Assistant { parts: vec![text("I "), text("look."), call("c1", "read", "{\"path\":\"a\"}")] },
        Message::Tools { results: vec![result("c1", "no such file", true)] },
        Message::User { text: "And?".to_owned() },
    ]);
    let mut way = way();
    way.effort = Some("high");
    way.cache_key = Some("session");
    assert_eq!(
        way.body(&request),
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": "I look.", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "c1", "content": "no such file"},
                {"role": "user", "content": "And?"},
            ],
            "tools": [{"type": "function", "function": {
                "name": "read",
                "description": "To read.",
                "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
            }}],
            "tool_choice": "auto",
            "parallel_tool_calls": true,
            "max_tokens": 100,
            "stream": true,
            "stream_options": {"include_usage": true},
            "reasoning_effort": "high",
            "prompt_cache_key": "session",
        })
    );
}

#[test]
fn what_a_server_does_not_understand_is_not_sent() {
    let mut way = way();
    way.effort = Some("high");
    way.cache_key = Some("session");
    way.quirks = Quirks {
        token_limit: TokenLimit::MaxCompletionTokens,
        stream_usage: false,
        parallel_tool_calls: false,
        tool_choice: false,
        effort: false,
        cache_key: false,
        ..Quirks::default()
    };
    let body = way.body(&question());
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["max_completion_tokens", "messages", "model", "stream", "tools"]);
}

#[test]
fn choices_of_tools() {
    for (choice, word) in [(ToolChoice::Auto, "auto"), (ToolChoice::Required, "required"), (ToolChoice::None, "none")] {
        let request = Request { tool_choice: choice, ..question() };
        assert_eq!(way().body(&request)["tool_choice"], word);
    }
}

#[test]
fn text_comes_in_pieces_and_usage_after_the_end() {
    let counts = json!({"choices": [], "usage": {
        "prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 3},
    }});
    let events = [
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": "Hel"})),
        chunk(json!({"content": "lo"})),
        end("stop"),
        counts,
        "[DONE]".into(),
        "not read any more".into(),
    ];
    let (deltas, reply) = way().play(&question(), &events);
    assert_eq!(deltas, [Delta::Text("Hel".into()), Delta::Text("lo".into()), Delta::Usage(usage(50, 40, 3, 7))]);
    let expected =
        Reply { parts: vec![text("Hello")], stop: Stop::Done, usage: usage(50, 40, 3, 7), model: "m-1".into() };
    assert_eq!(reply, Ok(expected));
}

#[test]
fn every_reason_to_stop() {
    for (reason, stop) in [
        ("stop", Stop::Done),
        ("length", Stop::Length),
        ("model_length", Stop::Length),
        ("content_filter", Stop::Refused),
        ("eos", Stop::Done),
    ] {
        assert_eq!(way().reply(&[chunk(json!({"content": "a"})), end(reason)]).stop, stop, "{reason}");
    }
    for reason in ["error", "insufficient_system_resource"] {
        assert!(matches!(way().fault(&[end(reason)]), Fault::Said(_)), "{reason}");
    }
    // With a refusal in words, and with the mark of the end alone.
    let refused = way().reply(&[chunk(json!({"refusal": "I won't."})), end("stop")]);
    assert_eq!((refused.stop, refused.text().as_str()), (Stop::Refused, "I won't."));
    assert_eq!(way().reply(&[chunk(json!({"content": "a"})), "[DONE]".into()]).stop, Stop::Done);
    assert_eq!(way().fault(&[chunk(json!({"content": "a"}))]), Fault::CutOff);
}

#[test]
fn parallel_calls_whose_arguments_interleave() {
    let begin = |index: u64, id: &str, name: &str| {
        chunk(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]}),
        )
    };
    let piece =
        |index: u64, piece: &str| chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}));
    let events = [
        chunk(json!({"content": "Both."})),
        begin(0, "c1", "read"),
        begin(1, "c2", "list"),
        piece(1, "{\"pa"),
        piece(0, "{\"path\""),
        chunk(json!({"tool_calls": [
            {"index": 1, "function": {"arguments": "th\":2}"}}, {"index": 0, "function": {"arguments": ":1}"}},
        ]})),
        end("tool_calls"),
        "[DONE]".into(),
    ];
    let (deltas, reply) = way().play(&question(), &events);
    let reply = reply.unwrap();
    let expected = vec![text("Both."), call("c1", "read", "{\"path\":1}"), call("c2", "list", "{\"path\":2}")];
    assert_eq!((reply.parts, reply.stop), (expected, Stop::Calls));
    let calls = vec![("read".into(), "{\"path\":1}".into()), ("list".into(), "{\"path\":2}".into())];
    assert_eq!(told(&deltas), ("Both.".into(), String::new(), calls));
}

#[test]
fn calls_in_the_shapes_of_other_servers() {
    let calls = |deltas: &[Value]| {
        let mut events: Vec<Value> = deltas.iter().map(|call| chunk(json!({"tool_calls": [call]}))).collect();
        events.push(end("tool_calls"));
        way().reply(&events).parts
    };
    // All under one index; without any; id and name again with each piece; the name late; arguments as an object.
    let one = [
        json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": "{}"}}),
        json!({"index": 0, "id": "b", "function": {"name": "list", "arguments": "{\"x\":"}}),
        json!({"index": 0, "function": {"arguments": "1}"}}),
    ];
    let expected = [call("a", "read", "{}"), call("b", "list", "{\"x\":1}")];
    assert_eq!(calls(&one), expected);
    let none = [
        json!({"id": "a", "function": {"name": "read", "arguments": "{}"}}),
        json!({"id": "b", "function": {"name": "list", "arguments": "{\"x\":"}}),
        json!({"function": {"arguments": "1}"}}),
    ];
    assert_eq!(calls(&none), expected);
    let again = [
        json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": "{"}}),
        json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": "}"}}),
        json!({"index": 1, "id": "b", "function": {"arguments": "{\"x\":"}}),
        json!({"index": 1, "function": {"name": "list", "arguments": "1}"}}),
    ];
    assert_eq!(calls(&again), expected);
    let object = [json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": {"x": 1}}})];
    assert_eq!(calls(&object), [call("a", "read", "{\"x\":1}")]);
    // Two in one piece that have neither index nor id.
    let two = chunk(
        json!({"tool_calls": [{"function": {"name": "read", "arguments": "{}"}}, {"function": {"name": "list"}}]}),
    );
    let parts = way().reply(&[two, end("tool_calls")]).parts;
    assert_eq!(parts, [call("call1x0x0", "read", "{}"), call("call1x1x0", "list", "{}")]);
}

#[test]
fn arguments_that_are_no_json_are_kept_as_they_were() {
    let broken = json!({"index": 0, "id": "a", "function": {"name": "read", "arguments": "{\"path\": 'a'"}});
    let reply = way().reply(&[chunk(json!({"tool_calls": [broken]})), end("tool_calls")]);
    assert_eq!(reply.parts, [call("a", "read", "{\"path\": 'a'")]);
}

#[test]
fn ids_name_one_call_of_the_conversation() {
    let mut request = question();
    request.messages.push(Message::Assistant { parts: vec![call("call_0", "read", "{}")] });
    request.messages.push(Message::Tools { results: vec![result("call_0", "x", false)] });
    let calls = json!({"tool_calls": [
        {"index": 0, "id": "call_0", "function": {"name": "read"}}, {"index": 1, "id": "new", "function": {"name": "read"}},
    ]});
    let reply = way().play(&request, &[chunk(calls), end("tool_calls")]).1.unwrap();
    let ids: Vec<&str> = reply.calls().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["call3x0x0", "new"]);
}

#[test]
fn short_ids_are_made_of_those_that_are_none() {
    let mut request = question();
    let parts = vec![call("toolu_01A09q90qw90lq917835lq9", "read", "{}"), call("abc123XYZ", "read", "{}")];
    request.messages.push(Message::Assistant { parts });
    let results = vec![result("toolu_01A09q90qw90lq917835lq9", "x", false), result("abc123XYZ", "y", false)];
    request.messages.push(Message::Tools { results });
    let mut way = way();
    way.quirks.short_ids = true;
    let body = way.body(&request);
    let id = body["messages"][2]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(body["messages"][3]["tool_call_id"], id);
    assert_eq!(body["messages"][4]["tool_call_id"], "abc123XYZ");
}

#[test]
fn reasoning_is_shown_and_given_back_to_those_who_want_it() {
    let events = [
        chunk(json!({"reasoning_content": "Hm, ", "reasoning": "Hm, "})),
        chunk(json!({"reasoning": "well."})),
        chunk(json!({"content": "Yes.", "tool_calls": [{"index": 0, "id": "c", "function": {"name": "read"}}]})),
        end("tool_calls"),
    ];
    let (deltas, reply) = way().play(&question(), &events);
    assert_eq!(told(&deltas).1, "Hm, well.");
    let parts = reply.unwrap().parts;
    assert_eq!(parts, [thought("Hm, well.", None), text("Yes."), call("c", "read", "{}")]);
    let mut deepseek = way();
    deepseek.quirks.reasoning_back = true;
    let parts = deepseek.reply(&events).parts;
    assert_eq!(parts[0], thought("Hm, well.", Some(json!({}))));
    let mut request = question();
    request.messages.push(Message::Assistant { parts });
    request.messages.push(Message::Assistant { parts: vec![call("d", "read", "{}")] });
    assert_eq!(deepseek.body(&request)["messages"][2]["reasoning_content"], "Hm, well.");
    assert_eq!(deepseek.body(&request)["messages"][3]["reasoning_content"], "");
    // Another that wants none gets none.
    assert_eq!(way().body(&request)["messages"][2].get("reasoning_content"), None);
}

#[test]
fn reasoning_blocks_are_joined_and_go_back_as_they_came() {
    let block = |value: Value| chunk(json!({"reasoning": value["text"], "reasoning_details": [value]}));
    let events = [
        block(json!({"type": "reasoning.text", "index": 0, "text": "Let ", "format": "f", "signature": null})),
        block(json!({"type": "reasoning.text", "index": 0, "text": "me.", "signature": "sig"})),
        chunk(json!({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "abc"}]})),
        chunk(json!({"content": "Yes."})),
        end("stop"),
    ];
    let parts = way().reply(&events).parts;
    let details = json!([
        {"type": "reasoning.text", "index": 0, "text": "Let me.", "format": "f", "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "abc"},
    ]);
    assert_eq!(parts, [thought("Let me.", Some(json!({"reasoning_details": details, "model": "m"}))), text("Yes.")]);
    let mut request = question();
    request.messages.push(Message::Assistant { parts });
    assert_eq!(way().body(&request)["messages"][2]["reasoning_details"], details);
    let mut refused = way();
    refused.quirks = refused.quirks.without("messages[2].reasoning_details", "").unwrap();
    assert_eq!(refused.body(&request)["messages"][2].get("reasoning_details"), None, "not again to who refused it");
    let Some(Message::Assistant { parts }) = request.messages.last_mut() else { panic!("a reply") };
    parts[0] = thought("Let me.", Some(json!({"reasoning_details": details, "model": "another"})));
    assert_eq!(way().body(&request)["messages"][2].get("reasoning_details"), None, "nor to another model");
}

#[test]
fn content_in_chunks() {
    let events = [
        chunk(json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]})),
        chunk(json!({"content": [{"type": "text", "text": "Yes"}]})),
        chunk(json!({"content": "."})),
        end("stop"),
    ];
    assert_eq!(way().reply(&events).parts, [thought("Hm.", None), text("Yes.")]);
}

#[test]
fn usage_where_others_put_it() {
    let of = |value: Value| way().reply(&[chunk(json!({"content": "a"})), value, "[DONE]".into()]).usage;
    let groq = json!({"choices": [], "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}});
    assert_eq!(of(groq), usage(5, 0, 0, 2));
    let counts = json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 1});
    assert_eq!(of(json!({"choices": [], "usage": counts})), usage(9, 8, 0, 2));
    assert_eq!(of(json!({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 1.5}})), usage(0, 0, 0, 0));
}

#[test]
fn a_whole_reply_of_a_server_that_does_not_stream() {
    let reply = way().whole(&json!({
        "model": "m-1",
        "choices": [{"message": {"role": "assistant", "content": "Yes.", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "read", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "list", "arguments": "{}"}},
        ]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }));
    let parts = vec![text("Yes."), call("a", "read", "{}"), call("b", "list", "{}")];
    assert_eq!(reply, Ok(Reply { parts, stop: Stop::Calls, usage: usage(5, 0, 0, 2), model: "m-1".into() }));
}

#[test]
fn an_error_in_the_stream_ends_it() {
    let choices = json!([{"delta": {"content": ""}, "finish_reason": "error"}]);
    let error = json!({"error": {"code": 502, "message": "Upstream gone"}, "choices": choices});
    let Fault::Said(refusal) = way().fault(&[chunk(json!({"content": "a"})), error]) else { panic!("no refusal") };
    assert_eq!((refusal.status, refusal.said.as_str()), (502, "Upstream gone"));
}

#[test]
fn floods_have_an_end() {
    let mut way = way();
    way.limits = Limits { parts: 3, calls: 2, id_bytes: 8, name_bytes: 8, ..Limits::default() };
    let calls = |n: u64| {
        let call = |index: u64| json!({"index": index, "id": format!("c{index}"), "function": {"name": "f"}});
        chunk(json!({"tool_calls": (0..n).map(call).collect::<Vec<_>>()}))
    };
    let too_much = |events: &[Value]| match way.fault(events) {
        Fault::TooMuch { what, .. } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(too_much(&[calls(3)]), "calls of a reply");
    let alternating: Vec<Value> = (0..4)
        .map(|n| if n % 2 == 0 { chunk(json!({"content": "a"})) } else { chunk(json!({"reasoning": "b"})) })
        .collect();
    assert_eq!(too_much(&alternating), "parts of a reply");
    let named =
        |id: &str, name: &str| chunk(json!({"tool_calls": [{"index": 0, "id": id, "function": {"name": name}}]}));
    assert_eq!(too_much(&[named("123456789", "f")]), "bytes of an id");
    assert_eq!(too_much(&[named("1", "123456789")]), "bytes of a tool's name");
    let model = json!({"model": "1234567\u{e9}\u{202e}", "choices": [{"delta": {}, "finish_reason": "stop"}]});
    assert_eq!(way.reply(&[model]).model, "1234567");
    let details: Vec<Value> = (0..4).map(|n| json!({"type": "t", "index": n})).collect();
    assert_eq!(too_much(&[chunk(json!({"reasoning_details": details}))]), "parts of a reply");
}
