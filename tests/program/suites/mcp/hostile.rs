//! Messages that are none, floods, and what a client that obeys every order asks for.

use std::time::{Duration, Instant};

use airlock_program_tests::agent::{Agent, VERSION};
use airlock_program_tests::{airlock, calls::Project, fixture, tree};
use serde_json::{Value, json};

use super::{FAILING, GOOD, call};

/// That the server still serves.
fn serves(agent: &mut Agent) {
    assert_eq!(agent.request("ping", json!({}))["result"], json!({}));
}

#[test]
fn bad_messages_are_answered_and_the_next_is_served() {
    let project = Project::empty();
    let mut agent = Agent::start(project.path());
    let deep = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{}{}}}"#, "[".repeat(300), "]".repeat(300));
    let bad: Vec<(Vec<u8>, i64)> = vec![
        (b"{".to_vec(), -32700),
        (b"\xff\xfe".to_vec(), -32700),
        (b"Content-Length: 2\r\n".to_vec(), -32700),
        (deep.into_bytes(), -32700),
        (br#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"\ud800"}}"#.to_vec(), -32700),
        (b"[]".to_vec(), -32600),
        (br#"[{"jsonrpc":"2.0","id":6,"method":"ping"}]"#.to_vec(), -32600),
        (br#"{"jsonrpc":"1.0","id":6,"method":"ping"}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":8,"method":3}"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":"x"}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":3}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"rm","arguments":{}}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":9,"method":"resources/read","params":{}}"#.to_vec(), -32602),
        (br#"{"jsonrpc":"2.0","id":9,"method":"no/such","params":{}}"#.to_vec(), -32601),
        (vec![b'x'; (8 << 20) + 1], -32600),
    ];
    for (mut bytes, code) in bad {
        bytes.push(b'\n');
        agent.write(&bytes);
        let answer = agent.until(|message| message.get("error").is_some());
        assert_eq!(answer["error"]["code"], code, "{answer} {:.200}", String::from_utf8_lossy(&bytes));
        serves(&mut agent);
    }
    // What is no request has no answer, and does no harm.
    for quiet in [
        "",
        "\r",
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4242}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/none","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":99,"result":{"roots":[]}}"#,
        r#"{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"m"}}"#,
    ] {
        agent.write(format!("{quiet}\n").as_bytes());
        serves(&mut agent);
    }
    assert_eq!(agent.end().0, 0);
}

#[test]
fn arguments_that_are_wrong_are_told_to_who_made_them() {
    let (_folder, project) = fixture("shop");
    let before = tree(&project);
    let mut agent = Agent::start(&project);
    let long = "x".repeat(5_000);
    let wrong: Vec<(&str, Value, &str)> = vec![
        ("check_tree", json!({"tests": "x"}), "wrong arguments"),
        ("check_tree", json!({"path": 3}), "wrong arguments"),
        ("check_tree", json!({"path": long}), "4096"),
        ("check_tree", json!({"tests": vec!["x"; 101]}), "100"),
        ("check_tree", json!({"tests": ["tests/none.py::test_x"]}), "there is no test"),
        ("check_tree", json!({"apply": true}), "unknown field"),
        ("check_patch", json!({}), "missing field"),
        ("check_patch", json!({"patch": ""}), "error"),
        ("check_patch", json!({"patch": "no patch"}), "error"),
        ("check_patch", json!({"patch": GOOD, "apply": true}), "unknown field"),
        ("check_patch", json!({"patch": GOOD, "allow": ["tests/test_money.py"]}), "unknown field"),
        ("check_patch", json!({"patch": GOOD.replace("pieces > threshold", "pieces < threshold")}), "patch_mismatch"),
        ("propose_patch", json!({"patch": GOOD}), "missing field"),
        ("propose_patch", json!({"patch": GOOD, "reason": " "}), "reason"),
        ("propose_patch", json!({"patch": GOOD, "reason": "r", "accept": true}), "unknown field"),
        ("make_test_pass", json!({"test": FAILING, "seconds": 100_000}), "seconds"),
        ("make_test_pass", json!({"test": ""}), "empty"),
        ("explain_failure", json!({}), "needs"),
        ("explain_failure", json!({"fingerprint": "nobody-knows"}), "check_tree"),
        ("explain_failure", json!({"fingerprint": "f", "test": "t"}), "not both"),
        ("sessions", json!({"session": "no-such"}), "there is no session"),
        ("sessions", json!({"limit": 0}), "limit"),
    ];
    for (tool, arguments, why) in wrong {
        let said = agent.fails(tool, arguments.clone());
        assert!(said.contains(why), "{tool} {arguments}: {said}");
        assert!(said.len() < 2_000, "{said}");
    }
    for uri in ["file:///etc/passwd", "airlock://sessions/none", "airlock://sessions/../../x", "airlock://other"] {
        let answer = agent.request("resources/read", json!({"uri": uri}));
        assert_eq!(answer["error"]["code"], -32002, "{answer}");
    }
    assert_eq!(tree(&project), before);
    agent.end();
}

#[test]
fn before_initialize_and_twice_the_protocols_codes_are_answered() {
    let project = Project::empty();
    let mut agent = Agent::spawn(airlock(project.path()), &[]);
    // Nothing of this ends the server.
    agent.notify("notifications/initialized", json!({}));
    agent.send(&json!({"jsonrpc": "2.0", "id": 5, "result": {}}));
    serves(&mut agent);
    let early = agent.request("tools/list", json!({}));
    assert_eq!(early["error"]["code"], -32602, "{early}");
    let wrong = agent.request("initialize", json!({"protocolVersion": 3}));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
    agent.greet();
    for (asked, given) in [("2024-11-05", "2024-11-05"), ("1999-01-01", VERSION)] {
        let info =
            json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "again", "version": "1"}});
        let answer = agent.request("initialize", info);
        assert_eq!(answer["result"]["protocolVersion"], given, "{answer}");
    }
    serves(&mut agent);
    assert_eq!(agent.end().0, 0);
    // A client that only asks what there is, and one that says nothing.
    assert_eq!(Agent::spawn(airlock(project.path()), &[]).end().0, 0);
}

