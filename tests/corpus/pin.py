#!/usr/bin/env python3
"""Writes requirements/NAME.txt: every package a suite needs, pinned and hashed.

    python3 tests/corpus/pin.py NAME...

Run by hand when `requires` changes; the files it writes are committed. pip
resolves the requirements and says which wheels it would take. A pure wheel has
one hash. A native one gets the hash of each interpreter and platform below;
where the package also offers a pure wheel, that one alone is listed, so the
same code runs natively and in the sandbox.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

from corpus import CorpusError, Project, run, say, select
from fetch import pip_environment

INTERPRETERS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
    ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
    ("macosx_10_13_x86_64", "macosx_10_9_x86_64"),
    ("macosx_11_0_arm64",),
)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def resolve(project: Project) -> list[tuple[str, str, str, str]]:
    """Name, version, file and SHA-256 of each wheel pip would install here."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        run(
            [
                sys.executable, "-m", "pip", "install", "--quiet", "--dry-run",
                "--ignore-installed", "--only-binary", ":all:", "--report", str(report),
                *project.requires,
            ],
            what=f"resolving what {project.name} needs",
            env=pip_environment(),
        )
        items = json.loads(report.read_text())["install"]
    rows = []
    for item in items:
        info = item["download_info"]
        rows.append(
            (
                normal(item["metadata"]["name"]),
                item["metadata"]["version"],
                info["url"].rsplit("/", 1)[-1],
                info["archive_info"]["hashes"]["sha256"],
            )
        )
    return sorted(rows)


def wheels(name: str, version: str) -> dict[str, str]:
    """File name to SHA-256 of the wheels for the platforms above, pure ones alone if any."""

    def ask(*options: str) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as scratch:
            done = run(
                [
                    sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--only-binary", ":all:", "--dest", scratch, *options, f"{name}=={version}",
                ],
                what=f"downloading {name}",
                env=pip_environment(),
                check=False,
            )
            if done.returncode != 0:
                return {}
            return {
                path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in Path(scratch).iterdir()
            }

    pure = ask("--platform", "any", "--abi", "none", "--implementation", "py")
    if pure:
        return pure
    found: dict[str, str] = {}
    for interpreter in INTERPRETERS:
        for names in PLATFORMS:
            options = [part for name_ in names for part in ("--platform", name_)]
            found |= ask(*options, "--python-version", interpreter, "--implementation", "cp")
    return found


def pin(project: Project) -> None:
    lines = [f"# Written by pin.py from `requires` of {project.name}; every wheel is pinned by hash."]
    for name, version, file, digest in resolve(project):
        if name == normal(project.name):
            # pytest itself may need the project; here its own tree is what it gets.
            continue
        hashes = {file: digest}
        if not file.endswith("-none-any.whl"):
            hashes = wheels(name, version) or hashes
        lines.append(f"{name}=={version} \\")
        digests = sorted(set(hashes.values()))
        lines += [f"    --hash=sha256:{digest} \\" for digest in digests[:-1]]
        lines.append(f"    --hash=sha256:{digests[-1]}")
    project.requirements.parent.mkdir(exist_ok=True)
    project.requirements.write_text("\n".join(lines) + "\n")
    say(f"{project.name}: {sum('==' in line for line in lines)} packages pinned")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME")
    try:
        for project in select(parser.parse_args().names):
            pin(project)
    except CorpusError as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
