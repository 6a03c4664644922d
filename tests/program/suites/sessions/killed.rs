//! `fix --apply`, killed at any moment: nothing that was run is run again, nothing lands twice or half.

use std::fs;
use std::time::{Duration, Instant};

use airlock_program_tests::ORBIT;
use airlock_program_tests::calls::{Ended, Running};
use airlock_program_tests::long;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{GRADE, MIDDLE, Numbers, ORBIT_TEST, Setting, code, number, word};

const CALL: [&str; 4] = ["fix", "--apply", "--partial", "--json"];

/// What came of a call that nobody disturbed.
struct Reference {
    status: String,
    modules: [Vec<u8>; 2],
    runs: u64,
    wall: Duration,
}

/// Candidates that are tried at once. The last batch is dropped where the one before it has the repair, and how far it came by
/// then is nobody's choice.
const BATCH: u64 = 16;

impl Reference {
    /// Whether so many runs are those of the undisturbed call, but for what was done of the batches that were dropped.
    fn has_as_many(&self, runs: u64) -> bool {
        // One for each of the two files that are repaired.
        runs.abs_diff(self.runs) <= 2 * BATCH
    }
}

/// The two files that a repair changes.
fn modules(setting: &Setting) -> [Vec<u8>; 2] {
    ["grade.py", "middle.py"].map(|name| setting.project.read(name))
}

/// The steps of a session's story.
fn story(setting: &Setting, id: &str) -> Vec<Value> {
    setting.show(id)["story"].as_array().expect("steps").clone()
}

fn kill(running: &Running) {
    let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
    // It may have ended by itself.
    let _ = kill_process(id, Signal::KILL);
}

/// Whether a landing has begun: its temporaries lie in the project's folder.
fn has_temporary(setting: &Setting) -> bool {
    fs::read_dir(setting.project.path())
        .expect("a folder")
        .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(".airlock-")))
}

/// Runs a call and kills it: after so long, or a moment after its landing has begun.
fn cut_off(setting: &Setting, arguments: &[&str], after: Option<Duration>, moment: Duration) -> Ended {
    let running = setting.airlock(arguments).start();
    let started = Instant::now();
    let stat = format!("/proc/{}/stat", running.id());
    let has_ended = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
    match after {
        Some(after) => {
            while started.elapsed() < after && !has_ended() {
                std::thread::sleep(Duration::from_millis(1).min(after));
            }
        }
        None => {
            while !has_temporary(setting) && !has_ended() {
                assert!(started.elapsed() < Duration::from_secs(600), "{arguments:?} neither lands nor ends");
                std::thread::sleep(Duration::from_micros(100));
            }
            std::thread::sleep(moment);
        }
    }
    kill(&running);
    running.wait()
}

fn reference() -> Reference {
    // The first call may have to make what is kept for later ones; its time says nothing.
    Setting::with_two_files().airlock(&["fix"]).json();
    let setting = Setting::with_two_files();
    let started = Instant::now();
    let (document, _) = setting.airlock(&CALL[..3]).json();
    assert_eq!(document["applied"], true, "{document}");
    Reference {
        status: word(&document, "status").to_owned(),
        modules: modules(&setting),
        runs: number(&setting.sessions()[0], "runs"),
        wall: started.elapsed(),
    }
}

