//! Laws of sessions, over random logs: events of every kind in any order, those kept that may follow.

use std::collections::{BTreeMap, BTreeSet};

use airlock_core::conversation::Usage;
use airlock_core::hash::ContentHash;
use airlock_core::report::Counts;
use airlock_core::session::*;
use airlock_core::status::Status;
use airlock_core::verdict::Decision;
use proptest::prelude::*;

fn hash(number: u8) -> ContentHash {
    ContentHash::of(&[number])
}

fn files(proposal: u8) -> Vec<ChangedFile> {
    let state = |number| Some(FileRef { hash: hash(number), executable: false });
    vec![ChangedFile { path: "a.py".parse().expect("a path"), before: state(0), after: state(proposal) }]
}

fn opened() -> impl Strategy<Value = Event> {
    let task = prop::sample::select(vec![Task::Fix, Task::Check, Task::Run]);
    (task, any::<bool>(), any::<bool>()).prop_map(|(task, apply, partial)| {
        Opened {
            task,
            arguments: vec!["tests".into()],
            folder: String::new(),
            apply,
            partial,
            settings: BTreeMap::from([("search.seed".into(), "0".into())]),
            program: "0.1.0".into(),
            guest: "3.15".into(),
        }
        .into()
    })
}

fn decision() -> impl Strategy<Value = Decision> {
    prop::sample::select(vec![
        Decision::Verified,
        Decision::Verified,
        Decision::NoRegression,
        Decision::PartlyFixed,
        Decision::NotFixed,
        Decision::Refused,
    ])
}

fn settlement() -> impl Strategy<Value = Settlement> {
    prop::sample::select(vec![
        Settlement::Landed,
        Settlement::NotLanded,
        Settlement::Unclear(vec!["a.py".parse().expect("a path")]),
    ])
}

fn tool() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["read".to_owned(), "edit".to_owned()])
}

/// Few different proposals, bases and candidates, so that many events fit and many almost do.
fn event() -> impl Strategy<Value = Event> {
    let proposal = || 1..3_u8;
    prop_oneof![
        1 => opened(),
        2 => Just(Resumed { program: "0.1.0".into() }.into()),
        4 => (0..10_u8, 0..2_usize).prop_map(|(base, targets)| BaseJudged {
            base: hash(base / 9),
            counts: Counts::default(),
            groups: vec![TargetGroup { fingerprint: None, tests: vec!["t.py::test".into(); targets] }],
            python: "3.15.0".into(),
            runner: "9.0.0".into(),
            files: None,
        }.into()),
        4 => prop::collection::vec(0..24_u8, 0..3).prop_map(|keys| Tried {
            results: keys.into_iter().map(|key| RunResult {
                key: hash(key),
                outcome: Outcome::Screened(Screened { ran: true, passed: vec![], ended: RunEnd::Finished }),
            }).collect(),
            cursor: None,
        }.into()),
        4 => proposal().prop_map(|number| Proposed {
            proposal: hash(number), reason: String::new(), files: files(number), diff: hash(9),
        }.into()),
        4 => (proposal(), decision()).prop_map(|(number, decision)| Judged {
            proposal: hash(number), decision, before: Counts::default(), after: Counts::default(), fixed: vec![],
            still_failing: vec![], broken: vec![], reasons: vec![], command: String::new(), verdict: hash(8),
        }.into()),
        1 => proposal().prop_map(|number| ApprovalAsked {
            proposal: hash(number), verdict: hash(8), why: String::new(),
        }.into()),
        1 => proposal().prop_map(|number| Approved { proposal: hash(number), verdict: hash(8) }.into()),
        4 => (proposal(), any::<bool>()).prop_map(|(number, partial)| ApplyIntended {
            proposal: hash(number), files: files(number), allowed: vec![], partial,
        }.into()),
        2 => proposal().prop_map(|number| Applied { proposal: hash(number) }.into()),
        1 => proposal().prop_map(|number| ApplyFailed { proposal: hash(number), reason: "full".into() }.into()),
        2 => (proposal(), settlement()).prop_map(|(number, settlement)| ApplySettled {
            proposal: hash(number), settlement,
        }.into()),
        2 => Just(Started { start: hash(7), model: "m".into(), host: "h".into() }.into()),
        4 => prop::collection::vec(tool(), 0..3).prop_map(|calls| Replied {
            input: hash(6), calls, usage: Usage { input: 3, output: 1, ..Usage::default() }, micro_dollars: Some(2),
        }.into()),
        4 => tool().prop_map(|tool| Called { input: hash(5), tool, is_error: false, changed: vec![] }.into()),
        1 => Just(Steered { input: hash(4), text: String::new() }.into()),
        1 => any::<bool>().prop_map(|open| Ended { status: Status::Verified, reason: None, open }.into()),
    ]
}

