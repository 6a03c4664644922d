//! A process that writes sessions, for tests that kill it and for races; and the maker of golden databases.
//!
//! ```text
//! store-writer write DATA WORKSPACE new|ID COUNT     one session, an event at a time; says when each is acknowledged
//! store-writer race DATA WORKSPACE SESSIONS COUNT    many sessions, each of many events
//! store-writer golden FOLDER                         a database with an event of every kind, and its events as JSON
//! ```

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;
use airlock_core::report::Counts;
use airlock_core::session::*;
use airlock_core::status::Status;
use airlock_core::verdict::Decision;
use airlock_store::{DataFolder, Options, SCHEMA_VERSION, Store, Writer, open};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", data, workspace, id, count] => write(&store(data, workspace)?, id, count.parse()?),
        ["race", data, workspace, sessions, count] => race(data, workspace, sessions.parse()?, count.parse()?),
        ["golden", folder] => golden(Path::new(folder)),
        _ => Err("see the head of this program's source".into()),
    }
}

fn store(data: &str, workspace: &str) -> Outcome<Store> {
    let place = DataFolder::at(PathBuf::from(data))?.place(Path::new(workspace))?;
    let opened = open(&place, Options::default())?;
    match opened.put_aside {
        Some(why) => Err(why.into()),
        None => Ok(opened.store),
    }
}

