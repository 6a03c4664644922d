//! The language server over its standard streams: the main job, and what clients do that a server must survive.

mod arrivals;
mod encodings;
mod guest;
mod hostile;
mod idle;
mod log;
mod scenarios;
mod soak;
mod windows;

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Edits, uri};
use airlock_program_tests::{ORBIT, fixture};

use serde_json::{Value, json};

const MODULE: &str = "src/shop/discounts.py";
const TESTS: &str = "tests/test_discounts.py";
const FAILING: &str = "tests/test_discounts.py::test_discount_starts_at_its_threshold";

/// A shop with its failing test known and a repair waiting for its review.
fn reviewed(client: &mut Client, folder: &std::path::Path) -> (String, String) {
    let module = client.open(&folder.join(MODULE));
    let tests = uri(&folder.join(TESTS));
    assert!(client.command("airlock.checkTests", json!([]))["result"].is_string());
    client.wait("the failing test is shown", |client| client.shown.get(&tests).is_some_and(|found| !found.is_empty()));
    let found = client.shown[&tests][0].clone();
    assert_eq!(
        (&found["source"], &found["severity"], &found["code"]),
        (&json!("airlock"), &json!(1), &json!("test_failed"))
    );
    assert!(found["message"].as_str().is_some_and(|message| message.contains(FAILING)), "{found}");
    client.open(&folder.join(TESTS));
    let line = found["range"]["start"]["line"].as_u64().expect("a line");
    let actions = client.actions(&tests, line);
    assert!(client.pick(&actions, "Airlock: make this test pass")["result"].is_string());
    client.wait("the review is opened", |client| !client.opened.is_empty());
    client.wait("the change is shown", |client| {
        client.shown.get(&module).is_some_and(|found| found.iter().any(|found| found["code"] == "proposal"))
    });
    (module, tests)
}

fn changed_line(client: &Client, module: &str) -> u64 {
    let found = client.shown[module].iter().find(|found| found["code"] == "proposal").expect("a proposal");
    found["range"]["start"]["line"].as_u64().expect("a line")
}

#[test]
fn a_failing_test_is_shown_repaired_reviewed_accepted_and_gone() {
    for edits in [Edits::Made, Edits::AnsweredFirst] {
        let (_folder, project) = fixture("shop");
        let mut client = Client::start(&project, json!({"checkOnSave": false}));
        client.edits = edits;
        let (module, tests) = reviewed(&mut client, &project);
        let before = client.documents[&module].1.clone();

        let review = client.opened[0].strip_prefix("file://").expect("a file").to_owned();
        let text = std::fs::read_to_string(&review).expect("read");
        assert!(text.contains("verdict  verified") && text.contains("-        if pieces > threshold:"), "{text}");

        let line = changed_line(&client, &module);
        let actions = client.actions(&module, line);
        assert!(client.pick(&actions, "Airlock: accept")["result"].is_string());
        client.wait("the finding is gone", |client| {
            client.documents[&module].1 != before && client.shown.get(&tests).is_some_and(Vec::is_empty)
        });
        let after = &client.documents[&module].1;
        assert_eq!(*after, before.replace("if pieces > threshold:", "if pieces >= threshold:"));
        assert!(client.shown.get(&module).is_none_or(Vec::is_empty), "{:?}", client.shown);
        // What the editor has not saved is not on the disk.
        assert_eq!(std::fs::read_to_string(project.join(MODULE)).expect("read"), before);
        assert!(client.progress.values().any(|seen| seen.last().is_some_and(|last| last == "end")));
        assert_eq!(client.end(), 0, "{edits:?}");
    }
}

#[test]
fn what_does_not_land_is_said_and_changes_nothing() {
    for (edits, said) in [(Edits::Refused, "read-only"), (Edits::Skipped, "gave no reason")] {
        let (_folder, project) = fixture("shop");
        let mut client = Client::start(&project, json!({"checkOnSave": false}));
        client.edits = edits;
        let (module, _) = reviewed(&mut client, &project);
        let before = client.documents[&module].1.clone();
        client.command("airlock.accept", json!([]));
        client.wait("it is said", |client| client.said.iter().any(|text| text.contains(said)));
        assert_eq!(client.documents[&module].1, before);
        // It waits on, and lands once the editor does what it is asked.
        client.edits = Edits::Made;
        assert!(client.command("airlock.accept", json!([]))["result"].is_string());
        client.wait("it lands", |client| client.documents[&module].1 != before);
        client.end();
    }
}

