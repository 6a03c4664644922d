use airlock_models::Limits;

use super::*;

fn large(protocol: Protocol, limits: Limits, script: Script) -> &'static str {
    let server = ModelServer::start(vec![script]);
    let mut settings = settings(&server, protocol);
    settings.limits = limits;
    match ask(settings).1.unwrap_err() {
        ModelError::TooLarge { what, .. } => {
            assert!(server.was_hung_up_on(LONG));
            what
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_reply_of_a_hundred_megabytes_or_without_an_end() {
    let limits = Limits { reply_bytes: 1024 * 1024, ..Limits::default() };
    let line = events(&[json!({"choices": [{"delta": {"content": "x".repeat(1000)}}]})]);
    let hundred = vec![stream_head(), Step::Repeat(line.clone(), 100_000)];
    assert_eq!(large(Protocol::Chat, limits, hundred), "bytes of a reply");
    assert_eq!(large(Protocol::Chat, limits, vec![stream_head(), Step::Endless(line)]), "bytes of a reply");
    // Of JSON that never ends, and of comments.
    let json = Step::Send(head("200 OK", &[("Content-Type", "application/json")]));
    let spaces = vec![json, Step::Send(b"{\"a\": \"".to_vec()), Step::Endless(vec![b'x'; 4096])];
    assert_eq!(large(Protocol::Anthropic, limits, spaces), "bytes of a reply");
    let comments = vec![stream_head(), Step::Endless(b": still here\n\n".repeat(100))];
    assert_eq!(large(Protocol::Responses, limits, comments), "bytes of a reply");
}

#[test]
fn the_usual_limits_hold_too() {
    let script = vec![stream_head(), Step::Endless(vec![b'x'; 1 << 20])];
    assert_eq!(large(Protocol::Chat, Limits::default(), script), "bytes of an event");
}

#[test]
fn a_line_and_an_event_without_an_end() {
    let limits = Limits { event_bytes: 10_000, ..Limits::default() };
    for protocol in PROTOCOLS {
        let line = vec![stream_head(), Step::Send(b"data: ".to_vec()), Step::Endless(vec![b'x'; 100])];
        assert_eq!(large(protocol, limits, line), "bytes of an event");
        let lines = vec![stream_head(), Step::Endless(b"data: x\n".to_vec())];
        assert_eq!(large(protocol, limits, lines), "bytes of an event");
    }
}

#[test]
fn parts_and_calls_without_an_end() {
    let limits = Limits { parts: 10, calls: 5, id_bytes: 100, name_bytes: 100, ..Limits::default() };
    let call = |n: usize| json!({"index": n, "id": format!("c{n}"), "function": {"name": "f"}});
    let chunk = |n| json!({"choices": [{"delta": {"tool_calls": [call(n)]}}]});
    let calls: Vec<Value> = (0..1000).map(chunk).collect();
    let script = vec![stream_head(), Step::Send(events(&calls)), Step::Silence];
    assert_eq!(large(Protocol::Chat, limits, script), "calls of a reply");
    let blocks: Vec<Value> = (0..1000)
        .map(|n| json!({"type": "content_block_start", "index": n, "content_block": {"type": "text", "text": "a"}}))
        .collect();
    let script = vec![stream_head(), Step::Send(events(&blocks)), Step::Silence];
    assert_eq!(large(Protocol::Anthropic, limits, script), "parts of a reply");
    let named = json!({"type": "content_block_start", "content_block": {"type": "tool_use", "id": "i", "name": "n".repeat(101)}});
    let script = vec![stream_head(), Step::Send(events(&[named])), Step::Silence];
    assert_eq!(large(Protocol::Anthropic, limits, script), "bytes of a tool's name");
}

#[test]
fn heads_without_an_end() {
    let line = b"HTTP/1.1 200 OK\r\n".to_vec();
    for flood in [b"X-A: b\r\n".to_vec(), vec![b'x'; 1000]] {
        let error = error_of(Protocol::Chat, vec![Step::Send(line.clone()), Step::Endless(flood)]);
        assert!(matches!(error, ModelError::NotHttp { .. }), "{error:?}");
    }
    // Answers before the answer.
    let server = ModelServer::start(vec![vec![Step::Endless(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())]]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.timeouts.whole = Duration::from_millis(300);
    let error = ask(settings).1.unwrap_err();
    assert!(matches!(error, ModelError::TookTooLong { .. }), "{error:?}");
}

#[test]
fn a_refusal_without_an_end() {
    let head = Step::Send(head("400 Bad Request", &[("Content-Type", "application/json")]));
    let script = vec![head, Step::Send(b"{\"error\": {\"message\": \"".to_vec()), Step::Endless(vec![b'x'; 4096])];
    let error = error_of(Protocol::Chat, script);
    assert!(matches!(error, ModelError::Rejected { .. }), "{error:?}");
    let long = json!({"error": {"message": "y".repeat(60_000)}}).to_string();
    let error = error_of(Protocol::Chat, answer("400 Bad Request", &[], long.as_bytes()));
    let ModelError::Rejected { said, .. } = error else { panic!("{error:?}") };
    assert!(said.starts_with("yyy") && said.len() < 700);
}

#[test]
fn json_that_comes_whole_is_bounded_far_lower() {
    let json = || Step::Send(head("200 OK", &[("Content-Type", "application/json")]));
    let numbers = || Step::Endless(b"0,".repeat(32 << 10));
    let whole = vec![json(), Step::Send(b"{\"a\": [".to_vec()), numbers()];
    let server = ModelServer::start(vec![whole.clone(), whole]);
    let settings = settings(&server, Protocol::Chat);
    let limit = |error: ModelError| match error {
        ModelError::TooLarge { limit, .. } => limit,
        other => panic!("{other}"),
    };
    assert_eq!(limit(ask(settings.clone()).1.unwrap_err()), 8 << 20);
    assert_eq!(limit(Client::new(settings).unwrap().models_blocking(&|| false).unwrap_err()), 4 << 20);
}
