use super::*;
use crate::check::{Approval, CheckError, check};
use crate::proposal::FileState;
use crate::report::TestReport;

/// A report in one string: `id outcome [#fingerprint]`, one test a line; `!limit text`, `~unreported id`.
fn report(text: &str) -> SuiteReport {
    let mut report = SuiteReport { python: "3.15.0".into(), runner: "9.2.0".into(), ..SuiteReport::default() };
    for row in text.lines().map(str::trim).filter(|row| !row.is_empty()) {
        if let Some(limit) = row.strip_prefix('!') {
            report.limits.push(limit.into());
            continue;
        }
        if let Some(id) = row.strip_prefix('~') {
            report.unreported.push(id.into());
            continue;
        }
        let mut words = row.split(' ');
        let id = words.next().unwrap();
        let outcome = serde_json::from_str(&format!("\"{}\"", words.next().unwrap())).unwrap();
        report.tests.push(TestReport {
            id: id.into(),
            outcome,
            time_ms: 1.0,
            message: None,
            exception: None,
            detail: None,
            reason: None,
            fingerprint: words.next().map(Into::into),
            location: None,
            coverage: None,
            notes: Vec::new(),
            collection: !id.contains("::"),
        });
    }
    report
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

fn proposal() -> Proposal {
    let state = |text: &str| Some(FileState::new(text.as_bytes(), false));
    Proposal::new("a change", [(path("a.py"), state("x = 1\n\n# why\ny = 2\n"), state("x = 2\n\n# how\ny = 3\n"))])
        .unwrap()
}

struct Case<'a> {
    targets: &'a [&'a str],
    base: &'a str,
    after: &'a str,
}

fn verdict(case: &Case<'_>) -> Verdict {
    let targets: Vec<String> = case.targets.iter().map(|id| (*id).to_owned()).collect();
    judge(&Evidence {
        proposal: &proposal(),
        targets: &targets,
        base: &report(case.base),
        after: &report(case.after),
        landing: None,
        changed: None,
        root: None,
        protected: &[],
        allowed: &[],
        command: "airlock check",
    })
    .unwrap()
}

#[test]
fn every_target_fixed_is_verified() {
    let case = Case {
        targets: &["t.py::a", "t.py::b"],
        base: "t.py::a failed\nt.py::b error\nt.py::c passed\nt.py::d failed",
        after: "t.py::a passed\nt.py::b passed\nt.py::c passed\nt.py::d failed",
    };
    let verdict = verdict(&case);
    assert_eq!(verdict.decision, Decision::Verified);
    assert_eq!(verdict.fixed, ["t.py::a", "t.py::b"]);
    assert_eq!(verdict.failing_before, ["t.py::a", "t.py::b", "t.py::d"]);
    assert!(verdict.still_failing.is_empty(), "a test that is no target is not listed there");
    assert!(verdict.reasons.is_empty());
    assert_eq!((verdict.before.failed, verdict.after.failed), (2, 1));
}

#[test]
fn without_a_target_nothing_worse_is_no_regression() {
    let base = "t.py::a passed\nt.py::b failed\nt.py::c not_testable";
    let verdict = verdict(&Case { targets: &[], base, after: base });
    assert_eq!(verdict.decision, Decision::NoRegression);
    assert_eq!(verdict.not_testable, ["t.py::c"]);
    assert!(verdict.newly_not_testable.is_empty());
}

#[test]
fn a_target_that_passed_already_is_no_merit() {
    let verdict = verdict(&Case { targets: &["t.py::a"], base: "t.py::a passed", after: "t.py::a passed" });
    assert_eq!(verdict.decision, Decision::NoRegression);
    assert!(verdict.fixed.is_empty() && verdict.still_failing.is_empty());
    assert!(verdict.notes.iter().any(|note| note.contains("t.py::a passed on the base")), "{:?}", verdict.notes);
}

