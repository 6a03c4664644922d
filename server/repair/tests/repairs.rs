//! Small bugs, really run with the machine's own Python, really repaired.

mod common;

use airlock_repair::{GroupOutcome, Options, SearchEnd, outcome::Mark};
use common::{Native, Project};

/// Repairs `project`, and gives the edited statements of each patch after the edit.
#[track_caller]
fn repaired(files: &[(&str, &str)]) -> Vec<String> {
    let project = Project::new(files);
    let native = Native::new(&project);
    let (result, events) = project.repair(native.report(), &Options::default(), &native);
    assert!(result.all_fixed(), "{:?}", result.groups);
    assert!(!events.is_empty());
    for change in result.changes() {
        assert!(!project.test_files.contains(&*change.path));
    }
    let patches = result.patches();
    patches
        .map(|patch| {
            assert!(patch.marks.is_empty() && patch.size <= 3, "{patch:?}");
            patch.edits[0].after.clone()
        })
        .collect()
}

#[test]
fn a_boundary() {
    let after = repaired(&[
        ("grades.py", "def passed(points, limit=50):\n    return points > limit\n"),
        (
            "test_grades.py",
            concat!(
                "from grades import passed\n",
                "def test_above(): assert passed(51)\n",
                "def test_at(): assert passed(50)\n",
                "def test_below(): assert not passed(49)\n",
            ),
        ),
    ]);
    assert_eq!(after, ["return points >= limit"]);
}

#[test]
fn a_constant_at_module_level() {
    let after = repaired(&[
        ("week.py", "DAYS = 6\n\ndef weeks(days):\n    return days // DAYS, days % DAYS\n"),
        (
            "test_week.py",
            concat!(
                "from week import weeks\n",
                "def test_one(): assert weeks(7) == (1, 0)\n",
                "def test_more(): assert weeks(16) == (2, 2)\n",
            ),
        ),
    ]);
    assert_eq!(after, ["DAYS = 7"]);
}

#[test]
fn a_wrong_variable_in_a_package() {
    let after = repaired(&[
        ("shapes/__init__.py", ""),
        (
            "shapes/area.py",
            concat!(
                "def ratio(width, height):\n    return width / width\n\n\n",
                "def wide(width, height, limit):\n    return ratio(width, height) > limit\n",
            ),
        ),
        ("tests/__init__.py", ""),
        (
            "tests/test_area.py",
            concat!(
                "from shapes.area import ratio, wide\n",
                "def test_square(): assert ratio(2, 2) == 1\n",
                "def test_rectangle(): assert ratio(2, 4) == 0.5\n",
                "def test_wide(): assert wide(6, 3, 1.5)\n",
            ),
        ),
    ]);
    assert_eq!(after, ["return width / height"]);
}

#[test]
fn two_causes_one_after_the_other() {
    // The failures differ in kind, so they are two groups; the second repair stands on the first.
    let project = Project::new(&[
        ("lists.py", concat!("def last(xs):\n    return xs[len(xs)]\n\n\n", "def both(a, b):\n    return a or b\n",)),
        (
            "test_lists.py",
            concat!(
                "from lists import last, both\n",
                "def test_last(): assert last([1, 2, 3]) == 3\n",
                "def test_one(): assert last([5]) == 5\n",
                "def test_both(): assert both(True, True) and not both(True, False) and not both(False, False)\n",
            ),
        ),
    ]);
    let native = Native::new(&project);
    let (result, events) = project.repair(native.report(), &Options::default(), &native);
    assert!(result.all_fixed(), "{:?}", result.groups);
    assert_eq!(result.groups.len(), 2);
    assert_eq!(result.groups[0].targets.len(), 2, "the larger group comes first");
    let text = &*result.changes()[0].text;
    assert!(text.contains("xs[len(xs) - 1]") && text.contains("a and b"), "{text}");
    assert_eq!(events.last().map(|event| (event.group, event.groups)), Some((1, 2)));
    let json = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<airlock_repair::SearchResult>(&json).unwrap(), result);
}

#[test]
fn an_honest_no_repairs_what_it_can() {
    // One edit mends one of the two targets; the other needs two more at once.
    let project = Project::new(&[
        (
            "pair.py",
            "def low(a, b):\n    return b if a < b else a\n\n\ndef pair(a, b):\n    return (low(a, b) + 7, low(b, a) * 3)\n",
        ),
        (
            "test_pair.py",
            concat!(
                "from pair import pair, low\n",
                "def test_low(): assert low(1, 2) == 1\n",
                "def test_pair(): assert pair(1, 2) == (1, 1)\n",
            ),
        ),
    ]);
    let native = Native::new(&project);
    // One edit at a time, or the other half would be found with many more.
    let options = Options { max_edits: 1, ..Options::default() };
    let (result, _) = project.repair(native.report(), &options, &native);
    assert!(!result.all_fixed());
    assert_eq!(result.end, SearchEnd::Exhausted);
    // The half that can be repaired is, and the rest told by itself.
    let GroupOutcome::Fixed { patch, .. } = &result.groups[0].outcome else {
        panic!("{result:?}");
    };
    assert_eq!(patch.confirmation.fixed, ["test_pair.py::test_low"]);
    let GroupOutcome::NotFixed(not) = &result.groups[1].outcome else {
        panic!("{result:?}");
    };
    assert!(!not.more_time_could_help);
    assert!(not.places >= 2 && not.candidates > 10 && not.candidates == not.known);
    assert!(not.operators.contains(&"comparison".to_owned()) && not.nearest.is_none());
}

