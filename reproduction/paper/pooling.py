"""Average pooling as a scikit-learn transformer: Proposition 7 as a step of a Pipeline."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["AveragePooling"]


class AveragePooling(TransformerMixin, BaseEstimator):
    r"""Averages of squares of pixels: images of 1 / size of the width and height.

    The average of :math:`k^2` independent draws of :math:`N(0, \sigma^2)` has the distribution
    :math:`N(0, (\sigma / k)^2)`. So a classifier of small images, smoothed with sigma, and the
    Pipeline of this transformer with factor k and that classifier, smoothed with k sigma, have the
    same probabilities at an image and its average; and the radius of the second is k times as large
    (Proposition 7 of Cohen et al. 2019, arXiv:1902.02918).

    Put it *inside* the smoother, ``SmoothedClassifier(make_pipeline(AveragePooling(8), clf))``:
    noise is then added to the large images.

    Parameters
    ----------
    width : int
        Width and height of the images, in pixels.
    size : int, default=2
        Width and height of the squares; it must divide `width`.

    Attributes
    ----------
    n_features_in_ : int
        ``width ** 2`` times the number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from reproduction.paper.pooling import AveragePooling
    >>> image = np.array([[0.0, 2.0, 1.0, 1.0, 4.0, 6.0, 1.0, 1.0] + [5.0] * 8])
    >>> AveragePooling(width=4).fit_transform(image)
    array([[3., 1., 5., 5.]])
    """

    def __init__(self, width: int, size: int = 2) -> None:
        self.width = width
        self.size = size

    def fit(self, X: Any, y: Any = None) -> "AveragePooling":
        """Look at the number of features; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels * width * width)
            Images, as rows: channels first, then rows of pixels.
        y : ignored
            Not used.

        Returns
        -------
        self : AveragePooling
            The transformer.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        if self.width % self.size or X.shape[1] % self.width**2:
            raise ValueError(
                f"Images of {X.shape[1]} features are not whole channels of width {self.width}, or "
                f"squares of {self.size} pixels do not fill them."
            )
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the averages.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels * width * width)
            Images, as rows.

        Returns
        -------
        pooled : ndarray of shape (n_samples, n_channels * (width // size) ** 2)
            Small images, as rows.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        small = self.width // self.size
        squares = X.reshape(len(X), -1, small, self.size, small, self.size)
        return squares.mean(axis=(3, 5)).reshape(len(X), -1)
