"""The decorator of the deprecation policy (docs/deprecation.rst), on names like ours."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import deprecated

from sksmooth import SmoothedClassifier, abstention_rate

MESSAGE = "use SmoothedClassifier; this name goes in 0.4"


def test_a_deprecated_function_warns_and_works_as_before():
    old = deprecated(MESSAGE)(abstention_rate)
    certificate = SmoothedClassifier(LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    certificate = certificate.certify([[0.0], [0.2], [0.5]])
    with pytest.warns(FutureWarning, match=rf"abstention_rate is deprecated; {MESSAGE}"):
        assert old(certificate) == abstention_rate(certificate)
    assert old.__doc__ == abstention_rate.__doc__


def test_a_deprecated_estimator_warns_and_works_as_before():
    @deprecated(MESSAGE)
    class OldClassifier(SmoothedClassifier):
        pass

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    with pytest.warns(FutureWarning, match=rf"OldClassifier is deprecated; {MESSAGE}"):
        old = OldClassifier(LogisticRegression(), sigma=0.3, random_state=0)
    with pytest.warns(FutureWarning):
        copy = clone(old)
    new = SmoothedClassifier(**copy.get_params(deep=False))
    ours, theirs = (clf.fit(X, y).certify(X) for clf in (new, copy))
    assert ours.method == theirs.method == "exact"
    np.testing.assert_array_equal(ours.radii, theirs.radii)
