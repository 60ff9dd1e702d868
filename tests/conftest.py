import importlib.metadata
import os
import pathlib

import pytest
from _pytest.doctest import DoctestModule
from slow_tests import LIST


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """No doctests here: the option that they ignore errors of imports hides a file of tests too.

    What has failed to be imported for its doctests is in sys.modules, and found there, empty.
    """
    return [part for part in (yield) if not isinstance(part, DoctestModule)]


def pytest_collection_modifyitems(config, items):
    """Mark the tests that are listed as slow, for ``-m "not slow"``.

    Those of ``make test-interpreter`` are left out where Triton is missing, or older than 3.9, as
    torch asks for it: its interpreter does not get along with current numpy.
    """
    slow = set(LIST.read_text(encoding="utf-8").split("\n"))
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow)
    if not _has_interpreter():
        out = [item for item in items if item.get_closest_marker("interpreter")]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _has_interpreter():
    try:
        major, minor = importlib.metadata.version("triton").split(".")[:2]
    except importlib.metadata.PackageNotFoundError:
        return False
    return (int(major), int(minor)) >= (3, 9)


@pytest.fixture
def pyplot():
    """matplotlib without a screen; figures are closed afterwards."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.close("all")
    yield plt
    plt.close("all")


@pytest.fixture(autouse=True, scope="session")
def _no_screen():
    os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real data, which is not part of the package."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if not folder:
        pytest.skip("SKSMOOTH_DATA is not set: it should name the folder with the real data")
    return pathlib.Path(folder)


@pytest.fixture(autouse=True)
def _no_forms_of_earlier_tests():
    """Closed forms are read anew: tests change what goes into the reading."""
    from sksmooth.closed_forms import reading

    reading._RECENT.clear()


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch):
    """Small work goes to workers too, so that small tests of n_jobs test something."""
    monkeypatch.setattr("sksmooth.sampling.count._DRAWS_PER_TASK", 1)


@pytest.fixture
def no_trials(monkeypatch):
    """The base is asked about the rows that are counted, and about no others."""
    monkeypatch.setattr("sksmooth.estimators.smoother.refuse_batch_readers", lambda *args: None)
