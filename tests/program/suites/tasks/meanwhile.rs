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
fn what_is_said_while_the_last_reply_comes_is_not_lost() {
    let mut slow = vec![Step::Gate];
    slow.extend(done("Nothing to do."));
    let desk = Desk::new(vec![slow, call("a", "edit", &mending()), done("Done.")]);
    let mut client = desk.editor();
    let module = desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["look at smaller"]));
    desk.wait_for(1);
    assert!(client.command("airlock.steer", json!(["and make it right"]))["result"].is_string());
    desk.server.go_on();
    client.wait("the review is opened", |client| !client.opened.is_empty());
    assert!(desk.asked(1).contains("and make it right"), "{}", desk.asked(1));
    client.command("airlock.accept", json!([]));
    client.wait("it lands", |client| client.documents[&module].1 == mended());
    client.end();
}

#[test]
fn of_two_tasks_the_one_whose_session_is_named_is_told() {
    let slow = |script: Vec<Step>| [vec![Step::Gate], script].concat();
    let look = || call("a", "read", r#"{"path": "two.py"}"#);
    let desk = Desk::new(vec![slow(look()), slow(look()), done("Nothing to do."), done("Nothing to do.")]);
    let mut client = desk.editor();
    desk.open(&mut client, "two.py");
    client.command("airlock.task", json!(["the first thing"]));
    desk.wait_for(1);
    client.command("airlock.task", json!(["the second thing"]));
    desk.wait_for(2);
    let refused = client.command("airlock.steer", json!(["faster"]));
    let why = refused["error"]["message"].as_str().expect("it is refused").to_owned();
    assert!(why.contains("more than one task"), "{why}");
    let wrong = client.command("airlock.steer", json!(["faster", "nobody"]));
    assert!(wrong["error"]["message"].as_str().is_some_and(|why| why.contains("session nobody")), "{wrong}");
    // The log says which is which.
    let is_named = |text: &&String| text.contains("the second thing") && text.contains("is session");
    client.wait("it is said", |client| client.said.iter().any(|text| is_named(&text)));
    let named = client.said.iter().find(is_named);
    let session = named.and_then(|text| text.rsplit(' ').next()).expect("it is said").to_owned();
    assert!(why.contains(&session), "{why}");
    let told = client.command("airlock.steer", json!([{"session": session, "words": "keep it short"}]));
    assert!(told["result"].is_string(), "{told}");
    desk.server.go_on();
    desk.server.go_on();
    client.wait("both are over", |client| {
        client.messages.iter().filter(|text| text.contains("without changing anything")).count() == 2
    });
    for number in [2, 3] {
        let asked = desk.asked(number);
        assert_eq!(asked.contains("keep it short"), asked.contains("the second thing"), "{asked}");
    }
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
