//! What is kept of a call, how it is told, and what happens where nothing can be kept.

use std::fs;
use std::process::Command;

use airlock_program_tests::calls::Project;
use serde_json::Value;

use crate::support::{LARGER, MODULE, PATCH, Setting, code, number, word};

#[test]
fn a_repair_is_kept_told_and_read_back_exactly() {
    let setting = Setting::with_one_bug();
    let (document, exit) = setting.airlock(&["fix", "test_larger.py"]).json();
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{document}");
    let id = word(&document, "session").to_owned();
    let sessions = setting.sessions();
    assert_eq!(sessions.len(), 1);
    let session = &sessions[0];
    assert_eq!((word(session, "id"), word(session, "state"), word(session, "status")), (&*id, "ended", "verified"));
    assert_eq!((word(session, "task"), word(session, "call")), ("fix", "airlock fix test_larger.py --json"));
    assert_eq!((number(session, "targets"), &session["applied"]), (2, &Value::Bool(false)));
    assert!(number(session, "runs") > 0, "{session}");

    // The beginning of its id is enough, and the verdict is the one that was given.
    let shown = setting.show(&id[..5]);
    assert_eq!(shown["proposal"], document["proposal"]);
    assert_eq!(shown["verdict"], document["verdict"]);
    assert_eq!(number(&shown["base"]["counts"], "failed"), 2);
    let told: Vec<&str> = shown["story"].as_array().expect("steps").iter().map(|step| word(step, "text")).collect();
    assert!(told[0].starts_with("asked: airlock fix"), "{told:?}");
    assert!(told.iter().any(|text| text.starts_with("searched: ")), "{told:?}");
    assert_eq!(told.last(), Some(&"ended: verified"));

    // As text, in lines that fit.
    let text = setting.airlock(&["sessions", "show", &id]).run();
    for part in
        ["asked: airlock fix", "judged it: verified; 2 passed; 2 repaired", "as a patch: ", "--diff | git apply"]
    {
        assert!(text.stdout.contains(part), "no {part:?}:\n{}", text.stdout);
    }
    assert!(text.stdout.lines().all(|line| line.chars().count() <= 80), "{}", text.stdout);

    // As a patch, for git.
    let diff = setting.airlock(&["sessions", "show", &id, "--diff"]).run();
    assert_eq!(Value::from(diff.stdout.clone()), document["proposal"]["diff"]);
    setting.data.write("change.patch", &diff.stdout);
    let patch = setting.data.join("change.patch");
    setting.project.git(&["init", "--quiet"]);
    setting.project.git(&["apply", patch.to_str().expect("UTF-8")]);
    assert_eq!(setting.project.read("two.py"), MODULE.replace("a < b", "a > b").into_bytes());
}

#[test]
fn what_was_run_is_used_again_until_something_it_read_changes() {
    let setting = Setting::with_one_bug();
    setting.project.write("notes.txt", "not read by any test");
    let check = |more: &[&str]| {
        let (document, _) = setting.airlock(&[&["check", "--patch", "-"], more].concat()).input(PATCH).json();
        assert_eq!(word(&document, "status"), "verified", "{document}");
        document["verdict"]["reused"].as_bool().expect("a word on that")
    };
    assert!(!check(&[]), "the first time it is run");
    assert!(check(&[]), "the second time it is known");
    assert!(!check(&["--no-cache"]), "unless that is not wanted");
    assert!(!check(&["--memory-mb", "512"]), "other limits are another run");
    setting.project.write("notes.txt", "NOT READ BY ANY TEST");
    assert!(check(&[]), "of a file that is only seen in its folder, length and mode are what was seen");
    setting.project.write("notes.txt", "not read by any test, and longer");
    assert!(!check(&[]), "another length could have been noticed");
    setting.project.write("conftest.py", "");
    assert!(!check(&[]), "what was looked for and not there is there now");
    setting.project.write("conftest.py", "ONE = 1\n");
    assert!(!check(&[]), "a file that was read has changed");
    setting.project.write("conftest.py", "");
    assert!(check(&[]), "and is again what it was");
    setting.project.write("pytest.ini", "[pytest]\naddopts = -q\n");
    assert!(!check(&[]), "another configuration");
    setting.project.write("test_larger.py", format!("{LARGER}\n\ndef test_more():\n    assert larger(2, 2) == 2\n"));
    assert!(!check(&[]), "a test that was read has changed");
    assert!(check(&[]));
}

