//! The work of an agent: look, explain, check, propose, and hear what became of it.

use airlock_program_tests::agent::Agent;
use airlock_program_tests::editor::Client;
use airlock_program_tests::{ORBIT, calls::Project, fixture, tree};
use serde_json::{Value, json};

use super::{BAD, FAILING, GOOD, call, sessions};

/// Letters that an answer may have: some 500 tokens.
const SHORT: usize = 2_000;

#[test]
fn what_there_is_is_listed() {
    let (_folder, project) = fixture("shop");
    let mut agent = Agent::start(&project);
    let tools = agent.tools();
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let all = ["check_tree", "check_patch", "make_test_pass", "propose_patch", "explain_failure", "sessions"];
    assert_eq!(names, all);
    for tool in &tools {
        let proposes = ["make_test_pass", "propose_patch"].contains(&tool["name"].as_str().expect("a name"));
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], !proposes, "{tool}");
        assert_eq!((&hints["destructiveHint"], &hints["openWorldHint"]), (&json!(false), &json!(false)), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        assert!(tool["outputSchema"]["properties"].is_object(), "{tool}");
    }
    // This part is read by a model at each start.
    let read = |tool: &Value| format!("{} {} {}", tool["name"], tool["description"], tool["inputSchema"]).len();
    let letters: usize = tools.iter().map(read).sum();
    assert!(letters < 9_000, "{letters}");
    let templates = agent.request("resources/templates/list", json!({}));
    assert_eq!(templates["result"]["resourceTemplates"].as_array().expect("a list").len(), 3, "{templates}");
    assert_eq!(agent.end().0, 0);
}

#[test]
fn a_failure_is_found_explained_and_a_patch_for_it_checked_without_a_byte_written() {
    let (_folder, project) = fixture("shop");
    let before = tree(&project);
    let mut agent = Agent::start(&project);

    let (found, words) = agent.call("check_tree", json!({}));
    assert_eq!((&found["status"], &found["tests"]["failed"]), (&json!("failed"), &json!(1)), "{found}");
    let failing = &found["failing"][0];
    assert_eq!(failing["test"], FAILING);
    assert_eq!(failing["place"], "tests/test_discounts.py:15");
    assert!(words.contains(FAILING) && words.contains("assert 0 == 5") && words.len() < SHORT, "{words}");
    assert!(found.to_string().len() < SHORT, "{found}");

    let name = failing["fingerprint"].as_str().expect("a fingerprint");
    let (explained, _) = agent.call("explain_failure", json!({"fingerprint": name}));
    assert_eq!((&explained["test"], &explained["fingerprint"]), (&json!(FAILING), &json!(name)), "{explained}");
    assert_eq!(explained["exception"], "AssertionError");
    assert!(explained["message"].as_str().is_some_and(|text| text.contains("quantity_discount(10)")), "{explained}");
    let runs = explained["runs"]["src/shop/discounts.py"].as_str().expect("lines of the code under test");
    assert!(runs.contains("20"), "{explained}");
    let (by_id, _) = agent.call("explain_failure", json!({"test": FAILING}));
    assert_eq!(by_id["fingerprint"], name);

    let (good, words) = agent.call("check_patch", json!({"patch": GOOD}));
    assert_eq!((&good["status"], &good["lets_through"]), (&json!("verified"), &json!(true)), "{good}");
    assert_eq!(good["verdict"]["fixed"], json!([FAILING]));
    assert!(words.len() < SHORT && good.to_string().len() < SHORT, "{words} {good}");
    let (bad, words) = agent.call("check_patch", json!({"patch": BAD, "tests": [FAILING]}));
    assert_eq!((&bad["status"], &bad["lets_through"]), (&json!("refused"), &json!(false)), "{bad}");
    assert!(!bad["verdict"]["broken"].as_array().expect("a list").is_empty(), "{bad}");
    assert!(words.len() < SHORT && bad.to_string().len() < SHORT, "{words} {bad}");
    let (named, _) = agent.call("check_tree", json!({"tests": ["tests/test_money.py"]}));
    assert_eq!(named["status"], "passed", "{named}");

    // Each is a session, none of which waits, and all of it is behind stable names.
    let session = good["session"].as_str().expect("a session");
    assert!(sessions(&project).iter().all(|session| session["state"] == "ended"), "{:?}", sessions(&project));
    let listed = agent.request("resources/list", json!({}));
    let uris: Vec<&str> =
        listed["result"]["resources"].as_array().expect("a list").iter().filter_map(|of| of["uri"].as_str()).collect();
    assert!(uris.contains(&format!("airlock://sessions/{session}").as_str()), "{listed}");
    let uris: Vec<String> = serde_json::from_value(good["resources"].clone()).expect("names");
    let [story, verdict, review] = uris.as_slice() else { panic!("{uris:?}") };
    let (text, kind) = agent.read(story);
    assert!(text.contains("judged it: verified") && kind == "text/plain", "{text}");
    let (text, kind) = agent.read(verdict);
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&whole["decision"], kind.as_str()), (&json!("verified"), "application/json"));
    let (text, kind) = agent.read(review);
    assert!(text.contains("verdict  verified") && text.contains("+        if pieces >= threshold:"), "{text}");
    assert_eq!(kind, "text/x-diff");

    assert_eq!(tree(&project), before, "something was written");
    let (code, errors) = agent.end();
    assert_eq!((code, errors.as_str()), (0, ""));
}

