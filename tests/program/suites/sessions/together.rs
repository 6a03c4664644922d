//! Several calls on one workspace at once: each does its work as if it were alone, and none is held up.

use std::time::Duration;

use serde_json::Value;

use crate::support::{BUGS, Setting, code, word};

/// Changes nothing that a test sees.
const HARMLESS: &str = "--- a/bugs.py\n+++ b/bugs.py\n@@ -1,3 +1,4 @@\n+# Grades and middles.\n def grade(points):\n     if points > 90:\n         return 'a'\n";

/// Far more than a list costs on a busy machine, and less than the store's patience with another process.
const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_fix_a_check_and_lists_do_not_get_in_each_other_s_way() {
    let alone = Setting::with_bugs();
    let (fixed, _) = alone.airlock(&["fix"]).json();
    let (checked, _) = alone.airlock(&["check", "--patch", "-"]).input(HARMLESS).json();

    let setting = Setting::with_bugs();
    let before = setting.project.tree();
    let calls = [
        setting.airlock(&["fix", "--json"]).start(),
        setting.airlock(&["check", "--patch", "-", "--json"]).input(HARMLESS).start(),
    ];
    let has_ended =
        |id: u32| std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    let (mut lists, mut longest, mut most_at_work) = (0, Duration::ZERO, 0);
    while !calls.iter().all(|call| has_ended(call.id())) {
        let ended = setting.airlock(&["sessions", "list", "--json"]).run();
        let document = ended.document();
        assert_eq!(word(&document, "status"), "ok", "{document}");
        let sessions = document["sessions"].as_array().expect("a list");
        most_at_work = most_at_work.max(sessions.iter().filter(|session| session["state"] == "running").count());
        longest = longest.max(ended.wall);
        lists += 1;
        // The machine is the calls', too.
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{lists} lists meanwhile, the longest took {longest:?}; {most_at_work} sessions at work at once");
    assert!(lists > 3 && most_at_work > 0, "{lists} lists, {most_at_work} at work");
    assert!(longest < LONG, "a list took {longest:?}");
    let [fix, check] = calls.map(|call| {
        let ended = call.wait();
        assert!(!ended.stderr.contains("kept"), "{}", ended.stderr);
        ended.document()
    });
    // Whatever else went on, each found what it finds alone, and all of it can be read back.
    for (now, then) in [(&fix, &fixed), (&check, &checked)] {
        assert_eq!((&now["status"], &now["proposal"]), (&then["status"], &then["proposal"]));
        let shown = setting.show(word(now, "session"));
        assert_eq!((word(&shown["session"], "state"), &shown["verdict"]), ("ended", &now["verdict"]));
        assert_eq!(shown["proposal"]["diff"], now["proposal"]["diff"]);
    }
    assert_eq!(setting.sessions().len(), 2);
    before.assert_untouched("calls that only look");
}

#[test]
fn of_two_repairs_at_once_one_lands() {
    let setting = Setting::with_bugs();
    let calls = [(); 2].map(|()| setting.airlock(&["fix", "--apply", "--partial", "--json"]).start());
    let documents = calls.map(|call| call.wait().document());
    let landed: Vec<&Value> = documents.iter().filter(|document| document["applied"] == true).collect();
    assert_eq!(landed.len(), 1, "{documents:?}");
    let other = documents.iter().find(|document| document["applied"] != true).expect("the other");
    assert!(["files_changed", "apply_conflict"].contains(&code(other)), "{other}");
    // What is there is what the one proposed, once.
    let diff = word(&landed[0]["proposal"], "diff");
    let module = setting.project.read("bugs.py");
    setting.project.write("bugs.py", BUGS);
    setting.data.write("change.patch", diff);
    let patch = setting.data.join("change.patch");
    setting.project.git(&["init", "--quiet"]);
    setting.project.git(&["apply", patch.to_str().expect("UTF-8")]);
    assert_eq!(String::from_utf8_lossy(&setting.project.read("bugs.py")), String::from_utf8_lossy(&module));
    let states: Vec<String> = setting.sessions().iter().map(|session| word(session, "state").to_owned()).collect();
    assert_eq!(states, ["ended", "ended"]);
}
