//! What counts as a refusal of the sandbox's, and what does not.

use airlock_program_tests::calls::Project;

#[test]
fn a_look_at_everything_is_no_wish_for_it() {
    let project = Project::new(&[(
        "test_app.py",
        "import concurrent.futures\nimport sys\n\n\n\
         def look_around():\n    for module in list(sys.modules.values()):\n        for name in dir(module):\n            \
             try:\n                getattr(module, name)\n            except (ImportError, AttributeError, TypeError):\n                continue\n\n\n\
         def test_fails():\n    look_around()\n    assert 1 == 2\n\n\n\
         def test_wants():\n    try:\n        import _multiprocessing as wanted\n    \
             except ImportError:\n        wanted = None\n    assert wanted\n",
    )]);
    let (document, _) = project.airlock(&["check"]).json();
    let outcome = |at: usize| document["tests"][at]["outcome"].clone();
    assert_eq!((outcome(0), outcome(1)), ("failed".into(), "not_testable".into()), "{document}");
}
