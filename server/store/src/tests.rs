//! What needs to look inside: migrations that are not there yet, a disk that is full, a clock that jumps.

use std::cell::Cell;
use std::fs;
use std::sync::mpsc;

use airlock_core::hash::ContentHash;
use airlock_core::report::Counts;
use airlock_core::session::{BaseJudged, Ended, Opened, Resumed, Task};
use airlock_core::status::Status;

use crate::{Bounds, DataFolder, Options, Place, ReportBounds, Store, StoreError, open, schema};

fn place() -> (tempfile::TempDir, Place) {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("shop");
    fs::create_dir(&workspace).unwrap();
    let place = DataFolder::at(dir.path().join("airlock")).unwrap().place(&workspace).unwrap();
    (dir, place)
}

fn opened() -> Opened {
    Opened {
        task: Task::Fix,
        arguments: vec![],
        folder: String::new(),
        apply: false,
        partial: false,
        settings: [].into(),
        program: "test".into(),
        guest: "3.15".into(),
    }
}

fn started(place: &Place, options: Options) -> Store {
    let opened = open(place, options).unwrap();
    assert_eq!(opened.put_aside, None);
    opened.store
}

fn resumed() -> Resumed {
    Resumed { program: "test".into() }
}

fn ended(open: bool) -> Ended {
    Ended { status: Status::NotFixed, reason: None, open }
}

/// What the next version of the schema might be.
const NEXT: &[&str] =
    &[schema::MIGRATIONS[0], schema::MIGRATIONS[1], "ALTER TABLE session ADD COLUMN note TEXT NOT NULL DEFAULT ''"];
const BROKEN: &[&str] =
    &[schema::MIGRATIONS[0], schema::MIGRATIONS[1], "CREATE TABLE half (a); CREATE TABLE event (b)"];

#[test]
fn an_older_database_is_backed_up_and_brought_up_to_date() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let id = store.begin(opened()).unwrap().id().to_owned();
    drop(store);
    let store = started(&place, Options { migrations: NEXT, ..Options::default() });
    assert_eq!(store.events(&id).unwrap().len(), 1);
    let note: String = store
        .call(|database| {
            database
                .connection
                .query_row("SELECT note FROM session", [], |row| row.get(0))
                .map_err(|error| database.failed(&error))
        })
        .unwrap();
    assert_eq!(note, "");
    drop(store);
    let copy = place.folder().join("sessions.schema-2.db");
    let copy = rusqlite::Connection::open(copy).unwrap();
    assert_eq!(schema::version(&copy).unwrap(), 2, "as it was before");
    let count: i64 = copy.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}

/// All that a database is made of.
fn shape(path: &std::path::Path) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut shape: Vec<(String, String)> = rows.map(Result::unwrap).collect();
    for name in ["application_id", "auto_vacuum", "journal_mode", "user_version"] {
        let value: rusqlite::types::Value = connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        shape.push((name.to_owned(), format!("{value:?}")));
    }
    shape
}

#[test]
fn a_database_of_any_version_becomes_what_a_new_one_is() {
    let (_dir, fresh) = place();
    drop(started(&fresh, Options::default()));
    let fresh = shape(&fresh.database());
    assert!(fresh.len() > 12, "{fresh:?}");
    for version in 1..schema::MIGRATIONS.len() {
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/schema-{version}.db"));
        let (_dir, place) = place();
        fs::copy(&golden, place.database()).unwrap();
        drop(started(&place, Options::default()));
        assert_eq!(shape(&place.database()), fresh, "from schema {version}");
        // Before that a copy was made, of all there was.
        let copy = place.folder().join(format!("sessions.schema-{version}.db"));
        let events = |path: &std::path::Path| -> String {
            let connection = rusqlite::Connection::open(path).unwrap();
            let all = "SELECT group_concat(seq || kind || body, char(10)) FROM event";
            connection.query_row(all, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(events(&copy), events(&golden), "schema {version}");
    }
}

#[test]
fn what_is_acknowledged_is_flushed_and_others_are_waited_for() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let settings = |names: &'static [&'static str]| {
        store.call(move |database| {
            let value = |name: &&str| {
                database.connection.pragma_query_value::<rusqlite::types::Value, _>(None, name, |row| row.get(0))
            };
            names.iter().map(value).collect::<Result<Vec<_>, _>>().map_err(|error| database.failed(&error))
        })
    };
    use rusqlite::types::Value::{Integer, Text};
    // FULL is 2.
    let wanted = [Text("wal".into()), Integer(2), Integer(5_000), Integer(1)];
    assert_eq!(settings(&["journal_mode", "synchronous", "busy_timeout", "foreign_keys"]).unwrap(), wanted);
}

