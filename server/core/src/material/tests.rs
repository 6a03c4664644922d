use std::collections::BTreeMap;

use super::*;
use crate::proposal::FileState;

/// A project of ordinary shape.
const BASE: &[(&str, &str)] = &[
    ("pyproject.toml", "[project]\nname = \"p\"\n[tool.pytest.ini_options]\naddopts = \"-q\"\n"),
    ("tox.ini", "[tox]\nenvlist = a\n"),
    ("setup.cfg", "[metadata]\nname = p\n[tool:pytest]\naddopts = -q\n"),
    ("pytest.ini", "[pytest]\n"),
    ("conftest.py", "x = 1\n"),
    ("src/pkg/__init__.py", ""),
    ("src/pkg/core.py", "def f():\n    \"\"\"\n    >>> f()\n    1\n    \"\"\"\n    return 1\n"),
    ("src/pkg/plain.py", "x = 1\n"),
    ("src/pkg/inner_test.py", "def test(): pass\n"),
    ("src/calendar.py", "x = 1\n"),
    ("tests/test_core.py", "def test_f(): pass\n"),
    ("tests/helper.py", "x = 1\n"),
    ("tests/data/golden.json", "{}\n"),
    ("spec/a.py", "def test_a(): pass\n"),
    ("spec/golden.txt", "x\n"),
    ("docs/index.rst", ">>> 1\n1\n"),
    ("helpers/fixtures.py", "x = 1\n"),
    ("ci/unit.cfg", "[pytest]\n"),
    ("sub/test/data.txt", "x\n"),
    ("README.md", "x\n"),
    (".github/workflows/ci.yml", "x\n"),
];

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

fn plan_with(changes: &[(&str, Option<&str>)], testpaths: &[&str], root: Option<&str>) -> Plan {
    plan_allowing(changes, testpaths, root, &[])
}

fn plan_allowing(
    changes: &[(&str, Option<&str>)],
    testpaths: &[&str],
    root: Option<&str>,
    allowed: &[WorkspacePath],
) -> Plan {
    let base: BTreeMap<_, _> = BASE.iter().copied().collect();
    let state = |text: &str| FileState::new(text.as_bytes(), false);
    let mut overlay = Overlay::new();
    for (name, text) in BASE {
        overlay.write(path(name), text.as_bytes());
    }
    let snapshot = overlay.over(&Snapshot::empty()).unwrap();
    let set = |names: &[&str]| names.iter().map(|name| path(name)).collect();
    let collected = Collected {
        tests: set(&["tests/test_core.py", "spec/a.py", "src/pkg/inner_test.py"]),
        doctests: set(&["src/pkg/core.py", "docs/index.rst"]),
        plugins: set(&["helpers/fixtures.py"]),
        configuration: Some(path("ci/unit.cfg")),
    };
    let files =
        changes.iter().map(|(name, text)| (path(name), base.get(name).map(|text| state(text)), text.map(state)));
    let proposal = Proposal::new("test", files).unwrap();
    let testpaths: Vec<_> = testpaths.iter().map(|name| path(name)).collect();
    let root = root.map(path);
    let project = Project {
        base: &snapshot,
        root: root.as_ref(),
        collected: &collected,
        testpaths: &testpaths,
        own_packages: &[],
        import_roots: &[],
        python_files: &[],
    };
    project.plan(&proposal, allowed)
}

fn plan(changes: &[(&str, Option<&str>)]) -> Plan {
    plan_with(changes, &["tests", "spec", "src"], None)
}

