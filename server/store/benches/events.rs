//! What a durable event costs beside a bare SQLite commit of the same bytes, both measured in one run, in turns, on the
//! same disk. Ends with an error where it is more than twice as much.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use airlock_core::hash::ContentHash;
use airlock_core::report::Counts;
use airlock_core::session::*;
use airlock_store::{DataFolder, Options, open};
use rusqlite::Connection;

const ROUNDS: u64 = 400;

fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("opens");
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).expect("set");
    connection.pragma_update(None, "synchronous", "FULL").expect("set");
    connection.execute_batch("CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)").expect("made");
    connection
}

/// A batch of candidates, as a search writes them.
fn tried(number: u64) -> Tried {
    let result = |at: u64| RunResult {
        key: ContentHash::of(&(number * 32 + at).to_le_bytes()),
        outcome: Outcome::Screened(Screened { ran: true, passed: vec![], ended: RunEnd::Finished }),
    };
    Tried { results: (0..32).map(result).collect(), cursor: None }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> ExitCode {
    let dir = tempfile::tempdir().expect("a folder");
    let workspace = dir.path().join("shop");
    std::fs::create_dir(&workspace).expect("made");
    let place = DataFolder::at(dir.path().join("airlock")).and_then(|data| data.place(&workspace)).expect("a place");
    let store = open(&place, Options::default()).expect("opens").store;
    let opened = Opened {
        task: Task::Fix,
        arguments: vec![],
        folder: String::new(),
        apply: false,
        partial: false,
        settings: [].into(),
        program: "bench".into(),
        guest: "3.15".into(),
    };
    let mut writer = store.begin(opened).expect("a session");
    let groups = vec![TargetGroup { fingerprint: None, tests: vec!["t.py::test".into()] }];
    let base = BaseJudged {
        base: ContentHash::of(b"base"),
        counts: Counts::default(),
        groups,
        python: String::new(),
        runner: String::new(),
        files: None,
    };
    writer.append(base, vec![]).and_then(|ticket| ticket.wait()).expect("durable");
    let connection = bare(&dir.path().join("bare.db"));

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let event = tried(number);
        let body = serde_json::to_string(&Event::from(event.clone())).expect("JSON");
        let started = Instant::now();
        connection.execute("INSERT INTO event (body) VALUES (?1)", [&body]).expect("committed");
        theirs.push(started.elapsed());
        let started = Instant::now();
        writer.append(event, vec![]).and_then(|ticket| ticket.wait()).expect("durable");
        ours.push(started.elapsed());
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("bare SQLite commit  {theirs:>10.1?}  (median of {ROUNDS})");
    println!("durable event       {ours:>10.1?}  {ratio:.2} x");
    if ratio <= 2.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
