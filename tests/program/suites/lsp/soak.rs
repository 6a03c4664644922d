//! A long day: typing, actions, saves with runs of the tests, again and again, and nothing grows.

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::Client;
use airlock_program_tests::long;
use serde_json::json;

/// Saves, each with a run of the tests and twenty changes before it.
const SAVES: usize = 40;
const LONG_SAVES: usize = 2_000;

/// What a process holds: private memory in MiB, descriptors, threads.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory: u64,
    descriptors: usize,
    threads: usize,
}

fn held(pid: u32) -> Held {
    let count = |folder: &str| std::fs::read_dir(format!("/proc/{pid}/{folder}")).expect("Linux tells").count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a line");
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    Held { memory: kilobytes >> 10, descriptors: count("fd"), threads: count("task") }
}

#[test]
fn nothing_grows_over_a_long_day() {
    let saves = if long() { LONG_SAVES } else { SAVES };
    let project = Project::new(&[
        ("it.py", "def f():\n    return 1\n"),
        ("test_it.py", "from it import f\n\n\ndef test_it():\n    assert f() == 1\n"),
    ]);
    let mut client = Client::start(project.path(), json!({}));
    let module = client.open(&project.join("it.py"));
    let tests = client.open(&project.join("test_it.py"));
    let mut before = None;
    for number in 0..saves {
        for change in 0..20 {
            client.replace(&module, &format!("def f():\n    return {}  # {change}\n", number % 2));
            client.actions(&module, 1);
        }
        client.save(&module);
        client.wait("it is fresh", |client| {
            client.shown.get(&tests).is_some_and(|found| found.is_empty() == (number % 2 == 1))
        });
        // Its session is over, too, once the next request is answered.
        client.lenses(&tests);
        if number == saves / 2 {
            before = Some(held(client.pid()));
        }
    }
    let (before, after) = (before.expect("measured"), held(client.pid()));
    println!("{saves} saves: {before:?}, then {after:?}");
    assert!(after.memory <= before.memory + 8, "{before:?}, then {after:?}");
    // One run may be ending still.
    assert!(
        after.descriptors <= before.descriptors + 8 && after.threads <= before.threads + 4,
        "{before:?}, then {after:?}"
    );
    assert_eq!(client.end(), 0);
}
