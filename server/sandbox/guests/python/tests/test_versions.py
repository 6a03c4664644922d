"""The table of what newer Pythons took away or warn of, against the Python that runs these tests."""

import importlib
import sys
import warnings

import pytest
from airlock_harness import data, versions

TABLE = data.load("versions.json")


@pytest.fixture(autouse=True)
def unknown(monkeypatch):
    monkeypatch.setattr(versions, "environment", None)


def _resolve(place):
    if place == "builtins.code":
        return type(_resolve.__code__)
    parts = place.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise AssertionError(place)


@pytest.mark.parametrize("version", TABLE["removed"])
def test_an_attribute_is_gone_from_its_version_on_and_there_before(version):
    removed = tuple(map(int, version.split("."))) <= sys.version_info[:2]
    for place, names in TABLE["removed"][version].items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                thing = _resolve(place)
            except AttributeError:
                continue  # the class itself moved meanwhile
            for name in names:
                # A name that went away before the oldest Python this runs on.
                assert hasattr(thing, name) is not removed, f"{place}.{name}"


@pytest.mark.parametrize("row", TABLE["deprecated"], ids=lambda row: row["example"][:40])
def test_a_row_explains_its_example_where_the_environment_is_older(row):
    kinds = {"PytestUnraisableExceptionWarning": pytest.PytestUnraisableExceptionWarning}
    kind = kinds.get(row["exception"]) or getattr(__import__("builtins"), row["exception"])
    error = kind(row["example"])
    assert versions.explain(error) is not None
    assert versions.explain(kind("something else")) is None
    assert versions.explain(ValueError(row["example"])) is None
    major, minor = map(int, row["since"].split("."))
    versions.set_environment(f"{major}.{minor}.3")
    assert versions.explain(error) is None
    versions.set_environment(f"{major}.{minor - 1}")
    assert versions.explain(error) is not None


def test_a_cause_and_a_group_member_count_and_a_suppressed_context_does_not():
    old = AttributeError("gone", name="makeSuite", obj=importlib.import_module("unittest"))
    other = ValueError("wrapped")
    other.__cause__ = old
    assert versions.explain(other) == "unittest.makeSuite was removed in Python 3.13"
    assert versions.explain(ExceptionGroup("several", [KeyError(), old])) is not None
    unrelated = ValueError("wrapped")
    unrelated.__context__ = old
    unrelated.__suppress_context__ = True
    assert versions.explain(unrelated) is None


def test_a_warning_is_the_librarys_where_its_code_warned(monkeypatch):
    from airlock_harness import hide

    error = None
    scope = {"__name__": "m"}
    source = "import warnings\ndef old():\n    warnings.warn('old', DeprecationWarning)\n"
    exec(compile(source, "/library/m.py", "exec"), scope)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            scope["old"]()
        except DeprecationWarning as caught:
            error = caught
    monkeypatch.setattr(versions, "GUEST", (3, 15))
    assert versions.explain(error) is None
    monkeypatch.setattr(hide, "ARCHIVE", "/library")
    assert versions.explain(error) == "a deprecation of Python 3.15's standard library, turned into an error"
    versions.set_environment("3.15.0")
    assert versions.explain(error) is None


@pytest.mark.parametrize("version", ["", None, "three", "3"])
def test_what_is_no_version_is_not_known(version):
    versions.set_environment(version)
    assert versions.environment is None


@pytest.mark.parametrize("row", TABLE["changed"], ids=lambda row: row["why"])
def test_what_older_pythons_do_excuses_only_where_the_version_is_not_known(row):
    error = getattr(__import__("builtins"), row["exception"])(row["example"])
    assert versions.explain(error) == row["why"]
    assert versions.explain(RuntimeError("something else")) is None
    for known in ("3.11.7", "3.14.0"):  # done as the older one does it, and as it is natively
        versions.set_environment(known)
        assert versions.explain(error) is None