#[test]
fn a_proposal_waits_for_the_user_who_accepts_it_in_the_editor() {
    let (_folder, project) = fixture("shop");
    let before = tree(&project);
    let mut agent = Agent::start(&project);
    let refused = agent.call("propose_patch", json!({"patch": BAD, "reason": "it helps", "tests": [FAILING]})).0;
    assert_eq!((&refused["waiting"], &refused["status"]), (&json!(false), &json!("refused")), "{refused}");
    let (made, words) =
        agent.call("propose_patch", json!({"patch": GOOD, "reason": "The threshold\nitself\u{202e} counts."}));
    assert_eq!((&made["waiting"], &made["status"]), (&json!(true), &json!("verified")), "{made}");
    let id = made["session"].as_str().expect("a session").to_owned();
    assert!(words.contains(&id) && words.contains("waits for the user"), "{words}");
    let listed = sessions(&project);
    let states: Vec<(&str, &str)> =
        listed.iter().map(|of| (of["id"].as_str().expect("an id"), of["state"].as_str().expect("a state"))).collect();
    assert!(states.contains(&(id.as_str(), "waiting")) && states.len() == 2, "{states:?}");
    let (waiting, _) = agent.call("sessions", json!({"waiting": true}));
    assert_eq!(waiting["sessions"].as_array().expect("a list").len(), 1, "{waiting}");
    assert_eq!((&waiting["sessions"][0]["session"], &waiting["sessions"][0]["accepted"]), (&json!(id), &json!(false)));
    assert_eq!(tree(&project), before, "something was written");

    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let module = client.open(&project.join("src/shop/discounts.py"));
    client.wait("the change is shown", |client| {
        client.shown.get(&module).is_some_and(|found| found.iter().any(|found| found["code"] == "proposal"))
    });
    let text = client.documents[&module].1.clone();
    assert!(client.command("airlock.openReview", json!([]))["result"].is_string());
    client.wait("the review is opened", |client| !client.opened.is_empty());
    let review = client.opened[0].strip_prefix("file://").expect("a file").to_owned();
    let review = std::fs::read_to_string(review).expect("read");
    assert!(review.contains("strict: The threshold⏎itself") && !review.contains('\u{202e}'), "{review}");
    assert!(client.command("airlock.accept", json!([]))["result"].is_string());
    client.wait("it lands", |client| client.documents[&module].1 != text);
    assert_eq!(client.documents[&module].1, text.replace("if pieces > threshold:", "if pieces >= threshold:"));
    client.save(&module);
    assert_eq!(client.end(), 0);

    let (told, _) = agent.call("sessions", json!({"session": id}));
    assert_eq!(
        (&told["sessions"][0]["accepted"], &told["sessions"][0]["state"]),
        (&json!(true), &json!("ended")),
        "{told}"
    );
    // It has landed, so it fits no more.
    let again = agent.fails("propose_patch", json!({"patch": GOOD, "reason": "again"}));
    assert!(again.contains("have this change already"), "{again}");
    agent.end();
}

#[test]
fn a_proposal_shows_in_an_editor_that_runs_already() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let module = client.open(&project.join("src/shop/discounts.py"));
    let mut agent = Agent::start(&project);
    // The first is the workspace's first session, too; the second finds the editor looking.
    for count in 1..=2 {
        let (made, _) = agent.call("propose_patch", json!({"patch": GOOD, "reason": "it counts"}));
        let id = made["session"].as_str().expect("a session").to_owned();
        let began = std::time::Instant::now();
        client.wait("the change is shown", |client| {
            let found = client.shown.get(&module).into_iter().flatten();
            found.filter(|found| found["data"]["session"] == id.as_str()).count() == 1
        });
        // A second on an idle machine; here others are at work.
        assert!(began.elapsed().as_secs() < 5, "{count}: {:?}", began.elapsed());
    }
    client.end();
    agent.end();
}

