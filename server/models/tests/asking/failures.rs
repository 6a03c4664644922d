use std::net::TcpListener;

use airlock_program_tests::model_server::json_answer;

use super::*;

fn said(status: &str, body: Value) -> ModelError {
    error_of(Protocol::Chat, json_answer(status, &[], &body))
}

#[test]
fn a_wrong_key_is_named_without_being_shown() {
    for protocol in PROTOCOLS {
        for status in ["401 Unauthorized", "403 Forbidden"] {
            let message =
                format!("Incorrect key provided: {KEY}.\r\n\u{1b}[31mFind yours at \u{202e}https://x.example.");
            let error = error_of(protocol, json_answer(status, &[], &json!({"error": {"message": message}})));
            let ModelError::KeyRefused { said, .. } = &error else { panic!("{error}") };
            assert_eq!(said, "Incorrect key provided: [key]. [31mFind yours at https://x.example");
        }
    }
}

#[test]
fn models_and_paths_that_are_not_there() {
    let error = said(
        "404 Not Found",
        json!({"error": {"code": "model_not_found", "message": "The model `big-5` does not exist"}}),
    );
    assert!(matches!(&error, ModelError::UnknownModel { model, .. } if model == "big-5"), "{error}");
    let error = said("404 Not Found", json!({"detail": "Not Found"}));
    assert!(matches!(&error, ModelError::UnknownPath { path, .. } if path == "chat/completions"), "{error}");
    let page = answer("404 Not Found", &[("Content-Type", "text/html")], b"<html><h1>404</h1></html>");
    assert!(matches!(error_of(Protocol::Chat, page), ModelError::NotAnApi { .. }));
    // A proxy's page says nothing of the key.
    let page = answer("403 Forbidden", &[("Content-Type", "text/html")], b"<html>Blocked</html>");
    assert!(matches!(error_of(Protocol::Chat, page), ModelError::NotAnApi { .. }));
}

#[test]
fn a_request_that_is_too_long_at_each_protocol_s_own() {
    for (protocol, body) in [
        (
            Protocol::Chat,
            json!({"error": {"code": "context_length_exceeded", "message": "maximum context length is 8192 tokens"}}),
        ),
        (Protocol::Responses, json!({"error": {"message": "Your input exceeds the context window of this model."}})),
        (
            Protocol::Anthropic,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
        ),
    ] {
        let error = error_of(protocol, json_answer("400 Bad Request", &[], &body));
        assert!(matches!(error, ModelError::ContextTooLong { .. }), "{error}");
    }
}

#[test]
fn every_other_no() {
    let error = said("402 Payment Required", json!({"error": {"message": "Insufficient Balance"}}));
    assert!(matches!(error, ModelError::NoCredit { status: 402, .. }), "{error}");
    let error = said("403 Forbidden", json!({"error": {"message": "your input was flagged"}}));
    assert!(matches!(error, ModelError::Declined { .. }), "{error}");
    let error = said("400 Bad Request", json!({"error": {"message": "messages: at least one is required"}}));
    assert!(matches!(error, ModelError::Rejected { status: 400, .. }), "{error}");
    let error = said("500 Internal Server Error", json!({"error": {"message": "oops"}}));
    assert!(matches!(error, ModelError::Overloaded { status: 500, .. }), "{error}");
    let limited =
        json_answer("429 Too Many Requests", &[("Retry-After", "7")], &json!({"error": {"message": "slow down"}}));
    let error = error_of(Protocol::Chat, limited);
    assert_eq!(error.wait(), Some(Duration::from_secs(7)));
    assert!(matches!(error, ModelError::RateLimited { .. }) && error.to_string().contains("7 s"), "{error}");
    // In the middle of a reply.
    let events =
        events(&[reply_events(Protocol::Chat).remove(0), json!({"error": {"message": "the model broke down"}})]);
    let error = error_of(Protocol::Chat, vec![stream_head(), Step::Send(events)]);
    assert!(matches!(error, ModelError::Failed { .. }), "{error}");
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let error = error_of(Protocol::Anthropic, vec![stream_head(), Step::Send(super::events(&[overloaded]))]);
    assert!(matches!(error, ModelError::Overloaded { .. }), "{error}");
}

#[test]
fn an_answer_that_is_no_model_s() {
    for (headers, body) in [
        (&[("Content-Type", "text/html; charset=utf-8")][..], "<!DOCTYPE html><html>Log in</html>"),
        (&[], "  <html>"),
        (&[("Content-Type", "application/octet-stream")], "\u{0}\u{1}"),
        (&[("Content-Type", "image/png")], "PNG"),
    ] {
        let error = error_of(Protocol::Chat, answer("200 OK", headers, body.as_bytes()));
        assert!(matches!(error, ModelError::NotAnApi { .. }), "{error}");
    }
    for body in [&b"{\"a\":"[..], b"[1,2", b"{} {}", b"\"text\"", b"7", b"{\"choices\":\"\xff\"}"] {
        let error = error_of(Protocol::Chat, answer("200 OK", &[("Content-Type", "application/json")], body));
        assert!(matches!(error, ModelError::Malformed { .. } | ModelError::CutOff { .. }), "{error}");
    }
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = error_of(Protocol::Chat, answer("200 OK", &[("Content-Type", "application/json")], nested.as_bytes()));
    assert!(matches!(error, ModelError::Malformed { .. }), "{error}");
    let script = vec![stream_head(), Step::Send(b"data: {\"choices\": oops}\n\n".to_vec())];
    assert!(matches!(error_of(Protocol::Chat, script), ModelError::Malformed { .. }));
}

