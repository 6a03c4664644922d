//! A database of each schema, as the versions that wrote it left it. A new schema's is made by
//! `cargo run -p airlock-store --bin store-writer -- golden FOLDER`.

use std::fs;

use airlock_core::hash::ContentHash;
use airlock_core::session::{Apply, Event, Session};
use airlock_core::status::Status;
use airlock_store::SCHEMA_VERSION;

use super::support::{Setting, golden};

#[test]
fn every_schema_there_was_is_read() {
    for version in 1..=SCHEMA_VERSION {
        let setting = Setting::new();
        fs::copy(golden(&format!("schema-{version}.db")), setting.place.database()).expect("a golden database");
        let store = setting.store();
        let listed = store.list().expect("a list");
        assert_eq!(listed.len(), 1, "schema {version}");
        let summary = listed[0].summary.clone().expect("a summary");
        assert_eq!((summary.status, summary.applied, summary.runs), (Some(Status::Verified), true, 2));

        let text = fs::read_to_string(golden(&format!("schema-{version}.json"))).expect("its events");
        let expected: Vec<Event> = serde_json::from_str(&text).expect("events");
        let stored = store.events(&listed[0].id).expect("events");
        let events: Vec<Event> = stored.iter().map(|stored| stored.event.clone()).collect();
        assert_eq!(events, expected, "schema {version}");
        assert_eq!(stored[0].at, 1_700_000_000_000);
        let session = Session::replay(&events).expect("a legal log");
        assert_eq!(*session.applying(), Apply::Landed);
        let diff = session.proposed().expect("a proposal").diff;
        assert_eq!(store.content(diff).expect("the diff"), b"a diff\n");
        let reports = store.reports(ContentHash::of(b"key")).expect("reports");
        assert_eq!(store.report(reports[0]).expect("a report"), Some(b"a report".to_vec()));
    }
}

/// Kinds that came without a new schema, after its golden database was made.
const SINCE: [&str; 6] = ["started", "replied", "called", "steered", "approval_asked", "approved"];

#[test]
fn the_golden_database_has_every_kind_of_event() {
    let text = fs::read_to_string(golden(&format!("schema-{SCHEMA_VERSION}.json"))).expect("its events");
    let events: Vec<Event> = serde_json::from_str(&text).expect("events");
    for (kind, _) in Event::KINDS {
        let is_there = events.iter().any(|event| event.kind() == *kind);
        assert!(is_there != SINCE.contains(kind), "{kind}");
    }
}
