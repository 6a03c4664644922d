"""The run loop: items one by one, and what each of them said, as events."""

import gc
import sys
import warnings

from airlock_harness import brief as briefly
from airlock_harness import differences, door, failures, late, lines, native, output, records, rounds, threads

import pytest  # boot has put it on the path

_SEVERITY = ("passed", "xpassed", "xfailed", "skipped", "not_testable", "failed", "error")


class Runner:
    """Runs items of a collection and streams their results; also the pytest plugin that listens."""

    def __init__(self, collection):
        self.collection = collection
        self.reports = []
        #: Exception of each failed report, by the report's identity, while its test runs.
        self.errors = {}
        #: What fixtures of wider scope recorded while they were set up.
        self.by_fixture = {}
        self.coverage = None
        self.rounds = None
        self.brief = None
        self._last_error = None
        #: Only outcomes are wanted: no messages, no places, no events.
        self.lean = False
        self.outcomes = {}
        #: Nobody asks for the rest where none of so many first ones passed.
        self.first = None
        self.passed = 0
        self.ended = None
        #: By id, results of tests whose id others have too, until the last of these has run.
        self.held = {}

    # -- what pytest tells -----------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        if call.excinfo is not None:
            try:
                report = outcome.get_result()
            except BaseException:
                return
            self.errors[id(report)] = (report, call.excinfo.value)
            self._last_error = call.excinfo.value

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector):
        outcome = yield
        late.patch()
        error = outcome.excinfo[1] if outcome.excinfo else None
        if isinstance(error, (KeyboardInterrupt, SystemExit)) and isinstance(collector, pytest.Module):
            # pytest would end here and run nothing; that is this file's fault and not that of the others.
            outcome.force_result(_ended_by(collector, error))
        report = outcome.get_result()
        call = getattr(report, "call", None)
        if call is not None and call.excinfo is not None:
            report.airlock_error = call.excinfo.value

    def pytest_runtest_logreport(self, report):
        if report.outcome == "rerun":
            # A plugin runs the test again: only the last attempt counts.
            self.reports.clear()
            return
        self.reports.append(report)
        if report.failed and id(report) not in self.errors and _is_subtest(report):
            # A subtest's report is a copy, made right after the original.
            self.errors[id(report)] = (report, self._last_error)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        before = len(records.book.current)
        yield
        if fixturedef.scope != "function":
            new = records.book.current[before:]
            if new:
                self.by_fixture[fixturedef] = new

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        yield
        threads.run_pending()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        self._loop(self._chosen)
        return True

    # -- running ---------------------------------------------------------------------------------

    def run(self, ids, coverage, roots, counted=None, brief=None, first=None):
        """Run the items named by `ids` (None: all) in collection order.

        `counted`: the bounds of `rounds.Rounds`.  `brief`: what `brief.Brief` takes.  `first`: nobody asks for the rest
        where none of so many passed.
        """
        collection = self.collection
        if ids is None:
            chosen = list(collection.items)
            skipped = collection.skipped
        else:
            wanted = set(ids)
            chosen = [item for item in collection.items if item.nodeid in wanted]
            skipped = [entry for entry in collection.skipped if entry[0] in wanted]
        for entry in skipped:
            self._skipped_module(*entry)
        self.coverage = lines.Coverage(roots, collection.root) if coverage else None
        self.count_rounds(counted)
        self.brief = briefly.Brief(**brief) if brief else None
        self._chosen = chosen
        self.first, self.passed = first, 0
        self.ended = None
        self.held = {}
        try:
            collection.config.hook.pytest_runtestloop(session=collection.session)
        finally:
            if self.coverage is not None:
                self.coverage.close()
            self.stop_counting()
            if self.brief is not None:
                self.brief.close()
        return self.ended

    def is_hopeless(self, done):
        """Whether a candidate is counted out by what came of so many tests."""
        return self.rounds is not None and self.rounds.is_enough() or done == self.first and not self.passed

    def count_rounds(self, bounds):
        """Bound the loops of the tests that come, where there are bounds."""
        self.rounds = rounds.Rounds(root=self.collection.root, **bounds) if bounds else None

    def stop_counting(self):
        """No more tests come."""
        if self.rounds is not None:
            self.rounds.close()

    def prepare_run(self):
        """Forget what an earlier run left."""
        self.outcomes, self.ended, self.coverage, self.first, self.passed = {}, None, None, None, 0

    def _loop(self, chosen):
        for index, item in enumerate(chosen):
            following = chosen[index + 1] if index + 1 < len(chosen) else None
            self.one(item, following)
            if self.brief is not None and self.brief.is_enough() and self.ended is None:
                self.ended = {"exit": "enough", "message": None}
            if self.ended is not None or self.is_hopeless(index + 1):
                return

    def one(self, item, following):
        """Run one item through pytest's protocol and tell what came of it."""
        if not self.lean:
            door.emit("start", id=item.nodeid)
        self.reports, self.errors = [], {}
        tainted = records.book.tainted
        late.patch()
        records.book.begin(item.nodeid)
        output.begin()
        if self.coverage is not None:
            self.coverage.begin()
        if self.brief is not None:
            self.brief.begin(item.nodeid)
        if self.rounds is not None:
            self.rounds.begin()
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            # pytest ends the whole run here; the tests after it are never reported.
            message = f"{type(error).__name__}: {failures.words(error)}".rstrip(": ")
            self.ended = {"exit": "interrupted", "message": message}
            self.reports.append(_broken(item, error))
            self.errors[id(self.reports[-1])] = (self.reports[-1], error)
        except (MemoryError, GeneratorExit):
            raise
        except BaseException as error:
            self.reports.append(_broken(item, error))
            self.errors[id(self.reports[-1])] = (self.reports[-1], error)
            _tear_down(item)
        endless = self.rounds is not None and self.rounds.end()
        covered = self.coverage.end() if self.coverage is not None else None
        threads.forget()
        found = records.book.end()
        if self.lean:
            self.note(item.nodeid, self._lean_outcome(item, found, endless))
        else:
            try:
                result = self._result(item, found, covered, tainted)
                if endless:
                    _did_not_end(result)
            except (MemoryError, GeneratorExit):
                raise
            except BaseException as error:  # what the test raised does not let itself be looked at
                result = self._unreadable(item, error, covered)
            self.passed += result["outcome"] == "passed"
            if self.brief is not None:
                self.brief.end(result["outcome"])
            result = self._of_all(result)
            if result is not None and door.emit("result", **result) and self.ended is None:
                # What is left runs in another fork, with all of it again.
                self.ended = {"exit": "used_up", "message": None}
        self.reports, self.errors, self._last_error = [], {}, None
        if any(record.hard for record in found):
            _sweep(item.config)

    def note(self, id, outcome):
        """Note the outcome of a test of which nothing else is wanted."""
        self.passed += outcome == "passed"
        self.outcomes[id] = _worse(self.outcomes.get(id, outcome), outcome)

    def _of_all(self, result):
        """The result of all tests that have this one's id, once the last of them has run; None before that."""
        count = len(self.collection.by_id.get(result["id"], ()))
        if count < 2:
            return result
        results = self.held.setdefault(result["id"], [])
        results.append(result)
        if len(results) < count:
            return None
        worst = max(results, key=lambda one: _SEVERITY.index(one["outcome"]))
        covered = {}
        for one in results:
            for path, lines_ in (one.get("coverage") or {}).items():
                covered.setdefault(path, set()).update(lines_)
        coverage = {path: sorted(lines_) for path, lines_ in covered.items()} if worst.get("coverage") is not None else None
        told = {**worst, "coverage": coverage}
        for name in ("limit", "lasting", "after_refusal"):
            told[name] = next((one[name] for one in results if one.get(name)), worst.get(name))
        return told

    def _lean_outcome(self, item, found, endless):
        outcome, _ = self._outcome(item.config)
        if outcome == "passed" and not output.met and not endless:
            return "passed"
        return "not_testable" if any(record.hard for record in found) else "failed"

    # -- judging ---------------------------------------------------------------------------------

    def _result(self, item, found, covered, tainted):
        outcome, report = self._outcome(item.config)
        if report is not None and output.met and outcome not in ("failed", "error"):
            outcome = "failed"  # it caught what print raised; what it says now is of a run cut short
        pair = self.errors.get(id(report))
        error = pair[1] if pair else None
        root = self.collection.root
        test_file = str(getattr(item, "path", ""))
        result = {
            "id": item.nodeid,
            "outcome": outcome,
            "message": None,
            "detail": None,
            "exception": None,
            "location": None,
            "test_location": None,
            "reason": None,
            "notes": [],
            "refusals": [record.plain() for record in found],
            "coverage": covered,
            "subtests": sum(1 for r in self.reports if _is_subtest(r)),
            "after_refusal": False,
            "limit": output.met,
            "lasting": next((f"{r.kind}: {r.detail}" for r in found if r.lasting), None),
        }
        if report is None:
            # A hook of the project's took the test and told nobody of it, as natively: no outcome.
            result["reason"] = (found[0].plain() if found else
                                {"kind": "no_report", "detail": "a plugin or conftest ran or skipped the "
                                 "test without a report, so pytest does not list it"})
            return result
        if outcome in ("failed", "error"):
            result["message"] = output.met or failures.message_of(report.longrepr)
            result["detail"] = failures.detail_of(report)
            result["after_refusal"] = tainted
            if error is not None:
                result["exception"] = type(error).__name__
                result["location"], result["test_location"] = failures.places(error, root, test_file)
            if result["location"] is None:
                result["location"] = failures.place_of_report(report.longrepr, root) or _place(item, root)
        elif outcome in ("skipped", "xfailed", "xpassed"):
            result["message"] = (
                failures.skip_reason(report)
                if outcome == "skipped"
                else getattr(report, "wasxfail", None) or None
            )
        reason = self._reason(item, outcome, result, report, error, found)
        if reason is not None:
            result["outcome"], result["reason"] = "not_testable", reason
            if error is not None and outcome in ("failed", "error"):
                records.stamp(error, records.Record(reason["kind"], reason["detail"], True))
        elif found:
            result["notes"] = [f"{record.kind}: {record.detail}" for record in found[:5]]
        return result

    def _unreadable(self, item, error, covered):
        """The result of a test of which no more can be told than that it did not pass."""
        return {
            "id": item.nodeid,
            "outcome": "failed",
            "message": f"what the test raised cannot be shown: looking at it raises {type(error).__name__}",
            "coverage": covered,
            "limit": output.met,
        }

    def _outcome(self, config):
        """(outcome as pytest's summary counts it, the report that decided, None where there is none)."""
        worst, deciding = "passed", None
        for report in self.reports:
            if _is_subtest(report) and not report.failed:
                continue  # counted beside the test, whose own report says how it ended
            if not isinstance(report, _Broken):
                # Asked for its side effect: a passed test with failed subtests is set to failed.
                try:
                    config.hook.pytest_report_teststatus(report=report, config=config)
                except Exception:  # a project's own hook; the report itself still tells
                    pass
            outcome = _single(report)
            if deciding is None or _SEVERITY.index(outcome) > _SEVERITY.index(worst):
                if outcome != "passed" or deciding is None:
                    worst, deciding = outcome, report
        if deciding is None:
            return "not_testable", None
        return worst, deciding

    def _reason(self, item, outcome, result, report, error, found):
        """Why the outcome says nothing about the project, or None."""
        if outcome in ("passed", "xpassed"):
            return None
        hard = [record for record in found if record.hard]
        if outcome == "skipped":
            of_module = [r for r in records.book.of_module(str(item.path)) if r.hard]
            return (hard + of_module)[0].plain() if hard or of_module else None
        if error is not None:
            record = records.stamped(error)
            if record is not None:
                return record.plain()
        wider = [r for f in _fixtures(item) for r in self.by_fixture.get(f, ())]
        for record in (*hard, *wider, *found):
            return record.plain()
        if outcome == "xfailed":
            of_module = [r for r in records.book.of_module(str(item.path)) if r.hard]
            return of_module[0].plain() if of_module else None
        if error is not None:
            reason, _ = failures.reason_of(error)
            if reason is not None:
                return reason
        difference = differences.match(item.nodeid, result["exception"], result["message"], result["detail"])
        if difference is not None:
            return {"kind": "guest_difference", "detail": difference}
        for record in records.book.of_module(str(item.path)):
            return record.plain()
        module = native.suspect(error)
        if module is not None:
            detail = f"{module}, compiled for another machine, is missing and may be the cause"
            return {"kind": "native_module", "detail": detail}
        return None

    def _skipped_module(self, nodeid, reason, report):
        path = str(getattr(report, "fspath", nodeid) or nodeid)
        if not path.startswith("/"):
            path = f"{self.collection.config.rootpath}/{path}"
        hard = [r for r in records.book.of_module(path) if r.hard]
        door.emit("start", id=nodeid)
        door.emit(
            "result",
            id=nodeid,
            outcome="not_testable" if hard else "skipped",
            message=reason,
            reason=hard[0].plain() if hard else None,
            detail=None, exception=None, location=None, test_location=None, notes=[],
            refusals=[r.plain() for r in hard], coverage=None, subtests=0, after_refusal=False,
        )


