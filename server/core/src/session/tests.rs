use super::*;
use crate::report::Counts;
use crate::status::Status;

fn hash(word: &str) -> ContentHash {
    ContentHash::of(word.as_bytes())
}

fn opened(task: Task) -> Event {
    Opened {
        task,
        arguments: vec![],
        folder: String::new(),
        apply: true,
        partial: false,
        settings: BTreeMap::new(),
        program: "0.1.0".into(),
        guest: "3.15".into(),
    }
    .into()
}

fn base(word: &str) -> Event {
    let groups = vec![TargetGroup { fingerprint: None, tests: vec!["t.py::test_a".into()] }];
    BaseJudged {
        base: hash(word),
        counts: Counts::default(),
        groups,
        python: "3.15.0".into(),
        runner: "9.0.0".into(),
        files: None,
    }
    .into()
}

fn tried(keys: &[&str]) -> Event {
    let screened = |key: &&str| RunResult {
        key: hash(key),
        outcome: Outcome::Screened(Screened { ran: true, passed: vec![], ended: RunEnd::Finished }),
    };
    Tried { results: keys.iter().map(screened).collect(), cursor: None }.into()
}

fn files() -> Vec<ChangedFile> {
    let state = |word| Some(FileRef { hash: hash(word), executable: false });
    vec![ChangedFile { path: "a.py".parse().unwrap(), before: state("before"), after: state("after") }]
}

fn proposed(word: &str) -> Event {
    Proposed { proposal: hash(word), reason: String::new(), files: files(), diff: hash("diff") }.into()
}

fn judged(word: &str, decision: Decision) -> Event {
    Judged {
        proposal: hash(word),
        decision,
        before: Counts::default(),
        after: Counts::default(),
        fixed: vec![],
        still_failing: vec![],
        broken: vec![],
        reasons: vec![],
        command: String::new(),
        verdict: hash("verdict"),
    }
    .into()
}

fn intended(word: &str) -> Event {
    ApplyIntended { proposal: hash(word), files: files(), allowed: vec![], partial: false }.into()
}

fn settled(word: &str, settlement: Settlement) -> Event {
    ApplySettled { proposal: hash(word), settlement }.into()
}

fn ended(open: bool) -> Event {
    Ended { status: Status::Verified, reason: None, open }.into()
}

fn resumed() -> Event {
    Resumed { program: "0.1.0".into() }.into()
}

fn after(events: &[Event]) -> Session {
    Session::replay(events).unwrap_or_else(|error| panic!("{error} in {events:#?}"))
}

fn open(events: &[Event]) -> Option<Work> {
    let effects = after(events).decide();
    assert!(effects.len() <= 1);
    effects.into_iter().next().map(|effect| effect.work)
}

#[test]
fn what_is_open_follows_from_what_was() {
    let mut log = vec![];
    assert_eq!(open(&log), None);
    let steps = [
        (opened(Task::Fix), Some(Work::JudgeBase)),
        (base("b"), Some(Work::Search)),
        (tried(&["1", "2"]), Some(Work::Search)),
        (resumed(), Some(Work::JudgeBase)),
        (base("b"), Some(Work::Search)),
        (tried(&["3"]), Some(Work::Search)),
        (proposed("p"), Some(Work::Judge(hash("p")))),
        (judged("p", Decision::Verified), Some(Work::Apply(hash("p")))),
        (intended("p"), Some(Work::Settle(files()))),
        (resumed(), Some(Work::Settle(files()))),
        (settled("p", Settlement::NotLanded), Some(Work::JudgeBase)),
        (base("b"), Some(Work::Search)),
        (proposed("p"), Some(Work::Judge(hash("p")))),
        (judged("p", Decision::Verified), Some(Work::Apply(hash("p")))),
        (intended("p"), Some(Work::Settle(files()))),
        (Applied { proposal: hash("p") }.into(), Some(Work::End)),
        (ended(false), None),
    ];
    for (event, work) in steps {
        log.push(event);
        assert_eq!(open(&log), work, "after {:#?}", log.last());
    }
    assert_eq!(after(&log).results().len(), 3);
    assert!(!after(&log).may_resume());
}

#[test]
fn an_effect_names_the_event_that_caused_it() {
    let session = after(&[opened(Task::Fix), base("b"), tried(&["1"])]);
    assert_eq!(session.decide(), [Effect { cause: 1, work: Work::Search }]);
}

#[test]
fn a_patch_is_proposed_before_its_base_is_judged() {
    let start = [opened(Task::Check), proposed("p")];
    assert_eq!(open(&start), Some(Work::JudgeBase));
    let judging = [&start[..], &[base("b")]].concat();
    assert_eq!(open(&judging), Some(Work::Judge(hash("p"))));
    let refused = [&judging[..], &[judged("p", Decision::Refused)]].concat();
    assert_eq!(open(&refused), Some(Work::End));
    let again = [&judging[..], &[resumed(), base("b")]].concat();
    assert_eq!(open(&again), Some(Work::Judge(hash("p"))), "the patch is still known");
}

