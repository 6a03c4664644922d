//! Where nothing can be kept: calls that only look go on and say so, and nothing lands, which is said before any work.

use std::process::Command;

use airlock_program_tests::calls::Project;
use airlock_program_tests::{cache, namespace, program};
use serde_json::Value;

use crate::support::{BUGS, PATCH, Setting, code, word};

/// What a script's calls left behind: a document and what was said, by the call's name.
struct Calls {
    setting: Setting,
    notes: Project,
}

impl Calls {
    /// Runs a script in the project's folder, with `run NAME WORD...` for calls of the program whose sessions lie in `$data`.
    /// None where it needs mounts and there can be none; see [`namespace::can_mount`].
    fn of(setting: Setting, mounts: bool, script: &str) -> Option<Self> {
        let notes = Project::new(&[("patch", PATCH)]);
        let mut command = Command::new("sh");
        if mounts {
            if !namespace::can_mount() {
                return None;
            }
            command = namespace::command();
            command.arg("sh");
        }
        let head = "run() { name=$1; shift; \"$program\" \"$@\" --json > $notes/$name.json 2> $notes/$name.err || true; }\n\
                    export XDG_DATA_HOME=$data XDG_CACHE_HOME=$cache XDG_CONFIG_HOME=$notes\n\
                    fill() { dd if=/dev/zero of=$data/fill bs=4k 2> /dev/null || true; }\n";
        command.args(["-eu", "-c", &format!("{head}{script}")]).current_dir(setting.project.path());
        command
            .env("data", setting.data.path())
            .env("notes", notes.path())
            .env("cache", cache())
            .env("program", program());
        let done = command.output().expect("it starts");
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        Some(Self { setting, notes })
    }

    fn document(&self, name: &str) -> Value {
        let bytes = self.notes.read(&format!("{name}.json"));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}: {}", self.said(name)))
    }

    /// What was said, on one line.
    fn said(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.notes.read(&format!("{name}.err"))).replace('\n', " ")
    }
}

/// The four calls. Those that are to land something have a cache without a guest, so that no work can come before the refusal.
const CALLS: &str = "
    run check check --patch $notes/patch
    run fix fix
    XDG_CACHE_HOME=$notes/empty
    run apply fix --apply
    run patch check --patch $notes/patch --apply
";

fn nothing_is_kept(name: &str, mounts: bool, prepare: &str, wanted: &str, why: &str) -> Option<Calls> {
    let setting = Setting::with_one_bug();
    let before = setting.project.tree();
    let calls = Calls::of(setting, mounts, &format!("{prepare}\n{CALLS}"))?;
    for call in ["check", "fix"] {
        let (document, said) = (calls.document(call), calls.said(call));
        assert_eq!((word(&document, "status"), &document["session"]), ("verified", &Value::Null), "{name}: {document}");
        assert!(said.contains("nothing is kept of this") && said.contains(why), "{name}: {said}");
    }
    for call in ["apply", "patch"] {
        let document = calls.document(call);
        assert_eq!((word(&document, "status"), code(&document)), ("error", wanted), "{name}: {document}");
        let message = word(&document["error"], "message");
        assert!(message.starts_with("nothing can land") && message.contains(why), "{name}: {message}");
        assert!(document["error"]["hint"].is_string(), "{name}: it is said what to do: {document}");
    }
    before.assert_untouched(name);
    Some(calls)
}

#[test]
fn without_a_place_work_goes_on_and_nothing_lands() {
    nothing_is_kept("a file in its place", false, "touch $data/airlock", "database_unavailable", "not a directory");
    nothing_is_kept(
        "no home",
        false,
        "export HOME= XDG_DATA_HOME=",
        "database_unavailable",
        "nor a home folder is set",
    );
}

#[test]
fn on_a_read_only_disk_work_goes_on_and_nothing_lands() {
    let prepare = "mount -t tmpfs disk $data; mount -o remount,ro $data";
    nothing_is_kept("read-only and empty", true, prepare, "database_unavailable", "Read-only file system");
    let prepare = "mount -t tmpfs disk $data; run first fix; mount -o remount,ro $data";
    nothing_is_kept("read-only with sessions", true, prepare, "database_unavailable", "Read-only file system");
}

