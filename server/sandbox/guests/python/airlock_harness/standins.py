"""Fixtures of plugins that are left out though the project has them, with the answer of a lone run."""

import pytest


class Xdist:
    """pytest-xdist without workers."""

    @pytest.fixture(scope="session")
    def worker_id(self):
        """As xdist names the run when it starts no workers."""
        return "master"

    @pytest.fixture(scope="session")
    def testrun_uid(self):
        """The same in every run, so that runs can be compared."""
        return "0" * 32


class Cov:
    """pytest-cov without coverage."""

    @pytest.fixture
    def no_cover(self):
        """Nothing is measured anyway."""

    @pytest.fixture
    def cov(self):
        """What the plugin gives when it is switched off."""
        return None


_BY_NAME = {"xdist": Xdist, "pytest_cov": Cov}


def register(manager, left_out):
    """Register the stand-ins for the entry points in `left_out`."""
    for name in left_out:
        cls = _BY_NAME.get(name)
        if cls is not None:
            manager.register(cls(), f"airlock-{name}")
