//! The guest that runs the tests is missing: that is said, nothing is fetched unasked, and an action has it installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup};
use airlock_program_tests::linked_cache;
use serde_json::{Value, json};

const INSTALL: &str = "Airlock: install the Python guest";

/// A `python3` that notes that it was called, and has no network.
fn python() -> Project {
    let programs = Project::new(&[(
        "python3",
        "#!/bin/sh\necho \"$*\" >>\"$0.calls\"\necho 'Temporary failure in name resolution' >&2\nexit 1\n",
    )]);
    fs::set_permissions(programs.join("python3"), fs::Permissions::from_mode(0o755)).expect("set");
    programs
}

fn action(client: &mut Client, document: &str, line: u64) -> Value {
    let actions = client.actions(document, line);
    actions.iter().find(|action| action["title"] == INSTALL).unwrap_or_else(|| panic!("{actions:?}")).clone()
}

#[test]
fn a_missing_guest_is_said_and_installed_at_the_users_word_alone() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("it.py", "def f():\n    return 2\n"),
        ("test_it.py", "from it import f\n\n\ndef test_it():\n    assert f() == 1\n"),
    ]);
    let (cache, programs) = (linked_cache(), python());
    let (there, aside) = (cache.join("airlock/guests"), cache.join("airlock/aside"));
    fs::rename(&there, &aside).expect("moved");
    let environment = [("XDG_CACHE_HOME", cache.path().as_os_str()), ("PATH", programs.path().as_os_str())];
    let mut client =
        Client::begin(&Setup { folders: &[project.path()], environment: &environment, ..Setup::default() });
    let tests = client.open(&project.join("test_it.py"));
    let module = client.open(&project.join("it.py"));
    client.wait("it greets", |client| client.messages.iter().any(|text| text.contains("This is said once")));
    assert!(client.messages.concat().contains("airlock.installGuest"), "{:?}", client.messages);
    assert!(client.shown.is_empty() && client.actions(&tests, 0).is_empty(), "nobody wanted to run a test yet");

    client.save(&module);
    client.wait("it is said", |client| client.messages.iter().any(|text| text.contains("guest is missing")));
    client.wait("it is shown", |client| client.shown.get(&tests).is_some_and(|found| !found.is_empty()));
    let found = client.shown[&tests][0].clone();
    assert_eq!((&found["code"], &found["severity"]), (&json!("guest_missing"), &json!(4)), "{found}");
    let text = found["message"].as_str().expect("a text");
    assert!(text.contains(INSTALL) && text.contains(" MB "), "{text}");
    let bound = action(&mut client, &tests, 0);
    assert_eq!((&bound["kind"], &bound["diagnostics"]), (&json!("quickfix"), &json!([found])));
    assert_eq!(action(&mut client, &module, 1)["kind"], "refactor.rewrite");
    let calls = programs.join("python3.calls");
    assert!(!calls.exists(), "something was fetched unasked");

    // The user's word, without a network: it is said, and nothing is worse.
    client.pick(&[bound], INSTALL);
    client.wait("it fails", |client| client.messages.last().is_some_and(|text| text.contains("name resolution")));
    assert!(fs::read_to_string(&calls).expect("called").contains("pip download"));
    assert!(client.reported.iter().any(|text| text.contains("downloading the guest")), "{:?}", client.reported);
    let again = action(&mut client, &tests, 0);

    // With one: what was to be run is run by itself.
    fs::rename(&aside, &there).expect("moved back");
    client.pick(&[again], INSTALL);
    client.wait("the test fails", |client| {
        client.shown.get(&tests).is_some_and(|found| found.len() == 1 && found[0]["code"] == "test_failed")
    });
    assert!(client.messages.iter().any(|text| text.contains("is installed")), "{:?}", client.messages);
    assert!(client.progress.values().all(|seen| seen.last().is_none_or(|last| last == "end")), "{:?}", client.progress);
    assert!(!client.actions(&tests, 0).iter().any(|action| action["title"] == INSTALL));
    client.end();
}

/// Neovim and Helix show a message on the last line of the terminal.
#[test]
fn messages_are_short_where_an_editor_has_one_line_for_them() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.airlock]\ntest_seconds = 'many'\n"),
        ("test_it.py", "def test_it():\n    assert True\n"),
    ]);
    let mut client = Client::begin(&Setup { folders: &[project.path()], name: Some("Neovim"), ..Setup::default() });
    client.open(&project.join("test_it.py"));
    client.wait("it greets", |client| client.said.iter().any(|text| text.contains("This is said once")));
    client.command("airlock.checkTests", json!([]));
    client.wait("it is said", |client| client.messages.len() == 2);
    let [greeting, error] = &client.messages[..] else { panic!("{:?}", client.messages) };
    assert!(greeting.chars().count() <= 76 && greeting.contains("off: airlock.checkOnSave"), "{greeting}");
    assert!(error.chars().count() <= 160 && error.contains("test_seconds") && !error.contains('\n'), "{error}");
    client.end();
}