#[test]
fn a_process_that_stands_still_holds_nobody_up_for_long() {
    let (_dir, place) = place();
    let patience = std::time::Duration::from_millis(100);
    let options = Options { patience, look: patience, ..Options::default() };
    let store = started(&place, options.clone());
    let held = store.landing().unwrap();
    assert!(matches!(store.landing(), Err(StoreError::Busy(_))), "while another lands");
    drop(held);
    drop(store.landing().unwrap());
    drop(store);
    // One that looks the database over has this lock for itself.
    let lock = crate::private::lock_file(&place.folder().join("open.lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(open(&place, options.clone()).err(), Some(StoreError::Busy(_))), "while another looks");
    lock.unlock().unwrap();
    // One that writes.
    let writing = rusqlite::Connection::open(place.database()).unwrap();
    let store = started(&place, options);
    let mut writer = store.begin(opened()).unwrap();
    writing.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = writer.append(resumed(), vec![]).unwrap().wait();
    assert!(matches!(refused, Err(StoreError::Busy(_))), "while another writes: {refused:?}");
    assert!(matches!(open(&place, Options::default()).err(), Some(StoreError::Busy(_))), "another that is to write");
    let reading = started(&place, Options { to_write: false, ..Options::default() });
    assert_eq!(reading.list().unwrap().len(), 1, "who reads waits for nobody");
    drop(reading);
    writing.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.events(writer.id()).unwrap().len(), 1);
    store.room().unwrap();
}

#[test]
fn a_newer_database_is_left_as_it_is() {
    let (_dir, place) = place();
    drop(started(&place, Options { migrations: NEXT, ..Options::default() }));
    let before = fs::read(place.database()).unwrap();
    let error = open(&place, Options::default()).err().expect("refused");
    assert!(matches!(error, StoreError::Newer { found: 3, known: 2, .. }), "{error}");
    assert_eq!(fs::read(place.database()).unwrap(), before);
    // And beside a process that has it open, too.
    let newer = started(&place, Options { migrations: NEXT, ..Options::default() });
    assert!(matches!(open(&place, Options::default()).err(), Some(StoreError::Newer { .. })));
    drop(newer);
    let (_dir, place) = self::place();
    let _older = started(&place, Options::default());
    let error = open(&place, Options { migrations: NEXT, ..Options::default() }).err();
    assert!(matches!(error, Some(StoreError::OlderInUse(_))), "{error:?}");
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let id = store.begin(opened()).unwrap().id().to_owned();
    drop(store);
    assert!(open(&place, Options { migrations: BROKEN, ..Options::default() }).is_err());
    assert_eq!(started(&place, Options::default()).events(&id).unwrap().len(), 1);
}

#[test]
fn a_full_disk_is_said_and_what_was_acknowledged_stays() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let mut writer = store.begin(opened()).unwrap();
    writer.append(resumed(), vec![]).unwrap().wait().unwrap();
    let fill = |pages: i64| {
        store
            .call(move |database| {
                database
                    .connection
                    .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                    .map_err(|error| database.failed(&error))
            })
            .unwrap();
    };
    // No more pages than there are.
    fill(1);
    let full = writer.append(resumed(), vec![vec![7; 1 << 20]]).unwrap().wait();
    assert!(matches!(full, Err(StoreError::DiskFull(_))), "{full:?}");
    fill(1 << 20);
    // There is room again, but the writer is ahead of the log: nothing may be missing in the middle.
    let later = writer.append(resumed(), vec![]).unwrap().wait();
    assert!(matches!(later, Err(StoreError::Conflict(_))), "{later:?}");
    let id = writer.id().to_owned();
    drop(writer);
    assert_eq!(store.events(&id).unwrap().len(), 2);
    let (mut writer, events) = store.take_up(&id).unwrap();
    assert_eq!(events.len(), 2);
    writer.append(resumed(), vec![]).unwrap().wait().unwrap();
}

thread_local! {
    // The store's thread asks the clock, each store's own.
    static JUMPS: Cell<i64> = const { Cell::new(0) };
}

/// Goes back a year with every look.
fn backwards() -> i64 {
    JUMPS.with(|jumps| {
        jumps.set(jumps.get() + 1);
        1_800_000_000_000 - jumps.get() * 365 * 24 * 3_600_000
    })
}

