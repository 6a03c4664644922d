//! Damaged, empty, foreign and misplaced databases: put aside and said, and work goes on.

use std::fs;
use std::path::Path;

use airlock_core::session::{Event, Opened, Resumed, Task};
use airlock_store::{DataFolder, Options, Place, SCHEMA_VERSION, StoreError, open};

use super::support::{Numbers, Setting, files, golden, is_long};

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

/// Opens what cannot be used, and gives where it was put.
fn put_aside(place: &Place) -> (String, std::path::PathBuf) {
    let opened_now = open(place, Options::default()).expect("there is a way on");
    let said = opened_now.put_aside.expect("it is said");
    let StoreError::Damaged { put_aside: Some(aside), .. } = &said else { panic!("{said:?}") };
    assert!(said.to_string().contains(&aside.display().to_string()), "{said}");
    let store = opened_now.store;
    assert_eq!(store.list().expect("a list"), []);
    drop(store.begin(opened()).expect("work goes on"));
    drop(store);
    let again = open(place, Options::default()).expect("opens");
    assert_eq!((again.put_aside, again.store.list().expect("a list").len()), (None, 1), "and stays");
    (said.to_string(), aside.clone())
}

#[test]
fn what_is_no_database_of_ours_is_put_aside_and_said() {
    let sound = fs::read(golden(&format!("schema-{SCHEMA_VERSION}.db"))).expect("a golden database");
    let foreign = {
        let mut bytes = sound.clone();
        bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
        bytes
    };
    let head = {
        let mut bytes = sound.clone();
        bytes[..16].fill(0);
        bytes
    };
    let middle = {
        let mut bytes = sound.clone();
        let at = bytes.len() / 2 / 4096 * 4096;
        bytes[at..at + 4096].fill(0x55);
        bytes
    };
    let truncated = sound[..sound.len() - 3 * 4096].to_vec();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty", vec![], "it is empty"),
        ("short", b"SQLite".to_vec(), "head is not a database's"),
        ("text", b"these are my notes, not a database at all\n".to_vec(), "head is not a database's"),
        ("no head", head, "head is not a database's"),
        ("another program's", foreign, "another program's"),
        ("truncated", truncated, "damaged"),
        ("a page overwritten", middle, "damaged"),
    ];
    for (name, bytes, why) in cases {
        let setting = Setting::new();
        fs::write(setting.place.database(), &bytes).expect("written");
        let (said, aside) = put_aside(&setting.place);
        assert!(said.contains(why), "{name}: {said}");
        assert_eq!(fs::read(aside).expect("it is there"), bytes, "{name}: as it was");
    }
}

#[test]
fn a_second_damaged_one_does_not_take_the_place_of_the_first() {
    let setting = Setting::new();
    let aside = [1, 2].map(|number: u8| {
        fs::write(setting.place.database(), [number]).expect("written");
        let opened = open(&setting.place, Options::default()).expect("there is a way on");
        assert!(opened.put_aside.is_some());
        setting.place.folder().join(format!("sessions.damaged-{number}.db"))
    });
    assert_eq!(aside.map(|path| fs::read(path).expect("kept")), [vec![1], vec![2]]);
}