/// A session as it was lived: the events that were let in, and what was open after each.
fn lived() -> impl Strategy<Value = (Vec<Event>, Vec<Vec<Effect>>)> {
    (opened(), prop::collection::vec(event(), 0..120)).prop_map(|(first, offered)| {
        let mut session = Session::default();
        let (mut log, mut open) = (vec![], vec![]);
        for event in std::iter::once(first).chain(offered) {
            let before = session.clone();
            if session.apply(&event).is_ok() {
                log.push(event);
                open.push(session.decide());
            } else {
                assert_eq!(session, before, "a refused event changes nothing");
            }
        }
        (log, open)
    })
}

proptest! {
    #[test]
    fn any_prefix_folds_to_what_was_open_then((log, open) in lived()) {
        for (length, open) in (1..).zip(&open) {
            let json: Vec<String> =
                log[..length].iter().map(|event| serde_json::to_string(event).expect("JSON")).collect();
            let read: Vec<Event> = json.iter().map(|text| serde_json::from_str(text).expect("an event")).collect();
            let session = Session::replay(&read).expect("a prefix of a log is a log");
            prop_assert_eq!(session.count(), length as u64);
            prop_assert_eq!(&session.decide(), open);
        }
    }

    #[test]
    fn no_candidate_is_run_twice((log, _) in lived()) {
        let mut seen = BTreeSet::new();
        for event in &log {
            if let Event::Tried(tried) = event {
                for result in &tried.results {
                    prop_assert!(seen.insert(result.key));
                }
            }
        }
    }

    #[test]
    fn files_are_written_only_after_a_verdict_and_an_intention((log, _) in lived()) {
        let mut landed = 0;
        for (at, event) in log.iter().enumerate() {
            let before = log[..at].iter().rev();
            match event {
                Event::ApplyIntended(intended) => {
                    let verdict = before.clone().find_map(|event| match event {
                        Event::Judged(judged) => Some(judged),
                        _ => None,
                    });
                    let verdict = verdict.expect("a verdict before it");
                    prop_assert_eq!(verdict.proposal, intended.proposal);
                    prop_assert!(!matches!(verdict.decision, Decision::NotFixed | Decision::Refused));
                    // Whoever was asked about this proposal has said yes since.
                    let mut since = before.clone().take_while(|event| {
                        !matches!(event, Event::Proposed(other) if other.proposal != intended.proposal)
                    });
                    let answer = since.find(|event| matches!(event, Event::ApprovalAsked(_) | Event::Approved(_)));
                    prop_assert!(!matches!(answer, Some(Event::ApprovalAsked(_))), "nobody approved it");
                }
                Event::Applied(_) | Event::ApplyFailed(_) | Event::ApplySettled(_) => {
                    let last = before.clone().find(|event| !matches!(event, Event::Resumed(_)));
                    prop_assert!(matches!(last, Some(Event::ApplyIntended(_))), "{last:?}");
                }
                _ => {}
            }
            landed += usize::from(matches!(event, Event::Applied(_)));
            landed += usize::from(matches!(
                event,
                Event::ApplySettled(ApplySettled { settlement: Settlement::Landed, .. })
            ));
        }
        prop_assert!(landed <= 1, "nothing lands twice");
    }

    #[test]
    fn every_call_is_answered_once_and_every_reply_counted((log, _) in lived()) {
        let (mut open, mut replies): (Vec<String>, u64) = (vec![], 0);
        for event in &log {
            match event {
                Event::Replied(replied) => {
                    prop_assert!(open.is_empty(), "a call was left without an answer");
                    open.clone_from(&replied.calls);
                    replies += 1;
                }
                Event::Called(called) => {
                    let at = open.iter().position(|tool| *tool == called.tool);
                    prop_assert!(at.is_some(), "a call was carried out twice");
                    open.remove(at.unwrap_or_default());
                }
                _ => {}
            }
        }
        let session = Session::replay(&log).expect("a log");
        prop_assert_eq!(session.talk().replies(), replies);
        prop_assert_eq!(session.talk().usage().input, 3 * replies);
        prop_assert_eq!(session.talk().micro_dollars(), Some(2 * replies));
    }

    #[test]
    fn nothing_follows_a_final_end((log, open) in lived()) {
        let end = log.iter().position(|event| matches!(event, Event::Ended(ended) if !ended.open));
        if let Some(end) = end {
            prop_assert_eq!(end + 1, log.len());
            prop_assert!(open[end].is_empty());
        }
    }
}