#[test]
fn the_clock_decides_nothing() {
    let (_dir, place) = place();
    let store = started(&place, Options { clock: backwards, ..Options::default() });
    let mut first = store.begin(opened()).unwrap();
    let second = store.begin(opened()).unwrap();
    for _ in 0..3 {
        first.append(resumed(), vec![]).unwrap().wait().unwrap();
    }
    first.append(ended(false), vec![]).unwrap().wait().unwrap();
    let events = store.events(first.id()).unwrap();
    let numbers: Vec<u64> = events.iter().map(|stored| stored.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(events.windows(2).all(|pair| pair[0].at > pair[1].at), "by the clock it was the other way round");
    let ids: Vec<String> = store.list().unwrap().into_iter().map(|listed| listed.id).collect();
    assert_eq!(ids, [second.id(), first.id()], "the newest first");
}

#[test]
fn the_oldest_ended_sessions_make_room() {
    let (_dir, place) = place();
    let bounds = Bounds { sessions: 3, bytes: 1 << 30 };
    let store = started(&place, Options { bounds, ..Options::default() });
    let finish = |open: bool| {
        let mut writer = store.begin(opened()).unwrap();
        writer.append(ended(open), vec![]).unwrap().wait().unwrap();
        writer.id().to_owned()
    };
    let left = store.begin(opened()).unwrap().id().to_owned();
    let live = store.begin(opened()).unwrap();
    let old = [finish(false), finish(true)];
    let new = finish(false);
    assert_eq!(store.tidy().unwrap(), 2);
    let ids = || -> Vec<String> { store.list().unwrap().into_iter().map(|listed| listed.id).collect() };
    assert_eq!(ids(), [new.as_str(), live.id(), &left]);
    assert!(old.iter().all(|id| matches!(store.events(id), Err(StoreError::NotFound(_)))));
    finish(false);
    finish(false);
    store.tidy().unwrap();
    assert_eq!(ids().len(), 3);
    assert!(ids().contains(&live.id().to_owned()) && ids().contains(&left));
}

#[test]
fn size_counts_and_contents_go_with_the_last_session_that_names_them() {
    let (_dir, place) = place();
    let bounds = Bounds { sessions: 1000, bytes: 300_000 };
    let store = started(&place, Options { bounds, ..Options::default() });
    let keep = |byte: u8| {
        let mut writer = store.begin(opened()).unwrap();
        let contents = vec![vec![byte; 100_000], vec![255; 100_000]];
        writer.append(ended(false), contents).unwrap().wait().unwrap();
        writer.id().to_owned()
    };
    let first = keep(1);
    keep(2);
    keep(3);
    assert_eq!(store.tidy().unwrap(), 2, "three of their own and the shared one are too many");
    let content = |byte: u8| store.content(ContentHash::of(&vec![byte; 100_000]));
    assert!(matches!(store.events(&first), Err(StoreError::NotFound(_))));
    assert!(matches!(content(1), Err(StoreError::NoContent(_))));
    assert_eq!(content(3).unwrap(), vec![3; 100_000]);
    assert_eq!(content(255).unwrap(), vec![255; 100_000]);
}

#[test]
fn a_content_that_was_changed_is_not_given() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let mut writer = store.begin(opened()).unwrap();
    writer.append(resumed(), vec![b"whole".to_vec()]).unwrap().wait().unwrap();
    let hash = ContentHash::of(b"whole");
    assert_eq!(store.content(hash).unwrap(), b"whole");
    store.call(|database| database.write(|db| db.execute("UPDATE blob SET bytes = x'00'", []))).unwrap();
    assert!(matches!(store.content(hash), Err(StoreError::NoContent(_))));
}

#[test]
fn an_event_of_a_newer_version_is_an_error_in_words() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let mut writer = store.begin(opened()).unwrap();
    writer.append(resumed(), vec![]).unwrap().wait().unwrap();
    let id = writer.id().to_owned();
    drop(writer);
    let edit = |sql: &'static str| {
        store.call(move |database| database.write(|db| db.execute(sql, []))).unwrap();
    };
    edit("UPDATE event SET kind = 'asked_model' WHERE n = 1");
    let error = store.events(&id).unwrap_err();
    assert!(error.to_string().contains("a newer Airlock wrote the event `asked_model`"), "{error}");
    assert!(matches!(store.take_up(&id), Err(StoreError::Unknown { .. })));
    assert_eq!(store.list().unwrap().len(), 1, "a list has it all the same");
    edit("UPDATE event SET kind = 'resumed', version = 9 WHERE n = 1");
    assert!(store.events(&id).unwrap_err().to_string().contains("version 9"));
    edit("UPDATE event SET version = 1, body = replace(body, 'test', 'best') WHERE n = 1");
    assert!(store.events(&id).unwrap_err().to_string().contains("event 1 is not as it was written"));
    edit("DELETE FROM event WHERE n = 1");
    assert!(store.events(&id).unwrap_err().to_string().contains("it had 2 events, and 1 are there"));
    edit("UPDATE event SET n = 1 WHERE n = 0");
    assert!(store.events(&id).unwrap_err().to_string().contains("event 0 is missing"));
}

