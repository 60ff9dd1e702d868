"""Certifying with a smoother that sits inside a search or at the end of a Pipeline."""

import dataclasses
import warnings
from typing import Any

from sklearn.pipeline import Pipeline

from ..checks import user_level
from ..exceptions import UnitsWarning
from ..introspection import layers, steps_of
from .jobs import index_of

__all__ = ["ask_inside", "certify"]


def certify(estimator: Any, X: Any, n: int | None = None, **options: Any) -> Any:
    """Certify with a fitted smoother inside a search or at the end of a Pipeline.

    Parameters
    ----------
    estimator : SmoothedClassifier, SmoothedRegressor, Pipeline or search
        Fitted. Of a search such as GridSearchCV the best estimator is taken; a Pipeline must end in
        a smoother.
    X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
        Rows, as the given estimator takes them.
    n : int, default=None
        Draws per row; None for the estimator's own.
    **options : dict
        Further arguments of `SmoothedClassifier.certify` or `SmoothedRegressor.certify`, such as
        radius.

    Returns
    -------
    certificate : Certificate or RegressionCertificate
        With a Pipeline, **radii are in the units of what its last step sees**, which a warning
        says. Put the Pipeline inside the smoother to have radii in the units of X.

    Raises
    ------
    TypeError
        If there is no smoother to be found.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sklearn.model_selection import GridSearchCV
    >>> import sksmooth
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = sksmooth.SmoothedClassifier(NearestCentroid(), n=500, random_state=0)
    >>> scorer = sksmooth.certified_accuracy_scorer(radius=0.5)
    >>> search = GridSearchCV(clf, {"sigma": [0.25, 0.5]}, scoring=scorer).fit(X, y)
    >>> sksmooth.certify(search, X[:3], n=1000).labels
    array([0, 0, 0])
    """
    return ask_inside(estimator, "certify", X, n, **options)


_HAVE = {
    "certify": "SmoothedClassifier",
    "certify_interval": "SmoothedRegressor",
    "predict_set": "RobustConformalClassifier",
    "predict_interval": "RobustConformalRegressor",
}


def ask_inside(estimator: Any, method: str, X: Any, *args: Any, **options: Any) -> Any:
    """Call a method of the smoother inside a search or at the end of a Pipeline, on its rows."""
    index = index_of(X)
    for part in layers(estimator):
        if hasattr(part, method):
            found = getattr(part, method)(X, *args, **options)
            if isinstance(found, tuple):  # sets or intervals, which are arrays
                return found
            if found.index is None and index is not None:  # steps hand on arrays
                found = dataclasses.replace(found, index=index)
            return found
        if isinstance(part, Pipeline):
            steps = steps_of(part)
            if steps:
                warnings.warn(
                    f"Radii are in the units of what the last step of the Pipeline sees, after "
                    f"{', '.join(type(s).__name__ for s in steps)}; not in the units of X. For "
                    "those, put the Pipeline inside: SmoothedClassifier(make_pipeline(..., clf)).",
                    UnitsWarning,
                    stacklevel=user_level(),
                )
            for step in steps:
                X = step.transform(X)
    expected = _HAVE[method]
    raise TypeError(
        f"{type(estimator).__name__} has no {method} method and leads to no estimator that has "
        f"one. Expected a fitted {expected}, a Pipeline that ends in one, or a search over "
        "either, fitted with refit=True."
    )