#[test]
fn a_fix_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let rounds = if long() { 200 } else { 12 };
    let began = Instant::now();
    let reference = reference();
    println!("undisturbed: {} runs in {:?}", reference.runs, reference.wall);
    assert!(reference.runs > 32, "the search takes more than one batch: {}", reference.runs);
    let old = [GRADE, MIDDLE].map(|text| text.as_bytes().to_vec());
    assert!((0..2).all(|at| reference.modules[at] != old[at]), "both files are changed");
    let mut numbers = Numbers(200);
    let (mut kills, mut kept, mut untouched, mut at_once, mut landing) = (0, 0, 0, 0, 0);
    for round in 0..rounds {
        println!("round {round} of {rounds}, after {:?}", began.elapsed());
        let setting = Setting::with_two_files();
        let before = setting.project.tree();
        // Every third is killed while it lands, the others at any moment.
        let whole = u64::try_from(reference.wall.as_millis()).expect("a short time");
        let mut moment = || {
            let after = Duration::from_millis(numbers.below(whole + whole / 8));
            (after, Duration::from_micros(numbers.below(4_000)))
        };
        let (after, later) = moment();
        cut_off(&setting, &CALL, (round % 3 != 0).then_some(after), later);
        kills += 1;
        // Now and then the one that takes it up is killed too.
        let mut again = round % 3;
        loop {
            let sessions = setting.sessions();
            let Some(session) = sessions.first() else {
                before.assert_untouched("a call that was killed before it began a session");
                untouched += 1;
                break;
            };
            assert_eq!(sessions.len(), 1, "round {round}");
            let (id, state) = (word(session, "id").to_owned(), word(session, "state").to_owned());
            if state == "ended" {
                assert_eq!((word(session, "status"), &session["applied"]), (&*reference.status, &Value::Bool(true)));
                assert_eq!(modules(&setting), reference.modules, "round {round}");
                assert!(
                    reference.has_as_many(number(session, "runs")),
                    "round {round}: no run is missing or doubled: {session}"
                );
                at_once += 1;
                break;
            }
            assert!(["interrupted", "unsettled"].contains(&&*state), "round {round}: {session}");
            landing += u64::from(state == "unsettled");
            let known = number(session, "runs");
            let now = modules(&setting);
            let is_whole = |at: usize| now[at] == reference.modules[at] || now[at] == old[at];
            assert!(is_whole(0) && is_whole(1), "round {round}: each file is whole, old or new");
            let told = story(&setting, &id);
            if again > 0 {
                again -= 1;
                let (after, later) = moment();
                cut_off(&setting, &["sessions", "resume", &id, "--json"], Some(after), later);
                kills += 1;
                let now = setting.sessions();
                assert!(number(&now[0], "runs") >= known, "round {round}: nothing acknowledged is lost");
                assert!(story(&setting, &id).starts_with(&told), "round {round}: nor changed");
                continue;
            }
            let ended = setting.airlock(&["sessions", "resume", &id, "--json"]).run();
            let document = ended.document();
            assert_eq!(word(&document, "status"), reference.status, "round {round}: {document} {}", ended.stderr);
            assert_eq!((word(&document, "session"), &document["applied"]), (&*id, &Value::Bool(true)), "{document}");
            assert!(!ended.stderr.contains("not all of this was kept"), "round {round}: {}", ended.stderr);
            assert_eq!(modules(&setting), reference.modules, "round {round}");
            let steps = story(&setting, &id);
            assert!(steps.starts_with(&told), "round {round}: what was told before is told again");
            let landed = ["wrote all of it", "found that all of it is written"];
            let landings = steps.iter().filter(|step| landed.contains(&word(step, "text"))).count();
            assert_eq!(landings, 1, "round {round}: it landed once");
            assert!(!has_temporary(&setting), "round {round}: something is left beside the files");
            let session = &setting.sessions()[0];
            assert_eq!(word(session, "state"), "ended", "round {round}");
            assert!(
                reference.has_as_many(number(session, "runs")),
                "round {round}: no run is missing or doubled: {session}"
            );
            if let Some(remembered) = document["remembered"].as_u64() {
                let unasked = known - remembered;
                assert!(
                    unasked <= 2 * BATCH,
                    "round {round}: what was finished is not run again: {remembered} of {known}"
                );
                kept += remembered;
            }
            break;
        }
    }
    println!(
        "{rounds} calls killed {kills} times: {untouched} before their session began, {landing} while they landed, \
         {at_once} had ended; {kept} finished runs were not made again, none was made twice"
    );
}

#[test]
fn a_search_that_ran_out_of_time_can_go_on() {
    let setting = Setting::without_end();
    let (document, _) = setting.airlock(&["fix", "--time-limit", "2"]).json();
    let id = word(&document, "session").to_owned();
    for round in 0..3 {
        let session = &setting.sessions()[0];
        assert_eq!((word(session, "state"), word(session, "status")), ("stopped", "not_fixed"), "{document}");
        assert_eq!((word(session, "id"), number(session, "resumed")), (&*id, round));
        let known = number(session, "runs");
        let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
        assert_eq!((&document["command"], word(&document, "session")), (&Value::from("sessions resume"), &*id));
        assert!(number(&document, "remembered") <= known, "{document}");
        assert!(number(&setting.sessions()[0], "runs") >= known, "nothing is forgotten");
    }
}

