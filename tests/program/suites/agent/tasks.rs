//! Whole tasks.

use airlock_program_tests::model_server::chat_reply;
use serde_json::{Value, json};

use crate::support::{MODULE, Setting, TARGET, TEST, call, done, edit, word};

#[test]
fn what_the_tests_let_through_lands() {
    let setting = Setting::new(vec![
        call("a", "read", r#"{"path": "two.py"}"#),
        call("b", "edit", &edit()),
        chat_reply(
            "I look.\n",
            &[("c", "run_tests", "{}"), ("d", "run_python", r#"{"code": "import two; print(two.larger(1, 2))"}"#)],
        ),
        done("`larger` gave its first value; now it compares both."),
    ]);
    let (document, exit) = setting.task(&["--test", TARGET, "--files", "two.py", "--apply"]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    assert_eq!((word(&document, "ended"), &document["applied"]), ("let_through", &Value::Bool(true)), "{document}");
    assert_eq!(document["verdict"]["fixed"], json!([TARGET]));
    assert_eq!(document["unchecked"], false);
    assert!(word(&document, "answer").contains("compares both"));
    let mended = MODULE.replacen("return a\n", "return a if a > b else b\n", 1);
    assert_eq!(setting.project.read("two.py"), mended.as_bytes());
    let usage = &document["usage"];
    assert_eq!((&usage["replies"], &usage["input"], &usage["output"]), (&json!(4), &json!(400), &json!(40)));

    // What the model was told: the task, the file, the failing test; what its tools said.
    let asked = setting.server.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0].line, "POST /v1/chat/completions");
    let first = asked[0].json().to_string();
    for part in ["make larger give the larger one", "def smaller", TARGET, "run_tests", "`run_python` a few lines"] {
        assert!(first.contains(part), "no {part}: {first}");
    }
    let told = setting.told(3);
    assert!(told[0].contains("return a"), "{told:?}");
    assert!(told[2].contains("\"passed\": 2"), "{told:?}");
    assert_eq!(told[3], "exit code 0\noutput:\n2", "on the copy, as it is by then");

    // And how it is told.
    let id = word(&document, "session").to_owned();
    let shown = setting.show(&id);
    assert_eq!(shown["usage"], document["usage"]);
    assert_eq!(shown["session"]["task"], "run");
    let story: Vec<&str> = shown["story"].as_array().expect("steps").iter().map(|step| word(step, "text")).collect();
    for part in
        ["told the task to scripted at 127.0.0.1", "the model called edit", "carried out edit", "judged it: verified"]
    {
        assert!(story.iter().any(|text| text.starts_with(part)), "no {part}: {story:#?}");
    }
    assert_eq!(story.last(), Some(&"ended: verified"));
    let text = setting.airlock(&["sessions", "show", &id]).run().stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn without_apply_the_change_is_shown_and_nothing_is_written() {
    let setting = Setting::new(vec![call("b", "edit", &edit()), done("Done.")]);
    let before = setting.project.tree();
    let ended = setting.task(&["--test", TARGET]).run();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    for part in [
        "+    return a if a > b else b",
        "Verdict: verified",
        "scripted: 2 replies, 200 tokens in, 20 out",
        "| airlock check --patch -",
    ] {
        assert!(ended.stdout.contains(part), "no {part}: {}", ended.stdout);
    }
    before.assert_untouched("a task without --apply");
}

#[test]
fn a_verdict_that_keeps_a_change_out_goes_back_to_the_model() {
    let wrong = json!({"path": "two.py", "old_text": "    return a\n", "new_text": "    return b\n"}).to_string();
    let right =
        json!({"path": "two.py", "old_text": "    return b\n\n\ndef", "new_text": "    return max(a, b)\n\n\ndef"});
    let setting = Setting::new(vec![
        call("a", "edit", &wrong),
        done("It works."),
        call("b", "edit", &right.to_string()),
        done("Now it does."),
    ]);
    let (document, _) = setting.task(&["--test", TARGET, "--apply"]).json();
    assert_eq!((word(&document, "status"), &document["applied"]), ("verified", &Value::Bool(true)), "{document}");
    let third = setting.server.asked()[2].json().to_string();
    assert!(third.contains("test_two.py::test_first") && third.contains("Tests that passed before"), "{third}");
}

#[test]
fn a_model_that_edits_the_tests_gets_nothing_by_it() {
    let cheat = json!({"path": "test_two.py", "old_text": "assert larger(1, 2) == 2", "new_text": "assert True"});
    let delete = json!({"path": "test_two.py"}).to_string();
    let setting = Setting::new(vec![
        call("a", "edit", &cheat.to_string()),
        call("b", "run_tests", "{}"),
        done("All tests pass."),
        call("c", "delete", &delete),
        done("There is no failing test any more."),
        done("I give up."),
    ]);
    let before = setting.project.tree();
    let (document, exit) = setting.task(&["--test", TARGET, "--apply"]).json();
    assert_eq!((word(&document, "ended"), exit), ("kept_out", 1), "{document}");
    assert_eq!(document["applied"], false);
    let told = setting.told(2);
    assert!(told[1].contains("\"failed\": 1") && told[1].contains("taken as before the task"), "{told:?}");
    before.assert_untouched("a model that edits the tests");
}

#[test]
fn a_model_that_claims_success_without_a_change_is_told_apart() {
    let setting = Setting::new(vec![done("I have fixed it and all tests pass.")]);
    let before = setting.project.tree();
    let (document, exit) = setting.task(&["--test", TARGET, "--apply"]).json();
    assert_eq!(
        (word(&document, "status"), word(&document, "ended"), exit),
        ("not_fixed", "nothing_changed", 1),
        "{document}"
    );
    assert_eq!((&document["proposal"], &document["applied"]), (&Value::Null, &Value::Bool(false)));
    before.assert_untouched("a model that only talks");
}

#[test]
fn a_change_that_no_test_covers_lands_only_where_that_is_said() {
    let grow = json!({"path": "two.py", "old_text": "def smaller(a, b):\n    return b\n",
        "new_text": "def smaller(a, b):\n    return min(a, b)\n"});
    let scripts = || vec![call("a", "edit", &grow.to_string()), done("Done.")];
    let green = TEST.replace("larger(1, 2) == 2", "larger(1, 2) == 1");
    let files = [("two.py", MODULE), ("test_two.py", green.as_str())];
    let setting = Setting::of(&files, [scripts(), scripts()].concat());
    let before = setting.project.tree();
    let (document, exit) = setting.task(&["--apply"]).json();
    assert_eq!((word(&document, "status"), exit), ("not_testable", 3), "{document}");
    assert_eq!((&document["unchecked"], word(&document["reason"], "kind")), (&Value::Bool(true), "unchecked"));
    assert_eq!((word(&document["verdict"], "decision"), &document["applied"]), ("no_regression", &Value::Bool(false)));
    before.assert_untouched("an unchecked change");
    let (document, exit) = setting.task(&["--apply", "--unchecked"]).json();
    assert_eq!(
        (word(&document, "status"), exit, &document["applied"]),
        ("no_regression", 0, &Value::Bool(true)),
        "{document}"
    );
    assert!(String::from_utf8_lossy(&setting.project.read("two.py")).contains("min(a, b)"));
}

#[test]
fn a_project_without_a_test_is_worked_on_and_nothing_lands_unsaid() {
    let files = [("two.py", MODULE), ("pytest.ini", "[pytest]\n")];
    let scripts = || vec![call("a", "edit", &edit()), done("Done.")];
    let setting = Setting::of(&files, [scripts(), scripts()].concat());
    let before = setting.project.tree();
    let (document, exit) = setting.task(&["--apply"]).json();
    assert_eq!(
        (word(&document, "status"), exit, &document["unchecked"]),
        ("not_testable", 3, &json!(true)),
        "{document}"
    );
    assert_eq!(word(&document["reason"], "detail"), "no test covers this");
    assert!(word(&document["proposal"], "diff").contains("a if a > b"), "it is shown: {document}");
    before.assert_untouched("a project without tests");
    let (document, exit) = setting.task(&["--apply", "--unchecked"]).json();
    assert_eq!((exit, &document["applied"]), (0, &json!(true)), "{document}");
    let shown = setting.show(word(&document, "session"));
    let story: Vec<&str> = shown["story"].as_array().expect("steps").iter().map(|step| word(step, "text")).collect();
    let asked = story.iter().position(|text| *text == "asked whether it may land").expect("it was asked");
    assert_eq!(story[asked + 1], "the user said that it may land");
}
