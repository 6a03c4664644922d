//! Candidates by an exchange of code say what an import would say, or that only an import can say it.

use airlock_sandbox::suite::{Bounds, Screened, Suite};
use airlock_sandbox::worker::protocol::{Limits, OverlayEntry};

use crate::support::{Project, limits};

const CODE: &str = r#"
from __future__ import annotations

import functools
import contextlib
import dataclasses

LIMIT = 10


def plain(n):
    """Doubles."""
    return n * 2


def used_at_import(n):
    return n + 1


TABLE = {"plain": plain, "made": used_at_import(4)}
half = functools.partial(plain, 5)


def counted(function):
    @functools.wraps(function)
    def wrapper(*args):
        wrapper.calls += 1
        return function(*args)
    wrapper.calls = 0
    return wrapper


@counted
def decorated(a, b=LIMIT):
    return a - b


@functools.lru_cache(maxsize=None)
def cached(n):
    return n * n


def adder(step):
    def add(n):
        return n + step
    return add


add_three = adder(3)


def numbers(top):
    for n in range(top):
        yield n


started = numbers(3)


@contextlib.contextmanager
def opened(log):
    log.append("in")
    yield log
    log.append("out")


class Base:
    def name(self):
        return "base"

    def __secret(self):
        return 7

    def reveal(self):
        return self.__secret()


class Thing(Base):
    size = 4

    def __init__(self, n):
        self.n = n

    def name(self):
        return "thing of " + super().name()

    @property
    def twice(self):
        return self.n * 2

    @twice.setter
    def twice(self, value):
        self.n = value // 2

    @functools.cached_property
    def square(self):
        return self.n ** 2

    @staticmethod
    def less(a, b):
        return a < b

    @classmethod
    def of(cls, text):
        return cls(int(text))

    def __eq__(self, other):
        return self.n == other.n

    class Inner:
        def depth(self):
            return 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

    def sum(self):
        return self.x + self.y


async def later(n):
    return n + 1


def outer(values):
    total = 0
    for value in values:
        def inside(extra):
            nonlocal total
            total += extra
        inside(value)
    return total


if LIMIT > 5:
    def conditional(n):
        return n > 5


squares = [n for n in range(3)]
key = lambda pair: pair[1]


def guarded(n):
    try:
        return 10 // n
    except ZeroDivisionError:
        return None

def last(n):
    return n
"#;

const TESTS: &str = r#"
import asyncio
import codes
import pytest
from codes import *
from codes import TABLE, half, decorated, Thing as Renamed

def test_plain(): assert plain(3) == codes.plain(3) == TABLE["plain"](3) == 6
def test_partial(): assert half() == 10
def test_made(): assert TABLE["made"] == 5 and used_at_import(1) == 2
def test_decorated():
    assert decorated(12) == 2 and decorated.calls == 1
def test_cached(): assert cached(4) == 16
def test_closure(): assert add_three(4) == 7
def test_new_closure(): assert adder(1)(1) == 2
def test_generator(): assert list(numbers(3)) == [0, 1, 2]
def test_started(): assert list(codes.started) == [0, 1, 2]
def test_context():
    log = []
    with opened(log): log.append("mid")
    assert log == ["in", "mid", "out"]
def test_name(): assert Renamed(1).name() == "thing of base"
def test_secret(): assert Thing(1).reveal() == 7
def test_property():
    thing = Thing(3)
    assert thing.twice == 6
    thing.twice = 10
    assert thing.n == 5
