//! A writer that is killed: what it said was acknowledged is there, in order, and the session goes on.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use airlock_core::session::{Event, Session};

use super::support::{Numbers, Setting, is_long};

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let rounds = if is_long() { 200 } else { 12 };
    let setting = Setting::new();
    let mut numbers = Numbers(32);
    let (mut id, mut least, mut beyond) = (String::from("new"), 0, 0);
    for round in 0..rounds {
        let mut child = setting.writer("write", &[&id, "1000000"]).spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let wanted = numbers.below(60);
        let mut acknowledged = None;
        let mut read = |line: Option<Result<String, std::io::Error>>| {
            let Some(Ok(line)) = line else { return false };
            if let Some(session) = line.strip_prefix("session ") {
                id = session.to_owned();
            } else if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = number.parse::<u64>().ok();
            }
            true
        };
        for _ in 0..=wanted {
            assert!(read(lines.next()), "round {round}: the writer ended by itself");
        }
        // A moment that nothing marks.
        std::thread::sleep(Duration::from_micros(numbers.below(4_000)));
        child.kill().expect("killed");
        // Whatever it still said before it died counts too; its last line may be cut off.
        while read(lines.next()) {}
        child.wait().expect("ended");
        least = acknowledged.unwrap_or(least);

        let store = setting.store();
        assert!(!store.is_live(&id), "round {round}: a dead process holds nothing");
        let events = store.events(&id).expect("its events");
        assert!(events.len() as u64 > least, "round {round}: {} events, {least} was acknowledged", events.len());
        beyond += events.len() as u64 - least - 1;
        least = events.len() as u64 - 1;
        let log: Vec<Event> = events.into_iter().map(|stored| stored.event).collect();
        Session::replay(&log).unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    println!("{rounds} kills: {} events, none lost; {beyond} were on the disk without their writer knowing", least + 1);
}
