"""How far single features may change, of a fitted classifier."""

from typing import Any

from ..certificate import Certificate
from .run import certify_rows

__all__ = ["PerFeature"]


class PerFeature:
    """What a smoothed classifier says of single features."""

    def per_feature(
        self, X: Any, n: int | None = None, *, certificate: Certificate | None = None
    ) -> Any:
        """Return how far each feature alone may change without changing the answer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        n : int, default=None
            Draws per row; None for the estimator's own.
        certificate : Certificate, default=None
            Of the same rows, by this classifier, if they have been certified; None certifies them.

        Returns
        -------
        intervals : pandas.DataFrame
            As of `Certificate.per_feature`.
        """
        if certificate is None:
            certificate = certify_rows(self, X, verbose=0, log=None, n=n)
        return certificate.per_feature(X)
