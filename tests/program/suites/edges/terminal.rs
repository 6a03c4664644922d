//! Documents, exit codes, help, colours, width: what scripts and terminals rely on.

use std::process::{Command, Stdio};

use airlock_program_tests::calls::{Project, airlock};
use airlock_program_tests::{cache, data, program, repository};

use crate::support::{code, outcomes, word};

const COMMANDS: [&[&str]; 8] =
    [&[], &["check"], &["fix"], &["guest"], &["guest", "install"], &["guest", "remove"], &["doctor"], &["config"]];

/// Columns of the narrowest terminal there is.
const COLUMNS: usize = 80;

fn sound() -> Project {
    Project::new(&[("test_it.py", "def test_it():\n    assert 1 + 1 == 2\n")])
}

/// One document on stdout, of this status and error code; the exit code follows by the table, in `Ended::document`.
fn check(project: &Project, arguments: &[&str], command: &str, status: &str, error: &str) {
    let before = project.tree();
    let (document, _) = project.airlock(arguments).json();
    assert_eq!((word(&document, "command"), word(&document, "status")), (command, status), "{arguments:?}: {document}");
    assert_eq!(code(&document), error, "{arguments:?}: {document}");
    before.assert_untouched(&format!("airlock {arguments:?}"));
}

#[test]
fn every_command_ends_with_one_document_and_its_exit_code() {
    let project = sound();
    project.write("test_red.py", "def test_red():\n    assert 0\n");
    project.write("good.patch", "--- a/new.py\n+++ b/new.py\n@@ -0,0 +1 @@\n+X = 1\n");
    check(&project, &["check", "test_it.py"], "check", "passed", "");
    check(&project, &["check"], "check", "failed", "");
    check(&project, &["check", "test_it.py::test_it"], "check", "passed", "");
    check(&project, &["check", "--test", "test_red.py::test_red"], "check", "failed", "");
    check(&project, &["check", "--test", "test_it.py::test_other"], "check", "error", "test_not_found");
    check(&project, &["check", "nowhere"], "check", "error", "path_not_found");
    check(&project, &["check", "--patch", "good.patch", "test_it.py"], "check", "no_regression", "");
    check(&project, &["check", "--patch", "no.patch"], "check", "error", "path_not_found");
    check(&project, &["fix", "test_it.py"], "fix", "nothing_to_fix", "");
    check(&project, &["fix", "test_red.py", "--time-limit", "20"], "fix", "not_fixed", "");
    check(&project, &["doctor"], "doctor", "ok", "");
    check(&project, &["config"], "config", "ok", "");
    check(&project, &["guest", "list"], "guest list", "ok", "");
    check(&project, &["guest", "install", "python"], "guest install", "ok", "");
    check(&project, &["guest", "install", "cobol"], "guest install", "error", "guest_unknown");
    check(&project, &["guest", "remove", "cobol"], "guest remove", "error", "guest_unknown");
    check(&project, &["--help"], "airlock", "ok", "");
    check(&project, &["--version"], "airlock", "ok", "");
}

#[test]
fn wrong_use_is_an_error_with_a_document() {
    let project = sound();
    for (arguments, command) in [
        (&["--no-such-option"][..], "airlock"),
        (&["chekc"], "airlock"),
        (&["check", "--no-such-option"], "check"),
        (&["check", "--patch"], "check"),
        (&["check", "--apply"], "check"),
        (&["fix", "--partial"], "fix"),
        (&["guest", "install", "--wrong"], "guest install"),
        (&["guest"], "airlock"),
        (&[], "airlock"),
    ] {
        check(&project, arguments, command, "error", "usage");
        let ended = project.airlock(arguments).run();
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}: wrong use is told on stderr");
        assert!(!ended.stderr.is_empty(), "{arguments:?}: nothing is told");
    }
    for arguments in [&["fix", "--time-limit", "soon"][..], &["fix", "--seed", "-1"], &["check", "--jobs", "0"]] {
        let (document, exit) = project.airlock(arguments).json();
        assert_eq!(exit, 2, "{arguments:?}: {document}");
    }
}

#[test]
fn an_unknown_setting_names_the_nearest_known_one() {
    let project = sound();
    project.write("airlock.toml", "theads = \"refuse\"\n");
    let (document, _) = project.airlock(&["check"]).json();
    assert_eq!(code(&document), "config_invalid");
    let error = document["error"].to_string();
    assert!(error.contains("theads") && error.contains("threads"), "{error}");
}