fn say(line: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

fn write(store: &Store, id: &str, count: u64) -> Outcome<()> {
    let mut writer = if id == "new" { store.begin(opened())? } else { store.take_up(id)?.0 };
    say(&format!("session {}", writer.id()))?;
    if writer.session().count() > 1 {
        writer.append(Resumed { program: "test".into() }, vec![])?.wait()?;
    }
    writer.append(base(), vec![])?.wait()?;
    for _ in 0..count {
        // Two on their way at once, as a search has them.
        let number = writer.session().count();
        let first = writer.append(tried(number), vec![])?;
        let second = writer.append(tried(number + 1), vec![])?;
        first.wait()?;
        say(&format!("acknowledged {number}"))?;
        second.wait()?;
        say(&format!("acknowledged {}", number + 1))?;
    }
    Ok(())
}

fn race(data: &str, workspace: &str, sessions: u64, count: u64) -> Outcome<()> {
    for _ in 0..sessions {
        // Opened each time, so that opening races too.
        let store = store(data, workspace)?;
        let mut writer = store.begin(opened())?;
        writer.append(base(), vec![])?.wait()?;
        for _ in 0..count {
            let number = writer.session().count();
            writer.append(tried(number), vec![])?.wait()?;
        }
        writer.append(Ended { status: Status::NotFixed, reason: None, open: false }, vec![])?.wait()?;
        store.keep_report(ContentHash::of(b"key"), writer.id().as_bytes().to_vec())?;
        say(writer.id())?;
    }
    Ok(())
}

fn opened() -> Opened {
    Opened {
        task: Task::Fix,
        arguments: vec!["tests".into()],
        folder: String::new(),
        apply: true,
        partial: false,
        settings: [("search.seed".to_owned(), "0".to_owned())].into(),
        program: "test".into(),
        guest: "3.15".into(),
    }
}

fn base() -> BaseJudged {
    let tests = vec!["tests/test_a.py::test_a".to_owned()];
    BaseJudged {
        base: ContentHash::of(b"base"),
        counts: Counts { passed: 3, failed: 1, ..Counts::default() },
        groups: vec![TargetGroup { fingerprint: Some("f1".into()), tests }],
        python: "3.15.0".into(),
        runner: "9.0.2".into(),
        files: None,
    }
}

fn tried(number: u64) -> Tried {
    let screened = Screened { ran: true, passed: vec![], ended: RunEnd::Limit("memory: 1024 MiB".into()) };
    let key = ContentHash::of(&number.to_le_bytes());
    let best =
        Best { path: "src/a.py".into(), line: 3, why: "adds 1".into(), passing: 0, targets: 1, confirmed: false };
    Tried {
        results: vec![RunResult { key, outcome: airlock_core::session::Outcome::Screened(screened) }],
        cursor: Some(Cursor { group: 0, groups: 1, tried: number, known: 100, best: Some(best) }),
    }
}

/// Every kind of event, in an order that may be.
fn story(writer: &mut Writer) -> Outcome<()> {
    let (before, after, diff, verdict) = ("a = 1\n", "a = 2\n", "a diff\n", "{}");
    let state = |text: &str| Some(FileRef { hash: ContentHash::of(text.as_bytes()), executable: false });
    let files = vec![ChangedFile { path: "src/a.py".parse()?, before: state(before), after: state(after) }];
    let proposal = ContentHash::of(b"proposal");
    let confirmed = Confirmed {
        fixed: vec!["tests/test_a.py::test_a".into()],
        broken: vec![],
        gone: vec![],
        skipped: vec![],
        newly_not_testable: vec![],
        ended: RunEnd::Finished,
    };
    let confirmed =
        RunResult { key: ContentHash::of(b"confirmed"), outcome: airlock_core::session::Outcome::Confirmed(confirmed) };
    let proposed =
        Proposed { proposal, reason: "because".into(), files: files.clone(), diff: ContentHash::of(diff.as_bytes()) };
    let judged = Judged {
        proposal,
        decision: Decision::Verified,
        before: Counts { passed: 3, failed: 1, ..Counts::default() },
        after: Counts { passed: 4, ..Counts::default() },
        fixed: vec!["tests/test_a.py::test_a".into()],
        still_failing: vec![],
        broken: vec![],
        reasons: vec![],
        command: "python -m pytest".into(),
        verdict: ContentHash::of(verdict.as_bytes()),
    };
    let intended = ApplyIntended { proposal, files, allowed: vec![], partial: false };
    let bytes = |text: &str| text.as_bytes().to_vec();
    let steps: Vec<(Event, Vec<Vec<u8>>)> = vec![
        (base().into(), vec![]),
        (tried(1).into(), vec![]),
        (Resumed { program: "test".into() }.into(), vec![]),
        (base().into(), vec![]),
        (Tried { results: vec![confirmed], cursor: None }.into(), vec![]),
        (proposed.clone().into(), vec![bytes(before), bytes(after), bytes(diff)]),
        (judged.clone().into(), vec![bytes(verdict)]),
        (intended.clone().into(), vec![]),
        (ApplyFailed { proposal, reason: "the disk is full".into() }.into(), vec![]),
        (Ended { status: Status::Error, reason: Some("the disk is full".into()), open: true }.into(), vec![]),
        (Resumed { program: "test".into() }.into(), vec![]),
        (base().into(), vec![]),
        (proposed.clone().into(), vec![]),
        (judged.clone().into(), vec![]),
        (intended.clone().into(), vec![]),
        (ApplySettled { proposal, settlement: Settlement::NotLanded }.into(), vec![]),
        (Resumed { program: "test".into() }.into(), vec![]),
        (base().into(), vec![]),
        (proposed.into(), vec![]),
        (judged.into(), vec![]),
        (intended.into(), vec![]),
        (Applied { proposal }.into(), vec![]),
        (Ended { status: Status::Verified, reason: None, open: false }.into(), vec![]),
    ];
    for (event, contents) in steps {
        writer.append(event, contents)?.wait()?;
    }
    Ok(())
}

fn golden(folder: &Path) -> Outcome<()> {
    let (data, workspace) = (folder.join("data"), folder.join("workspace"));
    std::fs::create_dir_all(&workspace)?;
    let place = DataFolder::at(data)?.place(&workspace)?;
    let mut options = Options::default();
    options.clock = || 1_700_000_000_000;
    let store = open(&place, options)?.store;
    let mut writer = store.begin(opened())?;
    story(&mut writer)?;
    store.keep_report(ContentHash::of(b"key"), b"a report".to_vec())?;
    let events: Vec<Event> = store.events(writer.id())?.into_iter().map(|stored| stored.event).collect();
    drop((writer, store));
    let name = format!("schema-{SCHEMA_VERSION}");
    std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&events)? + "\n")?;
    std::fs::copy(place.database(), folder.join(format!("{name}.db")))?;
    Ok(())
}
