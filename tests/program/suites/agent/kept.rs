//! A task that was killed goes on: no reply is asked for again, no call is carried out twice.

use airlock_program_tests::model_server::Step;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{MODULE, Setting, TARGET, call, done, edit, word};

#[test]
fn a_task_that_was_killed_asks_and_calls_nothing_twice() {
    let setting = Setting::new(vec![
        call("a", "read", r#"{"path": "two.py"}"#),
        call("b", "edit", &edit()),
        // The third reply never comes.
        vec![Step::Silence],
        call("c", "run_tests", "{}"),
        done("Done."),
    ]);
    let running = setting.task(&["--test", TARGET, "--apply", "--json"]).start();
    setting.wait_for(3);
    let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
    kill_process(id, Signal::KILL).expect("it can be killed");
    assert_eq!(running.wait().code, -1);
    assert_eq!(setting.project.read("two.py"), MODULE.as_bytes());

    let (listed, _) = setting.airlock(&["sessions", "list"]).json();
    let session = &listed["sessions"][0];
    assert_eq!((word(session, "state"), word(session, "task")), ("interrupted", "run"), "{listed}");
    let (document, exit) = setting.airlock(&["sessions", "resume", word(session, "id")]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!(document["applied"], true, "{document}");
    let mended = MODULE.replacen("return a\n", "return a if a > b else b\n", 1);
    assert_eq!(setting.project.read("two.py"), mended.as_bytes());

    let asked = setting.server.asked();
    assert_eq!(asked.len(), 5, "three before, of which one had no answer, and two after");
    assert_eq!(asked[2].body, asked[3].body, "the question that had no answer, byte for byte");
    assert_eq!(document["usage"]["replies"], 4, "each reply counts once: {document}");
    let shown = setting.show(word(session, "id"));
    assert_eq!(shown["usage"], document["usage"]);
    let story = shown["story"].as_array().expect("steps");
    let edits = story.iter().filter(|step| word(step, "text").starts_with("carried out edit")).count();
    assert_eq!(edits, 1, "{story:#?}");
}

#[test]
fn a_task_that_met_its_limit_goes_on_with_a_higher_one_only() {
    let setting = Setting::new(vec![call("a", "edit", &edit()), done("Done.")]);
    let (document, exit) = setting.task(&["--test", TARGET, "--max-turns", "1"]).json();
    assert_eq!((word(&document, "ended"), exit), ("limit", 1), "{document}");
    assert_eq!(document["verdict"], Value::Null, "what is half done is shown, and not judged: {document}");
    let (again, _) = setting.airlock(&["sessions", "resume", word(&document, "session")]).json();
    assert_eq!(word(&again, "ended"), "limit", "the call is the same: {again}");
    assert_eq!(setting.server.asked().len(), 1);
}