#[test]
fn a_flipped_byte_anywhere_is_never_a_panic_and_never_a_silent_loss() {
    let sound = fs::read(golden(&format!("schema-{SCHEMA_VERSION}.db"))).expect("a golden database");
    let text = fs::read_to_string(golden(&format!("schema-{SCHEMA_VERSION}.json"))).expect("its events");
    let written: Vec<Event> = serde_json::from_str(&text).expect("events");
    let mut numbers = Numbers(38);
    let rounds = if is_long() { 2_000 } else { 60 };
    let (mut put_aside, mut noticed, mut same) = (0, 0, 0);
    for _ in 0..rounds {
        let setting = Setting::new();
        let mut bytes = sound.clone();
        let at = usize::try_from(numbers.below(bytes.len() as u64)).expect("small");
        bytes[at] ^= 1 << numbers.below(8);
        fs::write(setting.place.database(), bytes).expect("written");
        match open(&setting.place, Options::default()) {
            Ok(opened) if opened.put_aside.is_some() => put_aside += 1,
            Ok(opened) => {
                let listed = opened.store.list();
                let events = listed.and_then(|listed| match listed.first() {
                    Some(session) => opened.store.events(&session.id),
                    None => Ok(vec![]),
                });
                match events {
                    Ok(events) => {
                        let events: Vec<Event> = events.into_iter().map(|stored| stored.event).collect();
                        assert!(events == written, "byte {at}: nothing is lost or changed without a word");
                        same += 1;
                    }
                    Err(_) => noticed += 1,
                }
            }
            Err(StoreError::Newer { .. }) => noticed += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    println!("{rounds} flips: {put_aside} put aside, {noticed} told on reading, {same} without effect on the events");
    assert!(put_aside > 0);
}

#[test]
fn a_torn_journal_keeps_what_was_acknowledged() {
    let setting = Setting::new();
    let store = setting.store();
    let mut writer = store.begin(opened()).expect("a session");
    let id = writer.id().to_owned();
    let journal = setting.place.folder().join("sessions.db-wal");
    let mut lengths = Vec::new();
    for number in 0..40 {
        let event = Resumed { program: format!("{number}").repeat(200) };
        writer.append(event, vec![vec![number; 3_000]]).and_then(|ticket| ticket.wait()).expect("durable");
        lengths.push(fs::metadata(&journal).expect("there").len());
    }
    // What a disk has after the power was lost: all that was flushed, and of what came later any part, or something else.
    let (main, whole) = (fs::read(setting.place.database()).expect("there"), fs::read(&journal).expect("there"));
    let mut numbers = Numbers(33);
    let rounds = if is_long() { 2_000 } else { 60 };
    let mut lost = 0;
    for round in 0..rounds {
        let known = usize::try_from(numbers.below(lengths.len() as u64)).expect("small");
        let flushed = usize::try_from(lengths[known]).expect("small");
        let later = usize::try_from(numbers.below((whole.len() - flushed) as u64 + 1)).expect("small");
        let mut torn = whole[..flushed + later].to_vec();
        if later > 0 && round % 2 == 0 {
            let from = flushed + usize::try_from(numbers.below(later as u64)).expect("small");
            torn[from..].fill(0);
        }
        let copy = Setting::new();
        fs::write(copy.place.database(), &main).expect("written");
        fs::write(copy.place.folder().join("sessions.db-wal"), &torn).expect("written");
        let events = copy.store().events(&id).expect("its events");
        // The first is the session's own.
        assert!(events.len() >= known + 2, "round {round}: {} events, {} were acknowledged", events.len(), known + 2);
        for (number, stored) in events.iter().skip(1).enumerate() {
            let Event::Resumed(resumed) = &stored.event else { panic!("round {round}: {stored:?}") };
            assert_eq!(resumed.program, format!("{number}").repeat(200), "round {round}");
        }
        lost += 41 - events.len();
    }
    assert!(lost > 0, "some were cut off");
    println!("{rounds} torn journals: {lost} events that were not flushed are gone, none that was acknowledged");
}

#[test]
fn a_process_that_died_while_it_made_the_database_leaves_nothing_in_the_way() {
    let setting = Setting::new();
    for name in ["sessions.new", "sessions.new-wal", "sessions.new-shm"] {
        fs::write(setting.place.folder().join(name), b"half").expect("written");
    }
    assert_eq!(setting.store().list().expect("a list"), []);
    assert!(!files(&setting.place).iter().any(|name| name.contains("new")), "{:?}", files(&setting.place));
}

#[test]
fn a_journal_without_its_database_is_put_aside() {
    let setting = Setting::new();
    fs::write(setting.place.folder().join("sessions.db-wal"), b"what was left").expect("written");
    let (said, _) = put_aside(&setting.place);
    assert!(said.contains("main file is gone"), "{said}");
    let journal = setting.place.folder().join("sessions.damaged-1.db-wal");
    assert_eq!(fs::read(journal).expect("kept"), b"what was left");
}

#[test]
fn what_another_process_has_open_is_not_put_aside() {
    let setting = Setting::new();
    let _open = setting.store();
    fs::write(setting.place.database(), b"overwritten under its hands").expect("written");
    let error = open(&setting.place, Options::default()).err().expect("refused");
    assert!(matches!(error, StoreError::Damaged { put_aside: None, .. }), "{error:?}");
    assert!(!files(&setting.place).iter().any(|name| name.contains("damaged")));
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    for root in [file.clone(), file.join("airlock"), Path::new("/proc/airlock-data/airlock").to_owned()] {
        let error = DataFolder::at(root.clone()).expect_err("refused");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{}: {error:?}", root.display());
    }
    let setting = Setting::new();
    fs::create_dir(setting.place.database()).expect("made");
    let (said, _) = put_aside(&setting.place);
    assert!(said.contains("no plain file"), "{said}");
}

#[test]
#[cfg(unix)]
fn every_file_is_the_user_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let setting = Setting::new();
    let store = setting.store();
    let writer = store.begin(opened()).expect("a session");
    for name in files(&setting.place) {
        let path = setting.place.folder().join(&name);
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{name}");
    }
    assert!(files(&setting.place).contains(&"sessions.db-wal".to_owned()));
    drop(writer);
}