#[test]
fn what_was_not_seen_to_fail_is_never_fixed() {
    for (base, after) in
        [("not_testable", "passed"), ("not_testable", "not_testable"), ("skipped", "passed"), ("xfailed", "passed")]
    {
        let (base, after) = (format!("t.py::a {base}\nt.py::b passed"), format!("t.py::a {after}\nt.py::b passed"));
        let verdict = verdict(&Case { targets: &["t.py::a"], base: &base, after: &after });
        assert_eq!(verdict.decision, Decision::NotFixed, "{base}");
        assert!(verdict.fixed.is_empty());
        assert_eq!(verdict.reasons.len(), 1);
    }
    let unknown =
        verdict(&Case { targets: &["t.py::new"], base: "t.py::b passed", after: "t.py::b passed\nt.py::new passed" });
    assert_eq!(unknown.decision, Decision::NotFixed);
    assert_eq!(unknown.added, ["t.py::new"]);
}

#[test]
fn groups_are_fixed_whole() {
    let base = "t.py::a failed f1\nt.py::b failed f1\nt.py::c failed f2\nt.py::p passed";
    let targets = &["t.py::a", "t.py::b", "t.py::c"];
    let of = |after: &str| verdict(&Case { targets, base, after: &format!("{after}\nt.py::p passed") });

    let whole = of("t.py::a passed\nt.py::b passed\nt.py::c failed");
    assert_eq!(whole.decision, Decision::PartlyFixed);
    assert_eq!((whole.fixed.len(), whole.still_failing.len()), (2, 1));

    let half = of("t.py::a passed\nt.py::b failed\nt.py::c failed");
    assert_eq!(half.decision, Decision::NotFixed, "half a group is none");
    assert_eq!(half.fixed, ["t.py::a"]);
}

#[test]
fn each_of_these_alone_keeps_a_proposal_out() {
    let base = "t.py::t failed\nt.py::p passed\nt.py::x xfailed";
    type List = fn(&Findings) -> &Vec<String>;
    let cases: [(&str, &str, List); 9] = [
        ("broken", "t.py::t passed\nt.py::p failed\nt.py::x xfailed", |f| &f.broken),
        ("broken", "t.py::t passed\nt.py::p passed\nt.py::x failed", |f| &f.broken),
        ("broken", "t.py::t passed\nt.py::p passed\nt.py::x xfailed\nt.py::n error", |f| &f.broken),
        ("broken", "t.py::t passed\nt.py::p passed\nt.py::x xfailed\nother.py error", |f| &f.broken),
        ("gone", "t.py::t passed\nt.py::x xfailed", |f| &f.gone),
        ("skipped", "t.py::t passed\nt.py::p skipped\nt.py::x xfailed", |f| &f.skipped),
        ("skipped", "t.py::t passed\nt.py::p xfailed\nt.py::x xfailed", |f| &f.skipped),
        ("skipped", "t.py::t xpassed\nt.py::p passed\nt.py::x xfailed", |f| &f.skipped),
        ("not testable", "t.py::t passed\nt.py::p not_testable\nt.py::x xfailed", |f| &f.newly_not_testable),
    ];
    for (name, after, list) in cases {
        let verdict = verdict(&Case { targets: &["t.py::t"], base, after });
        assert_eq!(verdict.decision, Decision::Refused, "{after}");
        assert_eq!(list(&verdict).len(), 1, "{name}: {after}");
        assert_eq!(
            verdict.reasons.iter().filter(|reason| !reason.starts_with("the target")).count(),
            1,
            "{:?}",
            verdict.reasons
        );
        let refused = check(proposal(), verdict, &Approval { partial: true, ..Approval::default() });
        assert!(matches!(refused, Err(CheckError::Refused(_))));
    }
}

#[test]
fn a_target_that_is_skipped_or_gone_is_not_fixed_and_keeps_it_out() {
    for after in ["t.py::p passed\nt.py::t skipped", "t.py::p passed", "t.py::p passed\nt.py::t not_testable"] {
        let verdict = verdict(&Case { targets: &["t.py::t"], base: "t.py::p passed\nt.py::t failed", after });
        assert_eq!(verdict.decision, Decision::Refused, "{after}");
        assert_eq!(verdict.still_failing, ["t.py::t"]);
        assert!(verdict.fixed.is_empty());
    }
}

