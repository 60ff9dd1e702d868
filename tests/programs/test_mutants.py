"""The faults that the tests must notice (tests/mutants) can still be put in."""

import pathlib
import re

import pytest
from mutants import faults

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
