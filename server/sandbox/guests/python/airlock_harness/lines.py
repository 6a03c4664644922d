"""Which lines each test ran, and which ran while the tests were collected, by `sys.monitoring`.

Every line reports once per test and is then switched off, so a loop costs nothing after its first
round.  Code outside the asked folders is switched off at its first line.
"""

import sys

from airlock_harness import failures

_TOOL = 4  # 0 to 3 and 5 are spoken for by debuggers, coverage tools, profilers and optimizers


class Coverage:
    """Line coverage of files under `roots`, told by path relative to `root`."""

    def __init__(self, roots, root):
        self.roots = tuple(r.rstrip("/") + "/" for r in roots) or (root.rstrip("/") + "/",)
        self.root = root
        self.seen = {}
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "airlock")
        monitoring.register_callback(_TOOL, monitoring.events.LINE, self._line)

    def _line(self, code, line, _disable=sys.monitoring.DISABLE):
        lines = self.seen.get(code.co_filename)
        if lines is None:
            if not code.co_filename.startswith(self.roots):
                return _disable
            lines = self.seen[code.co_filename] = set()
        lines.add(line)
        return _disable

    def begin(self):
        """Start anew for one test."""
        self.seen = {}
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.LINE)
        sys.monitoring.restart_events()

    def end(self):
        """The lines since `begin`: {path relative to the root: sorted lines}."""
        sys.monitoring.set_events(_TOOL, 0)
        return {
            failures.relative(path, self.root): sorted(found) for path, found in self.seen.items()
        }

    def total(self):
        """How many lines were seen since `begin`."""
        return sum(map(len, self.seen.values()))

    def close(self):
        """Give the tool slot back."""
        sys.monitoring.free_tool_id(_TOOL)