#[test]
fn an_exit_before_the_last_report_makes_the_rest_gone() {
    let base = "t.py::a failed\nt.py::b passed\nt.py::c passed";
    let verdict = verdict(&Case { targets: &["t.py::a"], base, after: "t.py::a passed\n~t.py::b\n~t.py::c" });
    assert_eq!(verdict.decision, Decision::Refused);
    assert_eq!(verdict.gone, ["t.py::b", "t.py::c"]);
}

#[test]
fn a_run_that_ends_early_on_both_sides_shows_nothing_new() {
    let base = "t.py::a failed\nt.py::b passed\n~t.py::c\n~t.py::d";
    let of = |after| verdict(&Case { targets: &["t.py::a"], base, after });
    assert_eq!(of("t.py::a passed\nt.py::b passed\n~t.py::c\n~t.py::d").decision, Decision::Verified);
    assert_eq!(of("t.py::a passed\nt.py::b passed\nt.py::c passed\nt.py::d passed").decision, Decision::Verified);
    assert_eq!(of("t.py::a passed\nt.py::b passed\nt.py::c failed\n~t.py::d").broken, ["t.py::c"]);
    // Not even collected any more.
    assert_eq!(of("t.py::a passed\nt.py::b passed\n~t.py::c").gone, ["t.py::d"]);
}

#[test]
fn limits_count_where_only_the_proposal_meets_them() {
    let both = Case { targets: &[], base: "t.py::a passed\n!output", after: "t.py::a passed\n!output" };
    assert_eq!(verdict(&both).decision, Decision::NoRegression);
    assert_eq!(verdict(&both).limits, ["output"]);
    let after_only = Case { targets: &[], base: "t.py::a passed\n!output", after: "t.py::a passed\n!output\n!memory" };
    let refused = verdict(&after_only);
    assert_eq!(refused.decision, Decision::Refused);
    assert_eq!(refused.limits, ["output", "memory"]);
    let before_only = Case { targets: &[], base: "t.py::a passed\n!time", after: "t.py::a passed" };
    assert_eq!(verdict(&before_only).decision, Decision::NoRegression);
}

#[test]
fn a_file_that_could_not_be_collected_is_fixed_by_its_tests() {
    let base = "t/a.py error\nt/b.py::p passed";
    let of = |targets, after| verdict(&Case { targets, base, after });

    let fixed = of(&["t/a.py"], "t/a.py::x passed\nt/a.py::y passed\nt/b.py::p passed");
    assert_eq!((fixed.decision, &fixed.fixed[..]), (Decision::Verified, &["t/a.py".to_owned()][..]));
    assert!(fixed.gone.is_empty() && fixed.added.is_empty());

    let named = of(&["t/a.py::x"], "t/a.py::x passed\nt/a.py::y failed\nt/b.py::p passed");
    assert_eq!(named.decision, Decision::Verified, "the test itself failed for its file's sake");
    assert!(named.broken.is_empty());

    let red = of(&["t/a.py"], "t/a.py::x passed\nt/a.py::y failed\nt/b.py::p passed");
    assert_eq!(red.decision, Decision::NotFixed);
    assert!(red.broken.is_empty(), "it did not pass before");

    let empty = of(&["t/a.py"], "t/a.py::x skipped\nt/b.py::p passed");
    assert_eq!(empty.decision, Decision::NotFixed);

    let gone = of(&["t/a.py"], "t/b.py::p passed");
    assert_eq!((gone.decision, &gone.gone[..]), (Decision::Refused, &["t/a.py".to_owned()][..]));

    let same = of(&["t/a.py"], "t/a.py error\nt/b.py::p passed");
    assert_eq!(same.decision, Decision::NotFixed);
}

