use super::*;

fn way() -> Way {
    Way::of(Protocol::Anthropic)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"model": "m-1", "usage": {
        "input_tokens": 10, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5, "output_tokens": 1,
    }}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn end(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn stop(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20}})
}

fn stopped() -> Value {
    json!({"type": "message_stop"})
}

#[test]
fn a_question_as_it_is_sent() {
    let mut request = question();
    let thinking = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig"});
    request.messages.extend([
        Message::Assistant {
            parts: vec![
                thought("Hm.", Some(thinking.clone())),
                text("I look."),
                call("call.1", "read", "{\"path\":\"a\"}"),
                call("c2", "list", ""),
            ],
        },
        Message::Tools { results: vec![result("call.1", "no such file", true), result("c2", "", false)] },
        Message::User { text: "And?".to_owned() },
    ]);
    let body = way().body(&request);
    let id = body["messages"][1]["content"][2]["id"].as_str().unwrap().to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let mark = json!({"type": "ephemeral"});
    assert_eq!(
        body,
        json!({
            "model": "m",
            "max_tokens": 100,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": mark}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Look."}]},
                {"role": "assistant", "content": [
                    thinking,
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": id, "name": "read", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "c2", "name": "list", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": id, "content": "no such file", "is_error": true},
                    {"type": "tool_result", "tool_use_id": "c2"},
                    {"type": "text", "text": "And?", "cache_control": mark},
                ]},
            ],
            "tools": [
                {"name": "read", "description": "To read.", "input_schema": schema},
                {"name": "list", "description": "To list.", "input_schema": schema, "cache_control": mark},
            ],
            "tool_choice": {"type": "auto"},
            "stream": true,
        })
    );
    let mut plain = way();
    plain.quirks = Quirks { cache_control: false, tool_choice: false, encrypted_reasoning: false, ..Quirks::default() };
    let body = plain.body(&request);
    assert!(!body.to_string().contains("signature"));
    assert!(!body.to_string().contains("cache_control") && body.get("tool_choice").is_none());
}

#[test]
fn how_hard_to_think() {
    let mut way = way();
    way.effort = Some("high");
    let body = way.body(&question());
    assert_eq!(body["thinking"], json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    // Not with a call that has to be made.
    let required = Request { tool_choice: ToolChoice::Required, ..question() };
    let body = way.body(&required);
    assert_eq!((body.get("thinking"), &body["tool_choice"]), (None, &json!({"type": "any"})));
    way.effort = None;
    way.thinking_tokens = Some(50);
    let body = way.body(&question());
    assert_eq!(
        (&body["thinking"], body.get("output_config")),
        (&json!({"type": "enabled", "budget_tokens": 50}), None)
    );
    // It has to be less than all of the reply.
    way.thinking_tokens = Some(100);
    assert_eq!(way.body(&question()).get("thinking"), None);
    way.quirks.effort = false;
    way.effort = Some("high");
    let body = way.body(&question());
    assert_eq!((body.get("thinking"), body.get("output_config")), (None, None));
    let none = Request { tool_choice: ToolChoice::None, ..question() };
    assert_eq!(way.body(&none)["tool_choice"], json!({"type": "none"}));
}

#[test]
fn thinking_text_and_interleaving_calls_and_thinking_goes_back() {
    let json_delta = |index: u64, piece: &str| delta(index, json!({"type": "input_json_delta", "partial_json": piece}));
    let events = [
        start(),
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm, "})),
        delta(0, json!({"type": "thinking_delta", "thinking": "well."})),
        delta(0, json!({"type": "signature_delta", "signature": "sig"})),
        end(0),
        block(1, json!({"type": "redacted_thinking", "data": "xyz"})),
        end(1),
        block(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "I look."})),
        delta(2, json!({"type": "citations_delta", "citation": {}})),
        end(2),
        block(3, json!({"type": "tool_use", "id": "t1", "name": "read", "input": {}})),
        block(4, json!({"type": "tool_use", "id": "t2", "name": "list", "input": {}})),
        json_delta(4, ""),
        json_delta(4, "{\"x\":"),
        json_delta(3, "{\"p\":1}"),
        json_delta(4, "2}"),
        end(4),
        end(3),
        block(5, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        end(5),
        block(6, json!({"type": "tool_use", "id": "t3", "name": "list", "input": {}})),
        end(6),
        stop("tool_use"),
        stopped(),
    ];
    let (deltas, reply) = way().play(&question(), &events);
    let reply = reply.unwrap();
    let back = [
        json!({"type": "thinking", "thinking": "Hm, well.", "signature": "sig"}),
        json!({"type": "redacted_thinking", "data": "xyz"}),
    ];
    let parts = vec![
        thought("Hm, well.", Some(back[0].clone())),
        thought("", Some(back[1].clone())),
        text("I look."),
        call("t1", "read", "{\"p\":1}"),
        call("t2", "list", "{\"x\":2}"),
        call("t3", "list", "{}"),
    ];
    assert_eq!(reply, Reply { parts, stop: Stop::Calls, usage: usage(45, 30, 5, 20), model: "m-1".into() });
    let calls = [("read", "{\"p\":1}"), ("list", "{\"x\":2}"), ("list", "")];
    let calls = calls.map(|(name, arguments)| (name.to_owned(), arguments.to_owned())).to_vec();
    assert_eq!(told(&deltas), ("I look.".into(), "Hm, well.".into(), calls));
    let counts: Vec<&Delta> = deltas.iter().filter(|delta| matches!(delta, Delta::Usage(_))).collect();
    assert_eq!(counts, [&Delta::Usage(usage(45, 30, 5, 1)), &Delta::Usage(usage(45, 30, 5, 20))]);
    let mut request = question();
    request.messages.push(Message::Assistant { parts: reply.parts });
    let content = &way().body(&request)["messages"][1]["content"];
    assert_eq!((&content[0], &content[1]), (&back[0], &back[1]));
}

