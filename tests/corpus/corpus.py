"""What the corpus scripts share: the list of projects, the cache, running programs.

Only the standard library of Python 3.11 or newer is used, so that any machine
with `python3` and pip can run the scripts.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECTS = HERE / "projects.toml"
REQUIREMENTS = HERE / "requirements"
PATCHES = HERE / "patches"

# Raised whenever the layout of what `fetch.py` makes changes, so that folders
# made by an older script are left alone and made anew beside them.
LAYOUT = 2

# No single program started here may run longer than this, in seconds.
PROGRAM_LIMIT = 900


class CorpusError(Exception):
    """Something went wrong that the person at the terminal can act on."""


@dataclass(frozen=True)
class Project:
    """One row of projects.toml."""

    name: str
    version: str
    sdist: str
    sha256: str
    kind: str
    package: str
    source: str
    licence: str
    requires: tuple[str, ...]
    args: tuple[str, ...] = ()
    short: bool = False
    unseen: bool = False
    volatile: tuple[str, ...] = ()

    @property
    def requirements(self) -> Path:
        """The pinned and hashed requirements of the test environment."""
        return REQUIREMENTS / f"{self.name}.txt"

    @property
    def patches(self) -> Path:
        """The folder of the patches made for this project."""
        return PATCHES / self.name

    def stable(self, outcomes: dict[str, str]) -> dict[str, str]:
        """The outcomes, with ids that hold the time of collection replaced by a count."""
        seen: dict[str, int] = {}
        named = {}
        for name, outcome in outcomes.items():
            for prefix in self.volatile:
                if name.startswith(prefix):
                    seen[prefix] = seen.get(prefix, 0) + 1
                    name = f"{prefix}#{seen[prefix]}"
                    break
            named[name] = outcome
        return named

    def key(self) -> str:
        """A short name for everything the prepared folder depends on."""
        digest = hashlib.sha256()
        for part in (
            str(LAYOUT),
            self.name,
            self.version,
            self.sha256,
            self.source,
            sys.version,
            os.path.realpath(sys.executable),
        ):
            digest.update(part.encode() + b"\0")
        digest.update(self.requirements.read_bytes())
        return digest.hexdigest()[:12]

    def folder(self) -> Path:
        """The prepared folder: `tree/` is the project, `complete` its marker."""
        return cache_root() / f"{self.name}-{self.version}-{self.key()}"

    def tree(self) -> Path:
        """The project as its users have it, with `.venv` inside."""
        return self.folder() / "tree"


def load() -> list[Project]:
    """All projects in the file's order, the unseen ones last."""
    with PROJECTS.open("rb") as file:
        data = tomllib.load(file)
    rows = [(row, False) for row in data["project"]]
    rows += [(row, True) for row in data["unseen"]]
    known = set(Project.__dataclass_fields__) - {"unseen"}
    projects = []
    for row, unseen in rows:
        strange = set(row) - known - {"about"}
        if strange:
            raise CorpusError(f"{PROJECTS.name}: unknown keys {sorted(strange)} in {row.get('name')}")
        row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        row.pop("about", None)
        projects.append(Project(**row, unseen=unseen))
    return projects


def select(names: list[str], *, short: bool = False, unseen: bool = False) -> list[Project]:
    """The projects named; without names the known ones, the short ones or the unseen ones."""
    projects = load()
    if names:
        by_name = {project.name: project for project in projects}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise CorpusError(
                f"no such project: {', '.join(missing)}; known are {', '.join(sorted(by_name))}"
            )
        return [by_name[name] for name in names]
    return [p for p in projects if p.unseen == unseen and (p.short or not short)]


def cache_root() -> Path:
    """Where downloads, prepared projects and native results are kept."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "airlock-tests" / "corpus"


def say(text: str) -> None:
    """Progress goes to standard error; standard output holds the result alone."""
    print(text, file=sys.stderr, flush=True)


def run(
    command: list[str],
    *,
    what: str,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    limit: int = PROGRAM_LIMIT,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end and returns it; its last lines are the error."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
        )
    except FileNotFoundError as error:
        raise CorpusError(f"{what}: {command[0]} was not found; install it") from error
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"{what} took longer than {limit} seconds and was stopped") from error
    if check and done.returncode != 0:
        tail = "\n".join("    " + line[:300] for line in done.stdout.splitlines()[-15:])
        raise CorpusError(f"{what} failed with exit code {done.returncode}:\n{tail}")
    return done
