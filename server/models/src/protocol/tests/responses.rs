use super::*;

fn way() -> Way {
    Way::of(Protocol::Responses)
}

fn event(kind: &str, mut rest: Value) -> Value {
    rest["type"] = kind.into();
    rest
}

fn ended(kind: &str, mut response: Value) -> Value {
    response["status"] = kind.into();
    response["model"] = "m-1".into();
    event(&format!("response.{kind}"), json!({"response": response}))
}

fn added(place: u64, item: Value) -> Value {
    event("response.output_item.added", json!({"output_index": place, "item": item}))
}

fn done(place: u64, item: Value) -> Value {
    event("response.output_item.done", json!({"output_index": place, "item": item}))
}

fn delta(kind: &str, place: u64, piece: &str) -> Value {
    event(kind, json!({"output_index": place, "item_id": "i", "delta": piece}))
}

const TEXT: &str = "response.output_text.delta";
const ARGUMENTS: &str = "response.function_call_arguments.delta";

#[test]
fn a_question_as_it_is_sent() {
    let mut request = question();
    request.tools.truncate(1);
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"});
    request.messages.extend([
        Message::Assistant {
            parts: vec![
                thought("Hm.", Some(reasoning.clone())),
                thought("", Some(json!({"phase": "commentary"}))),
                text("I look."),
                call("c1", "read", "{\"path\":\"a\"}"),
                // Nothing came of it.
                thought("And", Some(reasoning.clone())),
            ],
        },
        Message::Tools { results: vec![result("c1", "no such file", true)] },
    ]);
    let mut way = way();
    way.effort = Some("high");
    way.cache_key = Some("session");
    assert_eq!(
        way.body(&request),
        json!({
            "model": "m",
            "instructions": "Be brief.",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look."}]},
                reasoning,
                {
                    "type": "message", "role": "assistant", "phase": "commentary",
                    "content": [{"type": "output_text", "text": "I look."}],
                },
                {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{\"path\":\"a\"}"},
                {"type": "function_call_output", "call_id": "c1", "output": "no such file"},
            ],
            "tools": [{
                "type": "function",
                "name": "read",
                "description": "To read.",
                "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
                "strict": false,
            }],
            "tool_choice": "auto",
            "parallel_tool_calls": true,
            "max_output_tokens": 100,
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "high", "summary": "auto"},
            "prompt_cache_key": "session",
        })
    );
    way.quirks = Quirks {
        parallel_tool_calls: false,
        tool_choice: false,
        encrypted_reasoning: false,
        reasoning_summary: false,
        cache_key: false,
        ..Quirks::default()
    };
    let body = way.body(&request);
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["input", "instructions", "max_output_tokens", "model", "reasoning", "store", "stream", "tools"]);
    assert_eq!(body["reasoning"], json!({"effort": "high"}));
    // Who gives none that way, or takes none back, is sent none.
    assert!(!body["input"].to_string().contains("encrypted_content"));
    assert_eq!(body["input"][1]["phase"], "commentary");
}

#[test]
fn choices_of_tools() {
    for (choice, word) in [(ToolChoice::Auto, "auto"), (ToolChoice::Required, "required"), (ToolChoice::None, "none")] {
        let request = Request { tool_choice: choice, ..question() };
        assert_eq!(way().body(&request)["tool_choice"], word);
    }
}

fn called(id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "id": "fc", "call_id": id, "name": name, "arguments": arguments})
}

#[test]
fn reasoning_text_and_calls_come_in_pieces_and_reasoning_goes_back() {
    let reasoning = json!({
        "type": "reasoning", "id": "rs_1", "status": null, "encrypted_content": "abc",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    });
    let message =
        json!({"type": "message", "phase": "commentary", "content": [{"type": "output_text", "text": "I look."}]});
    let events = [
        event("response.created", json!({"response": {"model": "m-1"}})),
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        event("response.reasoning_summary_part.added", json!({"output_index": 0, "summary_index": 0})),
        delta("response.reasoning_summary_text.delta", 0, "Hm."),
        done(0, reasoning),
        added(1, json!({"type": "message", "phase": "commentary", "content": []})),
        delta(TEXT, 1, "I "),
        delta(TEXT, 1, "look."),
        done(1, message),
        added(2, called("c1", "read", "")),
        added(3, called("c2", "list", "")),
        delta(ARGUMENTS, 3, "{\"x\""),
        delta(ARGUMENTS, 2, "{\"p"),
        delta(ARGUMENTS, 3, ":2}"),
        delta(ARGUMENTS, 2, "\":1}"),
        done(3, called("c2", "list", "{\"x\":2}")),
        done(2, called("c1", "read", "{\"p\":1}")),
        event("response.something_new", json!({"delta": "x"})),
        ended(
            "completed",
            json!({"output": [], "usage": {
                "input_tokens": 50, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 9,
            }}),
        ),
    ];
    let (deltas, reply) = way().play(&question(), &events);
    let reply = reply.unwrap();
    let back = json!({
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "abc",
    });
    let parts = vec![
        thought("Hm.", Some(back.clone())),
        thought("", Some(json!({"phase": "commentary"}))),
        text("I look."),
        call("c1", "read", "{\"p\":1}"),
        call("c2", "list", "{\"x\":2}"),
    ];
    assert_eq!(reply, Reply { parts, stop: Stop::Calls, usage: usage(50, 40, 0, 9), model: "m-1".into() });
    let calls = vec![("read".into(), "{\"p\":1}".into()), ("list".into(), "{\"x\":2}".into())];
    assert_eq!(told(&deltas), ("I look.".into(), "Hm.".into(), calls));
    let mut request = question();
    request.messages.push(Message::Assistant { parts: reply.parts });
    let input = &way().body(&request)["input"];
    assert_eq!(input[1], back);
    assert_eq!(input[2]["phase"], "commentary");
}

