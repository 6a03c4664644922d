//! What a model, a test or a file says is shown so that it does nothing but say it.

use airlock_core::text::has_hidden;
use airlock_program_tests::model_server::chat_reply;
use serde_json::json;

use crate::support::{MODULE, Setting, TARGET, TEST, Trap, done, word};

/// A right-to-left override, tags, an ANSI sequence, a link of a terminal's, a zero-width space.
const WILD: &str = "\u{202e}gnp.exe\u{e0061}\u{1b}[2J\u{1b}]8;;http://127.0.0.1:9/\u{7}x\u{200b}";

#[test]
fn hidden_text_in_diffs_words_and_reports_is_shown_as_escapes_and_flagged() {
    let wild = json!({"path": "two.py", "old_text": "    return a\n",
        "new_text": format!("    return a if a > b else b  # {WILD}\n")});
    let test = TEST.replace("assert larger(1, 2) == 2", &format!("assert larger(1, 2) == 2, {}", json!(WILD)));
    let words = format!("It {WILD} works.");
    let setting = Setting::of(
        &[("two.py", MODULE), ("test_two.py", &test), ("README.md", WILD)],
        [0; 2]
            .iter()
            .flat_map(|_| {
                let calls = [
                    ("a", "read", r#"{"path": "README.md"}"#),
                    ("b", "run_tests", "{}"),
                    ("c", "edit", &wild.to_string()),
                ];
                [chat_reply(WILD, &calls), done(&words)]
            })
            .collect(),
    );
    let ended = setting.task(&["--test", TARGET]).run();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!has_hidden(text), "{text:?}");
    }
    for part in ["\\u{202e}gnp.exe\\u{e0061}\\x1b[2J", "It \\u{202e}", "6 invisible or control characters"] {
        assert!(ended.stdout.contains(part), "no {part}: {}", ended.stdout);
    }

    let (document, _) = setting.task(&["--test", TARGET]).json();
    assert!(!has_hidden(word(&document, "answer")) && word(&document, "answer").contains("\\u{202e}"), "{document}");
    assert!(!has_hidden(word(&document["proposal"], "explanation")), "{document}");
    assert!(document["notes"].to_string().contains("6 invisible or control characters"), "flagged: {document}");
    let shown = setting.airlock(&["sessions", "show", word(&document, "session")]).run();
    let listed = setting.airlock(&["sessions", "list"]).run();
    for text in [&shown.stdout, &listed.stdout] {
        assert!(!has_hidden(text), "{text:?}");
    }

    // And what the model is shown, in the report it begins with, in a file and in what the tests say.
    let first = setting.server.asked()[0].json()["messages"].as_array().expect("messages").clone();
    let report = word(first.last().expect("a message"), "content");
    assert!(report.contains("\\u{202e}gnp.exe") && !has_hidden(report), "{report:?}");
    for told in &setting.told(1)[..2] {
        assert!(told.contains("u{202e}") && told.contains("are shown as escapes") && !has_hidden(told), "{told:?}");
    }
    // What the patch is stays what it is, byte for byte.
    assert!(word(&document["proposal"], "diff").contains(WILD), "{document}");
}

#[test]
fn what_is_shown_fetches_nothing_and_runs_nothing() {
    let trap = Trap::new();
    let address = trap.address();
    let acting = format!(
        "![all is well](http://{address}/?q=secret) <img src=\"http://{address}/i\"> [go on](command:workbench.action.terminal.new) \
         ![r][r] <vscode://run/x>\n\n[r]: data:text/html,x\n"
    );
    let schema =
        json!({"path": "shop.json", "content": format!("{{\"$schema\": \"http://{address}/schema.json\"}}\n")});
    let mend = json!({"path": "two.py", "old_text": "    return a\n", "new_text": "    return max(a, b)\n"});
    let calls = || {
        let calls = [
            ("a", "read", r#"{"path": "README.md"}"#),
            ("b", "edit", &mend.to_string()),
            ("c", "create", &schema.to_string()),
        ];
        [chat_reply(&acting, &calls), done(&acting)]
    };
    let test = TEST.replace("assert larger(1, 2) == 2", &format!("assert larger(1, 2) == 2, {}", json!(acting)));
    let setting =
        Setting::of(&[("two.py", MODULE), ("test_two.py", &test), ("README.md", &acting)], [calls(), calls()].concat());
    let (document, exit) = setting.task(&["--test", TARGET]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    let ended = setting.task(&["--test", TARGET]).run();
    let said = ended.stdout.split("diff --git").next().expect("the words come first").to_owned();
    let shown = setting.airlock(&["sessions", "show", word(&document, "session")]).run().stdout;
    let shown = shown.split("diff --git").next().expect("the words come first").to_owned();
    for words in [word(&document, "answer"), word(&document["proposal"], "explanation"), &said, &shown] {
        for part in ["![", "](command:", "<img", "vscode:", "data:text"] {
            assert!(!words.contains(part), "{part} in {words}");
        }
    }
    assert!(word(&document, "answer").contains("[picture left out: all is well]"), "{document}");
    trap.assert_nobody_came();
}