def test_square(): assert Thing(3).square == 9
def test_less(): assert Thing.less(1, 2) and not Thing.less(2, 2)
def test_of(): assert Thing.of("4").n == 4
def test_eq(): assert Thing(1) == Thing(1) and Thing(1) != Thing(2)
def test_inner(): assert Thing.Inner().depth() == 2
def test_size(): assert Thing.size == 4
def test_point(): assert Point(1).sum() == 1 and Point(1, 2).sum() == 3
def test_later(): assert asyncio.run(later(1)) == 2
def test_outer(): assert outer([1, 2, 3]) == 6
def test_conditional(): assert conditional(6) and not conditional(5)
def test_squares(): assert codes.squares == [0, 1, 2]
def test_key(): assert key((1, 2)) == 2
def test_guarded(): assert guarded(0) is None and guarded(3) == 3
def test_doc(): assert plain.__doc__ == "Doubles."
def test_last(): assert last(3) == 3
@pytest.mark.parametrize("n", [plain.__name__])
def test_names(n): assert n == "plain"
"#;

/// What is changed into what, and whether an exchange shows it.
const EDITS: &[(&str, &str, bool)] = &[
    ("return n * 2\n\n\ndef used", "return n * 3\n\n\ndef used", true),
    ("return n * 2\n\n\ndef used", "if n:\n        return 6\n    return n\n\n\ndef used", true),
    ("return n * 2\n\n\ndef used", "return n * True\n\n\ndef used", true),
    ("\"\"\"Doubles.\"\"\"", "\"\"\"Halves.\"\"\"", false),
    ("def plain(n):", "def plain(n, m=1):", false),
    ("return n + 1\n\n\nTABLE", "return n + 2\n\n\nTABLE", false),
    ("LIMIT = 10", "LIMIT = 11", false),
    ("TABLE = {\"plain\": plain", "TABLE = {\"plain\": abs", false),
    ("wrapper.calls += 1", "wrapper.calls += 2", true),
    ("return function(*args)", "return -function(*args)", true),
    ("wrapper.calls = 0", "wrapper.calls = 1", false),
    ("return a - b", "return b - a", true),
    ("b=LIMIT", "b=LIMIT + 1", false),
    ("@counted\n", "", false),
    ("return n * n", "return n + n", true),
    ("return n + step", "return n - step", true),
    ("return n + step", "return n - 3", false),
    ("    def add(n):", "    step = 2\n    def add(n):", false),
    ("range(top):\n        yield n", "range(top):\n        yield n + 1", false),
    ("range(top):\n        yield n", "range(top):\n        return n", false),
    ("log.append(\"out\")", "log.append(\"off\")", true),
    ("log.append(\"in\")\n    yield log", "log.append(\"in\")\n    return log", false),
    ("return \"base\"", "return \"basis\"", true),
    ("return 7", "return 8", true),
    ("return self.__secret()", "return self.__secret() + 1", true),
    ("self.n = n\n", "self.n = n + 1\n", true),
    ("self.n = n\n", "self.n = self.m = n\n", false),
    ("super().name()", "Base.name(self)", false),
    ("return self.n * 2", "return self.n * 4", true),
    ("value // 2", "value // 3", true),
    ("self.n ** 2", "self.n ** 3", true),
    ("return a < b", "return a <= b", true),
    ("@staticmethod\n    def less(a, b)", "@classmethod\n    def less(a, b)", false),
    ("cls(int(text))", "cls(len(text))", true),
    ("self.n == other.n", "self.n != other.n", true),
    ("return 2\n", "return 3\n", true),
    ("size = 4", "size = 5", false),
    ("return self.x + self.y", "return self.x - self.y", true),
    ("y: int = 0", "y: int = 1", false),
    ("async def later(n):\n    return n + 1", "async def later(n):\n    return n", true),
    ("total += extra", "total -= extra", true),
    ("total += extra", "total = extra", true),
    ("total = 0\n", "total = 1\n", true),
    ("return n > 5", "return n >= 5", true),
    ("[n for n in range(3)]", "[n for n in range(4)]", false),
    ("pair[1]", "pair[0]", false),
    ("except ZeroDivisionError:\n        return None", "except ValueError:\n        return None", true),
    ("return 10 // n", "return 10 //", false),
    ("return 10 // n", "while True: pass", true),
    ("def last(n):\n    return n\n", "def last(n):\n    return n\n    n += 1\n", true),
    ("def last(n):\n    return n\n", "def last(n):\n    return n\nplain = abs\n", false),
    ("def last(n):\n    return n\n", "def last(n):\n    n -= 1\n    return n", true),
    ("def last(n):\n    return n\n", "", false),
    ("        return None\n\ndef last(n):\n    return n\n", "        return 1\n\ndef last(n):\n    return -n\n", true),
];

