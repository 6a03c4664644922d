//! Runs that end where nobody asks for the rest.

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Bounds, Brief, Options, Screened};
use airlock_sandbox::worker::protocol::OverlayEntry;

use crate::support::{Project, limits, report};

const TEST: &str = "import pytest\nfrom codes import f\n\n@pytest.mark.parametrize('n', range(9))\ndef test_f(n):\n    \
                    assert f(n) == {'n': n}\n\ndef test_bound():\n    assert f(1) is not None\n";

fn project(code: &str) -> Project {
    Project::new(&[("codes.py", code), ("test_it.py", TEST)], limits())
}

fn with(code: &str) -> Vec<OverlayEntry> {
    let path = "/workspace/codes.py".to_owned();
    vec![OverlayEntry { path, content: Some(code.as_bytes().to_vec()), executable: false }]
}

#[test]
fn a_brief_run_leaves_out_the_words_of_failures_and_ends_once_enough_have_failed() {
    let project = project("def f(n):\n    return {'n': -n}\n");
    let suite = project.suite();
    let ready = suite.collect(&[]).expect("collected");
    let run = |most: usize| {
        let brief = Some(Brief { in_full: vec!["test_it.py::test_f[2]".to_owned()], most });
        suite.run(&ready, &[], &Options { brief, ..Options::default() }, &mut |_| {}).expect("ran")
    };
    let whole = run(8);
    assert!(!whole.cut_short && whole.report.unreported.is_empty());
    assert_eq!(report(&whole, "test_f[0]").outcome, Outcome::Passed);
    assert_eq!(report(&whole, "test_f[1]").message.as_deref(), Some("failed"));
    let in_full = report(&whole, "test_f[2]");
    assert!(in_full.message.as_deref().is_some_and(|message| message.contains("assert {'n': -2} == {'n': 2}")));
    assert!(in_full.detail.as_deref().is_some_and(|detail| detail.contains("Differing items")), "{in_full:?}");
    let cut = run(2);
    assert!(cut.cut_short);
    assert_eq!(cut.report.tests.len(), 4, "one passed and three failed: {:?}", cut.report);
    assert_eq!(cut.report.unreported.len(), 6);
    // What was left out once is there again the next time.
    let full = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("ran");
    assert!(report(&full, "test_f[1]").detail.as_deref().is_some_and(|detail| detail.contains("Differing items")));
}

#[test]
fn a_candidate_with_which_none_of_the_first_tests_passes_is_counted_out_either_way() {
    let project = project("def f(n):\n    return None\n");
    let suite = project.suite().screening(vec!["/workspace/codes.py".to_owned()]);
    let bounds = Bounds::patient(limits());
    // With the first, only what comes behind the first six passes; with the second one of the six does, too.
    for (code, passed) in [("return -9", 0), ("return {'n': n} if n == 1 else n", 2)] {
        let code = with(&format!("def f(n):\n    {code}\n"));
        let imported = suite.attempt(&code, bounds).expect("attempt");
        assert_eq!(imported.passed.len(), passed, "{imported:?}");
        assert_eq!(suite.screen(&code, bounds).expect("screened"), Screened::Judged(imported));
    }
    // Whether a test is flaky is asked of all.
    let flaky = project.suite().again(1, bounds).expect("attempt");
    assert!(flaky.passed.is_empty() && flaky.ran);
    let mended = suite.attempt(&with("def f(n):\n    return {'n': n}\n"), bounds).expect("attempt");
    assert_eq!(mended.passed.len(), 10);
}
