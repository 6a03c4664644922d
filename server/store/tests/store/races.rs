//! Several processes on one workspace: nobody is told that the database is locked, and no event is lost or doubled.

use std::collections::BTreeSet;
use std::fs;

use airlock_core::hash::ContentHash;
use airlock_core::session::{Event, Session};
use airlock_store::StoreError;

use super::support::{Setting, is_long};

#[test]
fn processes_do_not_get_in_each_other_s_way() {
    let (processes, sessions, events) = if is_long() { (8, 60, 40) } else { (4, 5, 20) };
    let setting = Setting::new();
    // All at once on a database that is not there yet.
    let words = [sessions.to_string(), events.to_string()];
    let children: Vec<_> =
        (0..processes).map(|_| setting.writer("race", &[&words[0], &words[1]]).spawn().expect("starts")).collect();
    let mut ids = BTreeSet::new();
    for child in children {
        let output = child.wait_with_output().expect("ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        for id in String::from_utf8_lossy(&output.stdout).lines() {
            assert!(ids.insert(id.to_owned()), "{id} twice");
        }
    }
    assert_eq!(ids.len(), processes * sessions);
    let store = setting.store();
    let listed: BTreeSet<String> = store.list().expect("a list").into_iter().map(|listed| listed.id).collect();
    assert_eq!(listed, ids);
    for id in &ids {
        let log: Vec<Event> = store.events(id).expect("events").into_iter().map(|stored| stored.event).collect();
        assert_eq!(log.len(), events + 3);
        assert!(Session::replay(&log).expect("legal").ended().is_some());
    }
    assert_eq!(store.reports(ContentHash::of(b"key")).expect("reports").len(), (processes * sessions).min(16));
}

#[test]
fn a_session_at_work_elsewhere_is_not_taken_up() {
    use std::io::{BufRead, BufReader};
    let setting = Setting::new();
    let mut child = setting.writer("write", &["new", "1000000"]).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let first = lines.next().expect("a line").expect("text");
    let id = first.strip_prefix("session ").expect("an id");
    let store = setting.store();
    match store.take_up(id) {
        Err(StoreError::Owned { id: owned, pid }) => assert_eq!((owned.as_str(), pid), (id, Some(child.id()))),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two writers"),
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let (writer, _) = store.take_up(id).expect("free again");
    drop(writer);
    let live = fs::read_dir(setting.place.folder().join("live")).expect("a folder").count();
    assert_eq!(live, 0, "nothing is left behind");
}
