#!/usr/bin/env python3
"""Fetches the projects of projects.toml and prepares each as its users have it.

    python3 tests/corpus/fetch.py [NAME]... [--short | --unseen]

Each project's source distribution is downloaded by pip, so the user's index,
proxy and certificates hold, checked against its SHA-256, unpacked into the
cache (`$XDG_CACHE_HOME/airlock-tests/corpus`, or `~/.cache/…`), and given a
`.venv` with its pinned, hashed test requirements and itself as an editable
install. A second run finds everything there and does nothing.

Prints one JSON document: `projects`, each with `name`, `version`, `root` (the
prepared tree), `package`, `source`, `args`, `volatile`, `kind`, `short`, `unseen`.

No code of a downloaded project runs here. pip asks a source distribution's
build backend for its metadata even when it is told to download and no more;
the backends are therefore replaced, for that one call, by a module that hands
back the PKG-INFO file which every source distribution already carries.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import email.parser
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from corpus import CorpusError, Project, cache_root, run, say, select

# Far above the largest project of the list, far below what would hurt.
MOST_FILES = 20_000
MOST_BYTES = 200 * 1024 * 1024

# How long to wait for another process that prepares the same project, in seconds.
LOCK_LIMIT = 900

# Settings of the user that say where pip installs; here the place is fixed.
PLACES = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_NO_BINARY",
    "PIP_ONLY_BINARY",
    "PIP_PYTHON",
    "PYTHONPATH",
    "PYTHONHOME",
)

BACKENDS = (
    "setuptools.build_meta",
    "hatchling.build",
    "flit_core.buildapi",
    "poetry.core.masonry.api",
    "pdm.backend",
    "uv_build",
)

BACKEND_SOURCE = '''
"""Stands in for a build backend: hands back the metadata that is already there."""

import email, os, shutil, types


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        metadata = email.message_from_file(file)
    name = metadata["Name"].replace("-", "_").replace(".", "_")
    folder = f"{name}-{metadata['Version']}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder))
    shutil.copyfile("PKG-INFO", os.path.join(metadata_directory, folder, "METADATA"))
    with open(os.path.join(metadata_directory, folder, "WHEEL"), "w") as file:
        file.write("Wheel-Version: 1.0\\n")
    return folder


# setuptools offers the same hooks a second time, for projects without pyproject.toml.
__legacy__ = types.SimpleNamespace(
    get_requires_for_build_wheel=get_requires_for_build_wheel,
    prepare_metadata_for_build_wheel=prepare_metadata_for_build_wheel,
)
'''


def pip_environment() -> dict[str, str]:
    """The user's environment less what would move an installation elsewhere."""
    env = {key: value for key, value in os.environ.items() if key not in PLACES}
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    env["PIP_NO_INPUT"] = "1"
    return env


def write_backends(folder: Path) -> None:
    for backend in BACKENDS:
        *packages, module = backend.split(".")
        place = folder
        for package in packages:
            place = place / package
            place.mkdir(exist_ok=True)
            (place / "__init__.py").touch()
        (place / f"{module}.py").write_text(BACKEND_SOURCE, encoding="utf-8")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(project: Project) -> Path:
    """The checked source distribution, from the cache or from the user's index."""
    kept = cache_root() / "sdists" / project.sdist
    if kept.is_file() and sha256_of(kept) == project.sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    say(f"{project.name}: downloading {project.sdist}")
    with tempfile.TemporaryDirectory(prefix="airlock-corpus-") as scratch:
        backends = Path(scratch, "backends")
        backends.mkdir()
        write_backends(backends)
        wanted = Path(scratch, "wanted.txt")
        wanted.write_text(f"{project.name}=={project.version} --hash=sha256:{project.sha256}\n")
        env = pip_environment()
        env["PYTHONPATH"] = str(backends)
        # Keeps an installed setuptools from putting its own distutils in front
        # of the stand-in, which has none.
        env["SETUPTOOLS_USE_DISTUTILS"] = "stdlib"
        found = Path(scratch, "found")
        run(
            [
                sys.executable, "-m", "pip", "download", "--quiet",
                "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517",
                "--require-hashes", "--dest", str(found), "--requirement", str(wanted),
            ],
            what=f"downloading {project.sdist}",
            env=env,
        )
        got = found / project.sdist
        if not got.is_file():
            names = ", ".join(sorted(p.name for p in found.iterdir())) or "nothing"
            raise CorpusError(f"{project.name}: expected {project.sdist}, pip brought {names}")
        digest = sha256_of(got)
        if digest != project.sha256:
            raise CorpusError(f"{project.sdist}: SHA-256 is {digest}, expected {project.sha256}")
        partial = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copyfile(got, partial)
        os.replace(partial, kept)
    return kept


