"""How often a test goes round its loops, and an end to one that never ends, by `sys.monitoring`.

A count of rounds is a property of the code and not of the machine: what is ended by it is ended everywhere, and what it
ran until then is known.  Loops inside C code go round unseen; those are left to the host's limits.
"""

import sys

from airlock_harness import failures

_TOOL = 5  # an optimizer's, of which there is none; those below are spoken for

#: What may go on after the end, to clean up and to tell: whoever catches the end is told again after so many rounds.
_AFTER = 200_000


class TooManyRounds(BaseException):
    """Raised inside the loop; what catches `Exception` does not hold it up."""


class Rounds:
    """Ends tests that go round loops more than `most` times.

    `at`: only those in which one of these functions is at work by then, as `{"path": relative to the root, "line": any
    line of its}`.  `give_up`: once one was ended, nobody asks for those behind it.
    """

    def __init__(self, most, root, at=(), give_up=False):
        self.most, self.root, self.at, self.give_up = most, root, list(at), give_up
        #: The most rounds that one test went.
        self.highest = 0
        #: Tests that were ended.
        self.ended = 0
        self._over = False
        self._start, self._rest = _counter(self._spent)

    def _spent(self, frame):
        """What to do at the end of a count: raise, or say how far to count on."""
        if not self._over and self.at and not self._is_at(frame):
            self.highest = max(self.highest, self.most)
            return self.most
        self._over = True
        self._start(_AFTER)
        raise TooManyRounds("it did not come out of its loop")

    def _is_at(self, frame):
        while frame is not None:
            code = frame.f_code
            path = failures.relative(code.co_filename, self.root)
            for place in self.at:
                if place["path"] == path and code.co_firstlineno <= place["line"] <= _last_line(code):
                    return True
            frame = frame.f_back
        return False

    def begin(self):
        """Start anew for one test."""
        self._over = False
        self._start(self.most)
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.JUMP)

    def end(self):
        """Whether the test was ended."""
        sys.monitoring.set_events(_TOOL, 0)
        self.ended += self._over
        self.highest = max(self.highest, self.most if self._over else self.most - self._rest())
        return self._over

    def is_enough(self):
        """Whether nobody asks for the tests that are left."""
        return self.give_up and self.ended > 0

    def told(self):
        """What the host wants to know of all tests."""
        return {"rounds": self.highest, "endless": self.ended > 0}

    def close(self):
        """Give the tool slot back."""
        sys.monitoring.free_tool_id(_TOOL)


def _counter(spent):
    """Counts backward jumps, as two functions: start with so many, and how many are left.

    A closure, since this is called at every round of every loop.
    """
    left = 0

    def jump(code, offset, destination, _disable=sys.monitoring.DISABLE, _frame=sys._getframe):
        nonlocal left
        if destination > offset:
            return _disable
        left -= 1
        if left < 0:
            left = spent(_frame(1))

    def start(count):
        nonlocal left
        left = count

    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, "airlock-rounds")
    monitoring.register_callback(_TOOL, monitoring.events.JUMP, jump)
    return start, lambda: left


def _last_line(code):
    return max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
