"""Warnings say where they are explained, and can be silenced by kind."""

import pathlib
import re

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sksmooth import SmoothedClassifier, exceptions

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "troubleshooting.rst"
KINDS = [getattr(exceptions, name) for name in exceptions.__all__]


@pytest.mark.parametrize("kind", KINDS)
def test_the_section_exists(kind):
    page = PAGE.read_text(encoding="utf-8")
    assert not kind.section or f".. _{kind.section.removeprefix('#')}:" in page
    assert issubclass(kind, UserWarning)
    assert str(kind("What.")).startswith("What. [https://")


def test_all_sections_have_a_kind():
    labels = re.findall(r"^\.\. _(warning-\w+):$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {f"#{label}" for label in labels} == {kind.section for kind in KINDS} - {""}


def test_a_warning_has_its_kind():
    X = np.arange(20.0).reshape(10, 2)
    clf = SmoothedClassifier(DummyClassifier(), method="montecarlo").fit(X, [0, 1] * 5)
    with pytest.warns(exceptions.NothingCertifiedWarning, match=r"n=5 .*#warning-nothing\]$"):
        clf.certify(X, n=5)