#[test]
fn nothing_lands_on_lines_that_changed_and_a_rejected_change_is_gone() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let (module, _) = reviewed(&mut client, &project);
    let typed = client.documents[&module].1.replace("discount = 0", "discount = 0  # none yet");
    client.replace(&module, &typed);
    // In the very line.
    let other = typed.replace("if pieces > threshold:", "if pieces > threshold + 0:");
    client.replace(&module, &other);
    let refused = client.command("airlock.accept", json!([]));
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("same lines")), "{refused}");
    // Both sides are shown.
    client.wait("they are opened", |client| client.opened.last().is_some_and(|uri| uri.ends_with(".conflict.txt")));
    let sides = client.opened.last().and_then(|uri| uri.strip_prefix("file://")).expect("a file").to_owned();
    let sides = std::fs::read_to_string(sides).expect("read");
    let place = |text: &str| sides.find(text).unwrap_or_else(|| panic!("{text:?} is not in {sides}"));
    let (was, now) = (place("if pieces > threshold:"), place("if pieces > threshold + 0:"));
    assert!(was < now && now < place("if pieces >= threshold:"), "{sides}");
    assert_eq!(client.documents[&module].1, other);
    assert!(client.command("airlock.reject", json!([{"reason": "not like this"}]))["result"].is_string());
    client.wait("the hints are gone", |client| client.shown[&module].is_empty());
    assert!(client.command("airlock.reject", json!([]))["error"]["message"].is_string());
    client.end();
}

#[test]
fn a_change_is_merged_with_what_was_typed_since_and_checked_again() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let (module, tests) = reviewed(&mut client, &project);
    let typed = client.documents[&module].1.replace("discount = 0", "discount = 0  # none yet");
    client.replace(&module, &typed);
    let accepted = client.command("airlock.accept", json!([]));
    assert!(accepted["result"].as_str().is_some_and(|text| text.contains("checked again")), "{accepted}");
    client.wait("it lands", |client| client.shown.get(&tests).is_some_and(Vec::is_empty));
    let expected = typed.replace("if pieces > threshold:", "if pieces >= threshold:");
    assert_eq!(client.documents[&module].1, expected);
    client.end();
}

#[test]
fn what_is_typed_since_may_keep_a_change_out() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let (module, _) = reviewed(&mut client, &project);
    let typed = client.documents[&module].1.replace("(10, 5),", "(10, 6),");
    client.replace(&module, &typed);
    assert!(client.command("airlock.accept", json!([]))["result"].is_string());
    client.wait("it is kept out", |client| client.messages.iter().any(|text| text.contains("kept out")));
    assert_eq!(client.documents[&module].1, typed);
    // It waits on.
    assert!(client.command("airlock.reject", json!([]))["result"].is_string());
    client.end();
}

#[test]
fn the_editors_text_is_what_is_tested() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({}));
    let path = project.join(MODULE);
    let text = std::fs::read_to_string(&path).expect("read");
    let mended = text.replace("if pieces > threshold:", "if pieces >= threshold:");
    assert_ne!(text, mended);
    client.open_as(&path, &mended);
    client.command("airlock.checkTests", json!([]));
    client.wait("they pass", |client| client.said.iter().any(|text| text.contains(" 0 failed")));
    // Broken again, saved, and tested because of that.
    let module = uri(&path);
    client.replace(&module, &text);
    client.save(&module);
    let tests = uri(&project.join(TESTS));
    client.wait("it fails", |client| client.shown.get(&tests).is_some_and(|found| !found.is_empty()));
    client.end();
}

#[test]
fn what_cannot_be_tested_is_said_once_and_not_at_every_save() {
    let project = Project::new(&[("notes/read.py", "x = 1\n")]);
    project.write("pyproject.toml", "[tool.airlock]\ntest_seconds = 'many'\n");
    let mut client = Client::start(project.path(), json!({}));
    let document = client.open(&project.join("notes/read.py"));
    let shown = |client: &Client| client.messages.iter().filter(|text| text.contains("test_seconds")).count();
    client.save(&document);
    client.wait("it is said", |client| shown(client) == 1);
    client.save(&document);
    client.wait("it is logged", |client| client.said.iter().filter(|text| text.contains("test_seconds")).count() == 2);
    assert_eq!(shown(&client), 1);
    assert!(client.command("airlock.checkTests", json!([]))["result"].is_string());
    client.wait("who asks is told again", |client| shown(client) == 2);
    project.write("pyproject.toml", "[tool.airlock]\ntest_seconds = 9\n");
    assert!(client.command("airlock.checkTests", json!([]))["result"].is_string());
    client.wait("there is nothing", |client| client.messages.iter().any(|text| text.contains("no test ran")));
    client.end();
}

