#!/usr/bin/env python3
"""Shows natively that every bug is one, and that every algorithm is right without its bug.

    python3 tests/bugs/check.py [ID | PACKAGE | algorithms]... [--half HALF] [--write | --guest [--airlock PATH]]

For a bug of a package: without it no test of the suite fails; with it exactly the listed ones do, at
least one and not all, and none disappears; its probe runs through and tells the two apart. For an
algorithm: without the bug the visible and the hidden tests pass; with it exactly the listed visible ones
fail, at least one and not all, and the hidden ones do too.

`--write` lists the tests that fail instead of comparing them. `--guest` shows instead that the bug is seen
in the sandbox: `airlock check` has at least one of the listed tests fail. Nothing is searched for. Prints one JSON document with `checked` and
`wrong`; the exit code is 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import measure
import seeded
from corpus import CorpusError, say
from seeded import Bug

# How long the program may take to run a suite, in seconds.
GUEST_LIMIT = 600


def compare(bug: Bug, original: dict[str, str], buggy: dict[str, str], write: bool) -> list[str]:
    """What is wrong with the outcomes of the suite without and with the bug."""
    wrong = []
    if seeded.bad(original):
        wrong.append(f"fails without the bug: {sorted(seeded.bad(original))[:5]}")
    if set(original) != set(buggy):
        wrong.append(f"other tests with the bug: {sorted(set(original) ^ set(buggy))[:5]}")
    fails = seeded.bad(buggy)
    if not fails:
        wrong.append("no test fails with the bug")
    if fails == set(buggy):
        wrong.append("every test fails with the bug")
    if write:
        remember(bug, sorted(fails))
    elif fails != set(bug.fails):
        wrong.append(f"not as listed: {sorted(fails ^ set(bug.fails))[:5]}")
    return wrong


def remember(bug: Bug, fails: list[str]) -> None:
    file = (bug.folder if bug.package else bug.folder.parent) / "fails.json"
    listed = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    listed[bug.id] = fails
    file.write_text(json.dumps(dict(sorted(listed.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check_package(bug: Bug, scratch: Path, write: bool) -> list[str]:
    tree = seeded.stage_bug(bug, scratch / "tree", buggy=False)
    want, again = seeded.probed(bug, tree), seeded.probed(bug, tree)
    before = seeded.sources(tree, seeded.touched(bug.patch))
    seeded.apply(tree, bug.patch)
    wrong = compare(bug, seeded.original_outcomes(bug), seeded.outcomes(bug, tree), write)
    if "Traceback" in want or not want:
        wrong.append(f"the probe fails without the bug: {want[-300:]}")
    if again != want:
        wrong.append("the probe prints something else each time")
    if seeded.probed(bug, tree) == want:
        wrong.append("the probe does not see the bug")
    if seeded.sources(tree, seeded.touched(bug.patch)) == before:
        wrong.append("the syntax tree is the same with the bug")
    return wrong


def check_algorithm(bug: Bug, scratch: Path, write: bool) -> list[str]:
    right = seeded.stage_bug(bug, scratch / "right", buggy=False)
    buggy = seeded.stage_bug(bug, scratch / "buggy")
    wrong = compare(bug, seeded.outcomes(bug, right), seeded.outcomes(bug, buggy), write)
    passed, text = seeded.hidden(bug, right)
    if not passed:
        wrong.append(f"the hidden tests fail without the bug: {text[-500:]}")
    if seeded.hidden(bug, buggy)[0]:
        wrong.append("the hidden tests pass with the bug")
    return wrong


def check_guest(bug: Bug, scratch: Path, program: Path) -> list[str]:
    """Whether the bug can be seen in the sandbox, whose Python is another one."""
    tree = seeded.stage_bug(bug, scratch / "tree")
    document, _ = measure.run_program(
        [str(program), "check", "--json", *seeded.program_args(bug), str(tree)], scratch, GUEST_LIMIT
    )
    tests = {str(test["id"]): test for test in document.get("tests") or []}
    outcomes = seeded.project_of(bug).stable({name: str(test["outcome"]) for name, test in tests.items()})
    if not outcomes:
        return [f"nothing was tested: {document.get('error') or document.get('reason')}"]
    if any(outcomes.get(name) in ("failed", "error") for name in bug.fails):
        return []
    listed = [tests[name] for name in bug.fails if name in tests]
    reasons = sorted({str((test.get("reason") or {}).get("detail", test["outcome"])) for test in listed})
    return [f"none of the listed tests fails in the sandbox: {', '.join(reasons)[:300]}"]


def check(bug: Bug, write: bool, program: Path | None = None) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="airlock-bug-") as scratch:
        try:
            if program is not None:
                return check_guest(bug, Path(scratch), program)
            return (check_package if bug.package else check_algorithm)(bug, Path(scratch), write)
        except (CorpusError, OSError, shutil.Error) as error:
            return [str(error)]


def table_faults(chosen: list[Bug]) -> dict[str, list[str]]:
    """What can be seen wrong in the tables without running anything."""
    wrong: dict[str, list[str]] = {}
    halves = seeded.halves(seeded.projects())
    twice = [name for name, count in Counter(bug.id for bug in chosen).items() if count > 1]
    for bug in chosen:
        faults = []
        if bug.id in twice:
            faults.append("there are two of this id")
        if bug.reach not in seeded.REACH:
            faults.append(f"reach is {bug.reach!r}, not one of {seeded.REACH}")
        if bug.package and bug.half != halves[bug.package]:
            faults.append(f"half is {bug.half!r}; the shuffle says {halves[bug.package]!r}")
        if faults:
            wrong[bug.id] = faults
    known = {bug.id for bug in (*seeded.bugs(), *seeded.algorithms())}
    for file in (seeded.ALGORITHMS / "fails.json", *sorted(seeded.PACKAGES.glob("*/fails.json"))):
        for name in json.loads(file.read_text(encoding="utf-8")):
            if name not in known:
                wrong[name] = [f"in {file.relative_to(seeded.HERE)}, and no bug"]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="ID")
    parser.add_argument("--half", choices=("open", "aside", "algorithms"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="list the tests that fail")
    what.add_argument("--guest", action="store_true", help="show that the bug is seen in the sandbox")
    parser.add_argument("--airlock", type=Path, default=measure.DEFAULT_PROGRAM, metavar="PATH")
    options = parser.parse_args()
    try:
        chosen = seeded.chosen(options.names, options.half)
        wrong = table_faults(chosen)
        program = options.airlock.resolve() if options.guest else None
        if program is not None:
            measure.program_facts(program)
    except (CorpusError, OSError, KeyError) as error:
        say(f"error: {error}")
        return 2
    for at, bug in enumerate(chosen, 1):
        faults = check(bug, options.write, program)
        say(f"{at}/{len(chosen)} {bug.id}: {'; '.join(faults) or 'holds'}")
        if faults:
            wrong.setdefault(bug.id, []).extend(faults)
    json.dump({"checked": len(chosen), "wrong": wrong}, sys.stdout, indent=1)
    print()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