def _worse(one, other):
    return max(one, other, key=_SEVERITY.index)


def _ended_by(collector, error):
    """The report of a file whose import ends the whole of pytest."""
    from _pytest.reports import CollectReport

    name = f"{type(error).__name__}: {failures.words(error)}".rstrip(": ")
    report = CollectReport(collector.nodeid, "failed", f"{name}, which ends pytest while it collects", [])
    report.airlock_error = error
    return report


def _did_not_end(result):
    """Say of a test whose loop was ended what it did, whatever it made of that."""
    place = result["location"] or result["test_location"]
    where = f"the loop at {place['path']}:{place['line']}" if place else "a loop"
    result.update(outcome="failed", exception=None, reason=None, message=f"stopped: it did not come out of {where}",
                  limit=result["limit"] or f"time: one test did not come out of {where}")


def _tear_down(item):
    """Take down what a test's protocol left standing when it raised: the next test wants it clean."""
    try:
        item.session._setupstate.teardown_exact(None)
    except BaseException:  # the same that was raised before, or its like
        pass


def _place(item, root):
    """Where the test itself stands."""
    line = item.location[1] if isinstance(getattr(item, "location", None), tuple) else None
    if line is None:
        return None
    return {"path": failures.relative(str(item.path), root), "line": line + 1}


