//! Changes that create and delete files: the editor has its part, the program the rest, and it is all or nothing.

use std::fs;

use airlock_core::hash::ContentHash;
use airlock_core::proposal::{FileState, Proposal};
use airlock_core::report::Counts;
use airlock_core::session::{BaseJudged, ChangedFile, Event, FileRef, Judged, Opened, Proposed, TargetGroup, Task};
use airlock_core::verdict::{Decision, Findings};
use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, uri};
use airlock_store::{DataFolder, Options};

const MODULE: &str = "def f():\n    return 2\n";
const MENDED: &str = "from new import VALUE\n\n\ndef f():\n    return VALUE\n";
const NEW: &str = "VALUE = 1\n";
const OLD: &str = "VALUE = 2\n";

fn findings() -> Findings {
    Findings {
        before: Counts::default(),
        after: Counts::default(),
        fixed: Vec::new(),
        still_failing: Vec::new(),
        failing_before: Vec::new(),
        broken: Vec::new(),
        gone: Vec::new(),
        skipped: Vec::new(),
        added: Vec::new(),
        not_testable: Vec::new(),
        newly_not_testable: Vec::new(),
        uncovered: Vec::new(),
        protected: Vec::new(),
        limits: Vec::new(),
        notes: Vec::new(),
        command: String::new(),
        reused: false,
        decision: Decision::Verified,
        reasons: Vec::new(),
    }
}