def unpack(archive: Path, destination: Path) -> None:
    """Unpacks regular files below the archive's one top folder, and nothing else.

    Links and special files are left out: no suite of the list needs them, and
    what is never made cannot lead out of the folder.
    """
    count = size = 0
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if not parts or parts[0] == "/" or ".." in parts or "\\" in member.name:
                raise CorpusError(f"{archive.name}: unsafe path {member.name!r}")
            if not member.isreg():
                continue
            count += 1
            size += member.size
            if count > MOST_FILES or size > MOST_BYTES:
                raise CorpusError(f"{archive.name}: more than {MOST_FILES} files or {MOST_BYTES} bytes")
            target = destination.joinpath(*parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            assert source is not None
            with source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def site_packages(tree: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return tree / ".venv" / "lib" / version / "site-packages"


def make_environment(project: Project, tree: Path) -> None:
    """`.venv` with the pinned requirements: wheels only, so nothing is built."""
    say(f"{project.name}: making .venv")
    run(
        [sys.executable, "-m", "venv", "--without-pip", str(tree / ".venv")],
        what=f"making {project.name}'s virtual environment",
    )
    run(
        [
            sys.executable, "-m", "pip", "--python", str(tree / ".venv" / "bin" / "python"),
            "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes",
            "--requirement", str(project.requirements),
        ],
        what=f"installing {project.requirements.name}",
        env=pip_environment(),
    )


def entry_points(tree: Path) -> str | None:
    """The text of entry_points.txt, from the metadata or from pyproject.toml."""
    for found in sorted(tree.glob("*.egg-info/entry_points.txt")) + sorted(
        tree.glob("src/*.egg-info/entry_points.txt")
    ):
        return found.read_text(encoding="utf-8")
    pyproject = tree / "pyproject.toml"
    if not pyproject.is_file():
        return None
    table = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    groups = {"console_scripts": table.get("scripts", {}), **table.get("entry-points", {})}
    lines = []
    for group, names in groups.items():
        if names:
            lines += [f"[{group}]"] + [f"{name} = {target}" for name, target in names.items()] + [""]
    return "\n".join(lines) or None


SCRIPT = """#!{python}
import sys
from {module} import {attribute}
if __name__ == "__main__":
    sys.exit({call}())
"""


def write_scripts(tree: Path, text: str) -> list[str]:
    """The project's own commands in `.venv/bin`, as its tests may start them."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    names = []
    for name, target in parser["console_scripts"].items() if "console_scripts" in parser else ():
        module, _, call = target.partition(":")
        script = tree / ".venv" / "bin" / name
        script.write_text(
            SCRIPT.format(
                python=tree / ".venv" / "bin" / "python",
                module=module.strip(),
                attribute=call.strip().split(".")[0],
                call=call.strip(),
            )
        )
        script.chmod(0o755)
        names.append(f"../../../bin/{name}")
    return names


def install_editable(project: Project, tree: Path) -> None:
    """What `pip install --editable` leaves behind, written without a build."""
    packages = site_packages(tree)
    source = (tree / project.source).resolve()
    with (tree / "PKG-INFO").open(encoding="utf-8") as file:
        metadata = email.parser.HeaderParser().parse(file)
    name = metadata["Name"].replace("-", "_").replace(".", "_")
    (packages / f"__editable__.{name}-{project.version}.pth").write_text(f"{source}\n")
    info = packages / f"{name}-{project.version}.dist-info"
    info.mkdir()
    shutil.copyfile(tree / "PKG-INFO", info / "METADATA")
    (info / "INSTALLER").write_text("pip\n")
    (info / "direct_url.json").write_text(
        json.dumps({"dir_info": {"editable": True}, "url": tree.as_uri()})
    )
    text = entry_points(tree)
    scripts = []
    if text:
        (info / "entry_points.txt").write_text(text, encoding="utf-8")
        scripts = write_scripts(tree, text)
    files = scripts + sorted(f"{info.name}/{path.name}" for path in info.iterdir())
    files += [f"__editable__.{name}-{project.version}.pth", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keeps two processes from preparing the same project at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        deadline = time.monotonic() + LOCK_LIMIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CorpusError(
                        f"{path}: another process held the lock for {LOCK_LIMIT} seconds; end it"
                    ) from None
                time.sleep(0.1)
        yield


def prepare(project: Project) -> Path:
    """The prepared tree; made now unless its marker says that it is complete."""
    folder = project.folder()
    if (folder / "complete").is_file():
        return project.tree()
    with lock(cache_root() / "locks" / f"{project.name}.lock"):
        if (folder / "complete").is_file():
            return project.tree()
        archive = download(project)
        if folder.exists():
            # A run that was cut short left it; nothing in it can be trusted.
            shutil.rmtree(folder)
        tree = project.tree()
        tree.mkdir(parents=True)
        unpack(archive, tree)
        make_environment(project, tree)
        install_editable(project, tree)
        (folder / "complete").write_text(f"{project.version}\n")
    return project.tree()


def describe(project: Project, root: Path) -> dict[str, object]:
    return {
        "name": project.name,
        "version": project.version,
        "root": str(root),
        "package": project.package,
        "source": project.source,
        "args": list(project.args),
        "volatile": list(project.volatile),
        "kind": project.kind,
        "short": project.short,
        "unseen": project.unseen,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--short", action="store_true", help="only the projects of CI's short form")
    which.add_argument("--unseen", action="store_true", help="only the projects set aside")
    options = parser.parse_args()
    try:
        chosen = select(options.names, short=options.short, unseen=options.unseen)
        prepared = [describe(project, prepare(project)) for project in chosen]
    except (CorpusError, OSError, tarfile.TarError) as error:
        say(f"error: {error}")
        return 2
    json.dump({"projects": prepared}, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
