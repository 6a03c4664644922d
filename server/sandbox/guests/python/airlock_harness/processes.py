"""Other programs: there are none, and every attempt to start or find one is recorded."""

import errno

from airlock_harness import records

__tracebackhide__ = True  # to pytest: a refusal's report ends in the project's code


def _named(arguments):
    if isinstance(arguments, (str, bytes)):
        text = arguments if isinstance(arguments, str) else arguments.decode("utf-8", "replace")
    else:
        try:
            text = " ".join(str(a) for a in list(arguments)[:4])
        except TypeError:
            text = repr(arguments)
    return text[:120]


def _popen(self, args, *rest, **named):
    """`subprocess.Popen.__init__`."""
    program = args if isinstance(args, (str, bytes)) else next(iter(args), "")
    raise records.refuse(
        "subprocess", f"started a program: {_named(args)}",
        PermissionError(errno.EPERM, "Operation not permitted", str(program)),
    )


def _which(original):
    def which(cmd, mode=1, path=None):
        found = original(cmd, mode, path)
        if found is None:
            records.refuse("program", f"the program {str(cmd)[:80]} is not in the sandbox", lasting=False)
        return found

    return which


def install():
    import shutil
    import subprocess

    subprocess.Popen.__init__ = _popen
    shutil.which = _which(shutil.which)
