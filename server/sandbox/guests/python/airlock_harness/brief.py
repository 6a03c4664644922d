"""Runs of which only the outcomes matter: the words of a failure cost far more than most tests do."""


class Brief:
    """Leaves the words of failures out, and ends a run in which too much fails.

    `in_full`: ids of the tests that are told with all their words all the same.  `most`: after more failures than this
    nobody asks for the rest.
    """

    def __init__(self, in_full, most):
        from _pytest.assertion import util
        from _pytest.nodes import Node

        self.in_full, self.most = frozenset(in_full), most
        self.failed = 0
        self._now = False
        self._undo = [_replace(Node, "_repr_failure_py", self._unless("failed")),
                      _replace(util, "assertrepr_compare", self._unless(None))]

    def _unless(self, instead):
        def wrap(original):
            return lambda *args, **kwargs: instead if self._now else original(*args, **kwargs)

        return wrap

    def begin(self, nodeid):
        """A test begins."""
        self._now = nodeid not in self.in_full

    def end(self, outcome):
        """It ended so."""
        self.failed += outcome in ("failed", "error")

    def is_enough(self):
        """Whether nobody asks for the tests that are left."""
        return self.failed > self.most

    def close(self):
        """Let failures have their words again."""
        for undo in self._undo:
            undo()


def _replace(owner, name, wrap):
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    return lambda: setattr(owner, name, original)