#[test]
fn what_failed_may_be_tried_again_by_who_takes_the_session_up() {
    let failed = [
        opened(Task::Fix),
        base("b"),
        proposed("p"),
        judged("p", Decision::Verified),
        intended("p"),
        ApplyFailed { proposal: hash("p"), reason: "disk full".into() }.into(),
    ];
    assert_eq!(open(&failed), Some(Work::End));
    let again = [&failed[..], &[ended(true), resumed()]].concat();
    assert_eq!(open(&again), Some(Work::JudgeBase));
}

#[test]
fn what_cannot_follow_is_refused_and_changes_nothing() {
    let searching = vec![opened(Task::Fix), base("b"), tried(&["1"])];
    let judged_p = [&searching[..], &[proposed("p"), judged("p", Decision::Verified)]].concat();
    let writing = [&judged_p[..], &[intended("p")]].concat();
    let landed = [&writing[..], &[Applied { proposal: hash("p") }.into()]].concat();
    let over = [&landed[..], &[ended(false)]].concat();
    let kept_out = [&searching[..], &[proposed("p"), judged("p", Decision::Refused)]].concat();
    let mut other_files = ApplyIntended { proposal: hash("p"), files: files(), allowed: vec![], partial: true };
    other_files.files[0].after = None;
    let cases: Vec<(&[Event], Event, &str)> = vec![
        (&[], base("b"), "not opened"),
        (&searching, opened(Task::Fix), "open already"),
        (&searching, base("b"), "judged already"),
        (&searching, tried(&["1"]), "second time"),
        (&searching, tried(&["2", "2"]), "second time"),
        (&searching, judged("p", Decision::Verified), "another proposal"),
        (&searching, intended("p"), "another proposal"),
        (&searching, Applied { proposal: hash("p") }.into(), "nobody intended"),
        (&judged_p, tried(&["2"]), "search is over"),
        (&judged_p, proposed("q"), "judged already"),
        (&judged_p, intended("q"), "another proposal"),
        (&judged_p, other_files.into(), "not those that were judged"),
        (&kept_out, intended("p"), "keeps it out"),
        (&writing, ended(false), "being written"),
        (&writing, intended("p"), "being written"),
        (&writing, Applied { proposal: hash("q") }.into(), "another proposal"),
        (&landed, intended("p"), "applied already"),
        (&over, resumed(), "has ended"),
        (&over, tried(&["9"]), "has ended"),
    ];
    for (log, event, why) in cases {
        let mut session = after(log);
        let before = session.clone();
        let error = session.apply(&event).expect_err(why);
        assert!(error.why.contains(why), "{error}, not {why}");
        assert_eq!(error.number, log.len() as u64);
        assert_eq!(session, before);
    }
}

#[test]
fn another_base_is_another_session() {
    let mut session = after(&[opened(Task::Fix), base("b"), tried(&["1"]), resumed()]);
    assert!(session.apply(&base("c")).unwrap_err().why.contains("another one"));
    assert_eq!(session.apply(&base("b")), Ok(()));
}

#[test]
fn only_a_landing_that_was_cut_off_is_recalled() {
    use crate::check::{CheckError, recall};
    use crate::proposal::{FileState, Proposal};
    let state = |text: &str| Some(FileState::new(text.as_bytes(), false));
    let proposal = Proposal::new("", vec![("a.py".parse().unwrap(), state("a\n"), state("b\n"))]).unwrap();
    let other = Proposal::new("", vec![("a.py".parse().unwrap(), state("a\n"), state("c\n"))]).unwrap();
    let name = proposal.hash();
    let with = |event: &Event| {
        let mut event = event.clone();
        match &mut event {
            Event::Proposed(of) => of.proposal = name,
            Event::Judged(of) => of.proposal = name,
            Event::ApplyIntended(of) => of.proposal = name,
            _ => {}
        }
        event
    };
    let log = [opened(Task::Fix), base("b"), proposed("p"), judged("p", Decision::Verified), intended("p")];
    let log: Vec<Event> = log.iter().map(with).collect();
    assert_eq!(recall(proposal.clone(), &after(&log[..4])).unwrap_err(), CheckError::OtherProposal);
    assert_eq!(recall(proposal.clone(), &after(&log)).unwrap().proposal(), &proposal);
    assert_eq!(recall(other, &after(&log)).unwrap_err(), CheckError::OtherProposal);
    let landed = [&log[..], &[Applied { proposal: name }.into()]].concat();
    assert_eq!(recall(proposal, &after(&landed)).unwrap_err(), CheckError::OtherProposal, "nothing lands twice");
}