#[test]
fn a_data_folder_in_the_project_is_not_used() {
    let setting = Setting::with_one_bug();
    let inside = setting.project.join("data");
    let before = setting.project.tree();
    let call = setting.project.airlock(&["check", "--patch", "-", "--json"]).env("XDG_DATA_HOME", &inside);
    let ended = call.input(PATCH).run();
    assert_eq!(ended.document()["session"], Value::Null);
    assert!(ended.stderr.contains("lies in the project"), "{}", ended.stderr);
    before.assert_untouched("a data folder in the project");
}

#[test]
fn a_damaged_database_is_put_aside_and_said() {
    let setting = Setting::with_one_bug();
    let (first, _) = setting.airlock(&["check", "--patch", "-"]).input(PATCH).json();
    let database = setting.database();
    fs::write(&database, "").expect("written");
    let (document, _) = setting.airlock(&["sessions", "show", word(&first, "session")]).json();
    assert_eq!(code(&document), "database_damaged", "{document}");
    assert!(document["error"]["message"].to_string().contains("sessions.damaged-1.db"), "{document}");
    assert_eq!(setting.sessions().len(), 0, "a new one was begun, which was said");
    fs::write(&database, "not a database at all, whatever it was before").expect("written");
    let ended = setting.airlock(&["check", "--patch", "-", "--json"]).input(PATCH).run();
    let document = ended.document();
    assert_eq!(word(&document, "status"), "verified");
    assert!(ended.stderr.contains("was put aside as"), "{}", ended.stderr);
    assert_eq!(setting.sessions().len(), 1);
    assert_eq!(word(&setting.sessions()[0], "id"), word(&document, "session"));
    // `application_id`, <https://sqlite.org/fileformat2.html#database_header>.
    let mut bytes = fs::read(&database).expect("there");
    bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
    fs::write(&database, &bytes).expect("written");
    let ended = setting.airlock(&["fix", "--apply", "--json"]).run();
    assert!(ended.stderr.replace('\n', " ").contains("it is another program's"), "{}", ended.stderr);
    assert_eq!(ended.document()["applied"], true, "there is a place to write it down: {}", ended.stdout);
    let aside = database.with_file_name("sessions.damaged-3.db");
    assert_eq!(fs::read(aside).expect("put aside"), bytes);
}

#[test]
fn whatever_was_judged_is_read_back_exactly() {
    let setting = Setting::new(&[
        ("two.py", MODULE.replace('\n', "\r\n")),
        ("test_larger.py", LARGER.to_owned()),
        ("old.txt", "gone soon".to_owned()),
        ("run.sh", "#!/bin/sh\n".to_owned()),
    ]);
    // Line endings, a last line without one, a new file, one that goes, one that may be executed.
    let odd = "--- a/two.py\n+++ b/two.py\n@@ -1,2 +1,2 @@\n def larger(a, b):\r\n-    return a if a < b else b\r\n\
               +    return a if a > b else b  # \u{e4}\u{2014}\u{1f600}\r\n\
               --- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+new\n\\ No newline at end of file\n\
               --- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone soon\n\\ No newline at end of file\n\
               diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n";
    let breaking = "--- a/two.py\n+++ b/two.py\n@@ -1,2 +1,2 @@\n def larger(a, b):\r\n\
                    -    return a if a < b else b\r\n+    raise ValueError(a)\r\n";
    for (patch, more, status) in
        [(breaking, &[][..], "refused"), (odd, &[], "verified"), (odd, &["--apply"], "verified")]
    {
        let call = setting.airlock(&[&["check", "--patch", "-"], more].concat());
        let (document, _) = call.input(patch).json();
        assert_eq!(word(&document, "status"), status, "{document}");
        assert_eq!(document["applied"], !more.is_empty(), "{document}");
        let id = word(&document, "session");
        let shown = setting.show(id);
        for part in ["diff", "files"] {
            assert_eq!(shown["proposal"][part], document["proposal"][part], "{status}");
        }
        assert_eq!(shown["verdict"], document["verdict"], "{status}");
        assert_eq!(shown["session"]["applied"], document["applied"]);
        let diff = setting.airlock(&["sessions", "show", id, "--diff"]).run();
        assert_eq!(Value::from(diff.stdout), document["proposal"]["diff"], "{status}");
    }
    // What landed is what the session has: taken back by it, all is as it was.
    let id = word(&setting.sessions()[0], "id").to_owned();
    assert!(setting.project.join("new.txt").is_file() && !setting.project.join("old.txt").exists());
    let diff = setting.airlock(&["sessions", "show", &id, "--diff"]).run().stdout;
    setting.data.write("change.patch", diff);
    setting.project.git(&["init", "--quiet"]);
    let patch = setting.data.join("change.patch");
    setting.project.git(&["apply", "--reverse", patch.to_str().expect("UTF-8")]);
    assert_eq!(setting.project.read("two.py"), MODULE.replace('\n', "\r\n").into_bytes());
    assert_eq!(setting.project.read("old.txt"), b"gone soon");
    assert!(!setting.project.join("new.txt").exists());
}