#[test]
fn a_client_that_answers_nothing_is_served() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    client.edits = Edits::Silent;
    let module = client.open(&project.join(MODULE));
    for _ in 0..20 {
        client.command("airlock.checkTests", json!([]));
    }
    client.command("airlock.makeTestPass", json!([FAILING]));
    client.wait("the change is shown", |client| client.shown.get(&module).is_some_and(|found| !found.is_empty()));
    assert!(client.command("airlock.accept", json!([]))["result"].is_string());
    // The edit is asked for, and nobody answers.
    client.until(|message| message["method"] == "workspace/applyEdit");
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string());
    assert!(client.command("airlock.reject", json!([]))["error"]["message"].is_string());
    client.actions(&module, 0);
    assert_eq!(client.end(), 0);
}

#[test]
fn what_waited_when_the_server_was_killed_still_waits_in_the_next_one() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    reviewed(&mut client, &project);
    client.kill();
    let listed = airlock_program_tests::json(&project, &["sessions", "list"]).document;
    assert_eq!(listed["sessions"][0]["state"], "waiting", "{listed}");

    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let module = client.open(&project.join(MODULE));
    client.wait("the change is shown again", |client| client.shown.get(&module).is_some_and(|found| !found.is_empty()));
    client.command("airlock.openReview", json!([]));
    client.wait("the review is opened", |client| !client.opened.is_empty());
    let before = client.documents[&module].1.clone();
    assert!(client.command("airlock.accept", json!([]))["result"].is_string());
    client.wait("it lands", |client| client.documents[&module].1 != before);
    client.end();
    let listed = airlock_program_tests::json(&project, &["sessions", "list"]).document;
    assert_eq!((&listed["sessions"][0]["state"], &listed["sessions"][0]["applied"]), (&json!("ended"), &json!(true)));
}

#[test]
fn of_two_servers_that_accept_one_change_one_lands_it() {
    let (_folder, project) = fixture("shop");
    let mut one = Client::start(&project, json!({"checkOnSave": false}));
    let (module, _) = reviewed(&mut one, &project);
    let before = one.documents[&module].1.clone();
    let mut other = Client::start(&project, json!({"checkOnSave": false}));
    other.open(&project.join(MODULE));
    other.wait("the change is shown there", |client| client.shown.get(&module).is_some_and(|found| !found.is_empty()));
    for client in [&mut one, &mut other] {
        let command = json!({"command": "airlock.accept", "arguments": []});
        client.send(&json!({"jsonrpc": "2.0", "id": 9000, "method": "workspace/executeCommand", "params": command}));
    }
    let mut landed = 0;
    for client in [&mut one, &mut other] {
        client.until(|message| message["id"] == 9000 && message.get("method").is_none());
        client.wait("it is over", |client| {
            client.documents[&module].1 != before
                || client
                    .messages
                    .iter()
                    .any(|text| text.contains("accepted already") || text.contains("another editor"))
        });
        landed += usize::from(client.documents[&module].1 != before);
    }
    assert_eq!(landed, 1);
    one.end();
    other.end();
}

#[test]
fn what_was_cut_off_is_offered_and_goes_on() {
    let project = Project::new(&[
        ("orbit.py", ORBIT),
        ("test_orbit.py", "from orbit import orbit\n\ndef test_orbit():\n    assert orbit(7) == 123457\n"),
    ]);
    let settings = json!({"checkOnSave": false, "search": {"timeLimit": 300}});
    let searching = |client: &Client| client.reported.iter().any(|text| text.contains("tried"));
    let mut client = Client::start(project.path(), settings.clone());
    client.open(&project.join("orbit.py"));
    client.command("airlock.makeTestPass", json!(["test_orbit.py::test_orbit"]));
    client.wait("it searches", searching);
    client.kill();
    let listed = airlock_program_tests::json(project.path(), &["sessions", "list"]).document;
    assert_eq!(listed["sessions"][0]["state"], "interrupted", "{listed}");

    let mut client = Client::start(project.path(), settings);
    client.open(&project.join("orbit.py"));
    client.wait("it is offered", |client| client.messages.iter().any(|text| text.contains("airlock.resume")));
    assert!(client.command("airlock.resume", json!([]))["result"].is_string());
    assert!(client.command("airlock.resume", json!([]))["error"]["message"].is_string(), "once");
    client.wait("it searches on", searching);
    assert!(client.command("airlock.cancel", json!([]))["result"].is_string());
    client.wait("it is said", |client| client.messages.iter().any(|text| text.contains("cancelled")));
    assert_eq!(client.end(), 0);
    let listed = airlock_program_tests::json(project.path(), &["sessions", "list"]).document;
    assert_eq!(listed["sessions"][0]["resumed"], 1, "{listed}");
}

