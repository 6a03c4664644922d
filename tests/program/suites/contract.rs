//! What programs and people can rely on: one document, exit codes, no colours where nobody sees them, quick ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use airlock_program_tests::{Answer, airlock, fixture, json, program, text};
use tempfile::TempDir;

#[test]
fn every_command_prints_one_document_with_its_status_and_code() {
    let (_folder, project) = fixture("shop");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["check"], 1, "failed"),
        (&["check", "tests/test_money.py"], 0, "passed"),
        (&["config"], 0, "ok"),
        (&["doctor"], 0, "ok"),
        (&["guest", "list"], 0, "ok"),
        (&["check", "nowhere"], 2, "error"),
        (&["check", "--test", "tests/test_money.py::test_nothing"], 2, "error"),
        (&["guest", "install", "cobol"], 2, "error"),
        (&["check", "--no-such-option"], 2, "error"),
        (&["fix", "tests/test_money.py"], 0, "nothing_to_fix"),
    ];
    for (args, code, status) in cases {
        let answer = json(&project, args);
        assert_eq!((answer.code, answer.status()), (*code, *status), "{args:?}: {}", answer.document);
        assert_eq!(answer.document["version"], 1, "{args:?}");
        assert!(answer.document["wall_ms"].is_number(), "{args:?}");
        assert!(answer.document["command"].is_string(), "{args:?}");
        let error = &answer.document["error"];
        if *status == "error" {
            assert!(error["code"].is_string() && error["message"].is_string(), "{args:?}: {}", answer.document);
        } else {
            assert!(error.is_null(), "{args:?}: {}", answer.document);
        }
    }
}

#[test]
fn a_name_that_nothing_has_is_told_the_nearest() {
    let (_folder, project) = fixture("shop");
    let answer = json(&project, &["check", "--test", "tests/test_discounts.py::test_discount_starts_at_its_treshold"]);
    assert_eq!(answer.document["error"]["code"], "test_not_found");
    assert!(answer.document.to_string().contains("test_discount_starts_at_its_threshold"), "{}", answer.document);
}

#[test]
fn without_a_terminal_there_are_no_colours_and_no_line_is_wider_than_80_columns() {
    let (_folder, project) = fixture("shop");
    for args in [&["check"][..], &["fix"], &["doctor"], &["config"], &["--help"], &["fix", "--help"]] {
        let output = airlock(&project).args(args).output().expect("the program runs");
        for stream in [text(&output.stdout), text(&output.stderr)] {
            assert!(!stream.contains('\u{1b}'), "{args:?}: {stream}");
            // Lines of a diff are shown whole.
            let wide = |line: &&str| line.chars().count() > 80 && !line.starts_with([' ', '+', '-']);
            assert_eq!(stream.lines().find(wide), None, "{args:?}");
        }
    }
}

#[test]
fn doctor_needs_no_more_than_twenty_lines() {
    for name in ["shop", "kinds"] {
        let (_folder, project) = fixture(name);
        let output = airlock(&project).arg("doctor").output().expect("the program runs");
        let lines = text(&output.stdout).lines().count();
        assert!((1..=20).contains(&lines), "{name}: {lines} lines");
    }
}

#[test]
fn a_missing_guest_is_an_error_that_names_the_command() {
    let (_folder, project) = fixture("shop");
    let empty = TempDir::new().expect("a folder");
    let output = airlock(&project)
        .args(["check", "--json"])
        .env("XDG_CACHE_HOME", empty.path())
        .output()
        .expect("the program runs");
    let answer = Answer::of(&output);
    assert_eq!((answer.code, answer.document["error"]["code"].as_str()), (2, Some("guest_missing")));
    assert!(answer.document["error"].to_string().contains("airlock guest install python"), "{}", answer.document);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (_folder, project) = fixture("kinds");
    let mut child =
        airlock(&project).arg("check").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(child.wait().expect("ended").code().is_some(), "killed by a signal");
    assert!(!said.contains("panic") && !said.contains("Broken pipe"), "{said}");
}

#[test]
fn ctrl_c_ends_within_a_second_as_cancelled() {
    let (_folder, project) = fixture("bad/endless_loop");
    let child = airlock(&project)
        .args(["check", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // The worker has started a guest once it uses the processor in earnest.
    let pid = child.id();
    let busy = || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        let worker = children.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).next()?;
        let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).ok()?;
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
        (ticks > 40).then_some(())
    };
    let started = Instant::now();
    while busy().is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "the endless test never started");
        std::thread::yield_now();
    }
    let told = Instant::now();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid"),
        rustix::process::Signal::INT,
    )
    .expect("told");
    let output = child.wait_with_output().expect("ended");
    let took = told.elapsed();
    let answer = Answer::of(&output);
    assert_eq!((answer.code, answer.status()), (130, "cancelled"));
    // The promise is one second; the rest is for a loaded machine.
    assert!(took < Duration::from_secs(3), "took {took:?}");
}

#[test]
fn the_worker_ends_with_its_parent() {
    let mut child = Command::new(program())
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    drop(child.stdin.take());
    let mut rest = Vec::new();
    BufReader::new(child.stdout.take().expect("piped")).read_until(0, &mut rest).expect("read to its end");
    assert!(child.wait().expect("ended").success());
}