#[test]
fn every_reason_to_stop() {
    let said = delta(TEXT, 0, "a");
    for (end, stop) in [
        (ended("completed", json!({})), Stop::Done),
        (ended("incomplete", json!({"incomplete_details": {"reason": "max_output_tokens"}})), Stop::Length),
        (ended("incomplete", json!({"incomplete_details": {"reason": "content_filter"}})), Stop::Refused),
        (ended("incomplete", json!({})), Stop::Length),
    ] {
        assert_eq!(way().reply(&[said.clone(), end]).stop, stop);
    }
    let refused = way().reply(&[delta("response.refusal.delta", 0, "No."), ended("completed", json!({}))]);
    assert_eq!((refused.stop, refused.text().as_str()), (Stop::Refused, "No."));
    assert_eq!(way().fault(&[said]), Fault::CutOff);
}

#[test]
fn failures_in_the_stream() {
    let said = |events: &[Value]| match way().fault(events) {
        Fault::Said(refusal) => (refusal.kind, refusal.said),
        other => panic!("{other:?}"),
    };
    let failed = ended("failed", json!({"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}));
    assert_eq!(said(&[failed]), (super::super::Kind::RateLimit, "Slow down".into()));
    let failed = ended("failed", json!({"error": null}));
    assert_eq!(said(&[failed]).0, super::super::Kind::Overloaded);
    let error = json!({"type": "error", "code": "server_error", "message": "Broken", "param": null});
    assert_eq!(said(&[error]), (super::super::Kind::Overloaded, "Broken".into()));
    let too_long = json!({"type": "error", "error": {"code": "context_length_exceeded", "message": "Too long"}});
    assert_eq!(said(&[too_long]).0, super::super::Kind::ContextTooLong);
}

#[test]
fn what_no_delta_told_is_taken_from_the_items() {
    let output = json!([
        {"type": "reasoning", "id": "r", "summary": [{"text": "Hm."}], "content": [{"text": "Ah."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]},
        {"type": "web_search_call", "id": "w"},
        {"type": "function_call", "call_id": "c", "name": "read", "arguments": "{}"},
    ]);
    let parts = vec![thought("Hm.Ah.", None), text("Yes."), call("c", "read", "{}")];
    let end = ended("completed", json!({"output": output}));
    let (deltas, reply) = way().play(&question(), std::slice::from_ref(&end));
    assert_eq!(reply.unwrap().parts, parts);
    assert_eq!(told(&deltas), ("Yes.".into(), "Hm.Ah.".into(), vec![("read".into(), "{}".into())]));
    // The same as one document, and with a refusal in it.
    assert_eq!(way().whole(&end["response"]).unwrap().parts, parts);
    let content = json!([{"type": "refusal", "refusal": "No."}]);
    let refusal = json!({"status": "completed", "output": [{"type": "message", "content": content}]});
    let reply = way().whole(&refusal).unwrap();
    assert_eq!((reply.stop, reply.text().as_str()), (Stop::Refused, "No."));
}

#[test]
fn servers_that_number_nothing_are_understood_by_ids() {
    let events = [
        event("response.output_item.added", json!({"item": {"type": "message", "id": "m1", "content": []}})),
        event(TEXT, json!({"item_id": "m1", "delta": "Yes."})),
        event(
            "response.output_item.added",
            json!({"item": {"type": "function_call", "id": "f1", "call_id": "c", "name": "read"}}),
        ),
        event(ARGUMENTS, json!({"item_id": "f1", "delta": "{}"})),
        ended(
            "completed",
            json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}]}),
        ),
    ];
    assert_eq!(way().reply(&events).parts, [text("Yes."), call("c", "read", "{}")]);
}

#[test]
fn floods_have_an_end() {
    let mut way = way();
    way.limits = Limits { parts: 3, calls: 2, ..Limits::default() };
    let too_much = |events: &[Value]| match way.fault(events) {
        Fault::TooMuch { what, .. } => what,
        other => panic!("{other:?}"),
    };
    let texts: Vec<Value> = (0..4).map(|place| delta(TEXT, place, "a")).collect();
    assert_eq!(too_much(&texts), "parts of a reply");
    let calls: Vec<Value> = (0..3).map(|place| delta(ARGUMENTS, place, "{}")).collect();
    assert_eq!(too_much(&calls), "calls of a reply");
    let unknown: Vec<Value> = (0..4)
        .map(|id| event("response.output_item.added", json!({"item": {"type": "new", "id": format!("i{id}")}})))
        .collect();
    assert_eq!(too_much(&unknown), "parts of a reply");
}

#[test]
fn summaries_in_paragraphs() {
    let part = |n: u64| event("response.reasoning_summary_part.added", json!({"output_index": 0, "summary_index": n}));
    let piece = |piece: &str| delta("response.reasoning_summary_text.delta", 0, piece);
    let events = [part(0), piece("One."), part(1), piece("Two."), ended("completed", json!({}))];
    assert_eq!(way().reply(&events).parts, [thought("One.\n\nTwo.", None)]);
}