fn entry(text: &str) -> Vec<OverlayEntry> {
    let path = "/workspace/codes.py".to_owned();
    vec![OverlayEntry { path, content: Some(text.as_bytes().to_vec()), executable: false }]
}

fn bounds() -> Bounds {
    Bounds::patient(Limits { step_ms: 20_000, ..limits() })
}

fn project() -> Project {
    Project::new(&[("codes.py", CODE), ("test_it.py", TESTS)], limits())
}

fn screened(project: &Project) -> Suite<'_> {
    project.suite().screening(vec!["/workspace/codes.py".to_owned()])
}

#[test]
fn an_exchange_shows_what_an_import_shows_or_is_not_made() {
    let project = project();
    let suite = screened(&project);
    let base = suite.attempt(&[], bounds()).expect("attempt");
    assert_eq!(base.passed.len(), TESTS.matches("def test_").count(), "{base:?}");
    let mut wrong = Vec::new();
    for (old, new, swaps) in EDITS {
        assert_eq!(CODE.matches(old).count(), 1, "{old:?} is not once in the code");
        let candidate = entry(&CODE.replace(old, new));
        let screened = suite.screen(&candidate, bounds()).expect("screened");
        match &screened {
            Screened::Judged(judged) => {
                let attempt = suite.attempt(&candidate, bounds()).expect("attempt");
                let differs = (&judged.passed, judged.endless) != (&attempt.passed, attempt.endless);
                if differs || !swaps {
                    wrong.push(format!("{old:?} -> {new:?}: exchanged {judged:?}, imported {attempt:?}"));
                }
                // A change that nothing shows proves nothing here.
                if attempt.passed == base.passed && !new.contains("n += 1") && !new.contains("nonlocal") {
                    wrong.push(format!("{old:?} -> {new:?}: no test sees it"));
                }
            }
            Screened::NeedsImport(why) if *swaps => wrong.push(format!("{old:?} -> {new:?}: {why}")),
            Screened::NeedsImport(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_text_that_a_candidate_has_is_what_its_tests_read() {
    let code = "def f():\n    return 1\n";
    let test = "import codes, inspect\n\ndef test_it():\n    assert codes.f() == 2\n    assert 'return 2' in inspect.getsource(codes.f)\n    assert 'return 2' in open(codes.__file__).read()\n";
    let project = Project::new(&[("codes.py", code), ("test_it.py", test)], limits());
    let Screened::Judged(judged) =
        screened(&project).screen(&entry("def f():\n    return 2\n"), bounds()).expect("screened")
    else {
        panic!("not exchanged")
    };
    assert_eq!(judged.passed.len(), 1, "{judged:?}");
}

#[test]
fn files_that_were_not_named_or_not_loaded_are_imported() {
    let project = Project::new(&[("codes.py", CODE), ("test_it.py", "def test_it():\n    import codes\n")], limits());
    let candidate = entry(&CODE.replace("return 7", "return 8"));
    let unnamed = project.suite().screen(&candidate, bounds()).expect("screened");
    let unloaded = screened(&project).screen(&candidate, bounds()).expect("screened");
    for (screened, why) in [(unnamed, "was not among"), (unloaded, "was not loaded")] {
        assert!(matches!(&screened, Screened::NeedsImport(said) if said.contains(why)), "{screened:?}");
    }
    let broken = Project::new(&[("codes.py", "1 / 0\n"), ("conftest.py", "import codes\n")], limits());
    let screened = screened(&broken).screen(&entry("1 / 1\n"), bounds()).expect("screened");
    assert!(matches!(screened, Screened::NeedsImport(_)), "{screened:?}");
}

/// Each passes with the base's `f`, and sees that it was run as pytest runs it.
const KINDS: &str = r#"
import pytest, warnings
import codes
from codes import f

pytestmark = pytest.mark.filterwarnings("error:odd")
seen = []

def test_plain():
    assert f(1) == 1

@pytest.mark.parametrize("a, b", [(1, 1), pytest.param(2, 2, id="two")])
@pytest.mark.parametrize("c", [[3]], ids=repr)
def test_parameters(b, a, c):
    assert f(a) == b and c == [3]

@pytest.fixture
def doubled(request):
    return 2 * request.param

@pytest.mark.parametrize("doubled", [4], indirect=True)
def test_indirect(doubled):
    assert f(doubled) == 8

@pytest.fixture(params=[5, 6])
def made(request):
    yield request.param
    assert f(7) == 7

def test_fixture(made):
    assert f(made) == made

def test_default(tmp_path, value=9):
    assert tmp_path.is_dir() and f(value) == 9

class TestMethods:
    before = 0

    def setup_method(self):
        self.before = 1

    def test_method(self):
        assert self.before == f(1)

class TestAlone:
    count = 0

    @pytest.mark.parametrize("n", [1, 2])
    def test_own_instance(self, n):
        self.count += 1
        assert self.count == 1 and f(n) == n

    @staticmethod
    def test_static():
        assert f(1) == 1

async def test_never_awaited():
    assert f(1) == 2

def test_warns():
    warnings.warn("odd")
    assert f(1) == 1

@pytest.mark.filterwarnings("ignore:even")
def test_may_warn():
    warnings.warn("even")
    assert f(1) == 1
"#;

#[test]
fn tests_of_all_kinds_say_the_same_either_way() {
    let code = "def f(n):\n    return n\n";
    let project = Project::new(&[("codes.py", code), ("test_it.py", KINDS)], limits());
    let suite = screened(&project);
    for (body, passing) in
        [("return +n", 12), ("return n if n < 5 else 0", 8), ("return n if n > 1 else 1", 12), ("return 0", 0)]
    {
        let candidate = entry(&format!("def f(n):\n    {body}\n"));
        let imported = suite.attempt(&candidate, bounds()).expect("attempt");
        assert_eq!(imported.passed.len(), passing, "{body}: {imported:?}");
        assert_eq!(suite.screen(&candidate, bounds()).expect("screened"), Screened::Judged(imported), "{body}");
    }
}

#[test]
fn regular_expressions_that_the_base_used_are_ready_unless_they_warn() {
    let code = "def wanted():\n    return [False, False]\n";
    let test = concat!(
        "import re, warnings\nfrom codes import wanted\n\n",
        "PATTERNS = ['[0-9]+-once-[a-z]', '[[a]-nested']\n\n",
        "def test_it():\n",
        "    kept = [any(key[1] == pattern for key in re._cache) for pattern in PATTERNS]\n",
        "    with warnings.catch_warnings():\n",
        "        warnings.simplefilter('ignore')\n",
        "        for pattern in PATTERNS:\n",
        "            assert re.compile(pattern)\n",
        "    assert kept == wanted()\n",
    );
    let project = Project::new(&[("codes.py", code), ("test_it.py", test)], limits());
    let suite = screened(&project);
    let passes = |wanted: &str| {
        let screened = suite.screen(&entry(&code.replace("[False, False]", wanted)), bounds()).expect("screened");
        let Screened::Judged(judged) = screened else { panic!("not exchanged: {screened:?}") };
        !judged.passed.is_empty()
    };
    assert!(passes("[True, False]"));
    assert!(!passes("[True, True]") && !passes("[not True, False]"));
}
