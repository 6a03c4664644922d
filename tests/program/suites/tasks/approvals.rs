//! What no test covers lands only by an answer that says so.

use airlock_program_tests::editor::Setup;
use serde_json::json;

use crate::support::{Desk, MODULE, call, done, implemented, implementing, mended, mending, shown, titles, was_told};

#[test]
fn what_no_test_covers_is_shown_as_such_and_lands_by_an_answer_that_says_so() {
    let desk = Desk::new(vec![call("a", "edit", &implementing()), done("Done.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 2);
    client.pick(&actions, "Airlock: implement this function");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert!(shown(&client).contains("unchecked: no test covers this"), "{}", shown(&client));
    client.wait("it is said", |client| was_told(client, "unchecked: no test covers this"));
    let refused = client.command("airlock.accept", json!([]));
    let why = refused["error"]["message"].as_str().expect("it is refused");
    assert!(why.contains("no test covers this") && why.contains("airlock.approve"), "{why}");
    assert_eq!(client.documents[&module].1, MODULE);

    // It waits for that answer, whatever becomes of the server.
    client.kill();
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let fits = "though no test covers it";
    client.wait("it waits", |client| client.shown.get(&module).is_some_and(|found| !found.is_empty()));
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string());
    let actions = client.actions(&module, 2);
    assert!(titles(&actions).iter().any(|title| title.contains(fits)), "{:?}", titles(&actions));
    assert!(!actions.iter().any(|action| action["command"]["command"] == "airlock.accept"));
    client.pick(&actions, "Airlock: accept the proposed change though no test covers it");
    client.wait("it lands", |client| client.documents[&module].1 == implemented());
    client.wait("it is said", |client| was_told(client, "applied"));
    client.end();
    let listed = desk.sessions();
    assert_eq!(listed[0]["applied"], true, "{listed}");
}

#[test]
fn a_client_that_can_ask_asks_and_anything_but_yes_is_no() {
    let desk = Desk::new(vec![call("a", "edit", &implementing()), done("Done.")]);
    let mut client = desk.editor_of(&Setup { asks: true, ..Setup::default() });
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 2);
    client.pick(&actions, "Airlock: implement this function");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    for choice in [None, Some("Let it wait")] {
        client.choice = choice.map(str::to_owned);
        client.asked.clear();
        assert!(client.command("airlock.accept", json!([]))["result"].is_string());
        client.wait("the user is asked", |client| !client.asked.is_empty());
        let question = &client.asked[0];
        assert!(question["message"].as_str().is_some_and(|text| text.contains("unchecked: no test covers this")));
    }
    client.wait("it is written down twice", |client| {
        client.said.iter().filter(|text| text.contains("waits on")).count() == 2
    });
    assert_eq!(client.documents[&module].1, MODULE);
    client.choice = Some("Land it unchecked".to_owned());
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.documents[&module].1 == implemented());
    client.end();
}

#[test]
fn an_approval_is_of_the_text_that_was_shown() {
    let desk = Desk::new(vec![call("a", "edit", &implementing()), done("Done.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    let actions = client.actions(&module, 2);
    client.pick(&actions, "Airlock: implement this function");
    client.wait("the review is opened", |client| !client.opened.is_empty());
    // Elsewhere in the file: what would land is another text than the one that was shown.
    let typed = MODULE.replace("# the smaller one, please", "# the smaller one");
    client.replace(&module, &typed);
    assert!(client.command("airlock.approve", json!([]))["result"].is_string());
    client.wait("it is asked again", |client| was_told(client, "airlock.approve"));
    assert_eq!(client.documents[&module].1, typed);
    assert!(client.command("airlock.approve", json!([]))["result"].is_string());
    let expected = typed.replace("    raise NotImplementedError\n", "    return a if a > b else b\n");
    client.wait("it lands", |client| client.documents[&module].1 == expected);
    client.end();
}

#[test]
fn a_workspace_without_tests_is_worked_on_and_nothing_lands_unsaid() {
    let desk = Desk::of(
        &[("two.py", MODULE), ("pytest.ini", "[pytest]\n")],
        vec![call("a", "edit", &mending()), done("Done.")],
    );
    let before = desk.project.tree();
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["make smaller right"]));
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert!(shown(&client).contains("unchecked: no test covers this"), "{}", shown(&client));
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string());
    before.assert_untouched("an unchecked change");
    assert!(client.command("airlock.approve", json!([]))["result"].is_string());
    client.wait("it lands", |client| client.documents[&module].1 == mended());
    client.end();
}
