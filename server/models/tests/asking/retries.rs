use std::time::Instant;

use airlock_core::conversation::Opaque;
use airlock_program_tests::model_server::json_answer;

use super::*;

fn limited(headers: &[(&str, &str)]) -> Script {
    json_answer("429 Too Many Requests", headers, &json!({"error": {"message": "slow down"}}))
}

fn failed() -> Script {
    json_answer("503 Service Unavailable", &[], &json!({"error": {"message": "overloaded"}}))
}

/// What a client with some tries makes of these scripts, and how often it asked.
fn tried(protocol: Protocol, times: u32, scripts: Vec<Script>) -> (Vec<Delta>, Result<Reply, ModelError>, usize) {
    let server = ModelServer::start(scripts);
    let mut settings = settings(&server, protocol);
    settings.retries.times = times;
    let (deltas, reply) = ask(settings);
    (deltas, reply, server.asked().len())
}

fn again(deltas: &[Delta]) -> Vec<(&'static str, Duration)> {
    let again = deltas.iter().filter_map(|delta| match delta {
        Delta::Again { why, wait } => Some((why.code(), *wait)),
        _ => None,
    });
    again.collect()
}

#[test]
fn what_passes_is_asked_again_as_often_as_allowed() {
    for protocol in PROTOCOLS {
        let (deltas, reply, asked) = tried(protocol, 2, vec![failed(), failed(), good(protocol)]);
        assert_good(&reply.unwrap());
        let waits = [("overloaded", Duration::from_millis(1)), ("overloaded", Duration::from_millis(2))];
        assert_eq!((again(&deltas), asked), (waits.to_vec(), 3));
    }
    let (_, reply, asked) = tried(Protocol::Chat, 2, vec![failed(), failed(), failed(), good(Protocol::Chat)]);
    assert!(matches!(reply, Err(ModelError::Overloaded { .. })));
    assert_eq!(asked, 3);
}

#[test]
fn a_provider_s_wait_is_kept() {
    let begun = Instant::now();
    let (deltas, reply, asked) = tried(Protocol::Chat, 1, vec![limited(&[("Retry-After", "1")]), good(Protocol::Chat)]);
    assert_good(&reply.unwrap());
    assert_eq!((again(&deltas), asked), (vec![("rate_limited", Duration::from_secs(1))], 2));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // As a date, counted from the answer's own.
    let dates = [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "Sun, 06 Nov 1994 08:49:38 GMT")];
    let (deltas, reply, _) = tried(Protocol::Anthropic, 1, vec![limited(&dates), good(Protocol::Anthropic)]);
    assert_good(&reply.unwrap());
    assert_eq!(again(&deltas), [("rate_limited", Duration::from_secs(1))]);
}

#[test]
fn a_wait_of_a_day_is_told_and_not_waited_for() {
    let (deltas, reply, asked) =
        tried(Protocol::Chat, 5, vec![limited(&[("Retry-After", "86400")]), good(Protocol::Chat)]);
    assert_eq!(reply.unwrap_err().wait(), Some(Duration::from_secs(86400)));
    assert_eq!((again(&deltas).len(), asked), (0, 1));
}

#[test]
fn a_reply_that_broke_off_is_asked_for_anew() {
    for protocol in PROTOCOLS {
        let all = events(&reply_events(protocol));
        let cut = vec![stream_head(), Step::Send(all[..all.len() / 2].to_vec())];
        let (deltas, reply, asked) = tried(protocol, 1, vec![cut, good(protocol)]);
        let mut reply = reply.unwrap();
        if protocol == Protocol::Anthropic {
            // It had counted the question already.
            assert_eq!((reply.usage.input, reply.usage.output), (40, 6), "what was used before counts too");
            (reply.usage.input, reply.usage.output) = (20, 5);
        }
        assert_good(&reply);
        assert_eq!((again(&deltas), asked), (vec![("cut_off", Duration::from_millis(1))], 2));
        // Whoever counts from the last such notice has each piece once.
        let from = deltas.iter().rposition(|delta| matches!(delta, Delta::Again { .. })).unwrap();
        let texts = deltas[from..].iter().filter(|delta| matches!(delta, Delta::Text(_))).count();
        assert_eq!(texts, 1);
    }
    // A connection that is closed without a word.
    let (_, reply, asked) = tried(Protocol::Chat, 1, vec![vec![], good(Protocol::Chat)]);
    assert_good(&reply.unwrap());
    assert_eq!(asked, 2);
}

