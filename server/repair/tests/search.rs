//! What the search decides, asked of verifiers made of closures: no Python is run.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use airlock_core::report::{Outcome, SuiteReport};
use airlock_repair::{
    Candidate, Confirmation, Ended, GroupOutcome, Options, SearchEnd, SearchError, SearchResult, Stop, TargetResult,
    Verifier, VerifierError, verifier::Cancel,
};
use common::{Project, test_report};

/// How a simulated machine goes through a batch.
#[derive(Clone, Copy)]
enum Arrival {
    Forwards,
    Backwards,
    /// As `n` workers would, each taking every n-th.
    Workers(usize),
}

/// Judges the changed file's text.
struct Judge<F> {
    /// Gives the tests that pass with a text.
    passes: F,
    report: SuiteReport,
    arrival: Arrival,
    batches: Mutex<Vec<usize>>,
    confirmed: AtomicUsize,
    ended: Option<fn(&str) -> Option<Ended>>,
}

impl<F: Fn(&str) -> BTreeSet<&'static str>> Judge<F> {
    fn new(passes: F, report: SuiteReport) -> Self {
        Self {
            passes,
            report,
            arrival: Arrival::Forwards,
            batches: Mutex::default(),
            confirmed: AtomicUsize::new(0),
            ended: None,
        }
    }

    fn judge(&self, candidate: &Candidate, targets: &[String]) -> TargetResult {
        let text = candidate.changes.first().map_or(TEXT, |change| &*change.text);
        let passing = (self.passes)(text);
        TargetResult {
            ran: true,
            passed: (0..targets.len()).filter(|i| passing.contains(targets[*i].as_str())).collect(),
            ended: self.ended.and_then(|ended| ended(text)).unwrap_or(Ended::Finished),
        }
    }
}

impl<F: Fn(&str) -> BTreeSet<&'static str> + Sync> Verifier for Judge<F> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        self.batches.lock().expect("no panic").push(candidates.len());
        let order: Vec<usize> = match self.arrival {
            Arrival::Forwards => (0..candidates.len()).collect(),
            Arrival::Backwards => (0..candidates.len()).rev().collect(),
            Arrival::Workers(n) => (0..n).flat_map(|w| (w..candidates.len()).step_by(n)).collect(),
        };
        let mut results: Vec<TargetResult> = candidates.iter().map(|_| TargetResult::cancelled()).collect();
        for index in order {
            if cancel() {
                break;
            }
            results[index] = self.judge(&candidates[index], targets);
        }
        Ok(results)
    }

    fn confirm(&self, candidate: &Candidate, _cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        self.confirmed.fetch_add(1, Ordering::Relaxed);
        let passing = (self.passes)(&candidate.changes[0].text);
        let now = SuiteReport {
            tests: self
                .report
                .tests
                .iter()
                .map(|test| {
                    let outcome = if passing.contains(test.id.as_str()) { Outcome::Passed } else { Outcome::Failed };
                    test_report(&test.id, outcome, BTreeMap::new())
                })
                .collect(),
            ..SuiteReport::default()
        };
        Ok(common::compare(&self.report, &now))
    }
}

const TEXT: &str = "def f(a, b, c):\n    d = a + b\n    if d < c and a < b:\n        return a - 1\n    return c\n";

fn project() -> Project {
    Project::new(&[("m.py", TEXT), ("test_m.py", "def test_one(): assert f(1, 2, 3) == 4\n")])
}

/// Tests `one` (failing, with the fingerprint given) … and `good` (passing), all of them through every line.
fn report(failing: &[(&str, &str)]) -> SuiteReport {
    let coverage = BTreeMap::from([("m.py".to_owned(), vec![2, 3, 4, 5])]);
    let mut tests: Vec<_> = failing
        .iter()
        .map(|(id, fingerprint)| {
            let mut test = test_report(id, Outcome::Failed, coverage.clone());
            test.fingerprint = Some((*fingerprint).to_owned());
            test
        })
        .collect();
    tests.push(test_report("good", Outcome::Passed, coverage));
    SuiteReport { tests, ..SuiteReport::default() }
}

