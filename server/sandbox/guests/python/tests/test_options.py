"""addopts of plugins that are not there."""

import pytest
from airlock_harness import options

ALL_ABSENT = options.absent_table(set())


@pytest.mark.parametrize(
    ("arguments", "kept", "dropped"),
    [
        (["--cov=pkg", "--cov-fail-under=90", "-q"], ["-q"], ["--cov=pkg", "--cov-fail-under=90"]),
        (["-n", "auto", "tests"], ["tests"], ["-n auto"]),
        (["-n4", "tests"], ["tests"], ["-n4"]),
        (["--cov", "-q"], ["-q"], ["--cov"]),
        (["--cov", "src", "-q"], ["-q"], ["--cov src"]),
        (["--timeout", "10", "a.py"], ["a.py"], ["--timeout 10"]),
        (["--benchmark-disable", "--strict-markers"], ["--strict-markers"], ["--benchmark-disable"]),
        (["-W", "error", "-k", "not slow"], ["-W", "error", "-k", "not slow"], []),
    ],
)
def test_options_of_absent_plugins_are_dropped_with_their_values(arguments, kept, dropped):
    assert options.drop(arguments, ALL_ABSENT) == (kept, dropped)


def test_options_of_present_plugins_stay():
    table = options.absent_table({"pytest_cov"})
    assert "--cov" not in table
    assert "--timeout" in table


@pytest.mark.parametrize("argument", ["-x", "--exitfirst", "--lf", "--pdb", "--collect-only"])
def test_what_would_cut_the_run_is_unwanted(argument):
    assert options.drop([argument, "-q"], options.UNWANTED) == (["-q"], [argument])


def test_maxfail_goes_with_its_value():
    assert options.drop(["--maxfail", "2", "t"], options.UNWANTED) == (["t"], ["--maxfail 2"])
    assert options.drop(["--maxfail=2", "t"], options.UNWANTED) == (["t"], ["--maxfail=2"])


def test_minus_p_of_an_absent_plugin_is_dropped_and_no_stays():
    arguments = ["-p", "timeout", "-p", "no:randomly", "-pxdist", "-p", "anyio"]
    kept, dropped = options.drop_plugin_arguments(arguments, {"timeout", "xdist"}.__contains__)
    assert kept == ["-p", "no:randomly", "-p", "anyio"]
    assert dropped == ["-p timeout", "-pxdist"]


@pytest.mark.parametrize(
    ("arguments", "kept", "dropped"),
    [
        (["--foo", "bar", "tests"], ["tests"], ["--foo bar"]),
        (["--foo=bar", "tests"], ["tests"], ["--foo=bar"]),
        (["--foo", "tests"], ["tests"], ["--foo"]),
        (["-vv", "--foo", "-q"], ["-vv", "-q"], ["--foo"]),
        (["--", "--foo"], ["--", "--foo"], []),
    ],
)
def test_unknown_options_go_with_a_value_that_is_no_path(arguments, kept, dropped):
    known = {"-vv", "-q"}.__contains__
    assert options.drop_unknown(arguments, known, exists={"tests"}.__contains__) == (kept, dropped)


def test_every_row_is_well_formed():
    for name, plugin in options.PLUGINS.items():
        assert plugin["names"], name
        for option, takes in plugin["options"].items():
            assert option.startswith("-"), (name, option)
            assert takes in ("none", "one", "maybe"), (name, option)
        for ini, kind in plugin["ini"]:
            assert kind in ("string", "bool", "args", "paths", "linelist"), (name, ini)