#[test]
fn a_patch_that_drops_code_is_the_last_resort() {
    let project = Project::new(&[
        ("flags.py", "def ready(door, key, light):\n    return door() and light() and key()\n"),
        (
            "test_flags.py",
            concat!(
                "from flags import ready\n",
                "yes, no = (lambda: True), (lambda: False)\n",
                "def test_ready(): assert ready(yes, yes, no)\n",
                "def test_light(): assert ready(yes, yes, yes)\n",
                "def test_key(): assert not ready(yes, no, yes)\n",
                "def test_door(): assert not ready(no, yes, yes)\n",
                "def test_nothing(): assert not ready(no, no, no) and not ready(yes, no, no)\n",
            ),
        ),
    ]);
    let native = Native::new(&project);
    let (result, _) = project.repair(native.report(), &Options { max_edits: 1, ..Options::default() }, &native);
    let patch = result.patches().next().expect("there is a patch");
    assert_eq!(patch.marks, [Mark::DeletesCode], "{:?}", patch.edits);
    assert_eq!(patch.edits[0].after, "return door() and key()");
}

/// Repairs a module by one patch and gives the text that it leaves.
#[track_caller]
fn mended(module: &str, tests: &str) -> String {
    let project = Project::new(&[("m.py", module), ("test_m.py", tests)]);
    let native = Native::new(&project);
    let options = Options { max_candidates: 4_000, ..Options::default() };
    let (result, _) = project.repair(native.report(), &options, &native);
    assert!(result.all_fixed(), "{:?}", result.groups);
    result.changes()[0].text.to_string()
}

#[test]
fn a_return_in_the_loop_it_should_follow() {
    let text = mended(
        "def all_even(xs):\n    for x in xs:\n        if x % 2:\n            return False\n        return True\n",
        concat!(
            "from m import all_even\n",
            "def test_even(): assert all_even([2, 4])\n",
            "def test_late(): assert all_even([2, 3]) is False\n",
            "def test_odd(): assert all_even([1]) is False\n",
        ),
    );
    assert!(text.ends_with("            return False\n    return True\n"), "{text}");
}

#[test]
fn a_default_that_calls_share() {
    let text = mended(
        "def add(x, to=[]):\n    \"\"\"Adds.\"\"\"\n    to.append(x)\n    return to\n",
        concat!(
            "from m import add\n",
            "def test_given():\n    kept = [0]\n    assert add(1, kept) is kept and kept == [0, 1]\n",
            "def test_fresh():\n    add(5)\n    assert add(2) == [2]\n",
        ),
    );
    assert!(text.contains("to=None") && text.contains("    if to is None:\n        to = []\n"), "{text}");
}

#[test]
fn an_empty_list_that_nobody_thought_of() {
    let text = mended(
        "def mean(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total / len(xs)\n",
        concat!(
            "from m import mean\n",
            "def test_two(): assert mean([1, 4]) == 2.5\n",
            "def test_three(): assert mean([3, 3, 6]) == 4\n",
            "def test_none(): assert mean([]) == 0\n",
        ),
    );
    assert!(text.contains("/ len(xs)"), "{text}");
}

#[test]
fn arguments_the_wrong_way_round() {
    let text = mended(
        "def gcd(a, b):\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n",
        concat!(
            "from m import gcd\n",
            "def test_zero(): assert gcd(4, 0) == 4\n",
            "def test_common(): assert gcd(12, 18) == 6\n",
            "def test_prime(): assert gcd(7, 5) == 1\n",
        ),
    );
    assert!(text.contains("return gcd(b, a % b)"), "{text}");
}

#[test]
fn one_slip_in_two_places() {
    let text = mended(
        concat!(
            "def clamp(x, low, high):\n",
            "    if x < low:\n        return high\n    if x > high:\n        return low\n    return x\n",
        ),
        concat!(
            "from m import clamp\n",
            "def test_low(): assert clamp(0, 1, 5) == 1\n",
            "def test_high(): assert clamp(9, 1, 5) == 5\n",
            "def test_between(): assert clamp(3, 1, 5) == 3 and clamp(1, 1, 5) == 1 and clamp(5, 1, 5) == 5\n",
        ),
    );
    assert!(text.contains("low:\n        return low") && text.contains("high:\n        return high"), "{text}");
}