#[test]
fn a_check_that_was_cut_off_before_its_patch_was_kept_takes_no_other() {
    use airlock_core::session::{Opened, Task};
    use airlock_store::{DataFolder, Options, open};
    let setting = Setting::with_one_bug();
    let place = DataFolder::at(setting.data.join("airlock")).and_then(|data| data.place(setting.project.path()));
    let store = open(&place.expect("a place"), Options::default()).expect("opens").store;
    let opened = Opened {
        task: Task::Check,
        arguments: ["check", "--patch", "-"].map(str::to_owned).into(),
        folder: String::new(),
        apply: false,
        partial: false,
        settings: [].into(),
        program: "0".into(),
        guest: "3.15".into(),
    };
    let id = store.begin(opened).expect("a session").id().to_owned();
    drop(store);
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).input(PATCH).json();
    assert_eq!(code(&document), "session_over", "{document}");
    assert!(word(&document["error"], "message").contains("before its patch was kept"), "{document}");
}

#[test]
fn a_database_of_a_newer_version_is_left_as_it_is() {
    let setting = Setting::with_one_bug();
    setting.airlock(&["check", "--patch", "-"]).input(PATCH).json();
    let database = setting.database();
    let mut bytes = fs::read(&database).expect("there");
    // `user_version`, <https://sqlite.org/fileformat2.html#database_header>.
    bytes[60..64].copy_from_slice(&1_000_u32.to_be_bytes());
    fs::write(&database, &bytes).expect("written");
    for arguments in [&["sessions", "list"][..], &["fix", "--apply"]] {
        let (document, _) = setting.airlock(arguments).json();
        assert_eq!(code(&document), "database_newer", "{document}");
    }
    let (document, _) = setting.airlock(&["fix"]).json();
    assert_eq!((word(&document, "status"), &document["session"]), ("verified", &Value::Null));
    assert_eq!(fs::read(&database).expect("there"), bytes);
}

#[test]
fn a_session_that_was_changed_or_is_of_a_newer_version_is_not_believed() {
    let setting = Setting::with_one_bug();
    let (made, _) = setting.airlock(&["check", "--patch", "-"]).input(PATCH).json();
    let (sound, _) = setting.airlock(&["check", "--patch", "-"]).input(PATCH).json();
    let id = word(&made, "session");
    let database = setting.database();
    let change = |statement: &str| {
        let script =
            "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as it: print(it.execute(sys.argv[2]).rowcount)";
        let done =
            Command::new("python3").args(["-c", script]).arg(&database).arg(statement).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "1", "{}", String::from_utf8_lossy(&done.stderr));
    };
    let first = "session = (SELECT min(number) FROM session) AND kind =";
    // Each before the one before it, since the first that is wrong is told.
    let cases = [
        (format!("UPDATE event SET kind = 'asked_model' WHERE {first} 'ended'"), "a newer Airlock wrote"),
        (format!("UPDATE event SET body = replace(body, 'fixed', 'mended') WHERE {first} 'judged'"), "is damaged"),
        (format!("UPDATE event SET at = at + 1 WHERE {first} 'base_judged'"), "not as it was written"),
        (format!("DELETE FROM event WHERE {first} 'proposed'"), "is missing"),
    ];
    for (statement, why) in cases {
        change(&statement);
        for command in ["show", "resume"] {
            let (document, exit) = setting.airlock(&["sessions", command, id]).json();
            assert_eq!((code(&document), exit), ("session_unreadable", 2), "{command}: {document}");
            assert!(word(&document["error"], "message").contains(why), "{why}: {document}");
        }
        // The others are as they were.
        assert_eq!(setting.sessions().len(), 2);
        assert_eq!(setting.show(word(&sound, "session"))["verdict"], sound["verdict"]);
    }
}

