//! What a server must survive: messages that are none, floods, and clients that vanish.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use serde_json::{Value, json};

use airlock_program_tests::editor::{Client, Edits, uri};

#[test]
fn bad_messages_are_answered_and_the_next_is_served() {
    let project = Project::empty();
    let mut client = Client::start(project.path(), json!({}));
    let deep =
        format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\",\"params\":{}{}}}", "[".repeat(300), "]".repeat(300));
    let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let bad: Vec<(Vec<u8>, i64)> = vec![
        (b"Content-Length: 1\r\n\r\n{".to_vec(), -32700),
        (b"Content-Length: 2\r\n\r\n\xff\xfe".to_vec(), -32700),
        (b"Content-Length: 2\r\n\r\n[]".to_vec(), -32600),
        (b"Content-Type: x\r\n\r\n".to_vec(), -32700),
        (b"Content-Length: 1000000000000\r\n\r\n{\"jsonrpc\": \"2.0\"}".to_vec(), -32700),
        (b"Content-Length: -5\r\n\r\n{\"jsonrpc\": \"2.0\"}".to_vec(), -32700),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec(), -32700),
        (framed(r#"{"jsonrpc":"1.0"}"#), -32600),
        (framed(r#"{"jsonrpc":"2.0","id":null,"method":3}"#), -32600),
        (framed(r#"{"jsonrpc":"2.0","id":5,"method":"textDocument/codeAction","params":{"range":"\ud800"}}"#), -32700),
        (framed(r#"[{"jsonrpc":"2.0","id":6,"method":"shutdown"}]"#), -32600),
        (framed(&deep), -32700),
    ];
    for (bytes, code) in bad {
        client.write(&bytes);
        let answer = client.until(|message| message.get("error").is_some());
        assert_eq!(answer["error"]["code"], code, "{answer} {}", String::from_utf8_lossy(&bytes));
        assert!(
            client
                .request("textDocument/codeLens", json!({"textDocument": {"uri": "file:///x.py"}}))
                .get("result")
                .is_some()
        );
    }
    let unknown = client.request("textDocument/nothing", json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    for params in [json!({"range": 3}), json!([]), json!({"textDocument": {"uri": 3}}), json!("text")] {
        let wrong = client.request("textDocument/codeAction", params);
        assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
    }
    // Notifications that are wrong have no answer, and do no harm.
    for params in
        [json!({}), json!({"textDocument": {"uri": "file:///x.py", "version": "3"}, "contentChanges": []}), json!([])]
    {
        client.notify("textDocument/didChange", params.clone());
        client.notify("textDocument/didOpen", params.clone());
        client.notify("window/workDoneProgress/cancel", params);
    }
    client.notify("$/cancelRequest", json!({"id": 4242}));
    client.notify("$/unknown", json!({}));
    let none = client.command("airlock.nothing", json!([]));
    assert!(none["error"]["message"].as_str().is_some_and(|why| why.contains("airlock.checkTests")), "{none}");
    let wrong = client.command("airlock.accept", json!([3]));
    assert_eq!(wrong["error"]["code"], -32602);
    assert_eq!(client.end(), 0);
}

#[test]
fn positions_that_are_nowhere_do_no_harm() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    let document = client.open(&project.join("a.py"));
    let far = json!({"line": 4_000_000_000_u64, "character": 4_000_000_000_u64});
    let range = json!({"start": far, "end": {"line": 0, "character": 0}});
    let identifier = json!({"uri": document, "version": -1});
    let changes =
        json!([{"range": range, "text": "y = 2\n"}, {"range": range, "rangeLength": 4_000_000_000_u64, "text": ""}]);
    client.notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": changes}));
    let params = json!({"textDocument": {"uri": document}, "range": range, "context": {"diagnostics": []}});
    assert!(client.request("textDocument/codeAction", params)["result"].is_array());
    let unknown = json!({"uri": uri(&project.join("never-opened.py")), "version": 1});
    client.notify("textDocument/didChange", json!({"textDocument": unknown, "contentChanges": [{"text": "x"}]}));
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": "file:///never-opened.py"}}));
    assert_eq!(client.end(), 0);
}

#[test]
fn before_initialize_and_after_shutdown_the_protocols_codes_are_answered() {
    let project = Project::empty();
    let mut client = Client::spawn(project.path());
    let early = client.command("airlock.checkTests", json!([]));
    assert_eq!(early["error"]["code"], -32002, "{early}");
    let mut client = Client::start(project.path(), json!({}));
    let again = client.request("initialize", json!({"capabilities": {}}));
    assert_eq!(again["error"]["code"], -32600, "{again}");
    assert!(client.request("shutdown", Value::Null).get("error").is_none());
    let late = client.command("airlock.checkTests", json!([]));
    assert_eq!(late["error"]["code"], -32600, "{late}");
    client.notify("exit", Value::Null);
    assert_eq!(client.exit_code(), 0);
}

#[test]
fn a_cancelled_request_is_answered_once() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    let document = client.open(&project.join("a.py"));
    let place = json!({"line": 0, "character": 0});
    let params = json!({"textDocument": {"uri": document}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}});
    for id in 5000..5200 {
        client.send(&json!({"jsonrpc": "2.0", "id": id, "method": "textDocument/codeAction", "params": params}));
        client.notify("$/cancelRequest", json!({"id": id}));
    }
    let mut answered = vec![0; 200];
    for _ in 0..200 {
        let answer = client.until(|message| message.get("method").is_none());
        let id = answer["id"].as_u64().expect("a number");
        answered[usize::try_from(id - 5000).expect("of ours")] += 1;
        assert!(answer["result"].is_array() || answer["error"]["code"] == -32800, "{answer}");
    }
    assert!(answered.iter().all(|count| *count == 1));
    assert_eq!(client.end(), 0);
}

#[test]
fn requests_that_wait_and_a_flood_do_not_stop_the_server() {
    let project = Project::new(&[("a.py", ""), ("test_a.py", "def test_a():\n    assert 0\n")]);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    let document = client.open(&project.join("a.py"));
    // Nothing that the server asks is answered from here on.
    client.edits = Edits::Silent;
    for id in 0..40 {
        let params = json!({"command": "airlock.checkTests", "arguments": []});
        client
            .send(&json!({"jsonrpc": "2.0", "id": 7000 + id, "method": "workspace/executeCommand", "params": params}));
    }
    for number in 0..1000 {
        let identifier = json!({"uri": document, "version": number + 2});
        let text = format!("x = {number}\n");
        client
            .notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": [{"text": text}]}));
    }
    for id in 0..40 {
        client.until(|message| message.get("method").is_none() && message["id"] == 7000 + id);
    }
    client.actions(&document, 0);
    assert_eq!(client.end(), 0);
}

/// The parent that the client names dies, and something else keeps the server's input open.
#[test]
fn the_server_ends_with_the_process_that_its_client_names() {
    let project = Project::empty();
    let mut parent = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().expect("sleep starts");
    let mut client = Client::spawn(project.path());
    let answer = client.request("initialize", json!({"processId": parent.id(), "capabilities": {}}));
    assert!(answer.get("result").is_some());
    let began = Instant::now();
    parent.kill().and_then(|()| parent.wait()).expect("killed");
    assert_eq!(client.exit_code(), 1);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
