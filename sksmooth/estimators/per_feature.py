"""How far single features may change, of a fitted classifier."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..along_axes import ends_along_axes
from ..certificate import Certificate
from ..certificate.certificate import codes_of
from ..certificate.per_feature import frame_of_intervals, need_pandas, reach_of_radii
from .reading import read_rows
from .smoother import smoother_of

__all__ = ["PerFeature"]


class PerFeature:
    """What a smoothed classifier says of single features."""

    certify: Callable[..., Certificate]

    def per_feature(
        self, X: Any, n: int | None = None, *, certificate: Certificate | None = None
    ) -> Any:
        """Return how far each feature alone may change without changing the answer.

        Where the base has a closed form, the ends are found along the axis of the feature: often
        no change of it changes the answer. Where noise is drawn, they are what the radius says: R
        times the deviation of the feature's noise. **Intervals of two features do not hold
        together**; joint changes are what the radius is for.

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
            A line for each row and feature that has noise, with the columns

            * `value`: the feature's value, in the units of X;
            * `down`, `up`: the answer is the same for all values strictly between ``value + down``
              and ``value + up``, the other features as they are. Infinite where no finite value
              changes it; 0 for rows that are abstained on; NaN where the value is missing;
            * `how`: "exact" where it was found along the axis, "radius" where it is the radius.
              Never less than the latter says. For linear models of more than two classes, QDA and
              naive Bayes of more classes, ends are found in steps: up to a thousandth of a
              deviation, and about 200 deviations stand for that or more.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            If radii are numbers of changed features.

        See Also
        --------
        Certificate.per_feature : What the radius alone says.
        sksmooth.PerFeatureDisplay : Shows them, and puts a row in words.

        Notes
        -----
        Trees, and sums of trees of one feature each, depend on a feature through the cell between
        two thresholds that it lies in. Given the cell, the answer's probability does not depend on
        the feature: along the axis the lead of a class is a step function under Gaussian noise, of
        which the zeros are counted (variation diminishing) and found. A linear model of two classes
        changes its answer where its plane is. Of Gaussian naive Bayes with two classes, the scores
        differ by a parabola along each axis.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
        >>> clf = SmoothedClassifier(tree, sigma=0.3, n_augment=8, random_state=0).fit(X, y)
        >>> ends = clf.per_feature(X[70:71]).loc[70]  # a row that is near a boundary
        >>> print(*ends.loc["petal length (cm)", ["value", "down", "how"]], sep=", ")
        4.8, -inf, exact
        >>> bool(0.05 < ends.loc["petal length (cm)", "up"] < 0.1)
        True
        """
        need_pandas()
        if certificate is None:
            certificate = self.certify(X, n)
        rows, frame = read_rows(self, X)
        change = reach_of_radii(certificate, rows.shape[1:])
        down, up, how = change.copy(), change.copy(), np.full(change.shape, "radius")
        closed = None
        if certificate.method == "exact":
            smoother = smoother_of(self, frame)
            closed = smoother.closed_form(rows)
        if closed is not None:
            known = np.flatnonzero(~certificate.abstained)
            codes = codes_of(certificate)[known]
            ends = ends_along_axes(closed, smoother.noise, rows[known], codes)
            down[known], up[known] = (np.maximum(change[known], end) for end in ends)
            how[known] = "exact"
        return frame_of_intervals(certificate, rows.astype(np.float64), down, up, how)
