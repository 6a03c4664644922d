#!/usr/bin/env python3
"""Makes a copy of a prepared project that may be changed, with patches applied.

    python3 tests/corpus/stage.py NAME DESTINATION [--patch FILE]...

The copy has a `.venv` of its own whose editable install points at the copy, so
what is changed there is what its tests import. Installed packages are linked,
not copied: nothing writes to them. FILE is a path, or the name of a patch of
the project, such as `bug`.

Prints the copy's path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from corpus import CorpusError, Project, run, say, select
from fetch import install_editable, prepare, site_packages


def link(source: str, destination: str) -> str:
    try:
        os.link(source, destination)
    except OSError:
        # Another file system, or one without links.
        shutil.copy2(source, destination)
    return destination


def apply(tree: Path, patch: Path) -> None:
    """`git apply`, as if the folder were in no repository."""
    env = dict(os.environ)
    # Inside a repository git would take the paths relative to that repository's
    # root, find nothing to change and say nothing.
    env["GIT_CEILING_DIRECTORIES"] = str(tree.resolve().parent)
    env.pop("GIT_DIR", None)
    env.pop("GIT_WORK_TREE", None)
    run(["git", "apply", str(patch.resolve())], what=f"applying {patch.name}", cwd=tree, env=env)


def find_patch(project: Project, name: str) -> Path:
    for path in (project.patches / f"{name}.patch", Path(name)):
        if path.is_file():
            return path
    raise CorpusError(f"{name}: neither a patch of {project.name} nor a file")


def stage(project: Project, destination: Path, patches: list[str]) -> Path:
    """Copies the prepared tree to `destination`, which must not exist yet."""
    if destination.exists():
        raise CorpusError(f"{destination} exists already; name a folder that does not")
    pristine = prepare(project)
    shutil.copytree(pristine, destination, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    shutil.copytree(pristine / ".venv", destination / ".venv", symlinks=True, copy_function=link)
    packages = site_packages(destination)
    for old in (*packages.glob("__editable__.*.pth"), *(destination / ".venv" / "bin").iterdir()):
        # A command names the interpreter it was written for: out, with its link.
        if old.suffix == ".pth" or not old.name.startswith(("python", "activate", "Activate")):
            old.unlink()
    for info in packages.glob("*.dist-info"):
        if (info / "direct_url.json").is_file():
            shutil.rmtree(info)
    install_editable(project, destination.resolve())
    for patch in patches:
        apply(destination, find_patch(project, patch))
    return destination


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("destination", type=Path, metavar="DESTINATION")
    parser.add_argument("--patch", action="append", default=[], metavar="FILE")
    options = parser.parse_args()
    try:
        (project,) = select([options.name])
        print(stage(project, options.destination, options.patch))
    except (CorpusError, OSError, shutil.Error) as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