#[test]
fn every_reason_to_stop() {
    for (reason, expected) in [
        ("end_turn", Stop::Done),
        ("stop_sequence", Stop::Done),
        ("pause_turn", Stop::Done),
        ("max_tokens", Stop::Length),
        ("model_context_window_exceeded", Stop::Length),
        ("refusal", Stop::Refused),
        ("tool_use", Stop::Done),
        ("something_new", Stop::Done),
    ] {
        let events = [start(), block(0, json!({"type": "text", "text": "a"})), end(0), stop(reason), stopped()];
        assert_eq!(way().reply(&events).stop, expected, "{reason}");
    }
    assert_eq!(way().fault(&[start(), block(0, json!({"type": "text", "text": "a"})), end(0)]), Fault::CutOff);
}

#[test]
fn usage_may_be_told_again_in_whole() {
    let counts = json!({"input_tokens": 12, "cache_read_input_tokens": 31, "cache_creation_input_tokens": 0, "output_tokens": 9});
    let last = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": counts});
    assert_eq!(way().reply(&[start(), last, stopped()]).usage, usage(43, 31, 0, 9));
}

#[test]
fn thinking_that_is_not_shown_still_goes_back() {
    let events = [
        start(),
        block(0, json!({"type": "thinking", "thinking": "", "signature": "sig"})),
        end(0),
        block(1, json!({"type": "text", "text": "Yes."})),
        end(1),
        stop("end_turn"),
        stopped(),
    ];
    let back = json!({"type": "thinking", "thinking": "", "signature": "sig"});
    assert_eq!(way().reply(&events).parts, [thought("", Some(back)), text("Yes.")]);
}

#[test]
fn a_whole_reply_of_a_server_that_does_not_stream() {
    let reply = way().whole(&json!({
        "type": "message", "model": "m-1", "stop_reason": "tool_use",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "read", "input": {"p": 1}},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }));
    let back = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig"});
    let parts = vec![thought("Hm.", Some(back)), text("I look."), call("t1", "read", "{\"p\":1}")];
    assert_eq!(reply, Ok(Reply { parts, stop: Stop::Calls, usage: usage(3, 0, 0, 2), model: "m-1".into() }));
}

#[test]
fn failures_in_the_stream() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let Fault::Said(refusal) = way().fault(&[start(), error]) else { panic!("no refusal") };
    assert_eq!((refusal.kind, refusal.said.as_str()), (super::super::Kind::Overloaded, "Overloaded"));
}

#[test]
fn floods_have_an_end() {
    let mut way = way();
    way.limits = Limits { parts: 3, calls: 2, ..Limits::default() };
    let many = |kind: Value| -> Vec<Value> { (0..4).map(|index| block(index, kind.clone())).collect() };
    let too_much = |events: &[Value]| match way.fault(events) {
        Fault::TooMuch { what, .. } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(too_much(&many(json!({"type": "text", "text": ""}))), "parts of a reply");
    assert_eq!(too_much(&many(json!({"type": "tool_use", "id": "i", "name": "f", "input": {}}))), "calls of a reply");
    // Deltas of blocks that never began are nothing.
    assert_eq!(way.fault(&[delta(9, json!({"type": "text_delta", "text": "a"})), end(9)]), Fault::CutOff);
}