#[test]
fn a_file_that_was_skipped_or_not_testable_as_a_whole_may_open() {
    let base = "t/a.py skipped\nt/c.py not_testable\nt/b.py::p passed";
    let opened = verdict(&Case { targets: &[], base, after: "t/a.py::x passed\nt/c.py::x passed\nt/b.py::p passed" });
    assert_eq!(opened.decision, Decision::NoRegression);
    assert!(opened.gone.is_empty());
    let failing = verdict(&Case { targets: &[], base, after: "t/a.py::x failed\nt/c.py::x passed\nt/b.py::p passed" });
    assert_eq!(failing.broken, ["t/a.py::x"]);
}

#[test]
fn a_file_that_closes_takes_its_tests_with_it() {
    let base = "t/a.py::x passed\nt/b.py::p passed";
    for (after, list) in [("t/a.py error", "broken"), ("t/a.py skipped", "skipped"), ("t/a.py not_testable", "newly")] {
        let verdict = verdict(&Case { targets: &[], base, after: &format!("{after}\nt/b.py::p passed") });
        assert_eq!(verdict.decision, Decision::Refused);
        assert_eq!(verdict.gone, ["t/a.py::x"]);
        let found = match list {
            "broken" => &verdict.broken,
            "skipped" => &verdict.skipped,
            _ => &verdict.newly_not_testable,
        };
        assert_eq!(found, &["t/a.py"]);
    }
}

#[test]
fn an_id_that_continues_another_does_not_stand_for_it() {
    let case = Case {
        targets: &["t.py::a"],
        base: "t.py::a failed\nt.py::b passed",
        after: "t.py::a::x passed\nt.py::b passed",
    };
    let verdict = verdict(&case);
    assert_eq!(verdict.gone, ["t.py::a"]);
    assert_eq!(verdict.decision, Decision::Refused);
}

#[test]
fn nothing_that_passes_speaks_for_nothing() {
    let verdict = verdict(&Case { targets: &[], base: "t.py::a skipped", after: "t.py::a skipped" });
    assert_eq!(verdict.decision, Decision::Refused);
}

#[test]
fn an_id_twice_and_another_interpreter_are_no_evidence() {
    let (proposal, base) = (proposal(), report("t.py::a passed"));
    let evidence = Evidence {
        proposal: &proposal,
        targets: &[],
        base: &base,
        after: &report("t.py::a failed\nt.py::a passed"),
        landing: None,
        changed: None,
        root: None,
        protected: &[],
        allowed: &[],
        command: "",
    };
    assert!(matches!(judge(&evidence), Err(JudgeError::DuplicateId { side: "with the proposal", .. })));
    let after = SuiteReport { python: "3.12.0".into(), ..base.clone() };
    assert!(matches!(judge(&Evidence { after: &after, ..evidence }), Err(JudgeError::Versions { .. })));
}

