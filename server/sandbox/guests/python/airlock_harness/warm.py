"""Once, before the freeze: what a first failing test would otherwise pay in every fork."""

import os


_SOURCE = '''
import pytest

@pytest.fixture
def number():
    return 1

def test_passes(number, tmp_path):
    (tmp_path / "a").write_text("x")
    assert number == 1

def test_fails(number, capsys):
    print("out")
    values = {"a": [number, 2], "b": "text"}
    assert values == {"a": [2, 2], "b": "text"}

@pytest.mark.parametrize("n", [1, 2])
def test_raises(n):
    raise ValueError("no")
'''


def up():
    """Run a tiny suite with passing and failing tests in a folder of its own, then forget it."""
    import shutil
    import sys
    import tempfile

    import pytest

    folder = tempfile.mkdtemp(prefix="warm")
    here = os.getcwd()
    path = list(sys.path)
    environment = dict(os.environ)
    try:
        with open(os.path.join(folder, "test_warm.py"), "w", encoding="utf-8") as file:
            file.write(_SOURCE)
        os.chdir(folder)
        out, err = sys.stdout, sys.stderr
        from airlock_harness.collecting import _Nowhere

        sys.stdout = sys.stderr = _Nowhere()
        try:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            pytest.main(["-q", "-p", "no:faulthandler", "-p", "no:cacheprovider",
                         "--color=no", "--rootdir", folder, folder])
        finally:
            sys.stdout, sys.stderr = out, err
    finally:
        os.chdir(here)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
        sys.modules.pop("test_warm", None)
        shutil.rmtree(folder, ignore_errors=True)
