#!/usr/bin/env python3
"""Makes every project of the bad kind below a new folder.

    python3 tests/corpus/make_bad.py DESTINATION

Copies fixtures/bad and adds what a repository cannot hold: FIFOs, a very large
file, links in circles and out of the tree, folders that cannot be read. The
result is the same each time, down to contents and modes. Each added project
has one test that passes, so that what is special in it is all that can go
wrong. `outside/` is what links lead to; nothing of it may be read or changed.

Prints one JSON document: project name to what is special about it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
from pathlib import Path

from corpus import HERE, CorpusError, say

STATIC = {
    "no_tests": "one module and no test",
    "endless_loop": "a test that never ends",
    "endless_clock": "a test that never ends because it waits on the clock",
    "eats_memory": "a test that takes ever more memory",
    "prints_forever": "a test that never stops printing",
    "many_files": "a test that opens 100,000 files",
    "syntax_error_module": "a syntax error in the module under test",
    "syntax_error_test": "a syntax error in a test file",
    "conftest_raises": "a conftest that raises",
    "missing_import": "a test file that imports what is not installed",
    "not_python": "a text file and nothing else",
    "not_utf8": "sources that are not UTF-8, with and without saying so",
}

PASSING = "def test_passes():\n    assert True\n"
LARGE_BYTES = 100 * 1024 * 1024


def project(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    (path / "test_sound.py").write_text(PASSING)
    return path


def fifo(folder: Path) -> str:
    path = project(folder, "fifo")
    os.mkfifo(path / "queue")
    os.mkfifo(path / "test_queue.py")
    return "FIFOs, one of them with a test file's name"


def sockets(folder: Path) -> str:
    path = project(folder, "socket")
    # A socket's name has to be short, so it is bound from inside its folder.
    before = os.getcwd()
    os.chdir(path)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("service.sock")
    finally:
        os.chdir(before)
    return "a socket beside the tests"


def large(folder: Path) -> str:
    path = project(folder, "large_file")
    with (path / "data.bin").open("wb") as file:
        file.truncate(LARGE_BYTES)
    # A source so long that reading it whole is the mistake.
    with (path / "test_large.py").open("wb") as file:
        file.write(b"def test_large():\n    assert True\n")
        file.truncate(LARGE_BYTES)
    return "a data file and a test file of 100 MB each"


def loops(folder: Path) -> str:
    path = project(folder, "link_loop")
    (path / "self.py").symlink_to("self.py")
    (path / "test_a.py").symlink_to("test_b.py")
    (path / "test_b.py").symlink_to("test_a.py")
    (path / "package").mkdir()
    (path / "package" / "again").symlink_to("..")
    return "links to themselves, to each other, and to the folder they are in"


def outward(folder: Path) -> str:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("nothing of this may be read\n")
    (outside / "test_outside.py").write_text("def test_outside():\n    assert False\n")
    path = project(folder, "link_out")
    (path / "secret.txt").symlink_to("../outside/secret.txt")
    (path / "absolute.txt").symlink_to(outside.resolve() / "secret.txt")
    (path / "passwd").symlink_to("/etc/passwd")
    (path / "tests").symlink_to("../outside")
    (path / "test_sound.py").write_text(
        "import pathlib\n\nimport pytest\n\nHERE = pathlib.Path(__file__).parent\n\n\n"
        '@pytest.mark.parametrize("name", ["secret.txt", "absolute.txt", "passwd", "tests/secret.txt"])\n'
        "def test_cannot_be_read(name):\n"
        "    with pytest.raises(OSError):\n"
        "        (HERE / name).read_bytes()\n"
    )
    return "links out of the tree, relative and absolute, to files and to a folder"


def unreadable(folder: Path) -> str:
    path = project(folder, "unreadable")
    (path / "locked").mkdir()
    (path / "locked" / "data.txt").write_text("locked\n")
    (path / "locked.txt").write_text("locked\n")
    (path / "locked.txt").chmod(0)
    (path / "locked").chmod(0)
    return "a file and a folder that may not be read (root may read them all the same)"


def deep(folder: Path) -> str:
    path = project(folder, "deep")
    inner = path
    for _ in range(200):
        inner = inner / "d"
    inner.mkdir(parents=True)
    (inner / "test_deep.py").write_text(PASSING)
    return "a test 200 folders down"


def odd_names(folder: Path) -> str:
    path = project(folder, "odd_names")
    # A name that is not UTF-8 and one with a line break are both legal here.
    with open(os.fsencode(path) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"latin\n")
    (path / "two\nlines.txt").write_text("odd\n")
    (path / "test_\N{LATIN SMALL LETTER U WITH DIAERESIS}.py").write_text(PASSING)
    return "names that are not UTF-8, that have a line break, that are not ASCII"


MADE = {
    "fifo": fifo,
    "socket": sockets,
    "large_file": large,
    "link_loop": loops,
    "link_out": outward,
    "unreadable": unreadable,
    "deep": deep,
    "odd_names": odd_names,
}


def make(destination: Path) -> dict[str, str]:
    """Makes all projects in `destination`, which must not exist or must be empty."""
    destination.mkdir(parents=True, exist_ok=True)
    if any(destination.iterdir()):
        raise CorpusError(f"{destination} is not empty; name a new folder")
    source = HERE.parent.parent / "fixtures" / "bad"
    told = {}
    for name, what in STATIC.items():
        shutil.copytree(source / name, destination / name)
        told[name] = what
    for name, build in MADE.items():
        told[name] = build(destination)
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("destination", type=Path, metavar="DESTINATION")
    try:
        told = make(parser.parse_args().destination.resolve())
    except (CorpusError, OSError, shutil.Error) as error:
        say(f"error: {error}")
        return 2
    json.dump(told, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
