//! What happens to a task while it is under way: it is told more, cancelled, killed.

use airlock_program_tests::model_server::Step;
use serde_json::json;

use crate::support::{Desk, call, done, mended, mending, was_told};

#[test]
fn what_the_user_says_in_between_is_told_at_the_next_turn() {
    let mut slow = vec![Step::Gate];
    slow.extend(call("a", "edit", &mending()));
    let desk = Desk::new(vec![slow, done("Done.")]);
    let mut client = desk.editor();
    desk.open(&mut client, "two.py");
    let idle = client.command("airlock.steer", json!(["faster"]));
    assert!(idle["error"]["message"].as_str().is_some_and(|text| text.contains("no task")), "{idle}");
    client.command("airlock.task", json!(["make smaller right"]));
    desk.wait_for(1);
    assert!(client.command("airlock.steer", json!(["use a conditional expression"]))["result"].is_string());
    assert!(client.command("airlock.steer", json!([]))["error"]["message"].is_string());
    desk.server.go_on();
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert!(!desk.asked(0).contains("conditional expression"));
    assert!(desk.asked(1).contains("use a conditional expression"), "{}", desk.asked(1));
    client.end();
}

#[test]
fn a_task_is_cancelled_within_a_second() {
    let desk = Desk::new(vec![vec![Step::Silence]]);
    let mut client = desk.editor();
    desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["make smaller right"]));
    desk.wait_for(1);
    assert!(client.command("airlock.cancel", json!([]))["result"].is_string());
    client.wait("it is said", |client| was_told(client, "cancelled"));
    assert!(desk.server.was_hung_up_on(std::time::Duration::from_secs(10)), "the model is not listened to any more");
    assert!(client.command("airlock.accept", json!([]))["error"]["message"].is_string());
    client.end();
}

#[test]
fn a_task_that_was_killed_is_offered_and_asks_nothing_twice() {
    let desk = Desk::new(vec![
        call("a", "read", r#"{"path": "two.py"}"#),
        call("b", "edit", &mending()),
        // The third reply never comes.
        vec![Step::Silence],
        done("Done."),
    ]);
    let mut client = desk.editor();
    desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["make smaller right"]));
    desk.wait_for(3);
    client.kill();
    let listed = desk.sessions();
    assert_eq!((&listed[0]["state"], &listed[0]["task"]), (&json!("interrupted"), &json!("run")), "{listed}");

    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    client.wait("it is offered", |client| was_told(client, "airlock.resume"));
    assert!(was_told(&client, "make smaller right"), "{:?}", client.messages);
    assert!(client.command("airlock.resume", json!([]))["result"].is_string());
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert_eq!(desk.server.asked().len(), 4, "two replies, a question without an answer, and that question again");
    assert_eq!(desk.server.asked()[2].body, desk.server.asked()[3].body);
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.documents[&module].1 == mended());
    client.end();
}