def _single(report):
    """One report's outcome, `error` for a failure outside the call."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.when == "call" and hasattr(report, "wasxfail"):
        return "xpassed"
    return "passed"


def _is_subtest(report):
    return type(report).__name__ in ("SubtestReport", "SubTestReport")


def _fixtures(item):
    info = getattr(item, "_fixtureinfo", None)
    for definitions in getattr(info, "name2fixturedefs", {}).values():
        yield from definitions


def _sweep(config):
    """After a refused test: let what it left half done be collected now, at nobody's expense.

    A coroutine it never awaited would otherwise raise its warning in the middle of a later test.
    """
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        sys.__dict__.pop(name, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    plugin = sys.modules.get("_pytest.unraisableexception")
    key = getattr(plugin, "unraisable_exceptions", None)
    if key is not None:
        waiting = config.stash.get(key, None)
        if waiting is not None:
            waiting.clear()


class _Broken:
    """The report of a test whose protocol itself raised, in a plugin."""

    failed, skipped, passed, when, outcome, sections = True, False, False, "call", "failed", ()

    def __init__(self, item, error):
        self.nodeid = item.nodeid
        self.longrepr = self.longreprtext = f"{type(error).__name__}: {failures.words(error)}".rstrip(": ")


def _broken(item, error):
    return _Broken(item, error)
