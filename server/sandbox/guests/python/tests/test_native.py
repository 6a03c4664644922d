"""Imports that cannot succeed: why, and whether the program foresaw it."""

import pytest
from airlock_harness import native, placeholder


def _offset_of_import(code):
    import dis

    return next(i.offset for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME")


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("import ctypes\n", False),
        ("try:\n    import ctypes\nexcept ImportError:\n    ctypes = None\n", True),
        ("try:\n    x = 1\nexcept ImportError:\n    pass\nimport ctypes\n", False),
        ("from contextlib import suppress\nwith suppress(ImportError):\n    pass\n", False),
    ],
)
def test_guarded_imports_are_told_from_bare_ones(source, guarded):
    code = compile(source, "m.py", "exec")
    assert native._covered(code.co_exceptiontable, _offset_of_import(code)) is guarded


@pytest.mark.parametrize(
    ("source", "takes_all"),
    [("from a.b import *\n", True), ("from a.b import c\n", False), ("import a.b\n", False), ("import a.b as c\n", False)],
)
def test_an_import_of_everything_is_told_from_others(source, takes_all):
    code = compile(source, "m.py", "exec")
    assert native._takes_all(code.co_code, _offset_of_import(code)) is takes_all


def test_a_package_has_what_its_compiled_part_would_have_given_it():
    namespace = {"__name__": "pkg"}
    placeholder.lend_all(namespace, "pkg.core")
    assert namespace["__getattr__"]("Map")._airlock_name == "pkg.core.Map"
    with pytest.raises(AttributeError, match="'pkg' has no attribute '__path__'"):
        namespace["__getattr__"]("__path__")


def test_reasons(tmp_path, monkeypatch):
    (tmp_path / "quick.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    reason, placeholder = native.explain("quick")
    assert (reason["kind"], placeholder) == ("native_module", "quick")
    reason, placeholder = native.explain("surely_not_there")
    assert (reason["kind"], placeholder) == ("module", None)
    assert str(tmp_path) in reason["detail"]


def test_removed_modules_are_a_difference(monkeypatch):
    import sys

    monkeypatch.setattr(sys, "stdlib_module_names", frozenset(sys.stdlib_module_names - {"imp"}))
    reason, _ = native.explain("imp")
    assert reason["kind"] == "guest_difference"
    assert "3.12" in reason["detail"]
