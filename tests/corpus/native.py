#!/usr/bin/env python3
"""Runs a project's suite natively and says how every test ended.

    python3 tests/corpus/native.py NAME... [--short | --unseen]
    python3 tests/corpus/native.py NAME --tree FOLDER [--test ID]... [--no-cache]

The run is `python -m pytest` in the project's own environment with its own
configuration. Its result depends on the machine, so it is kept in the cache
and never committed. `--tree` runs a copy made by `stage.py` instead of the
prepared tree, and is never cached.

Prints one JSON document: `projects`, each with `name`, `wall_ms`, `counts`,
`outcomes` (test id to outcome), `collection_errors` (path to message), `times_ms`,
`messages`, `package_file`, `python`, `pytest`, `exit`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from corpus import HERE, CorpusError, Project, cache_root, run, say, select
from fetch import prepare

PLUGIN = HERE / "plugin"
PLUGIN_FILE = PLUGIN / "airlock_outcomes.py"


@functools.cache
def as_user() -> tuple[str, ...]:
    """What makes a program started by root run as an ordinary user, where that is possible.

    Root may read what nobody may read, so a test of a file's permissions fails
    or is skipped for it alone. A user namespace gives the same files the owner
    1000 and takes root's rights away.
    """
    if os.geteuid() != 0:
        return ()
    prefix = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    try:
        run([*prefix, "true"], what="a user namespace", limit=10)
    except CorpusError:
        say("no user namespace to be had: tests of file permissions run as root")
        return ()
    return prefix


def environment(scratch: Path, outcomes: Path, tree: Path, package: str) -> dict[str, str]:
    """A short, fixed environment, so that the user's settings decide nothing."""
    home = scratch / "home"
    home.mkdir()
    env = {
        # As in a shell that has activated the environment.
        "PATH": os.pathsep.join([str(tree / ".venv" / "bin"), os.environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(tree / ".venv"),
    }
    env.update(
        HOME=str(home),
        LANG="C.UTF-8",
        TZ="UTC",
        TERM="dumb",
        TMPDIR=str(scratch),
        PYTHONHASHSEED="0",
        # The tree must stay as it was unpacked.
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONPATH=str(PLUGIN),
        AIRLOCK_OUTCOMES=str(outcomes),
        AIRLOCK_OUTCOMES_PID=str(os.getpid()),
        AIRLOCK_PACKAGE=package,
    )
    return env


def measure(project: Project, tree: Path, tests: list[str]) -> dict[str, object]:
    """One run of the suite in `tree`, which holds its own `.venv`."""
    say(f"{project.name}: running its tests natively")
    with tempfile.TemporaryDirectory(prefix="airlock-native-") as folder:
        scratch = Path(folder)
        outcomes = scratch / "outcomes.json"
        command = [
            *as_user(), str(tree / ".venv" / "bin" / "python"), "-m", "pytest", "-p", "airlock_outcomes",
            # Collection order, so that a difference is never one of order alone.
            "-p", "no:randomly",
            "-o", f"cache_dir={scratch / 'cache'}",
            "--continue-on-collection-errors", "--quiet",
            *project.args, *tests,
        ]
        started = time.monotonic()
        done = run(
            command,
            what=f"{project.name}'s suite",
            cwd=tree,
            env=environment(scratch, outcomes, tree, project.package),
            check=False,
        )
        wall_ms = round((time.monotonic() - started) * 1000, 1)
        if not outcomes.is_file():
            tail = "\n".join("    " + line[:300] for line in done.stdout.splitlines()[-15:])
            raise CorpusError(
                f"{project.name}: pytest ended with code {done.returncode} before it could report:\n{tail}"
            )
        result = json.loads(outcomes.read_text(encoding="utf-8"))
    result["name"] = project.name
    result["version"] = project.version
    result["wall_ms"] = wall_ms
    result["as_root"] = os.geteuid() == 0 and not as_user()
    result["counts"] = dict(sorted(Counter(result["outcomes"].values()).items()))
    return result


def kept_at(project: Project) -> Path:
    digest = hashlib.sha256()
    digest.update(PLUGIN_FILE.read_bytes())
    digest.update(Path(__file__).read_bytes())
    digest.update("\0".join(project.args).encode())
    return cache_root() / "native" / f"{project.name}-{project.key()}-{digest.hexdigest()[:12]}.json"


def native(project: Project, *, cached: bool = True) -> dict[str, object]:
    """The outcomes of the prepared tree, from the cache where they are known."""
    kept = kept_at(project)
    if cached and kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    result = measure(project, prepare(project), [])
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f".{kept.name}.{os.getpid()}")
    partial.write_text(json.dumps(result), encoding="utf-8")
    os.replace(partial, kept)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--short", action="store_true")
    which.add_argument("--unseen", action="store_true")
    parser.add_argument("--tree", type=Path, metavar="FOLDER")
    parser.add_argument("--test", action="append", default=[], metavar="ID")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--brief", action="store_true", help="counts and times only")
    options = parser.parse_args()
    try:
        chosen = select(options.names, short=options.short, unseen=options.unseen)
        if options.tree is not None or options.test:
            if len(chosen) != 1:
                raise CorpusError("--tree and --test need exactly one NAME")
            tree = options.tree.resolve() if options.tree else prepare(chosen[0])
            results = [measure(chosen[0], tree, options.test)]
        else:
            results = [native(project, cached=not options.no_cache) for project in chosen]
    except (CorpusError, OSError) as error:
        say(f"error: {error}")
        return 2
    if options.brief:
        wanted = ("name", "version", "wall_ms", "counts", "deselected", "collection_errors", "package_file")
        results = [{key: result[key] for key in wanted} for result in results]
    json.dump({"projects": results}, sys.stdout, indent=1 if options.brief else None)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
