//! What the harness answers in the guest's stead, tried in the guest, against what a Linux Python answers.

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Options, Ran, Spec, Suite};

use crate::support::{Project, assert_all_pass, limits, report, run, spec};

const MODES: &str = r#"
import io, os, pathlib, shutil, stat, tempfile
import pytest

def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)

@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    return path

def test_a_mode_set_by_descriptor_shows_by_path(file):
    with open(file, "w") as opened:
        os.fchmod(opened.fileno(), 0o600)
        assert mode(file) == 0o600
    assert mode(file) == 0o600

def test_a_mode_set_by_path_shows_by_descriptor(file):
    with open(file) as opened:
        os.chmod(file, 0o600)
        assert stat.S_IMODE(os.fstat(opened.fileno()).st_mode) == 0o600
    with open(file) as opened:
        assert stat.S_IMODE(os.fstat(opened.fileno()).st_mode) == 0o600

def test_a_descriptor_used_again_has_the_mode_of_its_file(tmp_path):
    with open(tmp_path / "a", "w") as opened:
        os.fchmod(opened.fileno(), 0o600)
    with open(tmp_path / "b", "w") as opened:
        assert stat.S_IMODE(os.fstat(opened.fileno()).st_mode) == 0o644

@pytest.mark.parametrize("make", [
    lambda path: path.write_text("x"),
    lambda path: path.write_bytes(b"x"),
    lambda path: open(path, "x").close(),
    lambda path: io.open(str(path), "ab").close(),
    lambda path: path.touch(),
    lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)),
])
def test_the_umask_shows_in_new_files(tmp_path, make):
    plain = open
    previous = os.umask(0o027)
    assert previous == 0o022
    try:
        make(tmp_path / "under")
        (tmp_path / "folder").mkdir()
    finally:
        os.umask(previous)
    assert mode(tmp_path / "under") == 0o640
    assert mode(tmp_path / "folder") == 0o750
    make(tmp_path / "after")
    assert mode(tmp_path / "after") == 0o644
    assert open is plain

def test_the_umask_changes_no_file_that_is_there(file):
    previous = os.umask(0o077)
    file.write_text("y")
    os.umask(previous)
    assert mode(file) == 0o644

def test_a_listing_shows_modes(file):
    file.chmod(0o755)
    with os.scandir(file.parent) as listing:
        [entry] = listing
    assert stat.S_IMODE(entry.stat().st_mode) == 0o755
    assert entry.stat() == os.stat(file) and entry.inode() == os.stat(file).st_ino
    assert (entry.name, entry.path, os.fspath(entry)) == ("file", str(file), str(file))
    assert entry.is_file() and not entry.is_dir() and not entry.is_symlink()
    assert isinstance(entry, os.DirEntry) and repr(entry) == "<DirEntry 'file'>"
    assert [e.name for e in os.scandir(os.fsencode(file.parent))] == [b"file"]
    assert list(os.walk(file.parent)) == [(str(file.parent), [], ["file"])]

def test_a_copied_tree_keeps_modes(tmp_path):
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "sub" / "tool").write_text("x")
    (tmp_path / "a" / "sub" / "tool").chmod(0o755)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert mode(tmp_path / "b" / "sub" / "tool") == 0o755
    shutil.rmtree(tmp_path / "b")

def test_modes_go_with_the_file(file):
    file.chmod(0o755)
    moved = file.rename(file.with_name("moved"))
    assert mode(moved) == 0o755
    os.link(moved, file)
    assert mode(file) == 0o755
    moved.unlink()
    assert mode(file) == 0o755
    other = file.with_name("other")
    other.write_text("")
    other.replace(file)
    assert mode(file) == 0o644

def test_a_new_file_of_an_old_name_has_its_own_mode(file):
    file.chmod(0o755)
    file.unlink()
    file.write_text("x")
    assert mode(file) == 0o644

def test_a_mode_by_a_folders_descriptor(file):
    folder = os.open(file.parent, os.O_RDONLY)
    os.chmod("file", 0o600, dir_fd=folder)
    os.close(folder)
    assert mode(file) == 0o600

def test_a_temporary_file_is_its_owners():
    fd, name = tempfile.mkstemp()
    assert mode(name) == stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
    os.close(fd)
    with open(name) as opened:
        assert stat.S_IMODE(os.fstat(opened.fileno()).st_mode) == 0o600

def test_an_opener_decides(tmp_path):
    with open(tmp_path / "f", "w", opener=lambda path, flags: os.open(path, flags, 0o600)):
        pass
    assert mode(tmp_path / "f") == 0o600