/// One edit at a time, to the end.
const SINGLE: Options = Options {
    seed: 0,
    batch: 32,
    max_edits: 1,
    max_candidates: 20_000,
    max_places: 2_000,
    max_confirmations: 40,
    max_screening_targets: 16,
    after_first: 256,
    alternatives: 3,
};

fn run(
    passes: impl Fn(&str) -> BTreeSet<&'static str> + Sync,
    report: &SuiteReport,
    options: &Options,
) -> (SearchResult, usize) {
    let judge = Judge::new(passes, report.clone());
    let (result, _) = project().repair(report, options, &judge);
    (result, judge.confirmed.load(Ordering::Relaxed))
}

fn fixed(result: &SearchResult) -> Vec<&str> {
    result.patches().map(|patch| patch.edits[0].after.as_str()).collect()
}

#[test]
fn the_answer_does_not_depend_on_arrival_or_workers() {
    // Several repairs of different size and rank: the choice among them is what could go wrong.
    let passes = |text: &str| {
        if text.contains("d <= c") || text.contains("a * b") || text.contains("return b") || text.contains("not (") {
            BTreeSet::from(["one", "good"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    let report = report(&[("one", "x"), ("two", "y")]);
    for seed in [0, 1, 77] {
        let options = Options { seed, ..SINGLE };
        let mut results = Vec::new();
        for arrival in
            [Arrival::Forwards, Arrival::Backwards, Arrival::Workers(2), Arrival::Workers(7), Arrival::Forwards]
        {
            let mut judge = Judge::new(passes, report.clone());
            judge.arrival = arrival;
            results.push(project().repair(&report, &options, &judge));
        }
        assert!(fixed(&results[0].0) == ["if d <= c and a < b:"], "{:?}", results[0].0);
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn the_seed_breaks_ties_only() {
    let orders: BTreeSet<Vec<String>> = (0..8)
        .map(|seed| {
            let tried = Mutex::new(Vec::new());
            let passes = |text: &str| {
                tried.lock().expect("no panic").push(text.to_owned());
                BTreeSet::new()
            };
            let options = Options { seed, ..SINGLE };
            run(passes, &report(&[("one", "x")]), &options);
            tried.into_inner().expect("no panic")
        })
        .collect();
    assert!(orders.len() > 1, "seeds give different orders");
    let sets: BTreeSet<BTreeSet<String>> = orders.into_iter().map(|order| order.into_iter().collect()).collect();
    assert_eq!(sets.len(), 1, "of the same candidates");
}

#[test]
fn candidates_are_unique_and_never_the_original() {
    let tried = Mutex::new(Vec::new());
    let passes = |text: &str| {
        tried.lock().expect("no panic").push(text.to_owned());
        BTreeSet::new()
    };
    let (result, _) = run(passes, &report(&[("one", "x")]), &SINGLE);
    let mut tried = tried.into_inner().expect("no panic");
    assert_eq!(tried.remove(0), TEXT, "the base itself is asked about once, to see that its failures are steady");
    let unique: BTreeSet<&String> = tried.iter().collect();
    assert_eq!(unique.len(), tried.len());
    assert!(!unique.contains(&TEXT.to_owned()));
    assert!(result.counts.duplicates > 0 && result.counts.tried == tried.len() as u64);
}

#[test]
fn smaller_patches_win_and_the_next_best_are_kept() {
    // `(b + a)`-like swaps are larger than one token, and come later or earlier by rank alone.
    let passes = |text: &str| {
        if text.contains("b + a") || text.contains("d >= c") || text.contains("d > c") || text.contains("or a < b") {
            BTreeSet::from(["one", "good"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    // A second target nobody mends keeps the search from stopping at the first.
    let report = report(&[("one", "x"), ("two", "y")]);
    let (result, _) = run(passes, &report, &SINGLE);
    let GroupOutcome::Fixed { patch, alternatives } = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    assert_eq!(patch.size, 1);
    let sizes: Vec<u32> = alternatives.iter().map(|a| a.size).collect();
    assert_eq!(sizes, [1, 1, 2]);
    assert!(patch.rank < alternatives[0].rank && alternatives[0].rank < alternatives[1].rank);
    assert!(matches!(result.groups[1].outcome, GroupOutcome::NotFixed(_)));
    assert!(!result.all_fixed() && !result.changes().is_empty());
}

#[test]
fn a_repair_that_breaks_another_test_is_only_a_near_miss() {
    let passes = |text: &str| {
        if text.contains("d <= c") { BTreeSet::from(["one"]) } else { BTreeSet::from(["good"]) }
    };
    let (result, confirmed) = run(passes, &report(&[("one", "x")]), &SINGLE);
    let GroupOutcome::NotFixed(not) = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    let nearest = not.nearest.as_ref().unwrap();
    assert_eq!(nearest.passing, ["one"]);
    assert_eq!(nearest.confirmation.as_ref().unwrap().broken, ["good"]);
    assert_eq!(confirmed, 1);
}

#[test]
fn one_repair_may_mend_several_groups() {
    let passes = |text: &str| {
        if text.contains("a - b") {
            BTreeSet::from(["one", "two", "good"])
        } else if text.contains("d <= c") {
            BTreeSet::from(["one", "good"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    // `d <= c` comes first and mends the first group only; what mends both is better.
    let (result, _) = run(passes, &report(&[("one", "x"), ("two", "y")]), &SINGLE);
    assert_eq!(fixed(&result), ["d = a - b"]);
    assert_eq!(result.groups[1].outcome, GroupOutcome::FixedByEarlier);
    assert!(result.all_fixed());
}

#[test]
fn later_groups_keep_what_earlier_ones_fixed() {
    let passes = |text: &str| {
        let mut passing = BTreeSet::from(["good"]);
        let (first, second) = (text.contains("d <= c"), text.contains("return a + 1"));
        if first {
            passing.insert("one");
            passing.insert("three");
        }
        if second {
            passing.insert("two");
        }
        passing
    };
    let report = report(&[("two", "y"), ("one", "x"), ("three", "x")]);
    let (result, _) = run(passes, &report, &SINGLE);
    assert_eq!(result.groups[0].targets, ["one", "three"]);
    assert_eq!(fixed(&result), ["if d <= c and a < b:", "return a + 1"]);
    let text = &*result.changes()[0].text;
    assert!(text.contains("d <= c") && text.contains("a + 1"));
}

#[test]
fn limits_and_stops_are_said() {
    let report = report(&[("one", "x")]);
    let options = Options { max_candidates: 10, batch: 4, ..SINGLE };
    let judge = Judge::new(|_: &str| BTreeSet::new(), report.clone());
    let (result, events) = project().repair(&report, &options, &judge);
    // The first is the base itself, to see that its failures are steady.
    let mut batches = judge.batches.lock().expect("no panic").clone();
    batches[1..].sort_unstable();
    assert_eq!(batches, [1, 2, 4, 4]);
    assert_eq!((result.end, result.counts.tried), (SearchEnd::CandidateLimit, 10));
    assert_eq!(events.last().map(|event| event.tried), Some(10));
    let GroupOutcome::NotFixed(not) = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    assert!(not.more_time_could_help && not.known > 10);

    for (stop, end) in [(Stop::TimeUp, SearchEnd::TimeUp), (Stop::Cancelled, SearchEnd::Cancelled)] {
        // Stops in the middle of a batch.
        let judged = AtomicUsize::new(0);
        let poll = || if judged.load(Ordering::Relaxed) < 7 { Stop::Continue } else { stop };
        let passes = |_: &str| {
            judged.fetch_add(1, Ordering::Relaxed);
            BTreeSet::new()
        };
        let judge = Judge::new(passes, report.clone());
        let (result, _) = project().repair_until(&report, &SINGLE, &judge, &poll);
        assert_eq!(result.end, end);
        // The base, six candidates, and what the other of two batches was at meanwhile.
        assert!((6..=7).contains(&result.counts.tried), "{}", result.counts.tried);
    }
}

/// Says `stop` once a candidate that passes was seen.
fn stopped_by_a_pass(stop: Stop) -> SearchResult {
    let seen = AtomicBool::new(false);
    let passes = |text: &str| {
        if text.contains("d = a * b") {
            seen.store(true, Ordering::Relaxed);
            BTreeSet::from(["one", "good"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    let report = report(&[("one", "x"), ("two", "y")]);
    let judge = Judge::new(passes, report.clone());
    let judged = AtomicBool::new(false);
    let judge = Telling { judge, seen: &seen, judged: &judged };
    let poll = || if judged.load(Ordering::Relaxed) { stop } else { Stop::Continue };
    project().repair_until(&report, &SINGLE, &judge, &poll).0
}

/// Tells other threads what its judge saw.
struct Telling<'a, F> {
    judge: Judge<F>,
    seen: &'a AtomicBool,
    judged: &'a AtomicBool,
}

impl<F: Fn(&str) -> BTreeSet<&'static str> + Sync> Verifier for Telling<'_, F> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        let results = self.judge.try_targets(candidates, targets, cancel);
        self.judged.fetch_or(self.seen.load(Ordering::Relaxed), Ordering::Relaxed);
        results
    }

    fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        if cancel() {
            return Ok(Confirmation {
                ended: Ended::Cancelled,
                ..common::compare(&self.judge.report, &self.judge.report)
            });
        }
        self.judge.confirm(candidate, cancel)
    }
}

#[test]
fn what_passes_when_the_time_is_up_is_still_confirmed_and_kept() {
    let result = stopped_by_a_pass(Stop::TimeUp);
    assert_eq!(fixed(&result), ["d = a * b"]);
    assert_eq!((result.end, result.all_fixed()), (SearchEnd::TimeUp, false));
    // The group whose turn never came is said to be untried.
    let GroupOutcome::NotFixed(not) = &result.groups[1].outcome else { panic!("{result:?}") };
    assert_eq!((not.candidates, not.places, not.end), (0, 0, SearchEnd::TimeUp));
}

#[test]
fn when_the_time_for_that_is_over_too_the_miss_is_told_as_not_confirmed() {
    for stop in [Stop::Over, Stop::Cancelled] {
        let result = stopped_by_a_pass(stop);
        assert!(result.changes().is_empty());
        let GroupOutcome::NotFixed(not) = &result.groups[0].outcome else { panic!("{result:?}") };
        let near = not.nearest.as_ref().expect("a nearest");
        assert_eq!((&near.passing[..], &near.confirmation), (&["one".to_owned()][..], &None));
    }
}

/// Waits for `condition`, which another thread brings about.
fn wait_for(condition: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed().as_secs() < 60, "nobody does what is waited for");
        std::thread::yield_now();
    }
}

#[test]
fn the_next_batch_is_at_work_while_what_passed_in_the_last_one_is_confirmed() {
    /// Confirms once the batch after the one with the candidate has begun.
    struct Overlapping<F>(Judge<F>);
    impl<F: Fn(&str) -> BTreeSet<&'static str> + Sync> Verifier for Overlapping<F> {
        fn try_targets(
            &self,
            candidates: &[Candidate],
            targets: &[String],
            cancel: Cancel<'_>,
        ) -> Result<Vec<TargetResult>, VerifierError> {
            self.0.try_targets(candidates, targets, cancel)
        }

        fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
            // The base, the batch it was in, the next one.
            wait_for(|| self.0.batches.lock().expect("no panic").len() >= 3);
            self.0.confirm(candidate, cancel)
        }
    }
    let tried = Mutex::new(Vec::new());
    let passes = |text: &str| {
        let mut tried = tried.lock().expect("no panic");
        tried.push(text.to_owned());
        // The first candidate passes, whatever it is, and breaks the other test.
        if tried.len() == 2 || tried[1..].first().is_some_and(|first| first == text) {
            BTreeSet::from(["one"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    let report = report(&[("one", "x")]);
    let judge = Overlapping(Judge::new(passes, report.clone()));
    let (result, _) = project().repair(&report, &Options { batch: 4, ..SINGLE }, &judge);
    assert!(matches!(result.groups[0].outcome, GroupOutcome::NotFixed(_)), "{result:?}");
    assert_eq!(judge.0.confirmed.load(Ordering::Relaxed), 1);
}

#[test]
fn what_passes_together_is_confirmed_together_and_counts_by_rank() {
    /// Holds each confirmation until both are asked for.
    struct Together<F>(Judge<F>, AtomicUsize);
    impl<F: Fn(&str) -> BTreeSet<&'static str> + Sync> Verifier for Together<F> {
        fn try_targets(
            &self,
            candidates: &[Candidate],
            targets: &[String],
            cancel: Cancel<'_>,
        ) -> Result<Vec<TargetResult>, VerifierError> {
            self.0.try_targets(candidates, targets, cancel)
        }

        fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            wait_for(|| self.1.load(Ordering::Relaxed) == 2);
            self.0.confirm(candidate, cancel)
        }
    }
    // Both are of one token, and nothing could be better than the first.
    let passes = |text: &str| {
        if text.contains("d <= c") || text.contains("d >= c") {
            BTreeSet::from(["one", "good"])
        } else {
            BTreeSet::from(["good"])
        }
    };
    let report = report(&[("one", "x")]);
    let judge = Together(Judge::new(passes, report.clone()), AtomicUsize::new(0));
    let (result, _) = project().repair(&report, &SINGLE, &judge);
    assert_eq!(fixed(&result), ["if d <= c and a < b:"]);
    let GroupOutcome::Fixed { alternatives, .. } = &result.groups[0].outcome else { panic!("{result:?}") };
    assert!(alternatives.is_empty(), "what nobody waited for counts for nothing");
    assert_eq!(result.counts.confirmed, 1);
}

#[test]
fn endless_and_limited_candidates_are_counted_out() {
    let passes = |text: &str| if text == TEXT { BTreeSet::from(["good"]) } else { BTreeSet::from(["one", "good"]) };
    let report = report(&[("one", "x")]);
    let mut judge = Judge::new(passes, report.clone());
    judge.ended = Some(|text| {
        (!text.contains("a * b"))
            .then(|| if text.contains("d <= c") { Ended::Endless } else { Ended::Limit("memory".into()) })
    });
    let (result, _) = project().repair(&report, &SINGLE, &judge);
    assert_eq!(fixed(&result), ["d = a * b"]);
}

#[test]
fn an_unknown_target_and_a_broken_verifier_are_errors() {
    struct Broken;
    impl Verifier for Broken {
        fn try_targets(
            &self,
            _: &[Candidate],
            _: &[String],
            _: Cancel<'_>,
        ) -> Result<Vec<TargetResult>, VerifierError> {
            Err("the worker was lost".into())
        }
        fn confirm(&self, _: &Candidate, _: Cancel<'_>) -> Result<Confirmation, VerifierError> {
            Err("the worker was lost".into())
        }
    }
    let report = report(&[("one", "x")]);
    let (project, read) = (project(), |_: &str| None);
    let run = |targets: &[String], read: &dyn Fn(&str) -> Option<std::sync::Arc<[u8]>>| {
        let task = airlock_repair::Task { report: &report, targets, test_files: &project.test_files, read };
        let budget = airlock_repair::Budget { poll: &|| Stop::Continue };
        airlock_repair::repair(&task, &SINGLE, &budget, &Broken, &mut |_| {})
    };
    let error = run(&["none".to_owned()], &read).unwrap_err();
    assert_eq!(error.to_string(), "the report names no test none; run it before repairing it");
    let error = run(&["one".to_owned()], &|path| project.read(path)).unwrap_err();
    assert!(matches!(&error, SearchError::Verifier(_)) && error.to_string().contains("the worker was lost"));
}

#[test]
fn without_a_file_to_look_into_there_is_nothing_to_try() {
    let report = report(&[("one", "x")]);
    let judge = Judge::new(|_: &str| BTreeSet::from(["good"]), report.clone());
    let nothing = Project { files: BTreeMap::new(), test_files: BTreeSet::new() };
    let (result, _) = nothing.repair(&report, &SINGLE, &judge);
    assert_eq!(result.counts.tried, 0);
    assert_eq!(result.end, SearchEnd::Exhausted);
}

/// Which of two edits a text has: `d < c` turned to `d <= c`, and `a - 1` to `a + 1`.
fn halves(text: &str) -> (bool, bool) {
    (text.contains("d <= c"), text.contains("return a + 1"))
}

fn two_edits(result: &SearchResult) -> Vec<&str> {
    let GroupOutcome::Fixed { patch, .. } = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    patch.edits.iter().map(|edit| edit.after.as_str()).collect()
}

#[test]
fn an_edit_that_gets_further_is_gone_on_from() {
    // Two tests with one fingerprint, each mended by an edit of its own that hurts the other one until both are made.
    let passes = |text: &str| match halves(text) {
        (true, true) => BTreeSet::from(["one", "two", "good"]),
        (true, false) => BTreeSet::from(["one"]),
        _ => BTreeSet::from(["good"]),
    };
    let report = report(&[("one", "x"), ("two", "x")]);
    let (result, _) = run(passes, &report, &Options::default());
    assert_eq!(two_edits(&result), ["if d <= c and a < b:", "return a + 1"]);
    assert!(result.all_fixed() && result.groups.len() == 1);
    // Far fewer than the pairs there are.
    assert!(result.counts.tried < 2_000, "{:?}", result.counts);
    // One edit at a time it cannot be found.
    let (result, _) = run(passes, &report, &SINGLE);
    assert!(!result.all_fixed());
}

#[test]
fn an_edit_that_mends_and_breaks_is_gone_on_from() {
    let passes = |text: &str| match halves(text) {
        (true, true) => BTreeSet::from(["one", "good"]),
        (true, false) => BTreeSet::from(["one"]),
        _ => BTreeSet::from(["good"]),
    };
    let (result, confirmed) = run(passes, &report(&[("one", "x")]), &Options::default());
    assert_eq!(two_edits(&result), ["if d <= c and a < b:", "return a + 1"]);
    // What broke screens what is tried next: the whole suite is asked only about what passes.
    assert!(confirmed <= 10, "{confirmed}");
}

#[test]
fn the_same_slip_made_twice_is_mended_twice() {
    // Neither edit gets any test further.
    let passes = |text: &str| {
        if text.contains("d <= c and a <= b") { BTreeSet::from(["one", "good"]) } else { BTreeSet::from(["good"]) }
    };
    let options = Options { max_candidates: 6_000, ..Options::default() };
    let (result, _) = run(passes, &report(&[("one", "x")]), &options);
    let GroupOutcome::Fixed { patch, .. } = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    assert!(patch.changes[0].text.contains("if d <= c and a <= b:"));
    assert_eq!((patch.edits.len(), patch.size), (2, 2));
}

#[test]
fn several_edits_do_not_depend_on_arrival_either() {
    let passes = |text: &str| match halves(text) {
        (true, true) => BTreeSet::from(["one", "two", "good"]),
        (true, false) => BTreeSet::from(["one", "good"]),
        _ => BTreeSet::from(["good"]),
    };
    let report = report(&[("one", "x"), ("two", "x")]);
    let results: Vec<_> = [Arrival::Forwards, Arrival::Backwards, Arrival::Workers(3)]
        .into_iter()
        .map(|arrival| {
            let mut judge = Judge::new(passes, report.clone());
            judge.arrival = arrival;
            project().repair(&report, &Options { max_candidates: 3_000, ..Options::default() }, &judge)
        })
        .collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(two_edits(&results[0].0), ["if d <= c and a < b:", "return a + 1"]);
}

#[test]
fn what_can_be_repaired_of_a_group_is() {
    // No edit mends `two`.
    let passes = |text: &str| {
        if text.contains("d <= c") { BTreeSet::from(["one", "good"]) } else { BTreeSet::from(["good"]) }
    };
    let (result, _) = run(passes, &report(&[("one", "x"), ("two", "x")]), &SINGLE);
    assert_eq!(fixed(&result), ["if d <= c and a < b:"]);
    assert_eq!(
        (result.groups[0].targets[..].to_vec(), result.groups[1].targets[..].to_vec()),
        (vec!["one".to_owned()], vec!["two".to_owned()])
    );
    assert!(matches!(result.groups[1].outcome, GroupOutcome::NotFixed(_)) && !result.all_fixed());
}

#[test]
fn unsteady_tests_are_named_and_never_targets() {
    /// `two` passes on the base when it is run by itself; `three` when it is run another way.
    struct Unsteady(Judge<fn(&str) -> BTreeSet<&'static str>>);
    impl Verifier for Unsteady {
        fn try_targets(
            &self,
            candidates: &[Candidate],
            targets: &[String],
            cancel: Cancel<'_>,
        ) -> Result<Vec<TargetResult>, VerifierError> {
            assert!(!targets.contains(&"three".to_owned()));
            self.0.try_targets(candidates, targets, cancel)
        }

        fn again(&self, targets: &[String], _: Cancel<'_>) -> Result<Option<TargetResult>, VerifierError> {
            let passed = (0..targets.len()).filter(|index| targets[*index] == "three").collect();
            Ok(Some(TargetResult { ran: true, passed, ended: Ended::Finished }))
        }

        fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
            self.0.confirm(candidate, cancel)
        }
    }
    let report = report(&[("one", "x"), ("two", "x"), ("three", "z")]);
    let passes = |text: &str| {
        if text.contains("d <= c") { BTreeSet::from(["one", "two", "good"]) } else { BTreeSet::from(["two", "good"]) }
    };
    let (result, _) = project().repair(&report, &SINGLE, &Unsteady(Judge::new(passes, report.clone())));
    assert_eq!(result.unsteady, ["two", "three"]);
    assert_eq!(fixed(&result), ["if d <= c and a < b:"]);
    assert_eq!(result.groups[1].outcome, GroupOutcome::Unsteady);
    assert!(result.all_fixed());
}

#[test]
fn a_file_of_5_000_lines_and_2_000_tests_is_searched_like_any_other() {
    // Every function is run by ten tests of its own and by all through one that they share.
    let function = |n: usize| {
        format!(
            "def step_{n}(values, limit, start=0):\n    total = start\n    for value in values:\n        if value < limit \
             and value != {n}:\n            total += value\n    return shared(total, limit)\n\n\n"
        )
    };
    let head = "def shared(total, limit):\n    return min(total, limit)\n\n\n";
    let text: String = std::iter::once(head.to_owned()).chain((0..625).map(function)).collect();
    assert!(text.lines().count() > 5_000);
    let coverage = |n: usize| {
        let first = 5 + 8 * u32::try_from(n).unwrap();
        BTreeMap::from([("m.py".to_owned(), (first + 1..first + 6).chain([2]).collect())])
    };
    let mut tests: Vec<_> =
        (0..2_000).map(|n| test_report(&format!("good_{n}"), Outcome::Passed, coverage(n % 625))).collect();
    tests.push(test_report("one", Outcome::Failed, coverage(400)));
    let report = SuiteReport { tests, ..SuiteReport::default() };
    let all: BTreeSet<&'static str> = report.tests.iter().map(|test| &*test.id.clone().leak()).collect();
    let passes = move |text: &str| {
        let mut passing = all.clone();
        if !text.contains("value <= limit and value != 400:") {
            passing.remove("one");
        }
        passing
    };
    let project = Project::new(&[("m.py", &text), ("test_m.py", "")]);
    let judge = Judge::new(passes, report.clone());
    let (result, _) = project.repair(&report, &SINGLE, &judge);
    assert_eq!(fixed(&result), ["if value < limit and value != 400:".replace('<', "<=").as_str()]);
    // Where the failing test's own lines stand out, few candidates are enough.
    assert!(result.counts.tried < 400, "{:?}", result.counts);
}
