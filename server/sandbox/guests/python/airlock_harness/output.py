"""How much a test may print: what it prints is kept in the guest's memory until its report is made."""

#: Bytes that one capture, or one log, may hold.  The host sets it from its own limit.
limit = 1 << 20
#: What was met since `begin`, in plain words, or None.
met = None


class OutputLimit(BaseException):
    """Raised out of `print`: no `except Exception` of the printing code keeps it from its test."""

    __module__ = "builtins"  # so that reports show the bare name


def begin():
    """Forget what an earlier test met."""
    global met
    met = None


def over():
    """The exception for who printed too much; the caller raises it."""
    global met
    met = f"output: it printed more than {limit >> 10} KiB (the setting output_kb)"
    return OutputLimit(met)


def check(held):
    """Raise if a capture holds too much."""
    if held > limit:
        raise over()
