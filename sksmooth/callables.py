"""A function of a batch as a classifier: for models that have no estimator."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

__all__ = ["FunctionClassifier", "frozen_callable"]


class FunctionClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that asks a function; `frozen_callable` makes it.

    Parameters
    ----------
    function : callable
        As of `frozen_callable`.
    classes : sequence
        As of `frozen_callable`.
    """

    def __init__(self, function: Callable[[Any], Any], classes: Sequence[Any]) -> None:
        self.function = function
        self.classes = classes

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels, in the order of the function's columns."""
        return np.asarray(self.classes)

    def fit(self, X: Any, y: Any = None) -> "FunctionClassifier":
        """Refuse: the function is used as it is."""
        raise TypeError(
            "A function cannot be fitted. Use it as it is: sksmooth.frozen_callable(function, "
            "classes=...)."
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row."""
        out = self.function(X)
        if hasattr(out, "detach"):  # a tensor of torch, on whatever device
            out = out.detach().cpu()
            if out.is_floating_point() and out.element_size() < 4:  # numpy has no bfloat16
                out = out.float()
        out, n_classes = np.asarray(out), len(self.classes_)
        if out.shape == (len(X),):
            return out
        if out.shape != (len(X), n_classes):
            raise ValueError(
                f"The function returned shape {out.shape} for {len(X)} rows; expected labels, "
                f"({len(X)},), or a score for each of the {n_classes} classes, "
                f"({len(X)}, {n_classes})."
            )
        if out.dtype.kind in "cOSU":
            raise ValueError(
                f"The function returned scores of dtype {out.dtype}; expected real numbers, of "
                "which one is the largest."
            )
        if not np.all(np.isfinite(out)):
            raise ValueError(
                "The function returned scores that are NaN or infinite: these are no votes. "
                "Return finite scores, or labels."
            )
        return self.classes_[out.argmax(axis=1)]


def frozen_callable(function: Callable[[Any], Any], *, classes: Sequence[Any]) -> FrozenEstimator:
    """Return a function of a batch as an estimator for `SmoothedClassifier` that stays as it is.

    For models of ONNX Runtime, JAX or TensorFlow, a remote service, or code of your own. The
    certificate is about this function, so put the preparation of its input into it.

    Parameters
    ----------
    function : callable
        ``function(X)`` returns the labels of a batch, of shape (n_rows,), or scores, of shape
        (n_rows, n_classes), of which the largest wins, and the first of equal ones. X is an array
        of shape (n_rows, *shape of a row), in the precision of the rows that are certified: float32
        or float64; or a data frame, if frames are certified. The answer to a row must not depend on
        the other rows.
    classes : sequence
        Labels of all classes, in the order of the scores' columns.

    Returns
    -------
    estimator : sklearn.frozen.FrozenEstimator
        Around a classifier. Its `fit` does nothing.

    Raises
    ------
    TypeError
        If `function` is none.
    ValueError
        If there are fewer than two classes, or one of them twice; and when noise is drawn, if the
        answers have another shape, are labels of no class, or scores that are not finite.

    See Also
    --------
    sksmooth.nets.frozen_net : For trained modules of torch, which are asked faster.

    Examples
    --------
    >>> import numpy as np
    >>> import sksmooth
    >>> base = sksmooth.frozen_callable(lambda X: X @ [[1.0, -1.0], [0.0, 0.0]], classes=["a", "b"])
    >>> X = np.array([[1.0, 5.0], [-0.5, 2.0]])
    >>> clf = sksmooth.SmoothedClassifier(base, sigma=0.5, random_state=0).fit(X, ["a", "b"])
    >>> labels, radii = clf.certify(X, n=10_000)
    >>> labels, radii.round(1)
    (array(['a', 'b'], dtype='<U7'), array([0.9, 0.5]))
    """
    if not callable(function):
        raise TypeError(
            f"function must be a function of a batch of rows; got {type(function).__name__}. For a "
            "model in a file, load it and pass a function that asks it."
        )
    labels = np.asarray(classes)
    if labels.ndim != 1 or len(labels) < 2 or len(np.unique(labels)) < len(labels):
        raise ValueError(
            f"classes must be the labels of two or more classes, each once; got {classes!r}."
        )
    return FrozenEstimator(FunctionClassifier(function, classes))
