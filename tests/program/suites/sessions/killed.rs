//! `fix --apply`, killed at any moment: nothing that was run is run again, nothing lands twice or half.

use std::fs;
use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Ended, Running};
use airlock_program_tests::long;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{BUGS, Numbers, ORBIT, Setting, code, number, word};

const CALL: [&str; 4] = ["fix", "--apply", "--partial", "--json"];

/// What came of a call that nobody disturbed.
struct Reference {
    status: String,
    module: Vec<u8>,
    runs: u64,
    wall: Duration,
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
    Setting::with_bugs().airlock(&["fix"]).json();
    let setting = Setting::with_bugs();
    let started = Instant::now();
    let (document, _) = setting.airlock(&CALL[..3]).json();
    assert_eq!(document["applied"], true, "{document}");
    Reference {
        status: word(&document, "status").to_owned(),
        module: setting.project.read("bugs.py"),
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
    let mut numbers = Numbers(200);
    let (mut kills, mut kept, mut untouched, mut at_once, mut landing) = (0, 0, 0, 0, 0);
    for round in 0..rounds {
        println!("round {round} of {rounds}, after {:?}", began.elapsed());
        let setting = Setting::with_bugs();
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
                assert_eq!(setting.project.read("bugs.py"), reference.module, "round {round}");
                assert_eq!(number(session, "runs"), reference.runs, "round {round}: no run is missing or doubled");
                at_once += 1;
                break;
            }
            assert!(["interrupted", "unsettled"].contains(&&*state), "round {round}: {session}");
            landing += u64::from(state == "unsettled");
            let known = number(session, "runs");
            let module = setting.project.read("bugs.py");
            let known_module = module == reference.module || module == BUGS.as_bytes();
            assert!(known_module, "round {round}: the file is whole, old or new");
            if again > 0 {
                again -= 1;
                let (after, later) = moment();
                cut_off(&setting, &["sessions", "resume", &id, "--json"], Some(after), later);
                kills += 1;
                let now = setting.sessions();
                assert!(number(&now[0], "runs") >= known, "round {round}: nothing acknowledged is lost");
                continue;
            }
            let ended = setting.airlock(&["sessions", "resume", &id, "--json"]).run();
            let document = ended.document();
            assert_eq!(word(&document, "status"), reference.status, "round {round}: {document} {}", ended.stderr);
            assert_eq!((word(&document, "session"), &document["applied"]), (&*id, &Value::Bool(true)), "{document}");
            assert!(!ended.stderr.contains("not all of this was kept"), "round {round}: {}", ended.stderr);
            assert_eq!(setting.project.read("bugs.py"), reference.module, "round {round}");
            assert!(!has_temporary(&setting), "round {round}: something is left beside the files");
            let session = &setting.sessions()[0];
            assert_eq!(word(session, "state"), "ended", "round {round}");
            assert_eq!(number(session, "runs"), reference.runs, "round {round}: no run is missing or doubled");
            if let Some(remembered) = document["remembered"].as_u64() {
                assert_eq!(remembered, known, "round {round}: what was finished is not run again");
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