#[test]
fn reports_are_bounded_and_the_used_ones_stay() {
    let (_dir, place) = place();
    let reports = ReportBounds { per_key: 3, bytes: 1000, longest: 400 };
    let store = started(&place, Options { reports, ..Options::default() });
    let key = ContentHash::of(b"key");
    let bodies = |key| -> Vec<u8> {
        let numbers = store.reports(key).unwrap();
        numbers.into_iter().map(|number| store.report(number).unwrap().expect("there")[0]).collect()
    };
    for byte in 1..=4 {
        store.keep_report(key, vec![byte; 100]).unwrap();
    }
    assert_eq!(bodies(key), [4, 3, 2]);
    let oldest = store.reports(key).unwrap()[2];
    store.report_used(oldest).unwrap();
    store.keep_report(key, vec![5; 100]).unwrap();
    assert_eq!(bodies(key), [5, 2, 4]);
    store.keep_report(key, vec![5; 100]).unwrap();
    assert_eq!(bodies(key), [5, 2, 4], "the same one twice is one");
    store.keep_report(key, vec![6; 401]).unwrap();
    assert_eq!(bodies(key), [5, 2, 4], "too long");
    for byte in 10..13 {
        store.keep_report(ContentHash::of(&[byte]), vec![byte; 400]).unwrap();
    }
    assert_eq!(bodies(key), [0_u8; 0], "others have taken their room");
    assert_eq!((bodies(ContentHash::of(&[10])).len(), bodies(ContentHash::of(&[12]))), (0, vec![12]));
}

/// Commits in a journal: frames that say how large the database is now (<https://sqlite.org/fileformat2.html#walformat>).
fn commits(place: &Place) -> usize {
    let journal = fs::read(place.folder().join("sessions.db-wal")).unwrap();
    let page = u32::from_be_bytes(journal[8..12].try_into().unwrap()) as usize;
    let salt = &journal[16..24];
    let frames = journal[32..].chunks_exact(24 + page);
    frames.take_while(|frame| &frame[8..16] == salt).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn events_that_wait_at_the_same_moment_are_one_commit() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let mut writers: Vec<_> = (0..8).map(|_| store.begin(opened()).unwrap()).collect();
    let before = commits(&place);
    // The thread is held up, so that all of them wait.
    let (holds, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let holder = {
        let store = store.clone();
        std::thread::spawn(move || {
            store.call(move |_| {
                holds.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
        })
    };
    held.recv().unwrap();
    let mut tickets = Vec::new();
    for _ in 0..30 {
        for writer in &mut writers {
            tickets.push(writer.append(resumed(), vec![]).unwrap());
        }
    }
    release.send(()).unwrap();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    holder.join().unwrap().unwrap();
    assert_eq!(commits(&place) - before, 1);
    for writer in &writers {
        assert_eq!(store.events(writer.id()).unwrap().len(), 31);
    }
}

#[test]
fn what_may_not_follow_reaches_no_disk() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let mut writer = store.begin(opened()).unwrap();
    let base = BaseJudged {
        base: ContentHash::of(b"b"),
        counts: Counts::default(),
        groups: vec![],
        python: String::new(),
        runner: String::new(),
        files: None,
    };
    writer.append(base.clone(), vec![]).unwrap().wait().unwrap();
    assert!(matches!(writer.append(base, vec![]), Err(StoreError::Illegal { .. })));
    writer.append(resumed(), vec![]).unwrap().wait().unwrap();
    assert_eq!(store.events(writer.id()).unwrap().len(), 3);
}

#[test]
fn a_session_has_one_writer_and_is_found_by_the_beginning_of_its_id() {
    let (_dir, place) = place();
    let store = started(&place, Options::default());
    let writer = store.begin(opened()).unwrap();
    let id = writer.id().to_owned();
    assert!(matches!(store.take_up(&id), Err(StoreError::Owned { .. })));
    assert!(store.is_live(&id));
    drop(writer);
    assert!(!store.is_live(&id));
    drop(store.take_up(&id).unwrap());
    assert_eq!(store.find(&id).unwrap(), id);
    assert_eq!(store.find(&id[..4]).unwrap(), id);
    assert!(matches!(store.find(""), Err(StoreError::NotFound(_))));
    assert!(matches!(store.find("xxxx"), Err(StoreError::NotFound(_))));
    store.call(|database| database.write(|db| db.execute("UPDATE session SET id = 'bado-kemi'", []))).unwrap();
    store.begin(opened()).unwrap();
    store
        .call(|database| database.write(|db| db.execute("UPDATE session SET id = 'bado-kemu' WHERE number = 2", [])))
        .unwrap();
    let error = store.find("bado").unwrap_err();
    assert!(error.to_string().contains("bado-kemu, bado-kemi"), "{error}");
}
