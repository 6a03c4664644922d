//! Models and servers that do not do as they should.

use std::time::{Duration, Instant};

use airlock_program_tests::model_server::{Step, chat_reply, head, json_answer, stream_head};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{MODULE, Setting, TARGET, TEST, call, done, edit, word};

#[test]
fn a_model_that_leaves_the_tree_or_writes_nonsense_is_told_so() {
    let setting = Setting::new(vec![
        chat_reply(
            "",
            &[
                ("a", "read", r#"{"path": "../../etc/passwd"}"#),
                ("b", "create", r#"{"path": "/tmp/owned.py", "content": "x"}"#),
                ("c", "create", r#"{"path": ".git/hooks/post-checkout", "content": "x"}"#),
                ("d", "edit", r#"{"path": "two.py", "#),
                ("e", "bash", r#"{"command": "rm -rf /"}"#),
                ("f", "run_python", r#"{"code": "open('two.py', 'w').write('x'); import socket; socket.socket()"}"#),
            ],
        ),
        done("I cannot."),
    ]);
    let before = setting.project.tree();
    let (document, _) = setting.task(&["--test", TARGET, "--apply"]).json();
    assert_eq!(word(&document, "ended"), "nothing_changed", "{document}");
    let told = setting.told(1);
    for (said, part) in told.iter().zip([
        "A path looks like",
        "A path looks like",
        "belongs to git",
        "are not JSON",
        "no tool `bash`",
        "not there in the sandbox: a socket",
    ]) {
        assert!(said.contains(part), "no {part}: {said}");
    }
    assert_eq!(told.len(), 6);
    before.assert_untouched("a model that leaves the tree");
}

#[test]
fn a_key_that_is_refused_and_a_host_that_does_not_answer_are_errors_in_words() {
    let refused = json_answer("401 Unauthorized", &[], &json!({"error": {"message": "Incorrect API key provided"}}));
    let setting = Setting::new(vec![refused]);
    let call = setting.task(&["--test", TARGET, "--key-env", "TEST_KEY"]).env("TEST_KEY", "sk-test-0123456789abcdef");
    let (document, exit) = call.json();
    assert_eq!((&document["error"]["code"], exit), (&json!("model_failed"), 2), "{document}");
    assert!(word(&document["error"], "message").contains("key"), "{document}");
    assert!(!document.to_string().contains("sk-test"), "{document}");
    assert_eq!(setting.server.asked()[0].header("authorization"), Some("Bearer sk-test-0123456789abcdef"));

    let gone = ["run", "x", "--provider", "llamacpp", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"];
    let (document, exit) = setting.airlock(&gone).json();
    assert_eq!((&document["error"]["code"], exit), (&json!("model_failed"), 2), "{document}");
    assert!(word(&document["error"], "message").contains("nothing answers at 127.0.0.1:9"), "{document}");
}

#[test]
fn a_reply_that_is_cut_off_is_asked_for_again() {
    let cut =
        vec![stream_head(), Step::Send(b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"I".to_vec())];
    let setting = Setting::new(vec![cut, call("a", "edit", &edit()), done("Done.")]);
    let (document, _) = setting.task(&["--test", TARGET]).json();
    assert_eq!(word(&document, "status"), "verified", "{document}");
    let asked = setting.server.asked();
    assert_eq!(asked[0].body, asked[1].body, "the same question");
    assert_eq!(document["usage"]["replies"], 2);
}

#[test]
fn ctrl_c_ends_within_a_second_while_the_model_is_silent() {
    for script in [vec![Step::Silence], vec![Step::Send(head("200 OK", &[])), Step::Silence]] {
        let setting = Setting::new(vec![script]);
        let before = setting.project.tree();
        let running = setting.task(&["--test", TARGET, "--apply", "--json"]).start();
        setting.wait_for(1);
        let pressed = Instant::now();
        let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
        kill_process(id, Signal::INT).expect("it can be interrupted");
        let ended = running.wait();
        assert!(pressed.elapsed() < Duration::from_secs(1), "{:?}", pressed.elapsed());
        assert_eq!((word(&ended.document(), "status"), ended.code), ("cancelled", 130));
        assert!(setting.server.was_hung_up_on(Duration::from_secs(5)));
        before.assert_untouched("a task that was cancelled");
    }
}

#[test]
fn no_secret_leaves_and_none_is_kept() {
    let canary = "canary-4f1d9c7e-0123456789";
    let hidden = "hidden-82b5aa01-0123456789";
    let leak = format!("KEY = '{canary}'\n");
    let setting = Setting::of(
        &[
            ("two.py", MODULE),
            ("test_two.py", TEST),
            ("leak.py", &leak),
            (".env", &format!("TOKEN={canary}\n")),
            ("id_rsa", canary),
            (".gitignore", "private.txt\nprivate.py\n"),
            ("private.txt", hidden),
            ("private.py", &format!("HIDDEN = '{hidden}'\n")),
        ],
        vec![
            chat_reply(
                "",
                &[
                    ("a", "read", r#"{"path": ".env"}"#),
                    ("b", "read", r#"{"path": "id_rsa"}"#),
                    ("c", "read", r#"{"path": "private.txt"}"#),
                    ("d", "read", r#"{"path": "private.py"}"#),
                    ("e", "read", r#"{"path": "leak.py"}"#),
                    ("f", "search", r#"{"pattern": "canary|hidden"}"#),
                    ("g", "list", "{}"),
                ],
            ),
            call("h", "edit", &edit()),
            done("Done."),
        ],
    );
    setting.project.git(&["init", "--quiet"]);
    let (document, _) = setting.task(&["--test", TARGET]).env("SECRET_TOKEN", canary).json();
    assert_eq!(word(&document, "status"), "verified", "{document}");
    let told = setting.told(2);
    assert!(told[0].contains("may hold secrets") && told[3].contains("ignored by git"), "{told:?}");
    for asked in setting.server.asked() {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        assert!(!body.contains(canary) && !body.contains(hidden), "{body}");
    }
    let mut open = vec![setting.data.path().to_owned()];
    let mut looked_at = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            looked_at += bytes.len();
            for secret in [canary, hidden] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret}", path.display());
            }
        }
    }
    assert!(looked_at > 50_000, "the database was looked through");
}
