"""Modules of editable installs that no folder of `sys.path` gives."""

import importlib
import sys

import pytest

from airlock_harness import projects


@pytest.fixture
def mapped(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("NAME = __name__\n")
    (tmp_path / "src" / "inner.py").write_text("from mapped_package import NAME\n")
    (tmp_path / "single.py").write_text("VALUE = 7\n")
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "part.py").write_text("VALUE = 8\n")
    projects.find_mapped({
        "mapped_package": str(tmp_path / "src"),
        "mapped_module": str(tmp_path / "single"),
        "mapped_space": str(tmp_path / "space"),
        "mapped_gone": str(tmp_path / "gone"),
        "json": str(tmp_path / "src"),
    })
    yield tmp_path
    projects.find_mapped({})
    for name in [name for name in sys.modules if name.startswith("mapped_")]:
        del sys.modules[name]


def test_modules_are_found_where_they_are_mapped(mapped):
    assert importlib.import_module("mapped_package.inner").NAME == "mapped_package"
    assert importlib.import_module("mapped_module").VALUE == 7
    assert importlib.import_module("mapped_space.part").VALUE == 8
    assert importlib.import_module("mapped_module").__file__ == str(mapped / "single.py")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("mapped_gone")


def test_a_folder_of_the_path_comes_first(mapped):
    spec = importlib.util.find_spec("json")
    assert not spec.origin.startswith(str(mapped))


def test_nothing_is_left_of_an_earlier_project(mapped):
    projects.find_mapped({})
    assert not any(isinstance(finder, projects.Mapped) for finder in sys.meta_path)