#[test]
fn sessions_move_with_their_project_and_stay_apart_from_copies() {
    let outer = Project::empty();
    let data = Project::empty();
    let at = |name: &str| outer.join(name);
    fs::create_dir(at("one")).expect("made");
    outer.write("one/two.py", MODULE);
    outer.write("one/test_larger.py", LARGER);
    let call = |name: &str, words: &[&str]| {
        airlock_program_tests::calls::airlock(words).within(&at(name)).env("XDG_DATA_HOME", data.path())
    };
    let ids = |name: &str, words: &[&str]| -> Vec<String> {
        let (document, _) = call(name, words).json();
        let sessions = document["sessions"].as_array().unwrap_or_else(|| panic!("{document}")).clone();
        sessions.iter().map(|session| word(session, "id").to_owned()).collect()
    };
    let patch = |name: &str| {
        let (document, _) = call(name, &["check", "--patch", "-"]).input(PATCH).json();
        word(&document, "session").to_owned()
    };
    let first = patch("one");
    let copied = Command::new("cp").arg("-a").arg(at("one")).arg(at("two")).status().expect("cp runs");
    assert!(copied.success());
    let second = patch("two");
    fs::rename(at("one"), at("moved")).expect("renamed");
    assert_eq!(ids("moved", &["sessions", "list"]).join(" "), first);
    assert_eq!(ids("two", &["sessions", "list"]).join(" "), second);
    fs::rename(at("two"), at("one")).expect("renamed");
    assert_eq!(ids("one", &["sessions", "list"]).join(" "), second, "it does not take those of its predecessor");
    let mut all = ids("one", &["sessions", "list", "--all"]);
    all.sort();
    let mut both = [first.clone(), second];
    both.sort();
    assert_eq!(all, both);
    let all = call("one", &["sessions", "list", "--all"]).run();
    assert!(all.stdout.contains("verified\n\n/"), "each project apart:\n{}", all.stdout);
    let (shown, _) = call("one", &["sessions", "show", &first]).json();
    assert_eq!(word(&shown["session"], "workspace"), at("moved").to_string_lossy(), "found from elsewhere too");
    fs::rename(at("moved"), at("away")).expect("renamed");
    let (gone, _) = call("one", &["sessions", "resume", &first]).json();
    assert_eq!(code(&gone), "path_not_found", "{gone}");
    assert!(word(&gone["error"], "message").contains("is not there any more"), "{gone}");
    let (over, _) = call("away", &["sessions", "resume", &first]).json();
    assert_eq!(code(&over), "session_over", "found again where it is: {over}");
}

#[test]
fn what_cannot_be_taken_up_again_says_why() {
    let setting = Setting::with_one_bug();
    let (document, _) = setting.airlock(&["sessions", "list"]).json();
    assert_eq!((word(&document, "status"), &document["sessions"]), ("ok", &Value::Array(vec![])));
    let (document, _) = setting.airlock(&["sessions", "resume", "bado-kemi"]).json();
    assert_eq!(code(&document), "session_not_found", "{document}");
    let (made, _) = setting.airlock(&["check", "--patch", "-"]).input(PATCH).json();
    let (document, _) = setting.airlock(&["sessions", "resume", word(&made, "session")]).json();
    assert_eq!(code(&document), "session_over", "{document}");
    assert_eq!(document["command"], "sessions resume");
    let (document, exit) = setting.airlock(&["sessions", "show"]).json();
    assert_eq!((code(&document), exit), ("usage", 2));
}

#[test]
fn no_secret_and_nothing_hidden_comes_into_the_database() {
    let canary = "canary-4f1d9c7e";
    let hidden = "hidden-82b5aa01";
    let setting = Setting::new(&[
        ("two.py", MODULE),
        ("test_larger.py", LARGER),
        (".env", &format!("TOKEN={canary}\n")),
        ("id_rsa", canary),
        (".gitignore", "private.txt\n"),
        ("private.txt", hidden),
    ]);
    setting.project.git(&["init", "--quiet"]);
    setting.airlock(&["fix"]).env("SECRET_TOKEN", canary).json();
    setting.airlock(&["check", "--patch", "-"]).env("SECRET_TOKEN", canary).input(PATCH).json();
    assert_eq!(setting.sessions().len(), 2);
    let mut looked_at = 0;
    for file in fs::read_dir(setting.database().parent().expect("a folder")).expect("a folder") {
        let path = file.expect("an entry").path();
        let Ok(bytes) = fs::read(&path) else { continue };
        looked_at += bytes.len();
        for secret in [canary, hidden] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
    assert!(looked_at > 50_000, "the database was looked through");
}