"#;

#[test]
fn modes_are_those_of_files_however_they_are_set_and_asked_for() {
    assert_all_pass(&run(MODES, limits()));
}

#[test]
fn a_test_of_which_no_report_comes_is_not_testable_and_the_next_one_runs() {
    let conftest = "def pytest_runtest_protocol(item, nextitem):\n    if item.name == 'test_b':\n        return True\n";
    let text = "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n";
    let ran = Project::new(&[("conftest.py", conftest), ("test_it.py", text)], limits()).run();
    let silent = report(&ran, "test_b");
    assert_eq!(silent.outcome, Outcome::NotTestable, "{silent:#?}");
    assert_eq!(silent.reason.as_ref().expect("a reason").kind, "no_report");
    for other in ["test_a", "test_c"] {
        assert_eq!(report(&ran, other).outcome, Outcome::Passed);
    }
}

#[test]
fn long_keys_are_as_long_as_asked_or_refused() {
    let text = "\
import hashlib
def test_it():
    long = hashlib.pbkdf2_hmac('sha256', b'x', b'y', 1, (1 << 20) + 5)
    assert len(long) == (1 << 20) + 5
    assert hashlib.pbkdf2_hmac('sha256', b'x', b'y', 1, 1 << 20) == long[:1 << 20]
def test_scrypt():
    assert len(hashlib.scrypt(b'x', salt=b'y', n=2, r=1, p=1, dklen=(1 << 20) + 5)) == (1 << 20) + 5
";
    let ran = run(text, limits());
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Passed, "{ran:#?}");
    let refused = report(&ran, "test_scrypt");
    assert_eq!(refused.outcome, Outcome::NotTestable, "{refused:#?}");
}

#[test]
fn a_collection_larger_than_one_message_arrives_whole() {
    // Each id is a little under 3,000 characters: 18 MB, where one message takes 16 MiB.
    let text = "\
import pytest
@pytest.mark.parametrize('n', range(6000), ids=[f'{n:03000}' for n in range(6000)])
def test_it(n): pass
";
    let ready = Project::of(text).collect();
    assert_eq!(ready.collected.items.len(), 6000);
    assert!(ready.collected.items[5999].id.ends_with("0005999]"));
}

const VERSIONS: &str = r#"
import ast, asyncio, datetime, unittest, warnings
import pytest

def test_a_removed_function():
    unittest.makeSuite(unittest.TestCase)

def test_a_removed_name():
    from pkgutil import find_loader

class TestOld(unittest.TestCase):
    def test_a_removed_method(self):
        self.assertEquals(1, 1)

def test_a_removed_class():
    ast.Num

def test_a_warning_from_the_library():
    asyncio.get_event_loop_policy()

def test_a_warning_from_c():
    datetime.datetime.utcnow()

def test_a_warning_of_the_library_s_decorator():
    import codecs
    codecs.open(__file__).close()

def own_a_warning():
    warnings.warn("datetime.utcnow is deprecated", DeprecationWarning)

def test_own_a_warning():
    own_a_warning()

@warnings.deprecated("use another")
def old():
    pass

def test_own_decorator():
    old()

def test_own_missing_attribute():
    unittest.make_suite

def test_own_missing_name():
    from pkgutil import find_loaders
"#;

fn under(python: Option<&str>) -> Ran {
    let ini = ("pytest.ini", "[pytest]\nfilterwarnings = error\n");
    let project = Project::new(&[ini, ("test_it.py", VERSIONS)], limits());
    let mut spec = spec(limits());
    spec.python = python.map(str::to_owned);
    let suite = Suite::new(&project.worker, project.files.clone(), spec, Default::default()).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run")
}

#[test]
fn what_a_newer_python_took_away_or_warns_of_is_no_failure_of_the_project() {
    // Names of tests that are the guest's doing; the rest are the project's.
    let cases: [(Option<&str>, &[&str]); 4] = [
        (
            None,
            &["removed_function", "removed_name", "removed_method", "removed_class", "from_the", "from_c", "library_s"],
        ),
        (
            Some("3.11.7"),
            &["removed_function", "removed_name", "removed_method", "removed_class", "from_the", "from_c", "library_s"],
        ),
        (Some("3.13"), &["removed_name", "removed_class", "from_the", "library_s"]),
        (Some("3.15.1"), &[]),
    ];
    for (python, excused) in cases {
        let ran = under(python);
        assert_eq!(ran.report.tests.len(), 11, "{ran:#?}");
        for test in &ran.report.tests {
            let guest = !test.id.contains("own") && excused.iter().any(|name| test.id.contains(name));
            let expected = if guest { Outcome::NotTestable } else { Outcome::Failed };
            assert_eq!(test.outcome, expected, "{python:?} {test:#?}");
            let kind = test.reason.as_ref().map(|reason| reason.kind.as_str());
            assert_eq!(kind, guest.then_some("guest_difference"), "{test:#?}");
        }
    }
}

