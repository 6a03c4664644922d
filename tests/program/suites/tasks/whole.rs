//! Whole tasks, from the menu to the text.

use serde_json::json;

use crate::support::{Desk, MODULE, TEST, call, done, implementing, mended, mending, shown, titles, was_told};

#[test]
fn a_comment_is_done_checked_reviewed_accepted_and_taken_back() {
    let desk = Desk::new(vec![call("a", "edit", &mending()), call("b", "run_tests", "{}"), done("It compares now.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 6);
    assert!(client.pick(&actions, "Airlock: do what this comment says")["result"].is_string());
    client.wait("the review is opened", |client| !client.opened.is_empty());
    let review = shown(&client);
    for part in
        ["Airlock: a proposed change", "It compares now.", "+    return a if a < b else b", "2 passed, 0 failed"]
    {
        assert!(review.contains(part), "no {part}: {review}");
    }
    assert!(!review.contains("unchecked"), "{review}");
    // The model saw the lines that it was about.
    let first = desk.asked(0);
    assert!(first.contains("the smaller one, please") && first.contains("two.py"), "{first}");
    // What it does now was told: the turn, the tokens.
    assert!(client.reported.iter().any(|text| text.starts_with("turn 1: ") && text.contains("tokens")));

    let actions = client.actions(&module, 7);
    assert!(client.pick(&actions, "Airlock: accept the proposed change")["result"].is_string());
    client.wait("it lands", |client| client.documents[&module].1 == mended());
    client.wait("its tests pass", |client| client.said.iter().any(|text| text.contains("2 passed, 0 failed")));
    assert_eq!(desk.project.read("two.py"), MODULE.as_bytes(), "what is not saved is not on the disk");
    let actions = client.actions(&module, 0);
    assert!(client.pick(&actions, "Airlock: undo the proposed change")["result"].is_string());
    client.wait("it is taken back", |client| client.documents[&module].1 == MODULE);
    client.end();
}

#[test]
fn a_function_is_implemented_for_the_test_that_runs_it() {
    let test = format!("{TEST}\n\ndef test_larger():\n    assert larger(1, 2) == 2\n");
    let files = [("two.py", MODULE.replace("return b", "return min(a, b)")), ("test_two.py", test)];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let desk = Desk::of(&files, vec![call("a", "edit", &implementing()), done("Done.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let offered = titles(&client.actions(&module, 2));
    for title in ["Airlock: implement this function", "Airlock: write tests for this", "Airlock: explain"] {
        assert!(offered.iter().any(|offer| offer == title), "no {title}: {offered:?}");
    }
    assert!(!titles(&client.actions(&module, 7)).iter().any(|title| title == "Airlock: implement this function"));
    let actions = client.actions(&module, 2);
    client.pick(&actions, "Airlock: implement this function");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.documents[&module].1.contains("return a if a > b else b"));
    client.end();
}

#[test]
fn a_diagnostic_of_another_server_is_mended() {
    let desk = Desk::new(vec![call("a", "edit", &mending()), done("Both are used now.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let place = |column: u64| json!({"line": 7, "character": column});
    let foreign = json!({
        "range": {"start": place(4), "end": place(12)}, "severity": 2, "source": "ruff", "code": "ARG001",
        "message": "Unused function argument: `a`",
    });
    let actions = client.actions_beside(&module, 7, std::slice::from_ref(&foreign));
    let action = actions.iter().find(|action| action["title"] == "Airlock: fix this diagnostic").expect("offered");
    assert_eq!((&action["kind"], &action["diagnostics"]), (&json!("quickfix"), &json!([foreign])));
    client.pick(&actions, "Airlock: fix this diagnostic");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    let first = desk.asked(0);
    assert!(first.contains("Unused function argument") && first.contains("ruff ARG001"), "{first}");
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.documents[&module].1 == mended());
    client.end();
}

#[test]
fn tests_are_written_as_a_new_file_that_lands() {
    let new = "from two import smaller\n\n\ndef test_equal():\n    assert smaller(3, 3) == 3\n";
    let create = json!({"path": "test_more.py", "content": new}).to_string();
    let desk = Desk::new(vec![call("a", "create", &create), done("One test more.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 7);
    client.pick(&actions, "Airlock: write tests for this");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert!(shown(&client).contains("test_more.py"), "{}", shown(&client));
    client.command("airlock.accept", json!([]));
    client.wait("it is said", |client| was_told(client, "applied"));
    assert_eq!(desk.project.read("test_more.py"), new.as_bytes());
    client.end();
}

#[test]
fn what_is_explained_changes_nothing() {
    let before = [MODULE, TEST];
    // It tries to, all the same.
    let desk = Desk::new(vec![call("a", "edit", &mending()), done("`smaller` gives its second value.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 7);
    client.pick(&actions, "Airlock: explain");
    client.wait("the answer is opened", |client| !client.opened.is_empty());
    assert!(client.opened[0].ends_with(".md"), "{:?}", client.opened);
    let answer = shown(&client);
    assert!(answer.contains("gives its second value") && answer.contains("nothing was changed"), "{answer}");
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string(), "nothing waits");
    assert_eq!([&desk.project.read("two.py")[..], &desk.project.read("test_two.py")], before.map(str::as_bytes));
    let first = desk.asked(0);
    assert!(!first.contains("\"apply_patch\""), "a question has no tool that changes something: {first}");
    client.end();
}

#[test]
fn a_model_that_edits_the_tests_and_claims_success_gets_nothing_by_it() {
    let cheat = json!({"path": "test_two.py", "old_text": "== 1", "new_text": "== 2"}).to_string();
    let outside = json!({"path": "../other.py", "content": "x = 1\n"}).to_string();
    let desk = Desk::new(vec![
        call("a", "edit", &cheat),
        call("b", "create", &outside),
        done("All tests pass."),
        done("I give up."),
    ]);
    let before = desk.project.tree();
    let mut client = desk.editor();
    desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["make it pass", "make-pass", "", "", "test_two.py::test_smaller"]));
    client.wait("it is over", |client| {
        client
            .messages
            .iter()
            .any(|text| text.starts_with("Airlock: ") && !text.contains("cut off") && !text.contains("sandbox"))
    });
    assert!(client.opened.is_empty(), "nothing is there to review: {:?}", client.messages);
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string(), "nothing waits");
    assert!(!desk.project.path().join("../other.py").exists());
    before.assert_untouched("a model that edits the tests");
    client.end();
}