#[test]
fn what_lands_is_run_and_may_be_no_worse() {
    let (proposal, base) = (proposal(), report("t.py::a passed\nt.py::b failed\nu.py::c passed"));
    let after = report("t.py::a passed\nt.py::b passed\nu.py::c passed");
    let targets = ["t.py::b".to_owned()];
    let protected = [Protected { path: path("u.py"), level: Level::Named, why: "test material" }];
    let judged = |landing: &str| {
        judge(&Evidence {
            proposal: &proposal,
            targets: &targets,
            base: &base,
            after: &after,
            landing: Some(&report(landing)),
            changed: None,
            root: None,
            protected: &protected,
            allowed: &[path("u.py")],
            command: "",
        })
        .unwrap()
    };
    let same = "t.py::a passed\nt.py::b passed\nu.py::c passed\n";
    let added = judged(&format!("{same}n.py::x passed\nn.py::z skipped"));
    assert_eq!((added.decision, &added.added[..]), (Decision::Verified, &["n.py::x".into(), "n.py::z".into()][..]));

    let failing = judged(&format!("{same}n.py::x passed\nn.py::y failed"));
    assert_eq!((failing.decision, &failing.broken[..]), (Decision::Refused, &["n.py::y".into()][..]));
    assert_eq!(failing.added, ["n.py::x", "n.py::y"]);
    let broken = judged("t.py::a failed\nt.py::b passed\nu.py::c passed\nn.py::x passed");
    assert_eq!((broken.decision, &broken.broken[..]), (Decision::Refused, &["t.py::a".into()][..]));
    let unfixed = judged("t.py::a passed\nt.py::b failed\nu.py::c passed\nn.py::x passed");
    assert_eq!((unfixed.decision, &unfixed.still_failing[..]), (Decision::NotFixed, &["t.py::b".into()][..]));
    let ended = judged("!the interpreter was ended with code 0\n~t.py::a\n~t.py::b\n~u.py::c");
    assert_eq!((ended.decision, ended.gone.len()), (Decision::Refused, 2));
    assert_eq!(ended.limits, ["the interpreter was ended with code 0"]);
    // The base's file, which cannot be collected beside the new one, is no new test.
    let collides = judged("t.py error\nu.py::c passed\nn.py::x passed");
    assert_eq!((&collides.broken[..], &collides.added[..]), (&["t.py".into()][..], &["n.py::x".into()][..]));
    assert_eq!(collides.decision, Decision::Refused);

    // The user names a test's file: that it is deleted or skipped there is meant, that it fails is not.
    assert_eq!(judged("t.py::a passed\nt.py::b passed").decision, Decision::Verified);
    assert_eq!(judged("t.py::a passed\nt.py::b passed\nu.py::c skipped").decision, Decision::Verified);
    assert_eq!(judged("t.py::a passed\nt.py::b passed\nu.py::c failed").decision, Decision::Refused);
    assert_eq!(judged("t.py::a passed\nu.py::c passed").decision, Decision::Refused, "t.py is not named");
}

#[test]
fn changed_lines_that_no_test_ran_are_named() {
    let (proposal, base) = (proposal(), report("t.py::a passed"));
    let mut after = base.clone();
    after.tests[0].coverage = Some([("a.py".to_owned(), vec![1])].into());
    let evidence = Evidence {
        proposal: &proposal,
        targets: &[],
        base: &base,
        after: &after,
        landing: None,
        changed: None,
        root: None,
        protected: &[],
        allowed: &[],
        command: "",
    };
    let verdict = judge(&evidence).unwrap();
    assert_eq!(verdict.uncovered, [Uncovered { path: path("a.py"), lines: vec![4] }], "line 3 is a comment");
    assert!(judge(&Evidence { after: &base, ..evidence }).unwrap().uncovered.is_empty());

    // In a project that is a folder of the workspace, reports name paths from there.
    let code = |lines: &[u32], statement| ChangedCode { lines: lines.to_vec(), statement };
    let changed =
        BTreeMap::from([(path("lib/a.py"), vec![code(&[2], 1..=3), code(&[4], 4..=4), code(&[5, 6], 5..=6)])]);
    let root = path("lib");
    let verdict = judge(&Evidence { changed: Some(&changed), root: Some(&root), ..evidence }).unwrap();
    assert_eq!(verdict.uncovered, [Uncovered { path: path("lib/a.py"), lines: vec![4, 5, 6] }]);

    // What ran when the module was imported ran.
    let after = SuiteReport { imported: [("a.py".to_owned(), vec![4])].into(), ..after.clone() };
    let verdict = judge(&Evidence { after: &after, changed: Some(&changed), root: Some(&root), ..evidence }).unwrap();
    assert_eq!(verdict.uncovered, [Uncovered { path: path("lib/a.py"), lines: vec![5, 6] }]);
}