#[test]
fn the_table_of_removed_attributes_is_true_of_the_guest() {
    let text = "\
import importlib, warnings
from airlock_harness import data
def resolve(place):
    parts = place.split('.')
    for n in range(len(parts), 0, -1):
        try: thing = importlib.import_module('.'.join(parts[:n]))
        except ImportError: continue
        for part in parts[n:]: thing = getattr(thing, part)
        return thing
def test_it():
    warnings.simplefilter('ignore')
    found = []
    for places in data.load('versions.json')['removed'].values():
        for place, names in places.items():
            if place == 'builtins.code': thing = type(test_it.__code__)
            else: thing = resolve(place)
            found += [f'{place}.{name}' for name in names if hasattr(thing, name)]
            if isinstance(thing, type) and place != 'builtins.code':
                assert f'{thing.__module__}.{thing.__qualname__}' == place
    assert not found
";
    assert_all_pass(&run(text, limits()));
}

#[test]
fn a_doctest_of_a_module_that_is_not_there_is_not_testable() {
    let text = "\
def absent():
    \"\"\"
    >>> import module_of_nobody
    >>> module_of_nobody.answer()
    42
    \"\"\"
def wrong():
    \"\"\"
    >>> 1 + 1
    3
    >>> import module_of_nobody
    \"\"\"
def raises():
    \"\"\"
    >>> [].pop()
    0
    \"\"\"
def right():
    \"\"\"
    >>> 1 + 1
    2
    \"\"\"
";
    for more in [&[][..], &["--doctest-continue-on-failure".to_owned()]] {
        let project = Project::of(text);
        let mut spec = spec(limits());
        spec.args = [&["--doctest-modules".to_owned()], more].concat();
        let suite =
            Suite::new(&project.worker, project.files.clone(), spec, std::sync::Arc::default()).expect("a suite");
        let ready = suite.collect(&[]).expect("collected");
        let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
        let absent = report(&ran, "test_it.absent");
        assert_eq!(absent.outcome, Outcome::NotTestable, "{absent:#?}");
        assert_eq!(absent.reason.as_ref().map(|reason| reason.kind.as_str()), Some("module"), "{absent:#?}");
        for (name, outcome) in [("wrong", Outcome::Failed), ("raises", Outcome::Failed), ("right", Outcome::Passed)] {
            assert_eq!(report(&ran, &format!("test_it.{name}")).outcome, outcome, "{name} {more:?}");
        }
    }
}

#[test]
fn subtests_count_only_where_they_fail() {
    let text = "\
import unittest
import pytest
class Test(unittest.TestCase):
    def test_skips_one(self):
        for i in range(3):
            with self.subTest(i=i):
                if i == 1: self.skipTest('not this one')
    def test_fails_one(self):
        for i in range(3):
            with self.subTest(i=i):
                if i == 1: self.skipTest('not this one')
                self.assertLess(i, 2)
    def test_skips_itself(self):
        with self.subTest(): pass
        self.skipTest('all of it')
def test_skips_one(subtests):
    for i in range(3):
        with subtests.test(i=i):
            if i == 1: pytest.skip('not this one')
def test_xfails_one(subtests):
    with subtests.test(): pytest.xfail('known')
";
    let ran = run(text, limits());
    let expected = [
        ("Test::test_skips_one", Outcome::Passed),
        ("Test::test_fails_one", Outcome::Failed),
        ("Test::test_skips_itself", Outcome::Skipped),
        ("test_skips_one", Outcome::Passed),
        ("test_xfails_one", Outcome::Passed),
    ];
    for (name, outcome) in expected {
        assert_eq!(report(&ran, name).outcome, outcome, "{:#?}", report(&ran, name));
    }
}

#[test]
fn the_platform_is_linux_and_the_library_goes_on() {
    let text = "\
import asyncio, os, platform, pytest, subprocess, sys, sysconfig, tempfile, threading
@pytest.mark.skipif(sys.platform != 'linux', reason='Linux')
def test_it():
    assert (sys.platform, os.name, platform.system()) == ('linux', 'posix', 'Linux')
    assert os.uname().sysname == 'Linux' and platform.platform().startswith('Linux-')
    assert sysconfig.get_config_vars() and sysconfig.get_platform()
    async def two(): return await asyncio.sleep(0.1, 2)
    assert asyncio.run(two()) == 2
    with tempfile.TemporaryDirectory() as folder: assert os.listdir(folder) == []
";
    assert_all_pass(&run(text, limits()));
}

