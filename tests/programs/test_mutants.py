"""The faults that the tests must notice (tests/mutants) can still be put in."""

import pathlib
import re

import pytest
from mutants import __main__ as program
from mutants import faults
from mutants.fault import Fault

import sksmooth

TESTS = pathlib.Path(__file__).parents[1]
PACKAGE = pathlib.Path(sksmooth.__file__).parent


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: f"{fault.file}: {fault.new}")
def test_each_can_be_put_in_and_names_tests_that_exist(fault):
    assert (PACKAGE / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old
    assert fault.tests
    for test in fault.tests.split():
        file, *names = test.split("::")
        text = (TESTS / file).read_text()
        for name in names:
            assert re.search(rf"^ *(def|class) {name}\b", text, re.MULTILINE), test


def test_there_are_enough():
    changes = {fault[:3] for fault in faults.FAULTS}
    assert len(changes) == len(faults.FAULTS) >= 30
    files = {fault.file.partition("/")[0].removesuffix(".py") for fault in faults.FAULTS}
    assert files >= {"bounds", "certificate", "sampling", "noise"}


def test_results_of_a_part_leave_the_others_as_they_were(tmp_path, monkeypatch):
    page = tmp_path / "results.md"
    one, two, three = (Fault("a.py", f"x{i} |", "y", "test_a.py test_b.py::test") for i in range(3))

    def noted(known, fault, verdict):
        monkeypatch.setattr(program, "FAULTS", known)
        program.note(page, fault, verdict)
        text = page.read_text()
        return text, [line.split(" | ")[4] for line in text.splitlines() if "a.py" in line]

    text, verdicts = noted([one, two], one, "killed")
    assert verdicts == ["killed", "not run"]
    assert "1 of 2 faults make one of them fail (killed); 1 have not been run" in text
    assert "| a.py | `x0 \\|` | `y` | test_a.py, test_b.py::test | killed | " in text
    assert noted([one, two], two, "survived")[1] == ["killed", "survived"]
    other = two._replace(tests="test_b.py")  # a fault that is changed has to be run again
    text, verdicts = noted([three, one, other], three, "killed")
    assert verdicts == ["killed", "killed", "not run"]
    text, verdicts = noted([three, one, other], other, "killed")
    assert verdicts == ["killed"] * 3
    assert "3 of 3 faults make one of them fail (killed).\n" in text