#[test]
fn protected_files_need_their_name() {
    let (proposal, base) = (proposal(), report("t.py::a passed"));
    let protected = [Protected { path: path("conftest.py"), level: Level::Named, why: "test material" }];
    let allowed = [path("conftest.py")];
    let evidence = Evidence {
        proposal: &proposal,
        targets: &[],
        base: &base,
        after: &base,
        landing: None,
        changed: None,
        root: None,
        protected: &protected,
        allowed: &[],
        command: "",
    };
    let refused = judge(&evidence).unwrap();
    assert_eq!(refused.decision, Decision::Refused);
    assert_eq!(refused.protected, allowed);
    assert!(refused.reasons[0].contains("conftest.py"));
    let named = judge(&Evidence { allowed: &allowed, ..evidence }).unwrap();
    assert_eq!(named.decision, Decision::NoRegression);

    let approval = Approval { allow: allowed.to_vec(), ..Approval::default() };
    assert!(check(proposal.clone(), named.clone(), &approval).is_ok());
    assert_eq!(check(proposal.clone(), named, &Approval::default()), Err(CheckError::NotAllowed(allowed.to_vec())));
    // Named after the verdict: what would land was never run.
    assert_eq!(check(proposal.clone(), refused.clone(), &approval), Err(CheckError::NamedLate(allowed.to_vec())));
    assert_eq!(check(proposal.clone(), refused, &Approval::default()), Err(CheckError::NotAllowed(allowed.to_vec())));

    let never = [Protected { path: path("conftest.py"), level: Level::Never, why: "a test" }];
    let forbidden = judge(&Evidence { protected: &never, allowed: &allowed, ..evidence }).unwrap();
    assert_eq!(forbidden.decision, Decision::Refused);
    assert!(matches!(check(proposal.clone(), forbidden, &approval), Err(CheckError::Forbidden(_))));
}

#[test]
fn a_verdict_holds_for_its_proposal_alone() {
    let verdict = verdict(&Case { targets: &[], base: "t.py::a passed", after: "t.py::a passed" });
    let other = proposal().filter(|_| false);
    assert_eq!(check(other.clone(), verdict.clone(), &Approval::default()), Err(CheckError::OtherProposal));
    let shown = Approval { shown: Some(other.hash()), ..Approval::default() };
    assert_eq!(check(proposal(), verdict.clone(), &shown), Err(CheckError::OtherApproval));
    let checked =
        check(proposal(), verdict, &Approval { shown: Some(proposal().hash()), ..Approval::default() }).unwrap();
    assert_eq!(checked.proposal(), &proposal());
    assert_eq!(checked.verdict().map(|verdict| verdict.decision), Some(Decision::NoRegression));
}

#[test]
fn part_of_the_work_lands_only_where_asked_for() {
    let case = Case {
        targets: &["t.py::a", "t.py::b"],
        base: "t.py::a failed\nt.py::b failed",
        after: "t.py::a passed\nt.py::b failed",
    };
    let partly = verdict(&case);
    assert_eq!(partly.decision, Decision::PartlyFixed);
    assert_eq!(check(proposal(), partly.clone(), &Approval::default()), Err(CheckError::Partial));
    assert!(check(proposal(), partly, &Approval { partial: true, ..Approval::default() }).is_ok());
    let none = Case { after: "t.py::a failed\nt.py::b failed\nt.py::n passed", ..case };
    assert_eq!(check(proposal(), verdict(&none), &Approval::default()), Err(CheckError::NotFixed));
}

#[test]
fn the_document_has_the_findings_and_nothing_inside() {
    let verdict = verdict(&Case { targets: &[], base: "t.py::a passed", after: "t.py::a passed" }).into_reused();
    let json: serde_json::Value = serde_json::to_value(&verdict).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "before",
        "after",
        "fixed",
        "still_failing",
        "failing_before",
        "broken",
        "gone",
        "skipped",
        "added",
        "not_testable",
        "newly_not_testable",
        "uncovered",
        "protected",
        "limits",
        "notes",
        "command",
        "reused",
        "decision",
        "reasons",
    ];
    let mut keys = keys;
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(json["reused"], true);
    assert_eq!(json["decision"], "no_regression");
}
