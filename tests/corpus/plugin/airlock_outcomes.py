"""A pytest plugin that writes how every test ended, as one JSON document.

Loaded with `-p airlock_outcomes`; the file is named by AIRLOCK_OUTCOMES, the
package whose place is to be told by AIRLOCK_PACKAGE.

One word per test: `error` where set-up or tear-down failed or collection did,
`failed` where the test itself or one of its subtests failed (also when its
tear-down failed after that), otherwise what pytest's own last line counts it
as: `passed`, `skipped`, `xfailed`, `xpassed`. A strict xfail that passes is
`failed`, as for pytest.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

MESSAGE_LIMIT = 400


def short(report) -> str:
    """The line that says why, cut to a bounded length."""
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    text = crash.message if crash is not None else str(getattr(report, "longrepr", "") or "")
    return text[:MESSAGE_LIMIT]


class Outcomes:
    def __init__(self, path: str) -> None:
        self.path = path
        self.outcomes: dict[str, str] = {}
        self.messages: dict[str, str] = {}
        self.times_ms: dict[str, float] = {}
        self.collection: dict[str, str] = {}
        self.collected: list[str] = []
        self.deselected = 0

    def pytest_deselected(self, items) -> None:
        self.deselected += len(items)

    def pytest_collection_finish(self, session) -> None:
        self.collected = [item.nodeid for item in session.items]

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            self.collection[report.nodeid] = short(report)

    def pytest_runtest_logreport(self, report) -> None:
        name = report.nodeid
        self.times_ms[name] = self.times_ms.get(name, 0.0) + report.duration * 1000
        before = self.outcomes.get(name)
        word = self.word(report)
        if word is None:
            return
        # A failure is never made better by what comes after it.
        if before in ("failed", "error") and word not in ("failed", "error"):
            return
        if before == "failed" and word == "error":
            return
        self.outcomes[name] = word
        if word in ("failed", "error", "skipped") and name not in self.messages:
            self.messages[name] = short(report)

    @staticmethod
    def word(report) -> str | None:
        # A subtest has a report of its own under its test's id; only its failure counts.
        if hasattr(report, "context") and type(report).__name__ in ("SubtestReport", "SubTestReport"):
            return "failed" if report.failed else None
        expected = hasattr(report, "wasxfail")
        if report.failed:
            return "failed" if report.when == "call" else "error"
        if report.skipped:
            return "xfailed" if expected else "skipped"
        if report.when == "call":
            return "xpassed" if expected else "passed"
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus) -> None:
        package = sys.modules.get(os.environ.get("AIRLOCK_PACKAGE", ""))
        document = {
            "python": sys.version.split()[0],
            "pytest": pytest.__version__,
            "exit": int(exitstatus),
            "package_file": getattr(package, "__file__", None),
            "rootdir": str(session.config.rootpath),
            "plugins": sorted(
                f"{dist.project_name} {dist.version}"
                for _, dist in session.config.pluginmanager.list_plugin_distinfo()
            ),
            "collected": self.collected,
            "deselected": self.deselected,
            "outcomes": self.outcomes,
            "collection_errors": self.collection,
            "messages": self.messages,
            "times_ms": {name: round(ms, 3) for name, ms in self.times_ms.items()},
        }
        partial = f"{self.path}.partial"
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(partial, self.path)


def pytest_configure(config) -> None:
    path = os.environ.get("AIRLOCK_OUTCOMES")
    # A pytest that a test starts in a process of its own inherits the
    # environment, and must not overwrite what the outer one writes.
    if path and os.environ.get("AIRLOCK_OUTCOMES_PID", str(os.getppid())) == str(os.getppid()):
        config.pluginmanager.register(Outcomes(path), "airlock-outcomes-writer")
