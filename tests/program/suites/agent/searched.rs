//! The search before the model: its repair saves asking, and where it finds none the model is asked as ever.

use airlock_program_tests::model_server::Step;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{MODULE, Setting, TARGET, TEST, call, done, edit, word};

/// A module that one small edit mends.
const NEARLY: &str = "def larger(a, b):\n    return a if a < b else b\n";

#[test]
fn a_repair_that_the_search_finds_lands_and_no_model_is_asked() {
    let setting = Setting::of(&[("two.py", NEARLY), ("test_two.py", TEST)], vec![]);
    let before = setting.project.tree();
    let target = ["--test", "test_two.py::test_first", "--test", TARGET];
    let ended = setting.searching(&target).run();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    for part in ["found by the search", "no model was asked", "Verdict: verified", "+    return a if a > b else b"] {
        assert!(ended.stdout.contains(part), "no {part}: {}", ended.stdout);
    }
    before.assert_untouched("a task without --apply");
    let (document, exit) = setting.searching(&[&target[..], &["--apply"]].concat()).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!((word(&document, "by"), word(&document, "ended")), ("search", "let_through"), "{document}");
    assert_eq!((&document["applied"], &document["usage"]["replies"]), (&json!(true), &json!(0)), "{document}");
    assert!(document["candidates"].as_u64().is_some_and(|count| count > 0), "{document}");
    assert!(!word(&document, "answer").is_empty(), "{document}");
    assert_eq!(before.changed(), ["two.py"]);
    assert!(setting.server.asked().is_empty(), "{:?}", setting.server.asked());
}

#[test]
fn where_the_search_finds_nothing_the_model_is_asked() {
    // No edit of one place makes both of them pass by code that is there.
    let test = "from two import larger\n\n\ndef test_second():\n    assert larger('x', 3) == 'neither of 17'\n";
    let module = "def larger(a, b):\n    return a\n";
    let wanted =
        json!({"path": "two.py", "old_text": "    return a\n", "new_text": "    return f'neither of {14 + b}'\n"});
    let setting = Setting::of(
        &[("two.py", module), ("test_two.py", test)],
        vec![call("a", "edit", &wanted.to_string()), done("Done.")],
    );
    let (document, exit) = setting.searching(&["--test", TARGET]).json();
    assert_eq!((word(&document, "status"), word(&document, "by"), exit), ("verified", "model", 0), "{document}");
    assert_eq!(setting.server.asked().len(), 2);
    assert!(document["notes"].to_string().contains("before the model was asked, and found no repair"), "{document}");
}

#[test]
fn nothing_is_searched_where_that_is_off_or_something_else_is_asked_for() {
    let scripts = || vec![call("a", "edit", &edit()), done("Done.")];
    let files = [("two.py", MODULE), ("test_two.py", TEST)];
    for options in [&["--no-search", "--test", TARGET][..], &["--kind", "implement", "--test", TARGET], &[]] {
        let setting = Setting::of(&files, scripts());
        let (document, _) = setting.searching(options).json();
        assert_eq!((&document["candidates"], word(&document, "by")), (&json!(0), "model"), "{document}");
        assert_eq!(setting.server.asked().len(), 2, "{options:?}");
    }
    let setting = Setting::of(&[("two.py", NEARLY), ("test_two.py", TEST)], vec![done("I see.")]);
    let home = airlock_program_tests::calls::Project::empty();
    home.write("airlock/config.toml", "[model]\nsearch_seconds = 0\n");
    let (document, _) = setting.searching(&["--test", TARGET]).env("XDG_CONFIG_HOME", home.path()).json();
    assert_eq!((&document["candidates"], &document["by"]), (&json!(0), &Value::Null), "{document}");
}

#[test]
fn a_task_that_was_killed_after_its_search_searches_and_asks_nothing_twice() {
    let test = "from two import larger\n\n\ndef test_second():\n    assert larger('x', 3) == 'neither of 17'\n";
    let module = "def larger(a, b):\n    return a\n";
    let wanted =
        json!({"path": "two.py", "old_text": "    return a\n", "new_text": "    return f'neither of {14 + b}'\n"});
    let setting = Setting::of(
        &[("two.py", module), ("test_two.py", test)],
        vec![call("a", "edit", &wanted.to_string()), vec![Step::Silence], done("Done.")],
    );
    let running = setting.searching(&["--test", TARGET, "--json"]).start();
    setting.wait_for(2);
    let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
    kill_process(id, Signal::KILL).expect("it can be killed");
    running.wait();
    let (listed, _) = setting.airlock(&["sessions", "list"]).json();
    let (document, exit) = setting.airlock(&["sessions", "resume", word(&listed["sessions"][0], "id")]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!((&document["candidates"], setting.server.asked().len()), (&json!(0), 3), "{document}");
}
