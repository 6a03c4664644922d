//! A landing that was cut in two: finished where it can be, and left alone where somebody has changed a file since.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Setting, code, word};

const FILES: usize = 24;

const TEST: &str = "import m00\n\n\ndef test_value():\n    assert m00.VALUE in (0, 1)\n";

fn name(at: usize) -> String {
    if at.is_multiple_of(2) { format!("m{at:02}.py") } else { format!("package/m{at:02}.py") }
}

fn text(value: u8) -> String {
    format!("VALUE = {value}\n")
}

fn patch() -> String {
    let mut patch = String::new();
    for at in 0..FILES {
        let path = name(at);
        patch.push_str(&format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-VALUE = 0\n+VALUE = 1\n"));
    }
    patch.push_str("--- /dev/null\n+++ b/made/new.py\n@@ -0,0 +1 @@\n+NEW = 1\n");
    patch
}

/// Every file of the patch as it is without it, or with it.
fn put(setting: &Setting, new: impl Fn(usize) -> bool) {
    for at in 0..FILES {
        setting.project.write(&name(at), text(u8::from(new(at))));
    }
    if new(FILES) {
        setting.project.write("made/new.py", "NEW = 1\n");
    } else {
        drop(fs::remove_file(setting.project.join("made/new.py")));
    }
}

fn landed(setting: &Setting) -> usize {
    let new = |at: &usize| setting.project.read(&name(*at)) == text(1).into_bytes();
    (0..FILES).filter(new).count() + usize::from(setting.project.join("made/new.py").is_file())
}

/// A project whose landing was cut off with the files in whatever state, and its session's id.
fn cut_off() -> (Setting, String) {
    let setting = Setting::new(&[("test_m.py", TEST)]);
    put(&setting, |_| false);
    for _ in 0..20 {
        let running = setting.airlock(&["check", "--patch", "-", "--apply", "--json"]).input(patch()).start();
        let begun = || {
            let mut entries = fs::read_dir(setting.project.path()).expect("a folder");
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(".airlock-")))
        };
        let started = Instant::now();
        let over = format!("/proc/{}/stat", running.id());
        let ended = || fs::read_to_string(&over).is_ok_and(|stat| stat.contains(") Z "));
        while !begun() && !ended() && started.elapsed() < Duration::from_secs(300) {
            std::hint::spin_loop();
        }
        let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
        let _ = kill_process(id, Signal::KILL);
        running.wait();
        let session = setting.sessions()[0].clone();
        if word(&session, "state") == "unsettled" {
            let id = word(&session, "id").to_owned();
            return (setting, id);
        }
        // Too late, all of it had landed: once more.
        put(&setting, |_| false);
    }
    panic!("no landing was met in its middle");
}

#[test]
fn what_is_half_done_is_said_by_the_next_call_and_finished_by_resume() {
    let (setting, id) = cut_off();
    put(&setting, |at| at < FILES / 2);
    let before = setting.project.tree();
    let next = setting.airlock(&["fix", "--json"]).run();
    let said = next.stderr.replace('\n', " ");
    assert!(said.contains(&format!("session {id} was cut off in the middle of landing")), "{said}");
    assert!(said.contains("airlock sessions resume"), "{said}");
    before.assert_untouched("a call that only looks");
    let ended = setting.airlock(&["sessions", "resume", &id, "--json"]).run();
    let document = ended.document();
    assert_eq!((word(&document, "status"), &document["applied"]), ("no_regression", &Value::Bool(true)), "{document}");
    assert_eq!(landed(&setting), FILES + 1);
    assert_eq!(document["proposal"]["files"].as_array().map(Vec::len), Some(FILES + 1));
    assert!(document["verdict"]["before"].is_object(), "{document}");
    let shown = setting.show(&id);
    assert_eq!((word(&shown["session"], "state"), &shown["session"]["applied"]), ("ended", &Value::Bool(true)));
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "session_over", "{document}");
}

#[test]
fn what_has_landed_is_settled_by_the_next_call() {
    let (setting, id) = cut_off();
    put(&setting, |_| true);
    setting.airlock(&["fix", "--json"]).run();
    let shown = setting.show(&id);
    assert_eq!((word(&shown["session"], "state"), &shown["session"]["applied"]), ("ended", &Value::Bool(true)));
    assert_eq!(landed(&setting), FILES + 1);
}

#[test]
fn what_has_not_begun_is_done_by_resume() {
    let (setting, id) = cut_off();
    put(&setting, |_| false);
    // The next call finds that nothing was written, and leaves it at that.
    setting.airlock(&["fix", "--json"]).run();
    assert_eq!(landed(&setting), 0);
    let sessions = setting.sessions();
    let session = sessions.iter().find(|session| word(session, "id") == id).expect("kept");
    assert_eq!((word(session, "state"), &session["applied"]), ("interrupted", &Value::Bool(false)));
    let (document, exit) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!((word(&document, "status"), exit), ("no_regression", 0), "{document}");
    assert_eq!((&document["applied"], landed(&setting)), (&Value::Bool(true), FILES + 1));
    assert_eq!(document["verdict"]["reused"], true, "its tests were run before: {document}");
}

#[test]
fn a_file_that_somebody_has_changed_since_is_left_alone_with_all_others() {
    let (setting, id) = cut_off();
    put(&setting, |at| at < FILES / 2);
    setting.project.write(&name(3), "VALUE = 1  # mine\n");
    let before = setting.project.tree();
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "apply_conflict", "{document}");
    assert!(document["error"]["message"].to_string().contains(&name(3)), "{document}");
    // Names of temporaries are not the project's.
    before.assert_untouched("a landing that is not clear");
    let diff = setting.airlock(&["sessions", "show", &id, "--diff"]).run();
    assert!(diff.stdout.contains("+NEW = 1"), "what was to be written can be had");
}
