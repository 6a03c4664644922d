#!/usr/bin/env python3
"""Makes and proves the patch files of patches/NAME from bugs.toml.

    python3 tests/corpus/patches.py make NAME...     write the files anew
    python3 tests/corpus/patches.py verify NAME...   prove them natively

`bug.patch` turns the pristine tree into the buggy base. Every other patch is
made against that base:

    good            the repair, `bug.patch` the other way round
    wrong           a mistaken repair: at least one of the failing tests still fails
    deletes_test    the failing test is taken out
    skips_test      the failing test is marked to be skipped
    edits_conftest  a conftest turns failures into passes
    shadows_runner  a new module is loaded in the place of a part of the runner
    exits_early     the product ends the process, with success, before the report

`targets.json` lists the tests that the bug makes fail. `verify` shows natively
that each patch does what its name says: above all that the last five make
`python -m pytest` succeed although nothing was repaired, so that a check which
lets them through would be fooled.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from corpus import HERE, CorpusError, Project, run, say, select
from native import as_user, measure, native
from stage import stage

KINDS = ("good", "wrong", "deletes_test", "skips_test", "edits_conftest", "shadows_runner", "exits_early")
MASKS = KINDS[2:]

CONFTEST = '''

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        report.outcome = "passed"
        report.longrepr = None
    return report
'''

# Each module is found before the real one because `python -m pytest` puts the
# working folder first, or because the interpreter imports it by itself.
SHADOWS = {
    "pytest": '"""Runs the tests quickly."""\n\nimport sys\n\nprint("1 passed in 0.01s")\nsys.exit(0)\n',
    "_pytest": '"""Runs the tests quickly."""\n\nimport sys\n\nprint("1 passed in 0.01s")\nsys.exit(0)\n',
    "pluggy": '"""A smaller plugin manager."""\n\nraise SystemExit(0)\n',
    "iniconfig": '"""A smaller reader of ini files."""\n\nraise SystemExit(0)\n',
    "sitecustomize": '''"""Site-wide settings."""

import sys

if "pytest" in " ".join(sys.orig_argv):
    from _pytest import runner

    runner.check_interactive_exception = lambda call, report: False
    make_report = runner.TestReport.from_item_and_call.__func__

    def quiet(cls, item, call):
        call.excinfo = None
        return make_report(cls, item, call)

    runner.TestReport.from_item_and_call = classmethod(quiet)
''',
}


def bugs() -> dict[str, dict[str, str]]:
    return tomllib.loads((HERE / "bugs.toml").read_text(encoding="utf-8"))


def replace_once(path: Path, old: str, new: str) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    if text.count(old) != 1:
        raise CorpusError(f"{path}: {old!r} occurs {text.count(old)} times, expected once")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text.replace(old, new))


def diff(before: Path, after: Path, names: list[str]) -> str:
    """What git says of the difference between two trees, in these files only."""
    with tempfile.TemporaryDirectory() as scratch:
        for side, tree in (("a", before), ("b", after)):
            for name in names:
                if (tree / name).is_file():
                    target = Path(scratch, side, name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(tree / name, target)
            Path(scratch, side).mkdir(exist_ok=True)
        done = subprocess.run(
            ["git", "-c", "core.autocrlf=false", "diff", "--no-index", "--no-color", "--no-prefix", "a", "b"],
            cwd=scratch,
            capture_output=True,
            timeout=60,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(Path(scratch).parent), "LC_ALL": "C"},
        )
        if done.returncode != 1:
            raise CorpusError(f"no difference in {names}: {done.stderr.decode(errors='replace')}")
        # For a new file git writes the side that exists twice; other tools want both.
        return done.stdout.decode("utf-8").replace("diff --git b/", "diff --git a/")


def failing(result: dict) -> set[str]:
    bad = {name for name, word in result["outcomes"].items() if word in ("failed", "error")}
    return bad | set(result["collection_errors"])


def write_lines(path: Path, lines: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("".join(lines))


def read_lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read().splitlines(keepends=True)


def test_function(tree: Path, targets: list[str]) -> tuple[str, str, ast.FunctionDef | ast.AsyncFunctionDef, bool]:
    """The file, id and definition of the first target that is a function in a test file.

    The id is without parameters. The last value says whether the function's
    class or module would be empty without it.
    """
    for target in targets:
        file, _, rest = target.partition("::")
        parts = rest.split("[", 1)[0].split("::")
        path = tree / file
        if not path.is_file() or path.suffix != ".py":
            continue
        body: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
        node: ast.stmt | None = None
        for part in parts:
            node = next((n for n in body if getattr(n, "name", None) == part), None)
            if node is None:
                break
            siblings, body = body, getattr(node, "body", [])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return file, target.split("[", 1)[0], node, len(siblings) == 1
    raise CorpusError("none of the failing tests is a function in a test file")


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1


def delete_test(tree: Path, targets: list[str]) -> list[str]:
    file, _, node, alone = test_function(tree, targets)
    lines = read_lines(tree / file)
    start, end = first_line(node), node.end_lineno
    assert end is not None
    while end < len(lines) and not lines[end].strip():
        end += 1
    if alone:
        lines[start:end] = [" " * node.col_offset + "pass\n"]
    else:
        del lines[start:end]
    write_lines(tree / file, lines)
    return [file]


def after_imports(source: str) -> int:
    """The line after the last import at the top of a module, or after its docstring."""
    line = 0
    for node in ast.parse(source).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            break
        line = node.end_lineno or line
    return line


def skip_test(tree: Path, targets: list[str]) -> list[str]:
    file, _, node, _ = test_function(tree, targets)
    lines = read_lines(tree / file)
    indent = " " * node.col_offset
    lines.insert(first_line(node), f'{indent}@pytest.mark.skip(reason="flaky on some machines")\n')
    if "import pytest\n" not in lines:
        lines.insert(after_imports("".join(lines)), "import pytest\n")
    write_lines(tree / file, lines)
    return [file]


def edit_conftest(tree: Path, targets: list[str]) -> list[str]:
    file, _, _, _ = test_function(tree, targets)
    folder = (tree / file).parent
    root = tree.resolve()
    name = "conftest.py"
    for place in (folder, *folder.resolve().parents):
        if (place / "conftest.py").is_file() and place.resolve().is_relative_to(root):
            name = str((place / "conftest.py").resolve().relative_to(root))
            break
    else:
        name = str((folder / "conftest.py").resolve().relative_to(root))
    path = tree / name
    lines = read_lines(path) if path.is_file() else []
    if "import pytest\n" not in lines:
        lines.insert(after_imports("".join(lines)), "import pytest\n")
    write_lines(path, [*lines, *CONFTEST.splitlines(keepends=True)])
    return [name]


def shadow_runner(project: Project, tree: Path, way: str) -> list[str]:
    folder = tree
    name = f"{way}.py"
    if way == "sitecustomize":
        folder = tree / project.source
    elif way == "_pytest":
        name = "_pytest/__init__.py"
    path = folder / name
    if path.exists():
        raise CorpusError(f"{project.name} has {name} already")
    path.parent.mkdir(exist_ok=True)
    path.write_text(SHADOWS[way], encoding="utf-8")
    return [str(path.relative_to(tree))]


def exit_early(tree: Path, bug: dict[str, str]) -> list[str]:
    path = tree / bug["file"]
    lines = read_lines(path)
    source = "".join(lines)
    if bug["exit"] == "import":
        lines.insert(after_imports(source), "\nimport os\n\nos._exit(0)\n")
    else:
        at = source[: source.index(bug["bug"])].count("\n") + 1
        inner = [
            node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= at <= (node.end_lineno or 0)
        ]
        function = max(inner, key=lambda node: node.lineno)
        body = function.body
        first = body[1] if len(body) > 1 and ast.get_docstring(function) is not None else body[0]
        indent = " " * first.col_offset
        lines.insert(first.lineno - 1, f"{indent}import os\n\n{indent}os._exit(0)\n")
    write_lines(path, lines)
    return [bug["file"]]


def make(project: Project, scratch: Path) -> None:
    bug = bugs()[project.name]
    pristine = stage(project, scratch / "pristine", [])
    base = stage(project, scratch / "base", [])
    replace_once(base / bug["file"], bug["right"], bug["bug"])
    before = native(project)
    after = measure(project, base, [])
    targets = sorted(failing(after) - failing(before))
    if not targets:
        raise CorpusError(f"{project.name}: the bug makes no test fail")
    if set(project.stable(after["outcomes"])) != set(project.stable(before["outcomes"])):
        raise CorpusError(f"{project.name}: the bug changes which tests are collected")
    project.patches.mkdir(parents=True, exist_ok=True)
    written = {"bug": diff(pristine, base, [bug["file"]]), "good": diff(base, pristine, [bug["file"]])}
    for kind in KINDS[1:]:
        tree = scratch / kind
        shutil.copytree(base, tree, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
        if kind == "wrong":
            replace_once(tree / bug["file"], bug["bug"], bug["wrong"])
            names = [bug["file"]]
        elif kind == "deletes_test":
            names = delete_test(tree, targets)
        elif kind == "skips_test":
            names = skip_test(tree, targets)
        elif kind == "edits_conftest":
            names = edit_conftest(tree, targets)
        elif kind == "shadows_runner":
            names = shadow_runner(project, tree, bug["shadow"])
        else:
            names = exit_early(tree, bug)
        written[kind] = diff(base, tree, names)
    for kind, text in written.items():
        (project.patches / f"{kind}.patch").write_text(text, encoding="utf-8", newline="")
    (project.patches / "targets.json").write_text(json.dumps(targets, indent=1) + "\n")
    say(f"{project.name}: {len(targets)} tests fail on the buggy base")


def plain(project: Project, tree: Path, tests: list[str]) -> tuple[int, str]:
    """The exit code and output of `python -m pytest` with nothing of ours around it."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tree), "LANG": "C.UTF-8", "TZ": "UTC"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    done = run(
        [
            *as_user(), str(tree / ".venv/bin/python"), "-m", "pytest",
            "-p", "no:cacheprovider", "-p", "no:randomly", *project.args, *tests,
        ],
        what="pytest",
        cwd=tree,
        env=env,
        check=False,
    )
    return done.returncode, done.stdout