#[test]
fn what_does_not_pass_is_asked_once() {
    let no = |status: &str, message: &str| json_answer(status, &[], &json!({"error": {"message": message}}));
    for script in [
        no("401 Unauthorized", "wrong key"),
        no("402 Payment Required", "no money"),
        no("400 Bad Request", "no messages"),
        no("404 Not Found", "nothing here"),
        no("400 Bad Request", "prompt is too long"),
        no("429 Too Many Requests", "You exceeded your current quota"),
        answer("200 OK", &[("Content-Type", "text/html")], b"<html>"),
        answer("302 Found", &[("Location", "/x")], b""),
        vec![stream_head(), Step::Send(b"data: {broken\n\n".to_vec())],
    ] {
        let (deltas, reply, asked) = tried(Protocol::Chat, 5, vec![script, good(Protocol::Chat)]);
        assert_eq!((again(&deltas).len(), asked), (0, 1), "{reply:?}");
        reply.unwrap_err();
    }
}

#[test]
fn what_a_server_refuses_to_understand_is_left_out_from_then_on() {
    let unknown = |name: &str| {
        let message = format!("Unrecognized request argument supplied: {name}");
        json_answer("400 Bad Request", &[], &json!({"error": {"message": message, "param": null}}))
    };
    let server = ModelServer::start(vec![
        unknown("stream_options"),
        unknown("parallel_tool_calls"),
        good(Protocol::Chat),
        good(Protocol::Chat),
        unknown("stream_options"),
    ]);
    let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
    let asked = || client.ask_blocking(&question(), &mut |_| {}, &|| false);
    assert_good(&asked().unwrap());
    assert_good(&asked().unwrap());
    // What is no longer sent cannot be left out again.
    assert!(matches!(asked(), Err(ModelError::Rejected { .. })));
    let has: Vec<(bool, bool)> = server
        .asked()
        .iter()
        .map(|asked| (asked.json().get("stream_options").is_some(), asked.json().get("parallel_tool_calls").is_some()))
        .collect();
    assert_eq!(has, [(true, true), (false, true), (false, false), (false, false), (false, false)]);
}

#[test]
fn reasoning_that_is_no_longer_taken_is_left_out() {
    for (protocol, message) in [
        (Protocol::Responses, "The encrypted content for item rs_1 could not be verified."),
        (Protocol::Anthropic, "messages.1.content.0: Invalid `signature` in `thinking` block"),
    ] {
        let refused = json_answer("400 Bad Request", &[], &json!({"error": {"message": message}}));
        let server = ModelServer::start(vec![refused, good(protocol)]);
        let settings = settings(&server, protocol);
        let origin = format!("{}@{}/big-5", protocol.name(), server.address());
        let value = json!({"type": "thinking", "encrypted_content": "kept", "signature": "kept"});
        let opaque = Some(Opaque { protocol: origin, value });
        let parts = vec![Part::Reasoning { text: String::new(), opaque }, Part::Text { text: "Yes.".to_owned() }];
        let mut request = question();
        request.messages.extend([Message::Assistant { parts }, Message::User { text: "And?".to_owned() }]);
        let client = Client::new(settings).unwrap();
        assert_good(&client.ask_blocking(&request, &mut |_| {}, &|| false).unwrap());
        let had: Vec<bool> = server.asked().iter().map(|asked| asked.json().to_string().contains("kept")).collect();
        assert_eq!(had, [true, false], "{protocol:?}");
    }
}

#[test]
fn the_other_name_of_a_limit_is_tried() {
    let message =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let refused = json_answer("400 Bad Request", &[], &json!({"error": {"message": message, "param": "max_tokens"}}));
    let server = ModelServer::start(vec![refused, good(Protocol::Chat)]);
    assert_good(&ask(settings(&server, Protocol::Chat)).1.unwrap());
    let bodies: Vec<Value> = server.asked().iter().map(|asked| asked.json()).collect();
    assert_eq!((&bodies[0]["max_tokens"], &bodies[1]["max_completion_tokens"]), (&json!(100), &json!(100)));
    assert_eq!(bodies[1].get("max_tokens"), None);
}

#[test]
fn a_wait_that_leaves_no_time_is_not_begun() {
    let server = ModelServer::start(vec![limited(&[("Retry-After", "100")]), good(Protocol::Chat)]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.retries.times = 1;
    settings.timeouts.whole = Duration::from_secs(50);
    let (deltas, reply) = ask(settings);
    assert!(matches!(reply, Err(ModelError::RateLimited { .. })));
    assert!(again(&deltas).is_empty());
}
