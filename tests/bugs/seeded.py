"""What check.py and measure.py share: the bugs, the algorithms, staging and native runs.

The scripts of tests/corpus fetch, stage and run the projects. As there, only the standard library of
Python 3.11 or newer is used.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "corpus"))

import corpus  # noqa: E402
from corpus import CorpusError, Project, cache_root, run  # noqa: E402
from fetch import prepare  # noqa: E402
from native import as_user, measure, native  # noqa: E402
from stage import apply, link, stage  # noqa: E402

PACKAGES = HERE / "packages"
ALGORITHMS = HERE / "algorithms"

# Half of the packages are set aside by this shuffle; see README.md.
SEED = "airlock-seeded-bugs-1"

# The algorithms borrow the test environment of this project, which needs pytest alone.
BARE = "inflection"

# How hard a bug is for a search: one edit at one place mends it, two edits are needed together, or no
# small edit does.
REACH = ("one", "two", "none")

# A staged algorithm's own suite, hidden tests and probes end within seconds or not at all.
SHORT_LIMIT = 60

# Address space of such a program, in KiB.
SHORT_MEMORY = 4 * 1024 * 1024


class OwnProject(Project):
    """A project of this folder's list, whose requirements are here too."""

    @property
    def requirements(self) -> Path:
        return HERE / "requirements" / f"{self.name}.txt"


@dataclass(frozen=True)
class Bug:
    """One bug of a package, or of an algorithm where `package` is empty."""

    id: str
    package: str
    cls: str
    about: str
    reach: str
    fails: tuple[str, ...]
    half: str
    probe: str = ""

    @property
    def folder(self) -> Path:
        return PACKAGES / self.package if self.package else ALGORITHMS / self.id

    @property
    def patch(self) -> Path:
        return self.folder / f"{self.id}.patch" if self.package else self.folder / "bug.patch"