#[test]
fn what_the_user_rejects_is_told_with_the_reason() {
    let (_folder, project) = fixture("shop");
    let mut agent = Agent::start(&project);
    let (made, _) = agent.call("propose_patch", json!({"patch": GOOD, "reason": "it counts"}));
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    client.open(&project.join("src/shop/discounts.py"));
    let rejected = client.command("airlock.reject", json!([{"reason": "not like this"}]));
    assert!(rejected["result"].is_string(), "{rejected}");
    client.wait("it is said", |client| client.shown.values().all(Vec::is_empty));
    client.end();
    let (told, words) = agent.call("sessions", json!({"session": made["session"]}));
    assert_eq!(told["sessions"][0]["accepted"], false, "{told}");
    assert!(words.contains("not like this"), "{words}");
    agent.end();
}

#[test]
fn a_search_reports_how_it_goes_on_and_leaves_its_repair_waiting() {
    let (_folder, project) = fixture("shop");
    let before = tree(&project);
    let mut agent = Agent::start(&project);
    let mut params = call("make_test_pass", json!({"test": FAILING}));
    params["_meta"] = json!({"progressToken": "t1"});
    let answer = agent.request("tools/call", params);
    let (made, words) = agent.result("make_test_pass", &answer);
    assert_eq!((&made["status"], &made["waiting"]), (&json!("verified"), &json!(true)), "{made}");
    assert!(made["diff"].as_str().is_some_and(|diff| diff.contains("+        if pieces >= threshold:")), "{made}");
    assert!(words.contains("waits for the user"), "{words}");
    let told = &agent.progress["t1"];
    assert!(told.iter().any(|(_, text)| text.contains("test")), "{told:?}");
    assert_eq!(sessions(&project)[0]["state"], "waiting");
    let (nothing, _) = agent.call("make_test_pass", json!({"test": "tests/test_money.py", "seconds": 20}));
    assert_eq!((&nothing["status"], &nothing["waiting"]), (&json!("nothing_to_fix"), &json!(false)), "{nothing}");
    assert_eq!(tree(&project), before, "something was written");
    agent.end();
}

/// A project whose search does not end by itself.
fn endless() -> Project {
    let test = "from orbit import orbit\n\ndef test_orbit():\n    assert orbit(5) == 1234567\n";
    Project::new(&[("orbit.py", ORBIT), ("test_orbit.py", test), ("pytest.ini", "[pytest]\n")])
}

#[test]
fn a_cancelled_search_stops_and_its_session_can_go_on() {
    let project = endless();
    let mut agent = Agent::start(project.path());
    let mut params = call("make_test_pass", json!({"test": "test_orbit.py::test_orbit", "seconds": 600}));
    params["_meta"] = json!({"progressToken": "t"});
    let id = agent.ask("tools/call", params);
    agent.until(|message| message["params"]["message"].as_str().is_some_and(|text| text.starts_with("searching")));
    agent.notify("notifications/cancelled", json!({"requestId": id, "reason": "enough"}));
    // Nothing answers it; what comes next is served at once, and the search has stopped.
    let began = std::time::Instant::now();
    loop {
        let (told, _) = agent.call("sessions", json!({}));
        let state = told["sessions"][0]["state"].as_str().expect("a state").to_owned();
        if state != "running" {
            assert_eq!(state, "stopped", "{told}");
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "{told}");
    }
    let (code, _) = agent.end();
    assert_eq!(code, 0);
}

#[test]
fn who_hangs_up_leaves_a_session_that_can_go_on() {
    let project = endless();
    let mut agent = Agent::start(project.path());
    let mut params = call("make_test_pass", json!({"test": "test_orbit.py::test_orbit", "seconds": 600}));
    params["_meta"] = json!({"progressToken": "t"});
    let id = agent.ask("tools/call", params);
    agent.until(|message| message["params"]["message"].as_str().is_some_and(|text| text.starts_with("searching")));
    agent.forget(id);
    let began = std::time::Instant::now();
    let (code, _) = agent.end();
    assert_eq!(code, 0);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let listed = sessions(project.path());
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!("stopped")), "{listed:?}");
}