#[test]
fn a_loop_is_made_where_the_environments_python_makes_one() {
    let text = "\
import asyncio, pytest, warnings
def test_it():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        loop = asyncio.get_event_loop()
    assert loop.run_until_complete(asyncio.sleep(0, 'x')) == 'x'
    loop.close()
    asyncio.set_event_loop(None)
def test_not_again():
    with pytest.raises(RuntimeError): asyncio.get_event_loop()
";
    let files = [("test_it.py", text)];
    for (python, outcome) in
        [(Some("3.11.7"), Outcome::Passed), (None, Outcome::NotTestable), (Some("3.14.0"), Outcome::Failed)]
    {
        let project = Project::new(&files, limits());
        let spec = Spec { python: python.map(str::to_owned), ..spec(limits()) };
        let cancelled = std::sync::Arc::default();
        let suite = Suite::new(&project.worker, project.files.clone(), spec, cancelled).expect("a suite");
        let ready = suite.collect(&[]).expect("collected");
        let ran = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run");
        assert_eq!(report(&ran, "test_it").outcome, outcome, "{python:?}: {:#?}", report(&ran, "test_it"));
    }
}

#[test]
fn hypothesis_finds_its_compiled_part_and_what_it_lacks_is_said() {
    let version = "from hypothesis._native import __version__\n";
    let uses = "\
from hypothesis._native.internal.floats import next_up, width_smallest_normals
from hypothesis._native.internal.cathetus import cathetus
import sys
assert width_smallest_normals(64) == sys.float_info.min
def test_it(): assert next_up(0.0) == 5e-324 and cathetus(5.0, 3.0) == 4.0
";
    let metadata = |version: &str| format!("Metadata-Version: 2.1\nName: hypothesis\nVersion: {version}\n");
    let (known, later) = (metadata("6.160.0"), metadata("6.900.0"));
    let of_version = |metadata| {
        [
            ("hypothesis-6.dist-info/METADATA", metadata),
            ("hypothesis/__init__.py", version),
            ("hypothesis/_native.cpython-311-x86_64-linux-gnu.so", ""),
            ("test_it.py", uses),
        ]
    };
    // For a version that nobody compared, nothing is made up.
    let other = Project::new(&of_version(later.as_str()), limits()).run();
    let test = other.report.tests.iter().find(|test| test.id == "test_it.py").expect("an error");
    let reason = test.reason.as_ref().unwrap_or_else(|| panic!("{test:#?}"));
    assert_eq!((test.outcome, reason.kind.as_str()), (Outcome::NotTestable, "native_module"));
    let [metadata, package, compiled, uses] = of_version(known.as_str());
    let files = [
        metadata,
        package,
        compiled,
        uses,
        ("test_more.py", "from hypothesis._native.internal.floats import of_a_later_version\n"),
        ("test_other.py", "import hypothesis._native.of_a_later_version\n"),
    ];
    let ran = Project::new(&files, limits()).run();
    assert_eq!(report(&ran, "test_it").outcome, Outcome::Passed, "{:#?}", ran.report);
    for id in ["test_more.py", "test_other.py"] {
        let more = ran.report.tests.iter().find(|test| test.id == id).expect("an error");
        let reason = more.reason.as_ref().unwrap_or_else(|| panic!("{more:#?}"));
        assert_eq!((more.outcome, reason.kind.as_str()), (Outcome::NotTestable, "native_module"));
        assert!(reason.detail.contains("hypothesis<6.156"), "{reason:?}");
    }
}

#[test]
fn trio_chooses_what_it_waits_with_by_what_there_is() {
    let package =
        "import select, sys\nchosen = 'epoll' if sys.platform == 'linux' or hasattr(select, 'epoll') else 'kqueue'\n";
    let test = "import sys\nimport trio\nimport trio.part\n\ndef test_it():\n    \
                assert (trio.chosen, trio.part.chosen, sys.platform) == ('kqueue', 'kqueue', 'linux')\n    \
                assert trio.__spec__.loader.get_source('trio').startswith('import select')\n";
    let files = [("trio/__init__.py", package), ("trio/part.py", package), ("test_it.py", test)];
    assert_all_pass(&Project::new(&files, limits()).run());
}
