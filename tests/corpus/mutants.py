#!/usr/bin/env python3
"""Measures how many mutants a second mutmut judges on a project of the corpus.

    python3 tests/corpus/mutants.py NAME [--jobs N]
    python3 tests/corpus/mutants.py --pin

mutmut runs natively, in an environment of its own that is made once in the
cache from requirements/mutants.txt, on a fresh copy of the project. The rate is
the one that mutmut itself prints: of its mutants, without its preparations.

Prints one JSON document: `tool`, `mutants`, `per_second`. `--pin` writes the
requirements anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from corpus import HERE, CorpusError, cache_root, run, say, select
from fetch import make_environment
from pin import pin
from stage import stage


@dataclass(frozen=True)
class Tool:
    """What `pin` and `make_environment` want to know of a project."""

    name: str
    requires: tuple[str, ...]

    @property
    def requirements(self) -> Path:
        return HERE / "requirements" / f"{self.name}.txt"


MUTMUT = Tool("mutants", ("mutmut==3.8.1", "pytest==9.2.0"))


def environment() -> Path:
    """The folder whose `.venv` has mutmut."""
    digest = hashlib.sha256(MUTMUT.requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_root() / f"{MUTMUT.name}-{digest}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{MUTMUT.name}-", dir=folder.parent))
        make_environment(MUTMUT, made)
        try:
            # Programs in it name the folder they were made in; none of them is called by its path.
            made.rename(folder)
        except OSError:
            # Another process was first.
            shutil.rmtree(made, ignore_errors=True)
    return folder


def measure(name: str, jobs: int) -> dict[str, object]:
    project = select([name])[0]
    python = environment() / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="airlock-mutants-") as scratch:
        tree = stage(project, Path(scratch) / "tree", [])
        with (tree / "setup.cfg").open("a", encoding="utf-8") as file:
            file.write(f"\n[mutmut]\nsource_paths={project.package}\n")
        say(f"{name}: its mutants by {MUTMUT.requires[0]}")
        done = run(
            [str(python), "-m", "mutmut", "run", "--max-children", str(jobs)],
            what=f"mutmut on {name}", cwd=tree, env={**os.environ, "PYTHONPATH": ""},
        )
    rate = re.findall(r"([0-9.]+) mutations/second", done.stdout)
    counts = re.findall(r"(\d+)/(\d+)", done.stdout)
    if not rate or not counts:
        raise CorpusError(f"mutmut did not say how fast it was: {done.stdout[-300:]}")
    return {"tool": MUTMUT.requires[0], "mutants": int(counts[-1][1]), "per_second": float(rate[-1])}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", default="inflection", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pin", action="store_true")
    options = parser.parse_args()
    try:
        if options.pin:
            pin(MUTMUT)
            return 0
        json.dump(measure(options.name, options.jobs), sys.stdout)
        print()
    except (CorpusError, OSError) as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