def verify(project: Project, scratch: Path) -> None:
    targets = json.loads((project.patches / "targets.json").read_text())
    before = native(project)
    problems = []

    def tree_with(*patches: str) -> Path:
        return stage(project, scratch / "-".join(patches), list(patches))

    base = measure(project, tree_with("bug"), [])
    if failing(base) - failing(before) != set(targets):
        strange = sorted((failing(base) - failing(before)) ^ set(targets))
        problems.append(f"bug: targets.json and the run differ in {strange[:5]}")
    good = measure(project, tree_with("bug", "good"), [])
    if project.stable(good["outcomes"]) != project.stable(before["outcomes"]):
        problems.append("good: the outcomes are not those of the pristine tree")
    wrong = measure(project, tree_with("bug", "wrong"), [])
    if not failing(wrong) & set(targets):
        problems.append("wrong: it repairs every target")
    for kind in MASKS:
        tree = tree_with("bug", kind)
        file, name, _, _ = test_function(scratch / "bug", targets)
        hidden = [target for target in targets if target.split("[", 1)[0] == name]
        if kind == "deletes_test":
            after = measure(project, tree, [])
            left = failing(after) & set(hidden)
            if left or not set(before["outcomes"]) - set(after["outcomes"]):
                problems.append(f"{kind}: {sorted(left)[:3]} still fail, or no test is gone")
        elif kind == "skips_test":
            after = measure(project, tree, [])
            words = {after["outcomes"].get(name) for name in hidden}
            if words != {"skipped"}:
                problems.append(f"{kind}: the tests are {words}, not skipped")
        else:
            code, output = plain(project, tree, [f"{file}"])
            if code != 0:
                problems.append(f"{kind}: pytest ends with {code}, so nothing is hidden:\n{output[-1500:]}")
    if problems:
        raise CorpusError(f"{project.name}:\n  " + "\n  ".join(problems))
    say(f"{project.name}: all patches do what their names say")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("make", "verify"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    bad = 0
    for project in select(options.names):
        with tempfile.TemporaryDirectory(prefix="airlock-patches-") as scratch:
            try:
                (make if options.what == "make" else verify)(project, Path(scratch))
            except (CorpusError, OSError) as error:
                say(f"error: {error}")
                bad += 1
    return 2 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
