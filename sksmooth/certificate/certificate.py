"""What is certified, row by row, and what it was computed from."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .changes import OfChanges
from .result import Result
from .within import WithinRadius

__all__ = ["Certificate", "codes_of"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Certificate(OfChanges, WithinRadius, Result):
    """Certified labels and radii, one per row, with the counts or bounds behind them.

    Unpacks as ``labels, radii = certificate``, so that iterating gives these two arrays and not the
    rows; everything else is an attribute. Indexing selects rows.

    Row by row, with probability at least ``1 - alpha`` over the noise: either `abstained` is True,
    or the smoothed classifier answers ``labels[i]`` at every point whose distance from the row, in
    the norm `norm`, is below ``radii[i]`` (or equal to it, where the norm counts columns).
    Computed certificates have ``alpha == 0``: they are certain.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,)
        Certified label; the abstain label where `abstained` (the top class if there is none).
    radii : ndarray of shape (n_samples,), float64
        Certified radius in the norm `norm`, rounded down; 0.0 where `abstained`. In the units of X;
        with a sigma for each feature, in standard deviations.
    radii_l2 : ndarray of shape (n_samples,), float64
        Certified radius in the L2 norm and the units of X. `radii` but for a sigma for each
        feature; there it holds for changes of the features that have noise.
    abstained : ndarray of shape (n_samples,), bool
        True where nothing is certified. Test this, not ``radii == 0``.
    p_lower, p_upper : ndarray of shape (n_samples,), float64
        Bounds on probabilities under noise: lower on that of the selected class, upper on that of
        every other class. Both hold together, under the noise that the proof speaks of; `tv_error`
        has been taken off and added. Radii of closed forms rest on ``1 - p_lower`` itself, which is
        known to more digits than `p_lower` can show.
    width : ndarray of shape (n_samples,), float64
        Length of the interval in which a closed form proves the selected class's probability to
        lie; NaN where it was sampled.
    tv_error : ndarray of shape (n_samples,), float64
        Largest probability that a vote differs from a vote under the ideal noise: the total
        variation distance between the two noises, and the mass of noise so near to a boundary that
        rounding may have decided.
    selected : ndarray of shape (n_samples,)
        The class that the bounds speak of, certified or not.
    counts : ndarray of shape (n_samples, n_classes), int64
        Votes of the estimation draws; the columns follow `classes`. No columns without draws.
    n_draws : ndarray of shape (n_samples,), int64
        Estimation draws made, the sums of the rows of `counts`; selection draws not included.
    stop_reason : ndarray of shape (n_samples,), str
        Why no more were made: "n" (all n were), "hopeless" (no votes could have certified the row),
        "decided" (so is every one of `asked_radii`), "tol" (as many as planned), "exact" (none
        were needed).
    classes : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `counts`.
    run : Run
        How the certificates were made. Its fields are attributes of the certificate, too: `method`,
        `form`, `noise`, `n`, `n0`, `alpha`, `bound`, `asked_radii`, `tol`, `max_radius`, `seed`,
        `stream`, `shortcut`. **Keep the seed to yourself** as long as the classifier certifies for
        others: with it, inputs can be found for which this noise misleads.
    sigma : float or tuple of float
        Standard deviation of the noise, in the units of X; of each feature, in the order of a
        flattened row, if they differ.
    norm : str
        Norm of the radii.
    index : pandas.Index of length n_samples or None
        Index of the data frame that was certified, if it was one of pandas.
    feature_names : tuple of str or None
        Names of its columns, if it had any.

    See Also
    --------
    SmoothedClassifier.certify : Makes certificates.
    sksmooth.metrics.certified_accuracy_score : Scores them against true labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[25::50], n=1000)
    >>> labels, radii = certificate
    >>> labels
    array([0, 1, 2])
    >>> len(certificate[radii > 0.5]) <= len(certificate)
    True
    """

    labels: NDArray[Any]
    radii: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    tv_error: NDArray[np.float64]
    selected: NDArray[Any]
    counts: NDArray[np.int64]
    n_draws: NDArray[np.int64]
    stop_reason: NDArray[np.str_]
    classes: NDArray[Any]
    # arrays always: what is not given is filled in
    width: NDArray[np.float64] = None  # type: ignore[assignment]
    radii_l2: NDArray[np.float64] = None  # type: ignore[assignment]

    _PER_ROW = (
        "labels",
        "radii",
        "abstained",
        "p_lower",
        "p_upper",
        "tv_error",
        "selected",
        "counts",
        "n_draws",
        "stop_reason",
        "width",
        "radii_l2",
    )
    _SHARED = ("classes",)

    def __post_init__(self) -> None:
        if self.width is None:
            object.__setattr__(self, "width", np.full(len(self.radii), np.nan))
        if self.radii_l2 is None:
            object.__setattr__(self, "radii_l2", self.noise.l2_radius(self.radii))
        super().__post_init__()

    def at(self, alpha: float | None = None, bound: str | None = None) -> "Certificate":
        """Return what the stored counts certify at another level or with another bound.

        No noise is drawn. **Choose alpha and bound before you look at the counts**: a level that
        was chosen because of what it certifies is not the level of the certificate.

        Parameters
        ----------
        alpha : float, default=None
            Level; None keeps that of this certificate.
        bound : {"one-sided", "two-sided"}, default=None
            Confidence bound; None keeps that of this certificate.

        Returns
        -------
        certificate : Certificate
            Valid with probability at least ``1 - alpha`` for each row. Rows that were left as
            hopeless stay abstained on.

        Raises
        ------
        ValueError
            If the certificate was computed, or asked for with `radius` or `tol`: then the number
            of draws depends on the votes in a way that holds at its own level alone.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> certificate = clf.certify(X[25::50], n=1000)
        >>> bool((certificate.at(alpha=0.05).radii >= certificate.radii).all())
        True
        """
        from .votes import spend_counts

        return spend_counts(self, alpha, bound)

    @staticmethod
    def concatenate(certificates: "Iterable[Certificate]") -> "Certificate":
        """Put certificates of one classifier one after another.

        Parameters
        ----------
        certificates : iterable of Certificate
            At least one; of different rows, but made by the same classifier with the same settings.

        Returns
        -------
        certificate : Certificate
            With the rows of all, in order: what one call for all the rows would have given. It has
            an `index` if all of them have.

        Raises
        ------
        ValueError
            If there is none, or settings differ: then a common alpha, noise or seed would be wrong
            for some of the rows.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import Certificate, SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> parts = [clf.certify(X[25:26], n=500), clf.certify(X[74:76], n=500)]
        >>> Certificate.concatenate(parts).labels
        array([0, 1, 1])
        """
        from .concat import concatenate

        return concatenate(certificates)

    def per_feature(self, X: Any = None) -> Any:
        """Return how far each feature alone may change without changing the label.

        This is what the radius says: R times the deviation of the feature's noise, in both
        directions; or `radii_l2`, if that is more. `SmoothedClassifier.per_feature` knows more
        where the base has a closed form. **Intervals of two features do not hold together**; joint
        changes are what the radius is for.

        Parameters
        ----------
        X : array-like of shape (n_samples, *shape), default=None
            The rows that were certified, to be shown beside.

        Returns
        -------
        intervals : pandas.DataFrame
            A line for each row and feature that has noise. The label is the same for all values of
            the feature strictly between ``value + down`` and ``value + up``, in the units of X;
            `how` is "radius". 0 for rows that are abstained on; `value` is NaN without X.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            If radii are numbers of changed features.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> sigma = [0.5, 0.5, 0.2, 0]
        >>> clf = SmoothedClassifier(KNeighborsClassifier(), sigma, random_state=0).fit(X, y)
        >>> intervals = clf.certify(X[:1], n=1000).per_feature(X[:1])
        >>> intervals.index.tolist(), intervals["up"].round(2).tolist()
        ([(0, 0), (0, 1), (0, 2)], [1.23, 1.23, 0.49])
        """
        from .per_feature import intervals_of_radii

        return intervals_of_radii(self, X)

    def __repr__(self) -> str:
        certified = int((~self.abstained).sum())
        median = (
            f", median radius {np.median(self.radii[~self.abstained]):.3g}" if certified else ""
        )
        if self.method == "exact":
            how = f"exact, form={self.form!r}"
        else:
            asked = "" if self.asked_radii is None else f"asked_radii={self.asked_radii}, "
            how = f"{asked}n={self.n}, n0={self.n0}, alpha={self.alpha:g}"
        how = f"{how}, {self.noise.label}, norm={self.norm!r}"
        if self.method != "exact":
            how = f"{how}, bound={self.bound!r}, noise={self.noise.kind!r}"
        how += "" if self.noise.sound else " (unsound in floating point)"
        return f"<Certificate of {len(self)} rows: {certified} certified{median}; {how}>"

    def _columns(self) -> dict[str, Any]:
        return {
            "label": self.labels,
            "radius": self.radii,
            "abstained": self.abstained,
            "p_lower": self.p_lower,
            "p_upper": self.p_upper,
            "selected": self.selected,
            "n_draws": self.n_draws,
            "stop_reason": self.stop_reason,
            "radius_l2": self.radii_l2,
            **self._columns_of_changes(),
        }


def codes_of(certificate: Certificate) -> NDArray[np.intp]:
    """Return the columns of `counts` that belong to the selected classes."""
    order = np.argsort(certificate.classes)
    found = np.searchsorted(certificate.classes, certificate.selected, sorter=order)
    return order[found]
