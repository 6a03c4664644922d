#!/usr/bin/env python3
"""Measures `airlock fix` on the seeded bugs: how many it mends, how well, and how fast.

    python3 tests/bugs/measure.py [--only ID | PACKAGE | algorithms]... [--half HALF] [--airlock PATH]
        [--time-limit SECONDS] [--output FILE] [--markdown FILE] [--anew] [--json]

Each buggy project is staged and given to `airlock fix --json`, one after the other, as the program uses
every core; nothing it keeps from one is there for the next. The proposal is applied to a second copy and
the suite run natively:

    repaired    the program says `verified`
    confirmed   every test that passed without the bug passes again
    correct     algorithms: the hidden tests pass; packages: the syntax tree is the original's
    behaves     packages: the bug's probe prints what it prints without the bug (correct ones do)

Without `--half` the open half and the algorithms are measured; what is set aside is measured only with
`--half aside`, and its bugs are not shown one by one. Results are kept line by line in FILE, by default
one for each program and time limit in the cache; a run that was cut short goes on where it was, unless
`--anew` is given. Prints a table, or with `--json` one JSON document.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import seeded
from corpus import CorpusError, say
from seeded import HERE, Bug

DEFAULT_PROGRAM = HERE.parent.parent / "target" / "debug" / "airlock"

# How much longer than its own time limit the program may run before it is stopped, in seconds: the
# first run of the suite and the last confirmation are not part of the search.
GRACE = 120

# What is told of a group of bugs.
COLUMNS = (
    "bugs", "repaired", "confirmed", "correct", "behaves", "errors", "median_repair_s", "median_s", "candidates_per_s",
)

# Of what the program says, no more than this is kept.
MOST_TEXT = 4_000


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="airlock-measure-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def no_document(code: str, message: str) -> dict[str, object]:
    """Stands in for the document that the program did not print."""
    return {"status": "error", "error": {"code": code, "message": message}}


def run_program(command: list[str], scratch: Path, limit: int) -> tuple[dict[str, object], float]:
    """The JSON document that the program prints and its wall seconds; `error` in it where there is none."""
    env = dict(os.environ)
    # The user's settings and the record of earlier sessions decide nothing here.
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        env[name] = str(scratch / name.lower())
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=scratch, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except BaseException as error:
        # The process group is the program's own; nothing else is in it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return no_document("measure_timeout", f"stopped after {limit} seconds"), time.monotonic() - started
    seconds = time.monotonic() - started
    try:
        document = json.loads(out)
    except ValueError:
        tail = (err or out)[-500:]
        return no_document("no_document", f"exit code {process.returncode}: {tail}"), seconds
    return document if isinstance(document, dict) else {"status": "error"}, seconds


def confirm(bug: Bug, diff: str, scratch: Path) -> dict[str, object]:
    """What the proposal is worth, judged natively on a copy the program has never seen."""
    tree = seeded.stage_bug(bug, scratch / "confirmed")
    patch = scratch / "proposal.patch"
    patch.write_text(diff, encoding="utf-8")
    try:
        seeded.apply(tree, patch)
    except CorpusError as error:
        return {"confirmed": False, "correct": False, "behaves": False, "why": str(error)[:MOST_TEXT]}
    found = seeded.outcomes(bug, tree)
    original = scratch / "original"
    if bug.package:
        want = seeded.original_outcomes(bug)
    else:
        seeded.stage_bug(bug, original, buggy=False)
        want = seeded.outcomes(bug, original)
    lost = sorted(name for name, outcome in want.items() if outcome == "passed" and found.get(name) != "passed")
    told: dict[str, object] = {"confirmed": not lost, "lost": lost[:20]}
    if not bug.package:
        told["correct"] = told["behaves"] = not lost and seeded.hidden(bug, tree)[0]
        return told
    pristine = seeded.stage_bug(bug, original, buggy=False)
    files = {*seeded.touched(bug.patch), *seeded.touched(patch)}
    same = seeded.sources(tree, files) == seeded.sources(pristine, files)
    told["correct"] = not lost and same
    told["behaves"] = not lost and (same or seeded.probed(bug, tree) == seeded.probed(bug, pristine))
    return told


def measure(bug: Bug, program: Path, limit: int) -> dict[str, object]:
    row: dict[str, object] = {
        "id": bug.id, "package": bug.package, "class": bug.cls, "reach": bug.reach, "half": bug.half,
        "repaired": False, "confirmed": False, "correct": False, "behaves": False,
    }
    with folder() as scratch:
        try:
            tree = seeded.stage_bug(bug, scratch / "tree")
            command = [str(program), "fix", "--json", "--time-limit", str(limit)]
            command += [*seeded.program_args(bug), str(tree)]
            document, seconds = run_program(command, scratch, limit + GRACE)
            proposal = document.get("proposal") or {}
            row.update(
                status=document.get("status"),
                seconds=round(seconds, 2),
                candidates=document.get("candidates") or 0,
                error=document.get("error"),
                reason=str((document.get("reason") or {}).get("detail", ""))[:MOST_TEXT],
                diff=str(proposal.get("diff", ""))[:MOST_TEXT],
                explanation=str(proposal.get("explanation", ""))[:MOST_TEXT],
                notes=[str(note)[:500] for note in document.get("notes") or []][:10],
            )
            row["repaired"] = document.get("status") == "verified" and bool(proposal.get("diff"))
            if row["repaired"]:
                row.update(confirm(bug, str(proposal["diff"]), scratch))
        except (CorpusError, OSError, shutil.Error) as error:
            row["error"] = {"code": "measure", "message": str(error)[:MOST_TEXT]}
            row["status"] = "error"
    return row


def kept_rows(output: Path) -> dict[str, dict[str, object]]:
    """The rows of earlier runs; a last line that was cut short is no row."""
    rows = {}
    if output.is_file():
        for line in output.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                rows[row["id"]] = row
    return rows


def total(rows: list[dict[str, object]]) -> dict[str, object]:
    """Counts, medians and speed of some rows."""
    count = {what: sum(bool(row[what]) for row in rows) for what in COLUMNS[1:5]}
    took = [float(row["seconds"]) for row in rows if row["repaired"] and "seconds" in row]
    every = [float(row["seconds"]) for row in rows if "seconds" in row]
    tried = sum(int(row.get("candidates") or 0) for row in rows)
    return {
        "bugs": len(rows),
        **count,
        "errors": sum(row.get("status") == "error" for row in rows),
        "median_repair_s": round(statistics.median(took), 2) if took else None,
        "median_s": round(statistics.median(every), 2) if every else None,
        "candidates_per_s": round(tried / sum(every), 1) if sum(every) else None,
    }


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    def grouped(what: str) -> dict[str, object]:
        names = sorted({str(row[what]) for row in rows})
        return {name: total([row for row in rows if row[what] == name]) for name in names}

    return {"all": total(rows), "half": grouped("half"), "reach": grouped("reach"), "class": grouped("class")}


def percent(part: object, whole: object) -> str:
    return f"{part} ({100 * int(part) // int(whole)} %)" if whole else str(part)  # type: ignore[call-overload]


def markdown(rows: list[dict[str, object]], about: dict[str, object]) -> str:
    lines = [
        f"Taken on {about['date']} with {about['version']}, "
        f"{about['cores']} cores, at most {about['time_limit']} s each.",
        "",
        "| | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    groups = summary(rows)
    named = [("all", groups["all"])]
    for what in ("half", "reach", "class"):
        named += [(f"{what}: {name}", figures) for name, figures in groups[what].items()]  # type: ignore[union-attr]
    for name, figures in named:
        cells = ["–" if figures[column] is None else str(figures[column]) for column in COLUMNS]
        cells[1:5] = [percent(figures[column], figures["bugs"]) for column in COLUMNS[1:5]]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    shown = [row for row in rows if row["half"] != "aside"]
    if shown:
        head = "| bug | class | reach | status | confirmed | correct | behaves | s | candidates |"
        lines += ["", head, "|---" * 9 + "|"]
        for row in shown:
            words = ["yes" if row[what] else "–" for what in ("confirmed", "correct", "behaves")]
            lines.append(
                f"| {row['id']} | {row['class']} | {row['reach']} | {row.get('status')} | "
                + " | ".join(words) + f" | {row.get('seconds', '–')} | {row.get('candidates', '–')} |"
            )
    return "\n".join(lines) + "\n"


def program_facts(program: Path) -> tuple[str, str]:
    """The program's version, and a digest that tells one build from another."""
    if not program.is_file():
        raise CorpusError(f"{program}: not there; build it, or name it with --airlock")
    done = subprocess.run(
        [str(program), "--version"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    with program.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return done.stdout.strip() or "an unknown version", digest


def choose(options: argparse.Namespace) -> list[Bug]:
    chosen = seeded.chosen(options.only, options.half)
    if options.half is None:
        aside = [bug.id for bug in chosen if bug.half == "aside"]
        if options.only and aside:
            raise CorpusError(f"{', '.join(aside)}: set aside for the final figure; measured with --half aside alone")
        chosen = [bug for bug in chosen if bug.half != "aside"]
    if not chosen:
        raise CorpusError("no bug is left to measure")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", nargs="+", default=[], metavar="ID")
    parser.add_argument("--half", choices=("open", "aside", "algorithms"))
    parser.add_argument("--airlock", type=Path, default=DEFAULT_PROGRAM, metavar="PATH")
    parser.add_argument("--time-limit", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the results are kept, line by line")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where the table is written too")
    parser.add_argument("--anew", action="store_true", help="forget what is in the output file")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.only = [name for names in options.only for name in names]
    try:
        chosen = choose(options)
        program = options.airlock.resolve()
        version, digest = program_facts(program)
        output = options.output or seeded.kept_folder() / f"measure-{digest[:12]}-{options.time_limit}.jsonl"
        output.parent.mkdir(parents=True, exist_ok=True)
        if options.anew:
            output.unlink(missing_ok=True)
        done = kept_rows(output)
        rows = []
        for at, bug in enumerate(chosen, 1):
            row = done.get(bug.id)
            if row is None or row.get("program") != digest or row.get("time_limit") != options.time_limit:
                row = {**measure(bug, program, options.time_limit), "program": digest, "time_limit": options.time_limit}
                with output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            rows.append(row)
            words = [str(row.get("status")), *(what for what in COLUMNS[2:5] if row[what])]
            name = "set aside" if bug.half == "aside" else bug.id
            say(f"{at}/{len(chosen)} {name}: {' '.join(words)} in {row.get('seconds')} s")
        about = {
            "date": datetime.date.today().isoformat(), "version": version, "program": digest,
            "cores": os.cpu_count(), "time_limit": options.time_limit, "output": str(output),
        }
        table = markdown(rows, about)
        if options.markdown:
            options.markdown.write_text(table, encoding="utf-8")
    except (CorpusError, OSError, subprocess.SubprocessError) as error:
        say(f"error: {error}")
        return 2
    if options.json:
        json.dump({**about, "totals": summary(rows), "bugs": rows}, sys.stdout, indent=1)
        print()
    else:
        print(table, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
