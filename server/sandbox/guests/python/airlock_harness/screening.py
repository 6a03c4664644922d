"""Running the tests of a screened candidate: whether each passes, as cheaply as that can be known.

Nine tenths of a small test's time are pytest's own: three phases, each with a dozen hooks that make reports of what
nobody will read.  A plain test function is run here by what these hooks come to: its fixtures set up, its call, its
teardown, under the project's warning filters.  What is left out (captured logs, unraisable exceptions, reports) can only
make a test fail; so it may pass here and not in the import that confirms it, never the other way round.  One that needs
nothing but its parameters is called with them.  Tests of any other kind, and all tests of a project whose plugins or
conftests have a say in running them, go through pytest's protocol.
"""

import inspect
import os

from airlock_harness import door, late, output, records, regexes, threads

import pytest  # boot has put it on the path
from _pytest.warnings import catch_warnings_for_item

try:
    from _pytest.tmpdir import tmppath_result_key as _TMP_PATH
except ImportError:  # pytest before 7.3
    _TMP_PATH = None

#: Hooks that run a test; who implements one wants to be asked.
_HOOKS = (
    "pytest_runtest_protocol", "pytest_runtest_logstart", "pytest_runtest_setup", "pytest_runtest_call",
    "pytest_runtest_teardown", "pytest_runtest_makereport", "pytest_runtest_logreport",
    "pytest_runtest_logfinish", "pytest_exception_interact",
)
#: Fixtures that work through a plugin's part of the protocol.
_FIXTURES = frozenset((
    "capsys", "capsysbinary", "capfd", "capfdbinary", "capteesys", "caplog", "pytester", "testdir", "subtests",
))
_MARKS = frozenset(("skip", "skipif", "xfail"))
#: What pytest sets a parameter up by that is given as it is.
_GIVEN = "get_direct_param_fixture_func"


class Screen:
    """The tests of one collection, sorted once, before the freeze."""

    def __init__(self, runner):
        from _pytest.nodes import Node

        self.runner = runner
        runner.lean = True
        # The words of a failure cost more than its test.
        Node._repr_failure_py = lambda self, excinfo, style=None: "failed"
        config = runner.collection.config
        plain = _nobody_listens(config, _HOOKS)
        direct = plain and _nobody_listens(config, ("pytest_pyfunc_call",))
        #: Each with whether it is plain, and what its function is called with if that is all it needs.
        self.items = []
        for item in runner.collection.items:
            is_plain = plain and _is_plain(item)
            self.items.append((item, is_plain, _parameters(item) if is_plain and direct else None))

    def run(self, counted, first, tell=False):
        """Run everything and emit `screened`.  `counted` and `first` as for `Runner.run`.

        `tell`: also which regular expressions are kept by then.
        """
        runner = self.runner
        before = regexes.kept() if tell else None
        late.patch()
        runner.prepare_run()
        runner.count_rounds(counted)
        runner.first = first
        for index, (item, plain, parameters) in enumerate(self.items):
            following = self.items[index + 1][0] if index + 1 < len(self.items) else None
            if plain:
                self._plain(item, following, parameters)
            else:
                runner.one(item, following)
            if runner.ended is not None or runner.is_hopeless(index + 1):
                break
        runner.stop_counting()
        told = runner.outcomes
        door.emit("screened", passed=[id for id, outcome in told.items() if outcome == "passed"],
                  ran=sum(outcome != "not_testable" for outcome in told.values()),
                  endless=runner.rounds is not None and runner.rounds.ended > 0,
                  patterns=regexes.used(before) if tell else [])

    def _plain(self, item, following, parameters):
        records.book.begin(item.nodeid)
        output.begin()
        state = item.session._setupstate
        passed = False
        rounds = self.runner.rounds
        if rounds is not None:
            rounds.begin()
        os.environ["PYTEST_CURRENT_TEST"] = f"{item.nodeid} (call)".replace("\x00", "(null)")
        try:
            with catch_warnings_for_item(config=item.config, ihook=item.ihook, when="runtest", item=item):
                if parameters is not None:
                    item.obj(**parameters)
                    threads.run_pending()
                    passed = True
                else:
                    if _TMP_PATH is not None:
                        # Reports leave here what the teardown of `tmp_path` looks at.
                        item.stash.setdefault(_TMP_PATH, {})
                    try:
                        state.setup(item)
                        item.runtest()
                        threads.run_pending()
                        passed = True
                    finally:
                        state.teardown_exact(following)
        except (KeyboardInterrupt, pytest.exit.Exception):
            passed, self.runner.ended = False, {"exit": "interrupted", "message": None}
        except BaseException:
            passed = False
        endless = rounds is not None and rounds.end()
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        item._request, item.funcargs = False, None
        threads.forget()
        refused = any(record.hard for record in records.book.end())
        if passed and not output.met and not endless:
            self.runner.note(item.nodeid, "passed")
        else:
            self.runner.note(item.nodeid, "not_testable" if refused else "failed")


def _nobody_listens(config, hooks):
    """Whether only pytest's own plugins and this harness have a part in these."""
    for name in hooks:
        for implementation in getattr(config.hook, name).get_hookimpls():
            module = getattr(implementation.function, "__module__", None) or ""
            if not module.startswith(("_pytest.", "airlock_harness.")):
                return False
    # A level of logging set for tests changes what the code under test does.
    return config.getoption("log_level", None) is None and not config.getini("log_level")


def _is_plain(item):
    if type(item) is not pytest.Function or type(item.parent) not in (pytest.Module, pytest.Class):
        return False
    if any(mark.name in _MARKS for mark in item.iter_markers()):
        return False
    return _FIXTURES.isdisjoint(item.fixturenames)


def _parameters(item):
    """What a test's function is called with, by name, where no fixture has a part in it; else None."""
    callspec = getattr(item, "callspec", None)
    given = callspec.params if callspec is not None else {}
    info = item._fixtureinfo
    for name in info.names_closure:
        definitions = info.name2fixturedefs.get(name) or ()
        if name not in given or not definitions or getattr(definitions[-1].func, "__name__", "") != _GIVEN:
            return None
    name = getattr(item, "originalname", None) or item.name
    function = getattr(item.parent.obj, name, None)
    if function is None or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return None
    return {name: given[name] for name in info.argnames}