/// One letter for what becomes of one change: code, new test, test material, runner's material.
fn role(name: &str, text: Option<&str>) -> char {
    let plan = plan(&[(name, text)]);
    let judged = plan.judged.get(&path(name)).is_some();
    let second = plan.landing.as_ref().is_some_and(|overlay| overlay.get(&path(name)).is_some());
    let protected = plan.protected.first().is_some_and(|protected| protected.why.starts_with("test material"));
    match (judged, second, protected, plan.new_tests.len()) {
        (true, false, false, 0) => 'c',
        (false, true, false, 1) => 'n',
        (false, true, true, 0) => 't',
        (false, false, true, 0) => 'r',
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_the_base_has() {
    let cases = [
        ("src/pkg/plain.py", 'c'),
        ("README.md", 'c'),
        ("src/pkg/inner_test.py", 't'),
        ("tests/test_core.py", 't'),
        ("tests/helper.py", 't'),
        ("tests/data/golden.json", 't'),
        ("spec/golden.txt", 't'),
        ("sub/test/data.txt", 't'),
        ("docs/index.rst", 't'),
        ("conftest.py", 'r'),
        ("pytest.ini", 'r'),
        ("helpers/fixtures.py", 'r'),
        ("ci/unit.cfg", 'r'),
    ];
    for (name, expected) in cases {
        assert_eq!(role(name, Some("x = 2\n")), expected, "{name}");
        assert_eq!(role(name, None), expected, "{name} deleted");
    }
}

#[test]
fn what_is_new() {
    let cases = [
        ("src/pkg/new.py", 'c'),
        ("src/pkg/json.py", 'c'),
        ("src/pkg/types/__init__.py", 'c'),
        ("docs/new.rst", 'c'),
        ("data/json/x.json", 'c'),
        ("json/x.json", 'c'),
        ("src/new/__init__.py", 'c'),
        ("tests/test_new.py", 'n'),
        ("tests/data/new.json", 'n'),
        ("spec/new.py", 'n'),
        ("src/pkg/new_test.py", 'n'),
        ("test_root.py", 'n'),
        ("testdata/new.json", 'n'),
        ("tests/conftest.py", 'r'),
        ("src/pkg/conftest.py", 'r'),
        ("tests/helper/__init__.py", 'r'),
        ("tests/pkg.py", 'r'),
        ("pkg/__init__.py", 'r'),
        ("src/helper.py", 'r'),
        ("sitecustomize.py", 'r'),
        ("src/usercustomize.py", 'r'),
        ("src/x.pth", 'r'),
        ("src/pkg/__pycache__/core.cpython-315.pyc", 'r'),
        ("p.egg-info/entry_points.txt", 'r'),
        (".pytest.ini", 'r'),
        ("sub/pytest.toml", 'r'),
        ("pytest.py", 'r'),
        ("src/pytest.py", 'r'),
        ("_pytest/__init__.py", 'r'),
        ("pluggy.py", 'r'),
        ("src/iniconfig/__init__.py", 'r'),
        ("json.py", 'r'),
        ("src/os.py", 'r'),
        ("json/__init__.py", 'r'),
        ("_socket.cpython-315-wasm32-wasi.so", 'r'),
        // Imported from the folder of a test that is in no package.
        ("tests/random.py", 'r'),
        ("tests/__init__.py", 'r'),
        ("src/__init__.py", 'r'),
        ("__init__.py", 'r'),
        // The base stands before the standard library's there already.
        ("src/calendar/__init__.py", 'r'),
        // A module of a package that holds a test in the same folder.
        ("src/pkg/random.py", 'c'),
        ("sub/pyproject.toml", 'r'),
    ];
    for (name, expected) in cases {
        assert_eq!(role(name, Some("x = 2\n")), expected, "{name}");
    }
    assert_eq!(role("sub/tox.ini", Some("[tox]\n")), 'c');
    assert_eq!(role("sub/tox.ini", Some("[pytest]\n")), 'r');
}

#[test]
fn doctests_are_compared_as_text() {
    let core = BASE.iter().find(|(name, _)| *name == "src/pkg/core.py").unwrap().1;
    assert_eq!(role("src/pkg/core.py", Some(&core.replace("return 1", "return 2"))), 'c');
    assert_eq!(role("src/pkg/core.py", Some(&core.replace("    1\n", "    2\n"))), 't');
    assert_eq!(role("src/pkg/core.py", None), 't');
}

#[test]
fn of_shared_files_only_the_runners_tables_are_material() {
    let base = BASE[0].1;
    let harmless = plan(&[("pyproject.toml", Some(&base.replace("\"p\"", "\"q\"")))]);
    assert_eq!((harmless.judged.len(), harmless.protected.len()), (1, 0));

    let both = plan(&[("pyproject.toml", Some(&base.replace("\"p\"", "\"q\"").replace("-q", "-k x")))]);
    let Some(Change::Write { bytes, .. }) = both.judged.get(&path("pyproject.toml")) else { panic!("judged") };
    assert_eq!(std::str::from_utf8(bytes).unwrap(), base.replace("\"p\"", "\"q\""));
    assert_eq!(both.protected[0].why, "test material: the runner's tables");

    assert_eq!(role("pyproject.toml", Some("tool.pytest.ini_options.addopts = '-k x'\n")), 'r');
    assert_eq!(role("pyproject.toml", None), 'r');
    assert_eq!(role("setup.cfg", None), 'r');
    assert_eq!(role("tox.ini", None), 'c');
    assert_eq!(role("tox.ini", Some("[tox]\nenvlist = b\n")), 'c');
}

#[test]
fn our_own_configuration_and_secrets_never_land_and_are_not_run() {
    let base = BASE[0].1;
    for (name, text) in
        [("pyproject.toml", &*format!("{base}[tool.airlock]\nx = 1\n")), ("airlock.toml", "x = 1\n"), (".env", "x\n")]
    {
        let plan = plan(&[(name, Some(text)), ("src/pkg/plain.py", Some("x = 2\n"))]);
        assert_eq!(plan.protected.len(), 1, "{name}");
        assert_eq!(plan.protected[0].level, Level::Never);
        assert_eq!(plan.judged.len(), 1);
    }
}

#[test]
fn files_protected_by_name_are_judged_as_proposed() {
    let plan = plan(&[(".github/workflows/ci.yml", Some("y\n"))]);
    assert_eq!((plan.judged.len(), plan.protected[0].level), (1, Level::Named));
}

#[test]
fn folders_above_the_project_do_not_count() {
    let change = [("sub/test/data.txt", Some("y\n"))];
    assert_eq!(plan_with(&change, &[], Some("sub")).protected.len(), 1);
    assert!(plan_with(&change, &[], Some("sub/test")).protected.is_empty());
}

#[test]
fn another_spelling_of_what_is_there_needs_its_name() {
    for name in [
        "src/pkg/PLAIN.py",
        "SRC/pkg/new.py",
        "readme.md",
        "spec/A.py",
        "Tests/test_new.py",
        "src/pkg/plai\u{200c}n.py",
    ] {
        let plan = plan(&[(name, Some("x"))]);
        assert_eq!(plan.protected.len(), 1, "{name}");
        assert_eq!(plan.protected[0].level, Level::Named);
    }
    // A rename to another spelling is none.
    assert!(plan(&[("README.md", None), ("readme.md", Some("x\n"))]).protected.is_empty());
}

#[test]
fn testpaths_that_hold_code_are_no_folders_of_tests() {
    let protected = |name, testpaths: &[&str]| plan_with(&[(name, Some("x = 2\n"))], testpaths, None).protected.len();
    assert_eq!(protected("src/pkg/plain.py", &["src"]), 0);
    assert_eq!(protected("src/pkg/plain.py", &["src/pkg/plain.py"]), 1, "a file is named for itself");
    assert_eq!(protected("spec/golden.txt", &["spec"]), 1);
    assert_eq!(protected("spec/golden.txt", &[]), 0);
}

#[test]
fn a_package_in_testpaths_that_holds_its_own_tests_stays_code() {
    let files =
        ["pkg/__init__.py", "pkg/core.py", "pkg/tests/__init__.py", "pkg/tests/test_a.py", "pkg/tests/test_b.py"];
    let with = |files: &[&str], own: &[WorkspacePath], name: &str| {
        let mut overlay = Overlay::new();
        files.iter().for_each(|file| overlay.write(path(file), b"x = 1\n".as_slice()));
        let snapshot = overlay.over(&Snapshot::empty()).unwrap();
        let tests = files.iter().filter(|file| file.contains("test_")).map(|file| path(file)).collect();
        let collected = Collected { tests, ..Collected::default() };
        let testpaths = [path("pkg")];
        let project = Project {
            base: &snapshot,
            root: None,
            collected: &collected,
            testpaths: &testpaths,
            own_packages: own,
            import_roots: &[],
            python_files: &[],
        };
        project.is_material(&path(name))
    };
    let own = [path("pkg")];
    assert!(!with(&files, &own, "pkg/core.py"));
    assert!(with(&files, &own, "pkg/tests/test_a.py"));
    // A plain folder with a helper beside its tests is one of tests, and so is a package of such helpers.
    assert!(with(&["pkg/core.py", "pkg/unit/test_a.py", "pkg/unit/test_b.py"], &own, "pkg/core.py"));
    assert!(with(&files, &[], "pkg/core.py"));
    assert!(with(&[&files[..], &["pkg/golden.json"]].concat(), &[], "pkg/golden.json"));
}

#[test]
fn a_failure_is_placed_in_a_test_or_in_the_code() {
    let snapshot = Snapshot::empty();
    let collected = Collected { tests: [path("spec/a.py")].into(), ..Collected::default() };
    let project = Project {
        base: &snapshot,
        root: None,
        collected: &collected,
        testpaths: &[],
        own_packages: &[],
        import_roots: &[],
        python_files: &[],
    };
    for (name, expected) in [("spec/a.py", true), ("tests/x.py", true), ("conftest.py", true), ("src/a.py", false)] {
        assert_eq!(project.is_material(&path(name)), expected, "{name}");
    }
}

#[test]
fn what_is_named_is_run_as_it_lands() {
    let changes =
        [("conftest.py", Some("x = 2\n")), ("tests/test_core.py", Some("y\n")), ("tests/test_new.py", Some("z\n"))];
    let names = ["conftest.py", "tests/test_core.py"].map(path);
    let of = |plan: &Plan, name: &str| {
        let landing = plan.landing.as_ref().is_some_and(|overlay| overlay.get(&path(name)).is_some());
        (plan.judged.get(&path(name)).is_some(), landing)
    };
    let plan = plan_allowing(&changes, &["tests"], None, &names);
    for (name, _) in changes {
        assert_eq!(of(&plan, name), (false, true), "{name}");
    }
    let plan = plan_allowing(&changes, &["tests"], None, &[]);
    assert_eq!(of(&plan, "conftest.py"), (false, false), "it would decide unnamed");
    let tables = [("setup.cfg", Some("[metadata]\nname = q\n[tool:pytest]\naddopts = -x\n"))];
    let plan = plan_allowing(&tables, &["tests"], None, &[path("setup.cfg")]);
    let text = |overlay: &Overlay| match overlay.get(&path("setup.cfg")) {
        Some(Change::Write { bytes, .. }) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(text(&plan.judged).contains("name = q") && text(&plan.judged).contains("addopts = -q"));
    assert!(text(plan.landing.as_ref().unwrap()).contains("addopts = -x"));
    assert!(plan_allowing(&tables, &["tests"], None, &[]).landing.is_none());
}

#[test]
fn a_module_may_become_a_package() {
    let becomes = [("src/pkg/plain/__init__.py", Some("x = 1\n")), ("src/pkg/plain.py", None)];
    assert!(plan(&becomes).protected.is_empty());
    let becomes = [("src/calendar/__init__.py", Some("x = 1\n")), ("src/calendar.py", None)];
    assert!(plan(&becomes).protected.is_empty());
    assert_eq!(plan(&becomes[..1]).protected.len(), 1, "both would be there");
}

#[test]
fn the_project_says_which_names_are_tests() {
    let snapshot = Snapshot::empty();
    let collected = Collected::default();
    let is_test = |globs: &[&str], name: &str| {
        let python_files: Vec<_> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let project = Project {
            base: &snapshot,
            root: None,
            collected: &collected,
            testpaths: &[],
            own_packages: &[],
            import_roots: &[],
            python_files: &python_files,
        };
        project.is_named_as_a_test(&path(name))
    };
    assert!(is_test(&["tests.py", "test_*.py"], "app/tests.py"));
    assert!(!is_test(&["tests.py"], "app/test_views.py"));
    assert!(is_test(&[], "app/test_views.py"));
    // A pattern that any module meets would keep all new code from being judged.
    assert!(!is_test(&["*.py"], "app/views.py"));
    assert!(is_test(&["*.py"], "app/test_views.py"));
    assert!(!is_test(&["*.py", "check_*.py"], "app/views.py"));
    assert!(is_test(&["*.py", "check_*.py"], "app/check_views.py"));
}