def projects() -> dict[str, Project]:
    """Every project that has bugs, by name."""
    with (HERE / "projects.toml").open("rb") as file:
        rows = tomllib.load(file)["project"]
    own = [
        OwnProject(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in rows
    ]
    known = {project.name: project for project in [*corpus.load(), *own]}
    return {name: known[name] for name in sorted(known) if (PACKAGES / name).is_dir()}


def halves(names: Iterable[str]) -> dict[str, str]:
    """`open` or `aside` for each package: the first half of a seeded order is open.

    The order is that of the digests of seed and name, which no Python version changes.
    """
    order = sorted(names, key=lambda name: hashlib.sha256(f"{SEED}/{name}".encode()).hexdigest())
    middle = (len(order) + 1) // 2
    return {name: "open" if at < middle else "aside" for at, name in enumerate(order)}


def table(path: Path) -> list[dict[str, object]]:
    with path.open("rb") as file:
        return tomllib.load(file)["bug"]


def bugs() -> list[Bug]:
    """The bugs of the packages, ordered by package, then as in its table."""
    found = []
    for name in projects():
        fails = json.loads((PACKAGES / name / "fails.json").read_text(encoding="utf-8"))
        for row in table(PACKAGES / name / "bugs.toml"):
            found.append(
                Bug(
                    id=str(row["id"]),
                    package=name,
                    cls=str(row["class"]),
                    about=str(row["about"]),
                    reach=str(row["reach"]),
                    fails=tuple(fails.get(row["id"], ())),
                    half=str(row["half"]),
                    probe=str(row["probe"]),
                )
            )
    return found


def algorithms() -> list[Bug]:
    fails = json.loads((ALGORITHMS / "fails.json").read_text(encoding="utf-8"))
    return [
        Bug(
            id=str(row["id"]),
            package="",
            cls=str(row["class"]),
            about=str(row["about"]),
            reach=str(row["reach"]),
            fails=tuple(fails.get(row["id"], ())),
            half="algorithms",
        )
        for row in table(ALGORITHMS / "bugs.toml")
    ]


def stage_algorithm(bug: Bug, destination: Path, *, buggy: bool = True) -> Path:
    """A project of one module, its visible tests and a bare environment; hidden tests stay behind."""
    bare = next(project for project in corpus.load() if project.name == BARE)
    pristine = prepare(bare)
    destination.mkdir(parents=True)
    shutil.copyfile(bug.folder / f"{bug.id}.py", destination / f"{bug.id}.py")
    shutil.copyfile(bug.folder / f"test_{bug.id}.py", destination / f"test_{bug.id}.py")
    (destination / "pyproject.toml").write_text(
        f'[project]\nname = "{bug.id.replace("_", "-")}"\nversion = "1"\n\n'
        '[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )
    shutil.copytree(
        pristine / ".venv",
        destination / ".venv",
        symlinks=True,
        copy_function=link,
        ignore=shutil.ignore_patterns("__editable__*", "inflection-*"),
    )
    if buggy:
        apply(destination, bug.patch)
    return destination


def stage_bug(bug: Bug, destination: Path, *, buggy: bool = True) -> Path:
    """The buggy project, or the original, in a folder that must not exist yet."""
    if not bug.package:
        return stage_algorithm(bug, destination, buggy=buggy)
    return stage(projects()[bug.package], destination, [str(bug.patch)] if buggy else [])


def outcomes(bug: Bug, tree: Path) -> dict[str, str]:
    """How every test of the staged tree ends natively."""
    project = project_of(bug)
    result = measure(project, tree, [])
    found = dict(result["outcomes"])
    found.update({path: "error" for path in result["collection_errors"]})
    return project.stable(found)


def bare_project(bug: Bug) -> Project:
    return Project(
        name=bug.id, version="1", sdist="", sha256="", kind="algorithm", package=bug.id, source=".",
        licence="MIT OR Apache-2.0", requires=(),
    )


def project_of(bug: Bug) -> Project:
    return projects()[bug.package] if bug.package else bare_project(bug)


def program_args(bug: Bug) -> list[str]:
    """What makes the program run the same suite as the native runs do."""
    return [f"--pytest-arg={arg}" for arg in project_of(bug).args]


def original_outcomes(bug: Bug) -> dict[str, str]:
    """The outcomes of the package without the bug, from the cache where they are known."""
    project = projects()[bug.package]
    result = native(project)
    found = dict(result["outcomes"])
    found.update({path: "error" for path in result["collection_errors"]})
    return project.stable(found)


def bad(found: dict[str, str]) -> set[str]:
    return {name for name, outcome in found.items() if outcome in ("failed", "error")}


def plain_run(tree: Path, arguments: list[str], *, what: str, extra: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of the tree's own Python, as an ordinary user with a short environment."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(extra or {}),
    }
    # A repair that is wrong may well go on for ever, and take memory with every round.
    bounded = ("sh", "-c", f'ulimit -v {SHORT_MEMORY} 2>/dev/null; exec "$@"', "sh")
    command = [*bounded, *as_user(), str(tree / ".venv" / "bin" / "python"), *arguments]
    try:
        done = run(command, what=what, cwd=tree, env=env, limit=SHORT_LIMIT, check=False)
    except CorpusError as error:
        if not isinstance(error.__cause__, subprocess.TimeoutExpired):
            raise
        return 124, str(error)
    return done.returncode, done.stdout


def hidden(bug: Bug, tree: Path) -> tuple[bool, str]:
    """Whether the algorithm in `tree` is correct, by tests it has never seen.

    They are imported without their own folder on the path, where the right module stands beside them.
    """
    arguments = [
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(bug.folder),
        str(bug.folder / f"hidden_{bug.id}.py"),
    ]
    code, text = plain_run(tree, arguments, what=f"hidden tests of {bug.id}", extra={"PYTHONPATH": str(tree)})
    return code == 0, text


def probed(bug: Bug, tree: Path) -> str:
    """What the bug's probe prints in `tree`; an exception's type is part of it."""
    _, text = plain_run(tree, ["-c", PROBE.format(probe=bug.probe)], what=f"probe of {bug.id}")
    return text.replace(str(tree), "")


PROBE = """
def show(call, *arguments, **named):
    try:
        print(repr(call(*arguments, **named)))
    except Exception as error:
        print(type(error).__name__)

{probe}
"""


def touched(patch: Path) -> list[str]:
    """The files that a diff changes."""
    return re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(encoding="utf-8"), re.MULTILINE)


def sources(tree: Path, files: Iterable[str]) -> dict[str, str]:
    return {file: normal((tree / file).read_text(encoding="utf-8")) for file in files if (tree / file).is_file()}


def normal(text: str) -> str:
    """The syntax tree without places, docstrings and parentheses, and without orders that mean nothing: of what one
    `except` catches, of arguments by name. The text where it is not Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
            first = node.body[0] if node.body else None
            words = first.value.value if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None
            if isinstance(words, str):
                node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
            node.type.elts.sort(key=ast.dump)
        elif isinstance(node, ast.Call) and all(word.arg for word in node.keywords):
            node.keywords.sort(key=lambda word: str(word.arg))
    return ast.dump(tree)


def kept_folder() -> Path:
    """Where results and scratch trees are kept by default."""
    return cache_root().parent / "bugs"


def chosen(names: list[str], half: str | None) -> list[Bug]:
    """Bugs by id, package or `algorithms`; without names all of them, of one half if told."""
    everything = [*bugs(), *algorithms()]
    if names:
        known = {bug.id for bug in everything} | {bug.package or "algorithms" for bug in everything}
        missing = [name for name in names if name not in known]
        if missing:
            raise CorpusError(f"no such bug or package: {', '.join(missing)}")
        everything = [b for b in everything if b.id in names or (b.package or "algorithms") in names]
    if half:
        everything = [bug for bug in everything if bug.half == half]
    return everything