/// A session whose proposal waits: one file changes, two come, one goes.
fn waiting(project: &Project, data: &Project) {
    let state = |text: &str| Some(FileState::new(text.as_bytes(), false));
    let files = [
        ("it.py", state(MODULE), state(MENDED)),
        ("new.py", None, state(NEW)),
        ("more/deep.txt", None, state("deep\n")),
        ("old.py", state(OLD), None),
    ];
    let files = files.map(|(path, base, new)| (path.parse().expect("a path"), base, new));
    let proposal = Proposal::new("it is better so", files).expect("a proposal");
    let folder = DataFolder::at(data.join("airlock")).expect("a folder");
    let place = folder.place(&project.path().canonicalize().expect("there")).expect("a place");
    let store = airlock_store::open(&place, Options::default()).expect("opens").store;
    let opened = Opened {
        task: Task::Fix,
        arguments: ["fix", "--test", "test_it.py::test_it"].map(str::to_owned).to_vec(),
        folder: String::new(),
        apply: false,
        partial: false,
        settings: Default::default(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        guest: "python".to_owned(),
    };
    let mut writer = store.begin(opened).expect("begun");
    let mut write = |event: Event, contents: Vec<Vec<u8>>| {
        writer.append(event, contents).and_then(|ticket| ticket.wait()).expect("written");
    };
    let group = TargetGroup { fingerprint: None, tests: vec!["test_it.py::test_it".to_owned()] };
    let base = BaseJudged {
        base: ContentHash::of(b"base"),
        counts: Counts::default(),
        groups: vec![group],
        python: String::new(),
        runner: String::new(),
        files: None,
    };
    write(base.into(), Vec::new());
    let named = |state: Option<&FileState>| state.map(|state| FileRef { hash: state.hash(), executable: false });
    let changed = proposal.files().map(|(path, change)| ChangedFile {
        path: path.clone(),
        before: named(change.base()),
        after: named(change.new_state()),
    });
    let diff = proposal.diff();
    let proposed = Proposed {
        proposal: proposal.hash(),
        reason: proposal.reason().to_owned(),
        files: changed.collect(),
        diff: ContentHash::of(&diff),
    };
    let states = proposal.files().flat_map(|(_, change)| [change.base(), change.new_state()]).flatten();
    let contents = states.map(|state| state.bytes().to_vec()).chain([diff]).collect();
    write(proposed.into(), contents);
    let whole = serde_json::to_vec(&findings()).expect("plain");
    let judged = Judged {
        proposal: proposal.hash(),
        decision: Decision::Verified,
        before: Counts::default(),
        after: Counts::default(),
        fixed: vec!["test_it.py::test_it".to_owned()],
        still_failing: Vec::new(),
        broken: Vec::new(),
        reasons: Vec::new(),
        command: String::new(),
        verdict: ContentHash::of(&whole),
    };
    write(judged.into(), vec![whole]);
}

/// A client with a proposal that waits, and the files that change or go open.
fn client(project: &Project, data: &Project) -> (Client, String) {
    waiting(project, data);
    let mut client = Client::start_with_data(project.path(), data.path());
    let module = client.open(&project.join("it.py"));
    let old = client.open(&project.join("old.py"));
    client.wait("it is offered", |client| {
        [&module, &old].iter().all(|file| client.shown.get(*file).is_some_and(|found| !found.is_empty()))
    });
    (client, module)
}

fn project() -> Project {
    let test = "import importlib.util\n\nfrom it import f\n\n\ndef test_it():\n    assert f() == 1\n    assert importlib.util.find_spec('old') is None\n";
    Project::new(&[
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("it.py", MODULE),
        ("old.py", OLD),
        ("test_it.py", test),
    ])
}

#[test]
fn files_come_and_go_with_the_editors_part_and_back() {
    let (project, data) = (project(), Project::empty());
    let (mut client, module) = client(&project, &data);
    let gone = uri(&project.join("old.py"));
    assert!(!client.shown.contains_key(&uri(&project.join("new.py"))), "a file that is not there has no lines");
    assert!(client.command("airlock.accept", serde_json::json!([]))["result"].is_string());
    client.wait("it lands", |client| client.messages.iter().any(|text| text.contains("applied")));
    assert_eq!(client.documents[&module].1, MENDED);
    assert_eq!(project.read("it.py"), MODULE.as_bytes(), "what is open is the editor's to save");
    assert_eq!((project.read("new.py"), project.read("more/deep.txt")), (NEW.into(), b"deep\n".to_vec()));
    assert!(!project.join("old.py").exists());
    // With all of it the test passes; what the editor still shows of the file that is gone counts for nothing.
    client.wait("it passes", |client| client.said.iter().any(|text| text.contains("1 passed, 0 failed")));
    assert!(client.documents.contains_key(&gone));

    assert!(client.command("airlock.undo", serde_json::json!([]))["result"].is_string());
    client.wait("it is taken back", |client| client.messages.iter().any(|text| text.contains("is taken back")));
    assert_eq!(client.documents[&module].1, MODULE);
    assert_eq!(project.read("old.py"), OLD.as_bytes());
    assert!(!project.join("new.py").exists() && !project.join("more/deep.txt").exists());
    assert_eq!(client.end(), 0);
}

#[test]
fn what_cannot_come_or_go_keeps_the_editors_part_out() {
    type Hinder = fn(&Project, &mut Client);
    let hinders: [(Hinder, &str); 5] = [
        (|project, _| project.write("new.py", "# mine\n"), "new.py"),
        (|project, _| fs::create_dir(project.join("new.py")).expect("made"), "new.py"),
        (|project, _| project.write("New.py", "# mine\n"), "New.py"),
        (|project, client| client.replace(&uri(&project.join("old.py")), "VALUE = 3\n"), "old.py"),
        (|project, _| std::os::unix::fs::symlink("/tmp", project.join("more")).expect("linked"), "more/deep.txt"),
    ];
    for (hinder, named) in hinders {
        let (project, data) = (project(), Project::empty());
        let (mut client, module) = client(&project, &data);
        hinder(&project, &mut client);
        let before = project.tree();
        let answer = client.command("airlock.accept", serde_json::json!([]));
        let why = match answer["error"]["message"].as_str() {
            Some(why) => why.to_owned(),
            None => {
                client.wait("it is said", |client| {
                    client.messages.iter().any(|text| text.contains("nothing was changed"))
                });
                client.messages.concat()
            }
        };
        assert!(why.contains(named), "{named}: {why}");
        assert_eq!(client.documents[&module].1, MODULE, "{named}");
        before.assert_untouched(named);
        // It waits on.
        assert!(client.command("airlock.reject", serde_json::json!([]))["result"].is_string(), "{named}");
        client.end();
    }
}
