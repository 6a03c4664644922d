//! Streams in any order, with pieces missing, twice, and with other values than they should have.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn streams(protocol: Protocol) -> Vec<Value> {
    match protocol {
        Protocol::Chat => vec![
            json!({"model": "m", "choices": [{"delta": {"content": "a", "reasoning": "b"}, "finish_reason": null}]}),
            json!({"choices": [{"delta": {"content": [{"text": "c"}, {"thinking": [{"text": "d"}]}], "refusal": "e"}}]}),
            json!({"choices": [{"delta": {"reasoning_details": [{"type": "t", "index": 0, "text": "x"}]}}]}),
            json!({"choices": [{"delta": {"tool_calls": [
                {"index": 0, "id": "i", "function": {"name": "read", "arguments": "{"}},
                {"index": 1, "id": "j", "function": {"name": "list"}},
            ]}}]}),
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]}),
            json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}}}),
        ],
        Protocol::Responses => vec![
            json!({"type": "response.created", "response": {"model": "m"}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "r"}}),
            json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "a"}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {
                "type": "reasoning", "id": "r", "encrypted_content": "e", "summary": [{"text": "a"}],
            }}),
            json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "m", "delta": "b"}),
            json!({"type": "response.output_item.done", "output_index": 1, "item": {
                "type": "message", "phase": "p", "content": [{"type": "output_text", "text": "b"}],
            }}),
            json!({"type": "response.output_item.added", "output_index": 2, "item": {
                "type": "function_call", "call_id": "c", "name": "read",
            }}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "f", "delta": "{}"}),
            json!({"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 1}, "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "b"}]},
            ]}}),
        ],
        Protocol::Anthropic => vec![
            json!({"type": "message_start", "message": {"model": "m", "usage": {
                "input_tokens": 1, "cache_read_input_tokens": 1,
            }}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "a"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "b"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "c"}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "d"}}),
            json!({"type": "content_block_start", "index": 2, "content_block": {
                "type": "tool_use", "id": "i", "name": "read", "input": {"a": 1},
            }}),
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
        ],
    }
}

/// The number of places in a document.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(places).sum::<usize>(),
        Value::Object(map) => map.values().map(places).sum(),
        _ => 0,
    }
}

/// Puts another value at the n-th place.
fn replace(value: &mut Value, n: &mut usize, new: &Value) {
    let Some(left) = n.checked_sub(1) else {
        value.clone_from(new);
        *n = usize::MAX;
        return;
    };
    *n = left;
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        // Far from every count: it is done.
        if *n < usize::MAX / 2 {
            replace(child, n, new);
        }
    }
}

fn sorted(text: &str) -> Vec<char> {
    let mut all: Vec<char> = text.chars().collect();
    all.sort_unstable();
    all
}

fn odd() -> impl Strategy<Value = Option<Value>> {
    let values = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("text"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"type": "text", "text": "t"}),
        json!({"type": "error", "message": "m"}),
    ];
    proptest::option::of(proptest::sample::select(values.to_vec()))
}

proptest! {
    #[test]
    fn nothing_that_a_server_sends_breaks_a_protocol(
        protocol in proptest::sample::select(vec![Protocol::Chat, Protocol::Responses, Protocol::Anthropic]),
        picks in proptest::collection::vec((any::<Index>(), any::<Index>(), odd()), 0..24),
    ) {
        let all = streams(protocol);
        let events: Vec<Value> = picks
            .into_iter()
            .map(|(which, place, odd)| {
                let mut event = which.get(&all).clone();
                if let Some(odd) = odd {
                    let mut n = place.index(places(&event));
                    replace(&mut event, &mut n, &odd);
                }
                event
            })
            .collect();
        let (deltas, reply) = Way::of(protocol).play(&question(), &events);
        let (text, thought, calls) = told(&deltas);
        if let Ok(reply) = reply {
            // What was told is what is there; blocks that interleave are told in another order.
            prop_assert_eq!(sorted(&text), sorted(&reply.text()));
            let thoughts: String = reply.parts.iter().filter_map(|part| match part {
                Part::Reasoning { text, .. } => Some(text.as_str()),
                _ => None,
            }).collect();
            prop_assert_eq!(sorted(&thought), sorted(&thoughts));
            let ids: std::collections::BTreeSet<&str> = reply.calls().map(|call| call.id.as_str()).collect();
            prop_assert_eq!(ids.len(), reply.calls().count());
            prop_assert!(ids.iter().all(|id| !id.is_empty()));
            prop_assert!(calls.len() <= reply.calls().count());
            let ended = matches!(reply.stop, Stop::Length | Stop::Refused);
            prop_assert_eq!(reply.stop == Stop::Calls, !ended && reply.calls().count() > 0);
            // And it can be asked with.
            let mut request = question();
            request.messages.push(Message::Assistant { parts: reply.parts });
            for protocol in [Protocol::Chat, Protocol::Responses, Protocol::Anthropic] {
                prop_assert!(Way::of(protocol).body(&request).is_object());
            }
        }
    }
}
