//! What a server must survive: messages that are none, floods, and clients that vanish.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airlock_program_tests::calls::Project;
use serde_json::json;

use airlock_program_tests::editor::{Client, Edits};

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