#[test]
fn a_change_is_taken_back_and_what_was_typed_since_stays() {
    let (_folder, project) = fixture("shop");
    let mut client = Client::start(&project, json!({"checkOnSave": false}));
    let (module, tests) = reviewed(&mut client, &project);
    let before = client.documents[&module].1.clone();
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.shown.get(&tests).is_some_and(Vec::is_empty));
    let typed = client.documents[&module].1.replace("discount = 0", "discount = 0  # none yet");
    client.replace(&module, &typed);
    let actions = client.actions(&module, 0);
    assert!(client.pick(&actions, "Airlock: undo the change")["result"].is_string());
    client.wait("it is taken back", |client| {
        client.documents[&module].1 != typed && client.shown.get(&tests).is_some_and(|found| !found.is_empty())
    });
    assert_eq!(client.documents[&module].1, before.replace("discount = 0", "discount = 0  # none yet"));
    assert!(!client.actions(&module, 0).iter().any(|action| action["command"]["command"] == "airlock.undo"));
    client.command("airlock.undo", json!([]));
    client
        .wait("nothing is left", |client| client.messages.iter().any(|text| text.contains("nothing has landed here")));
    client.command("airlock.listSessions", json!([]));
    client.wait("the list is opened", |client| client.opened.iter().any(|uri| uri.ends_with("sessions.txt")));
    let list = client.opened.last().and_then(|uri| uri.strip_prefix("file://")).expect("a file").to_owned();
    let list = std::fs::read_to_string(list).expect("read");
    assert!(list.contains("airlock.undo") && list.contains("verified, applied"), "{list}");
    client.end();
}

#[test]
fn where_nothing_can_be_kept_nothing_lands_and_that_is_said() {
    let (_folder, project) = fixture("shop");
    let file = Project::new(&[("data", "no folder")]);
    let mut client = Client::start_with_data(&project, &file.join("data"));
    client.command("airlock.makeTestPass", json!([FAILING]));
    client.wait("it is said", |client| client.messages.iter().any(|text| text.contains("cannot land")));
    assert!(client.said.iter().any(|text| text.contains("nothing is kept")), "{:?}", client.said);
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string());
    client.end();
}

#[test]
fn a_task_can_be_cancelled() {
    let project = Project::new(&[
        ("test_it.py", "from it import f\ndef test_it():\n    assert f() == 'what nothing makes'\n"),
        ("it.py", "def f():\n    n = 0\n    for i in range(200000): n += i\n    return n\n"),
    ]);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    assert!(client.command("airlock.cancel", json!([]))["error"]["message"].is_string());
    client.command("airlock.makeTestPass", json!(["test_it.py::test_it"]));
    client.wait("it works", |client| client.progress.values().any(|seen| seen.len() > 1));
    let token = client.progress.keys().next().expect("one").clone();
    client.notify("window/workDoneProgress/cancel", json!({"token": token}));
    client.wait("it is said", |client| client.said.iter().any(|text| text.contains("cancelled")));
    client.wait("its progress ends", |client| client.progress[&token].last().is_some_and(|last| last == "end"));
    client.end();
}

#[test]
fn the_server_ends_with_its_client() {
    let project = Project::empty();
    let mut silent = Client::spawn(project.path());
    silent.hang_up();
    assert_eq!(silent.exit_code(), 1);
    let mut rude = Client::start(project.path(), json!({}));
    rude.notify("exit", Value::Null);
    assert_eq!(rude.exit_code(), 1);
    let mut early = Client::spawn(project.path());
    early.notify("exit", Value::Null);
    assert_eq!(early.exit_code(), 1);
}

#[test]
fn changes_keep_their_order_under_a_flood() {
    let project = Project::new(&[("a.py", "")]);
    let mut client = Client::start(project.path(), json!({"checkOnSave": false}));
    let document = client.open(&project.join("a.py"));
    let mut text = String::new();
    for number in 0..2000 {
        let end = json!({"line": 0, "character": text.len()});
        let typed = format!("{} ", number % 10);
        let change = json!({"range": {"start": end, "end": end}, "text": typed});
        text.push_str(&typed);
        let identifier = json!({"uri": document, "version": number + 2});
        client.notify("textDocument/didChange", json!({"textDocument": identifier, "contentChanges": [change]}));
        if number % 100 == 0 {
            assert!(client.actions(&document, 0).is_empty());
        }
    }
    // The text is what the project is tested with: a module of it that holds the numbers in their order.
    client.documents.insert(document.clone(), (2002, text.clone()));
    let sum = format!("x = \"{}\"\n", text.trim_end());
    client.replace(&document, &sum);
    let test = project.join("test_a.py");
    std::fs::write(&test, format!("import a\ndef test_a():\n    assert a.x == {:?}\n", text.trim_end()))
        .expect("written");
    client.command("airlock.checkTests", json!([]));
    client.wait("it passes", |client| client.said.iter().any(|text| text.contains("1 passed, 0 failed")));
    client.end();
}