#[test]
fn another_package_in_the_environment_is_another_project() {
    let package = ".venv/lib/python3.12/site-packages/rates.py";
    let setting = Setting::new(&[
        (".venv/pyvenv.cfg", "version = 3.12.0\nhome = /usr/bin\n"),
        (package, "RATE = 7\n"),
        ("orbit.py", ORBIT),
        ("test_orbit.py", &format!("import rates\n{}", ORBIT_TEST.replace("- 7 *", "- rates.RATE *"))),
    ]);
    let harmless = "--- a/orbit.py\n+++ b/orbit.py\n@@ -1,2 +1,3 @@\n+# Turns.\n def orbit(turns):\n     total = 0\n";
    let reused = || {
        let (document, _) = setting.airlock(&["check", "--patch", "-"]).input(harmless).json();
        document["verdict"]["reused"].as_bool().unwrap_or_else(|| panic!("{document}"))
    };
    assert_eq!([reused(), reused()], [false, true]);
    let (document, _) = setting.airlock(&["fix", "--time-limit", "1"]).json();
    let id = word(&document, "session").to_owned();
    setting.project.write(package, "RATE = 8\n");
    assert!(!reused(), "the tests read the package");
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "session_stale", "{document}");
    assert!(word(&document["error"], "message").contains("packages of its environment have changed"), "{document}");
    setting.project.write(package, "RATE = 7\n");
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(word(&document, "status"), "not_fixed", "it is again what it was: {document}");
}

#[test]
fn ctrl_c_keeps_what_was_run() {
    let setting = Setting::without_end();
    let running = setting.airlock(&["fix", "--json"]).start();
    let known = wait_for_runs(&setting);
    let id = Pid::from_raw(i32::try_from(running.id()).expect("a number")).expect("not 0");
    kill_process(id, Signal::INT).expect("it is there");
    let ended = running.wait();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let session = &setting.sessions()[0];
    assert!(["stopped", "interrupted"].contains(&word(session, "state")), "{session}");
    assert!(number(session, "runs") >= known);
}

/// Waits until a session has finished runs, and gives how many.
fn wait_for_runs(setting: &Setting) -> u64 {
    let started = Instant::now();
    loop {
        if let Some(runs) = setting.sessions().first().map(|session| number(session, "runs")).filter(|runs| *runs > 0) {
            return runs;
        }
        assert!(started.elapsed() < Duration::from_secs(300), "the search does not begin");
    }
}

#[test]
fn a_session_at_work_is_not_taken_up_and_another_project_state_is_refused() {
    let setting = Setting::without_end();
    let running = setting.airlock(&["fix", "--json"]).start();
    wait_for_runs(&setting);
    let session = setting.sessions()[0].clone();
    let id = word(&session, "id").to_owned();
    assert_eq!(word(&session, "state"), "running");
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "session_busy", "{document}");
    assert!(document["error"]["message"].to_string().contains(&running.id().to_string()), "{document}");
    kill(&running);
    running.wait();
    assert_eq!(word(&setting.sessions()[0], "state"), "interrupted");

    // What was found out says nothing of other files, or of other limits.
    setting.project.write("orbit.py", format!("{ORBIT}\n# and more\n"));
    setting.project.write("more.py", "");
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "session_stale", "{document}");
    let message = word(&document["error"], "message");
    assert!(message.ends_with("files have changed since: orbit.py is different, more.py is new"), "{message}");
    setting.project.write("orbit.py", ORBIT);
    fs::remove_file(setting.project.join("more.py")).expect("removed");
    setting.project.write("airlock.toml", "memory_mb = 512\n");
    let (document, _) = setting.airlock(&["sessions", "resume", &id]).json();
    assert_eq!(code(&document), "session_stale", "{document}");
    assert!(document["error"]["message"].to_string().contains("memory_mb"), "{document}");
}