#[test]
fn what_is_no_http() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.7\r\n"[..],
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
    ] {
        let error = error_of(Protocol::Chat, vec![Step::Send(garbage.to_vec())]);
        assert!(matches!(error, ModelError::NotHttp { .. }), "{error:?}");
    }
    // A connection that is closed without a word.
    let error = error_of(Protocol::Chat, vec![]);
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
}

#[test]
fn redirects_are_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let elsewhere = ModelServer::start(vec![good(Protocol::Chat)]);
        let to = format!("{}/v1/chat/completions?token=1", elsewhere.url());
        let error = error_of(Protocol::Chat, answer(status, &[("Location", &to)], b""));
        let ModelError::Redirected { to, .. } = &error else { panic!("{error}") };
        assert_eq!(*to, format!("{}/v1/chat/completions", elsewhere.url()));
        assert!(elsewhere.asked().is_empty());
    }
}

#[test]
fn replies_that_are_cut_off() {
    for protocol in PROTOCOLS {
        let all = events(&reply_events(protocol));
        let middle = all.windows(2).position(|two| two == [0xc3, 0xbc]).expect("an umlaut") + 1;
        // By the end of the connection, anywhere; in the middle of a character.
        for end in [0, middle, all.len() / 2] {
            let error = error_of(protocol, vec![stream_head(), Step::Send(all[..end].to_vec())]);
            assert!(matches!(error, ModelError::CutOff { .. }), "{error}");
        }
        // Against the length that was named, and in the middle of a chunk.
        let length = (all.len() * 2).to_string();
        let headers = [("Content-Type", "text/event-stream"), ("Content-Length", length.as_str())];
        let script = vec![Step::Send(head("200 OK", &headers)), Step::Send(all[..middle].to_vec())];
        assert!(matches!(error_of(protocol, script), ModelError::CutOff { .. }));
        let headers = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")];
        let chunk = [b"fff\r\n".to_vec(), all[..middle].to_vec()].concat();
        let script = vec![Step::Send(head("200 OK", &headers)), Step::Send(chunk)];
        assert!(matches!(error_of(protocol, script), ModelError::CutOff { .. }));
    }
}

#[test]
fn hosts_that_are_not_there() {
    let server = ModelServer::start(vec![]);
    let mut settings = settings(&server, Protocol::Chat);
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    settings.base_url = format!("http://127.0.0.1:{port}/v1");
    let error = ask(settings.clone()).1.unwrap_err();
    assert_eq!(error, ModelError::ConnectionRefused { host: format!("127.0.0.1:{port}") });
    // A name that no resolver may know (RFC 6761), asked for directly.
    settings.base_url = "https://no-such-host.invalid/v1".to_owned();
    settings.use_system_proxy = false;
    settings.ca_file = Some(super::tls::ca());
    let error = ask(settings).1.unwrap_err();
    assert_eq!(error, ModelError::Unresolved { host: "no-such-host.invalid".to_owned() });
}

#[test]
fn servers_that_say_nothing() {
    let short = Duration::from_millis(150);
    let asked = |change: fn(&mut Timeouts, Duration), script: Script| {
        let server = ModelServer::start(vec![script]);
        let mut settings = settings(&server, Protocol::Chat);
        change(&mut settings.timeouts, short);
        let error = ask(settings).1.unwrap_err();
        assert!(server.was_hung_up_on(LONG), "{error}");
        error
    };
    let first = |timeouts: &mut Timeouts, short| timeouts.first_byte = short;
    assert!(matches!(asked(first, vec![Step::Silence]), ModelError::Silent { .. }));
    // A head and nothing more is no first byte of a reply.
    assert!(matches!(asked(first, vec![stream_head(), Step::Silence]), ModelError::Silent { .. }));
    let begun = events(&reply_events(Protocol::Chat)[..1]);
    let stalled = asked(|timeouts, short| timeouts.idle = short, vec![stream_head(), Step::Send(begun), Step::Silence]);
    assert!(matches!(stalled, ModelError::Stalled { .. }));
    // Signs of life and nothing else, for ever.
    let pings = vec![stream_head(), Step::Endless(b": ping\n\n".to_vec())];
    assert!(matches!(asked(|timeouts, short| timeouts.whole = short, pings), ModelError::TookTooLong { .. }));
    // A refusal that does not end is one all the same.
    let unended = vec![Step::Send(head("401 Unauthorized", &[])), Step::Silence];
    let later = |timeouts: &mut Timeouts, short: Duration| timeouts.first_byte = 10 * short;
    assert!(matches!(asked(later, unended), ModelError::KeyRefused { .. }));
}

