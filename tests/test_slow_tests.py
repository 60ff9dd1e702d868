"""The list of slow tests speaks of tests that are there."""

import pathlib

from slow_tests import LIST, slow_tests

ROOT = pathlib.Path(__file__).parents[1]


def test_what_is_listed_exists():
    sources = {}
    for name in LIST.read_text(encoding="utf-8").split():
        file, *_, last = name.split("::")
        if file.startswith("sksmooth/") and not (ROOT / "sksmooth").is_dir():
            continue  # the tests of a wheel lie without the package
        source = sources.setdefault(file, ROOT.joinpath(file).read_text(encoding="utf-8"))
        # a doctest is called by its module, or by its page
        assert last in source or "test" not in last, f"{name} is gone: see tests/slow_tests.py"


def test_durations_of_a_function_are_added():
    log = """
0.04s call     tests/test_a.py::TestA::test_one[1]
0.03s setup    tests/test_a.py::TestA::test_one[2::3]
0.03s call     tests/test_a.py::test_two
5 passed in 1.00s
"""
    assert slow_tests(log) == ["tests/test_a.py::TestA::test_one"]
