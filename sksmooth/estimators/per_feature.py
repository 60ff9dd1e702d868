"""How far single features may change, of a fitted classifier."""

from typing import Any

import numpy as np

from ..along_axes import ends_along_axes
from ..certificate import Certificate
from ..certificate.certificate import codes_of
from ..certificate.per_feature import frame_of_intervals, need_pandas, reach_of_radii
from ..closed_forms import ClosedForm, Linear
from .jobs import index_of
from .reading import read_rows
from .smoother import Smoother, smoother_of

__all__ = ["per_feature"]


def per_feature(
    self: Any, X: Any, n: int | None = None, *, certificate: Certificate | None = None
) -> Any:
    """Return how far each feature alone may change without changing the answer.

    Where the base has a closed form, the ends are found along the axis of the feature, and often
    no change of this feature changes the answer. Where noise is drawn, the ends follow from the
    radius: R times the deviation of the feature's noise. **Intervals of two features do not hold
    together**; only the radius speaks of joint changes.

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
        * `how`: "exact" for ends that were found along the axis (under Gaussian noise, and for
          linear models of two classes under any), "radius" for ends that follow from the radius.
          Exact ends are never nearer. For linear models of more than two classes, QDA and naive
          Bayes of more classes, ends are found in steps: up to a thousandth of a deviation, and
          about 200 deviations stand for that or more.

    Raises
    ------
    ImportError
        Without pandas.
    ValueError
        If radii are numbers of changed features, or speak of rows on a grid; or `certificate` is
        of other rows or of another classifier.

    See Also
    --------
    Certificate.per_feature : The ends that follow from the radius alone.
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
    given = certificate
    if certificate is None:
        certificate = self.certify(X, n)
    rows, frame = read_rows(self, X)
    smoother = smoother_of(self, frame)
    _refuse_other(certificate, smoother, X)
    change = reach_of_radii(certificate, rows.shape[1:])
    down, up, how = change.copy(), change.copy(), np.full(change.shape, "radius")
    closed = smoother.closed_form(rows) if certificate.method == "exact" else None
    if closed is not None and _is_known_along_axes(closed):
        if given is not None:
            _refuse_other_answers(given, self.certify(X))
        known = np.flatnonzero(~certificate.abstained)
        codes = codes_of(certificate)[known]
        ends = ends_along_axes(closed, smoother.noise, rows[known], codes)
        down[known], up[known] = (np.maximum(change[known], end) for end in ends)
        how[known] = "exact"
    return frame_of_intervals(certificate, rows.astype(np.float64), down, up, how)


def _is_known_along_axes(closed: ClosedForm) -> bool:
    """Whether the noise is Gaussian, or it does not matter, as to a linear model of two classes."""
    form = closed.form
    normal = closed.spread.law.name == "normal"
    return normal or (isinstance(form, Linear) and form.n_classes == 2)


def _refuse_other(certificate: Certificate, smoother: Smoother, X: Any) -> None:
    """Refuse a certificate that was made by another classifier, or of other rows."""
    index = index_of(X)
    what = None
    if len(certificate) != len(X):
        what = f"{len(certificate)} rows, and X has {len(X)}"
    elif (
        certificate.index is not None and index is not None and not certificate.index.equals(index)
    ):
        what = "rows with another index than X"
    elif certificate.noise != smoother.noise or certificate.seed not in (None, smoother.seed.hex()):
        what = "another noise or seed than this classifier's"
    elif certificate.run.model not in (None, smoother.base.fingerprint(anew=True)):
        what = "another model than this classifier's, or of this one before it was changed"
    if what is not None:
        raise ValueError(f"certificate is of {what}. Pass clf.certify(X), or None to certify X.")


def _refuse_other_answers(certificate: Certificate, own: Certificate) -> None:
    """Refuse a computed certificate that is not, but for rounding, the one of these rows."""
    certified = ~own.abstained
    if (
        np.any(certificate.abstained == certified)
        or np.any(certificate.labels[certified] != own.labels[certified])
        or not np.allclose(certificate.radii, own.radii, rtol=1e-6, atol=0.0)
    ):
        raise ValueError(
            "certificate is of other rows than X, or of another classifier: its labels or radii "
            "are not those of clf.certify(X). Pass that, or None to certify X."
        )