#[test]
fn a_host_that_takes_no_connection() {
    // A queue that is full: further connections wait for ever.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(200);
    let (mut waiting, mut refused) = (Vec::new(), 0);
    // One that takes long may be the machine's fault; several are the queue's.
    while refused < 3 {
        match std::net::TcpStream::connect_timeout(&address, short) {
            Ok(connection) => {
                waiting.push(connection);
                refused = 0;
            }
            Err(_) => refused += 1,
        }
        assert!(waiting.len() < 20_000, "the queue never fills");
    }
    let server = ModelServer::start(vec![]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.base_url = format!("http://{address}");
    settings.timeouts.connect = short;
    let error = ask(settings).1.unwrap_err();
    assert!(matches!(error, ModelError::ConnectTimeout { .. }), "{error:?}");
}

#[test]
fn settings_that_cannot_be_used_are_said_before_anything_is_sent() {
    let server = ModelServer::start(vec![]);
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(&server, Protocol::Chat);
        change(&mut settings);
        Client::new(settings).expect_err("refused")
    };
    assert!(matches!(refused(&|s| s.base_url = "ftp://x".into()), ModelError::BadUrl { .. }));
    assert!(matches!(refused(&|s| s.base_url = "http://192.0.2.1".into()), ModelError::InsecureUrl { .. }));
    for model in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(2000)] {
        assert!(matches!(refused(&|s| s.model = model.into()), ModelError::BadSetting { name: "model", .. }));
    }
    assert!(matches!(refused(&|s| s.effort = Some(String::new())), ModelError::BadSetting { name: "effort", .. }));
    assert!(matches!(refused(&|s| s.timeouts.idle = Duration::ZERO), ModelError::BadSetting { name: "timeouts", .. }));
    assert!(matches!(Secret::new("a b"), Err(ModelError::BadKey { .. })));
    assert!(server.asked().is_empty());
}

#[test]
fn each_error_has_a_code_of_its_own_and_says_what_to_do() {
    let host = || "h".to_owned();
    let said = || "why".to_owned();
    let after = Duration::from_secs(90);
    let wait = Some(Duration::from_millis(1500));
    let status = 418;
    let all = [
        ModelError::BadUrl { url: "u".into(), why: said() },
        ModelError::InsecureUrl { host: host() },
        ModelError::BadCa { path: "p".into(), why: said() },
        ModelError::BadKey { why: "why" },
        ModelError::BadSetting { name: "model", why: "why" },
        ModelError::NoTls { why: said() },
        ModelError::Unresolved { host: host() },
        ModelError::ConnectionRefused { host: host() },
        ModelError::Unreachable { host: host(), why: said() },
        ModelError::Untrusted { host: host(), why: said() },
        ModelError::ConnectTimeout { host: host(), after },
        ModelError::Silent { host: host(), after },
        ModelError::Stalled { host: host(), after },
        ModelError::TookTooLong { host: host(), after },
        ModelError::NotHttp { host: host(), why: said() },
        ModelError::Redirected { host: host(), to: said() },
        ModelError::NotAnApi { host: host(), what: "a page".into() },
        ModelError::KeyRefused { host: host(), status, said: said() },
        ModelError::NoCredit { host: host(), status, said: said() },
        ModelError::UnknownModel { host: host(), model: "m".into(), said: said() },
        ModelError::UnknownPath { host: host(), path: "p".into(), said: said() },
        ModelError::RateLimited { host: host(), wait, said: said() },
        ModelError::Overloaded { host: host(), status, wait, said: said() },
        ModelError::ContextTooLong { host: host(), model: "m".into(), said: said() },
        ModelError::Declined { host: host(), said: said() },
        ModelError::Rejected { host: host(), status, said: said() },
        ModelError::Failed { host: host(), said: said() },
        ModelError::CutOff { host: host() },
        ModelError::TooLarge { host: host(), what: "bytes", limit: 1 },
        ModelError::Malformed { host: host(), why: said() },
        ModelError::Cancelled,
        ModelError::NoRuntime { why: said() },
    ];
    let codes: std::collections::BTreeSet<&str> = all.iter().map(ModelError::code).collect();
    assert_eq!(codes.len(), all.len());
    for error in &all {
        let text = error.to_string();
        assert!(!text.ends_with('.') && !text.contains("  ") && text.len() > 10, "{text}");
        assert_eq!(error.wait().is_some(), matches!(error.code(), "rate_limited" | "overloaded"));
    }
    assert!(all[21].to_string().contains("(it asks to wait 1500 ms)"), "{}", all[21]);
}