#[test]
fn on_a_read_only_disk_sessions_are_listed_and_shown() {
    // One that ended well, and one whose process was killed in its work and left SQLite's journal.
    let killed = "\"$program\" fix --time-limit 300 > /dev/null 2>&1 & victim=$!\n\
                  until ls $data/airlock/workspaces/*/live/*.lock > /dev/null 2>&1; do sleep 0.02; done\n\
                  kill -9 $victim; wait $victim || true";
    for (name, prepare, sessions) in [("clean", "", 1), ("killed", killed, 2)] {
        let script = format!(
            "mount -t tmpfs disk $data\n\
             run first check --patch $notes/patch\n\
             {prepare}\n\
             mount -o remount,ro $data\n\
             run list sessions list\n\
             run all sessions list --all\n\
             run show sessions show $(sed 's/.*\"session\":\"\\([a-z-]*\\)\".*/\\1/' $notes/first.json)\n\
             run resume sessions resume $(sed 's/.*\"session\":\"\\([a-z-]*\\)\".*/\\1/' $notes/first.json)"
        );
        let Some(calls) = Calls::of(Setting::with_one_bug(), true, &script) else { return };
        for call in ["list", "all"] {
            let document = calls.document(call);
            assert_eq!(word(&document, "status"), "ok", "{name}: {document}");
            let listed = document["sessions"].as_array().expect("sessions");
            assert_eq!(listed.len(), sessions, "{name}: {document}");
            assert_eq!(word(&listed[sessions - 1], "status"), "verified", "{name}: {document}");
        }
        assert_eq!(word(&calls.document("show"), "status"), "ok", "{name}: {}", calls.said("show"));
        // What needs to write says so.
        assert_eq!(word(&calls.document("resume"), "status"), "error", "{name}");
    }
}

#[test]
fn on_a_full_disk_work_goes_on_and_nothing_lands() {
    let cases = [
        ("full from the start", "mount -t tmpfs -o size=2m disk $data; fill"),
        ("full since", "mount -t tmpfs -o size=8m disk $data; run first fix; fill"),
        // SQLite opens it and would fail in the midst of the work.
        ("almost full", "mount -t tmpfs -o size=8m disk $data; run first fix; fill; truncate -s -72K $data/fill"),
    ];
    for (name, prepare) in cases {
        nothing_is_kept(name, true, prepare, "disk_full", "is full");
    }
}

#[test]
fn while_somebody_holds_the_database_work_goes_on_and_nothing_lands() {
    // Ends with its standard input, which is the script's to close.
    let holder = "import sqlite3, sys\\nheld = sqlite3.connect(sys.argv[1])\\nheld.execute('BEGIN IMMEDIATE')\\n\
                  open(sys.argv[2], 'w').close()\\nsys.stdin.read()\\n";
    let prepare = format!(
        "run first fix\n\
         mkfifo $notes/held $notes/end\n\
         printf \"{holder}\" > $notes/hold.py\n\
         python3 $notes/hold.py $data/airlock/workspaces/*/sessions.db $notes/held < $notes/end &\n\
         exec 9> $notes/end\n\
         read -r nothing < $notes/held || true\n\
         run list sessions list"
    );
    let calls =
        nothing_is_kept("held", false, &prepare, "database_unavailable", "busy for too long").expect("no mounts");
    let listed = calls.document("list");
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(1), "who only reads is not held up: {listed}");
}

#[test]
fn a_disk_that_fills_up_during_the_work_lets_nothing_land() {
    let setting = Setting::with_bugs();
    let script = "mount -t tmpfs -o size=8m disk $data\n\
                  run apply fix --apply &\n\
                  until ls $data/airlock/workspaces/*/live/*.lock > /dev/null 2>&1; do sleep 0.02; done\n\
                  fill\n\
                  wait $!";
    let Some(calls) = Calls::of(setting, true, script) else { return };
    let document = calls.document("apply");
    assert_eq!((word(&document, "status"), code(&document)), ("error", "disk_full"), "{document}");
    assert!(word(&document["error"], "message").starts_with("nothing can land"), "{document}");
    assert_eq!(calls.setting.project.read("bugs.py"), BUGS.as_bytes());
}