#[test]
fn a_named_test_that_cannot_run_makes_the_check_not_testable() {
    let project = Project::new(&[(
        "test_it.py",
        "import subprocess\n\n\ndef test_one():\n    pass\n\n\ndef test_two():\n    subprocess.run(['true'], check=True)\n",
    )]);
    let (document, exit) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
    assert_eq!(outcomes(&document), [("test_it.py::test_one", "passed"), ("test_it.py::test_two", "not_testable")]);
    let (document, exit) = project.airlock(&["check", "--test", "test_it.py::test_two"]).json();
    assert_eq!((word(&document, "status"), exit), ("not_testable", 3), "{document}");
}

#[test]
fn help_has_an_example_and_fits() {
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let ended = airlock(&arguments).run();
        assert_eq!(ended.code, 0, "{arguments:?}");
        assert!(ended.stdout.contains("Example") || *command == ["guest"], "{arguments:?} has no example");
        assert_narrow(&ended.stdout, &arguments);
    }
}

#[test]
fn what_is_printed_fits_the_narrowest_terminal() {
    let kinds = Project::copy_of(&repository().join("fixtures/kinds"));
    let shop = Project::copy_of(&repository().join("fixtures/shop"));
    for project in [&kinds, &shop] {
        for arguments in [&["check"][..], &["doctor"], &["config"], &["check", "--test", "no::such"]] {
            let ended = project.airlock(arguments).run();
            assert_narrow(&ended.stdout, arguments);
            assert_narrow(&ended.stderr, arguments);
            assert!(
                !ended.stdout.contains('\x1b') && !ended.stderr.contains('\x1b'),
                "{arguments:?}: colours in a pipe"
            );
        }
        let doctor = project.airlock(&["doctor"]).run().stdout;
        assert!(doctor.lines().count() <= 20, "more than 20 lines:\n{doctor}");
    }
}

/// No line is wider than the narrowest terminal, but for one that is a single word: an id or a path is not torn apart.
fn assert_narrow(text: &str, what: &[&str]) {
    for line in text.lines() {
        let wide = line.chars().count() > COLUMNS;
        let words = line.split_whitespace().filter(|word| !matches!(*word, "FAILED" | "ERROR" | "error:")).count();
        assert!(!wide || words == 1, "{what:?}: {} columns: {line}", line.chars().count());
    }
}

/// What a call prints on a terminal.
fn on_a_terminal(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let done = Command::new("python3")
        .args(["-c", script])
        .arg(program())
        .args(arguments)
        .current_dir(project.path())
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("XDG_CACHE_HOME", cache())
        .env("XDG_DATA_HOME", data())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("python3 can be started");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn colours_are_for_terminals_and_for_who_wants_them() {
    let project = Project::copy_of(&repository().join("fixtures/shop"));
    let coloured = |text: &str| text.contains("\x1b[3") || text.contains("\x1b[1");
    let terminal = on_a_terminal(&project, &["check"], &[]);
    assert!(coloured(&terminal), "no colour on a terminal:\n{terminal}");
    let plain = on_a_terminal(&project, &["check"], &[("NO_COLOR", "1")]);
    assert!(!coloured(&plain), "NO_COLOR is not honoured:\n{plain}");
    let asked = project.airlock(&["check", "--color", "always"]).run();
    assert!(coloured(&asked.stdout), "{}", asked.stdout);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let project = Project::copy_of(&repository().join("fixtures/kinds"));
    for arguments in [&["check"][..], &["check", "--json"], &["config"], &["--help"], &["doctor"], &["check", "--help"]]
    {
        let mut child = project.airlock(arguments).command().spawn().expect("the program starts");
        // The reader goes before anything is written.
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("it can be waited for");
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(!told.contains("panicked") && !told.to_lowercase().contains("broken pipe"), "{arguments:?}: {told}");
        assert!(done.status.code().is_some_and(|code| code != 101), "{arguments:?}: {}", done.status);
    }
}

#[test]
fn the_schema_of_configuration_files_is_given() {
    let ended = airlock(["config", "--schema"]).run();
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).expect("the schema is JSON");
    assert!(schema["$schema"].is_string() && schema["properties"].is_object(), "{schema}");
}