#[test]
fn a_flood_is_refused_in_part_and_every_request_has_one_answer() {
    let project = Project::new(&[("test_a.py", "def test_a(): pass\n")]);
    let mut agent = Agent::start(project.path());
    let asked: Vec<i64> = (0..200).map(|_| agent.ask("tools/call", call("check_tree", json!({})))).collect();
    let mut open: std::collections::BTreeSet<i64> = asked.into_iter().collect();
    let (mut served, mut refused) = (0, 0);
    while !open.is_empty() {
        let answer = agent.until(|message| message.get("method").is_none());
        assert!(open.remove(&answer["id"].as_i64().expect("an id")), "answered twice: {answer}");
        match &answer["error"] {
            Value::Null => served += 1,
            error => {
                assert!(error["message"].as_str().is_some_and(|text| text.contains("ask again")), "{answer}");
                refused += 1;
            }
        }
    }
    assert!(served >= 64 && refused > 0, "{served} {refused}");
    serves(&mut agent);
    agent.end();
}

#[test]
fn a_request_under_an_id_that_is_at_work_is_refused() {
    let (_folder, project) = fixture("shop");
    let mut agent = Agent::start(&project);
    let id = agent.ask("tools/call", call("check_tree", json!({})));
    agent.send(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
    let first = agent.answer(id);
    assert_eq!(first["error"]["code"], -32600, "{first}");
    let second = agent.answer(id);
    assert!(second["result"]["structuredContent"].is_object(), "{second}");
    agent.end();
}

#[test]
fn a_client_that_is_gone_takes_the_server_and_its_sandboxes_with_it() {
    let project = Project::new(&[("test_a.py", "def test_a():\n    while True: pass\n"), ("pytest.ini", "[pytest]\n")]);
    let mut agent = Agent::start(project.path());
    let id = agent.ask("tools/call", call("check_tree", json!({})));
    let pid = agent.pid();
    let began = Instant::now();
    let children = || {
        let path = format!("/proc/{pid}/task/{pid}/children");
        std::fs::read_to_string(path).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // The sandbox is a child of one of its threads.
    let workers = loop {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
        let found: Vec<String> = tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .chain(children())
            .collect();
        if !found.is_empty() {
            break found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no sandbox");
        std::thread::yield_now();
    };
    agent.forget(id);
    let began = Instant::now();
    assert_eq!(agent.end().0, 0);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let lives = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
    };
    let began = Instant::now();
    while workers.iter().any(lives) {
        assert!(began.elapsed() < Duration::from_secs(5), "a sandbox is left: {workers:?}");
    }
}
