"""Two models on the same rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils import check_random_state

from ..certificate import Certificate
from ..certificate.concat import refuse_other_norms
from ..checks import beside_changes, check_changes, check_draws
from ..records import Record
from ..records.named import named_records
from .scores import check_score_radii, radii_of, right_rows, warn_if_decided

__all__ = ["PairedComparison", "paired_comparison"]

_BATCH_VALUES = 2**22  # of the bootstrap at a time


@dataclasses.dataclass(frozen=True, eq=False)
class PairedComparison:
    """Differences between two models on the same rows; `paired_comparison` makes one.

    Attributes
    ----------
    radius : ndarray of shape (n_radii,)
        Radii at which certified accuracies are compared.
    accuracy : ndarray of shape (n_radii, 2)
        Certified accuracy of the first model and of the second.
    difference : ndarray of shape (n_radii,)
        Of the second less the first.
    interval : ndarray of shape (n_radii, 2)
        Ends of its confidence interval.
    only_first, only_second : ndarray of shape (n_radii,), int64
        Number of rows that only the first model, or only the second, certifies at the radius with
        the right label.
    p_value : ndarray of shape (n_radii,)
        Of McNemar's exact test, two-sided: the probability of counts that are at least as unequal
        if each such row were as likely to favour either model. Not adjusted for several radii.
    radius_difference : float
        Mean difference of the radii, where wrong and abstained rows count as 0; NaN for
        certificates that were made to decide given radii.
    radius_interval : ndarray of shape (2,)
        Ends of its confidence interval.
    confidence_level : float
        Of the intervals.
    n_rows : int
        Rows that were compared.
    changes : int, default=0
        Changed columns beside which the radii are certified.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.metrics import PairedComparison
    >>> comparison = PairedComparison(
    ...     radius=np.array([0.5]),
    ...     accuracy=np.array([[0.6, 0.7]]),
    ...     difference=np.array([0.1]),
    ...     interval=np.array([[0.0, 0.2]]),
    ...     only_first=np.array([1]),
    ...     only_second=np.array([3]),
    ...     p_value=np.array([0.625]),
    ...     radius_difference=0.08,
    ...     radius_interval=np.array([0.01, 0.15]),
    ...     confidence_level=0.95,
    ...     n_rows=20,
    ... )
    >>> print(comparison)
    Second less first, 20 rows, 95 % intervals:
    at radius 0.5: 0.600 to 0.700, +0.100 [+0.000, +0.200]; 1 and 3 rows apart, p = 0.62
    average radius: +0.080 [+0.010, +0.150]
    """

    radius: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    difference: NDArray[np.float64]
    interval: NDArray[np.float64]
    only_first: NDArray[np.int64]
    only_second: NDArray[np.int64]
    p_value: NDArray[np.float64]
    radius_difference: float
    radius_interval: NDArray[np.float64]
    confidence_level: float
    n_rows: int
    changes: int = 0

    def __str__(self) -> str:
        beside = f",{beside_changes(self.changes)}" if self.changes else ""
        confidence = f"{100 * self.confidence_level:g} %"
        lines = [f"Second less first, {self.n_rows} rows{beside}, {confidence} intervals:"]
        for i, radius in enumerate(self.radius):
            one, two = self.accuracy[i]
            lines.append(
                f"at radius {radius:g}: {one:.3f} to {two:.3f}, "
                f"{_signed(self.difference[i], self.interval[i])}; {self.only_first[i]} and "
                f"{self.only_second[i]} rows apart, p = {self.p_value[i]:.2g}"
            )
        if not np.isnan(self.radius_difference):
            text = _signed(self.radius_difference, self.radius_interval)
            lines.append(f"average radius: {text}")
        return "\n".join(lines)

    def to_frame(self) -> Any:
        """Return the comparison at each radius as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by the radii.
        """
        import pandas as pd  # optional: only this method needs it

        columns = {
            "first": self.accuracy[:, 0],
            "second": self.accuracy[:, 1],
            "difference": self.difference,
            "low": self.interval[:, 0],
            "high": self.interval[:, 1],
            "only_first": self.only_first,
            "only_second": self.only_second,
            "p_value": self.p_value,
        }
        return pd.DataFrame(columns, index=pd.Index(self.radius, name="radius"))


def paired_comparison(
    first: Any,
    second: Any,
    *,
    radius: ArrayLike = 0.0,
    changes: int = 0,
    confidence_level: float = 0.95,
    n_resamples: int = 9999,
    random_state: Any = None,
) -> PairedComparison:
    """Compare two models on the same rows: certified accuracies and radii, row by row.

    The standard error of a certified accuracy on 500 rows is 2 percentage points, so two models
    that differ by 3 points seem alike. But the same rows are hard for both, and differences row by
    row vary much less.

    Parameters
    ----------
    first, second : log, Record, or tuple (y_true, certificate)
        A path of a log, or what it holds; with true labels. Rows are matched by number: the `index`
        of a record, or of a certificate of a data frame. If one of two pairs has no whole numbers
        as index, the rows of both are numbered 0, 1, 2, ...
    radius : float or array-like of float, default=0.0
        Radii at which certified accuracies are compared, in the units of the certificates.
    changes : int, default=0
        How many columns may change beside, for mixed noise: radii are `Certificate.radii_with`.
    confidence_level : float, default=0.95
        Of the intervals.
    n_resamples : int, default=9999
        Resamples of the rows, for the intervals.
    random_state : int, RandomState instance or None, default=None
        What the resamples are drawn from.

    Returns
    -------
    comparison : PairedComparison
        ``print`` shows it, ``to_frame`` tabulates it.

    Raises
    ------
    ValueError
        If the two do not cover the same rows, have other true labels, or radii in other norms; or
        if there is one row only.
    ImportError
        Without statsmodels: ``pip install 'sksmooth[stats]'``.

    Notes
    -----
    Intervals are percentiles of the bootstrap over rows [1]_, by ``scipy.stats.bootstrap``; they
    say how the difference would vary over other rows of this kind. They, and the p-value, are about
    the two fitted models: they do not cover another training run of the same recipe, nor a model
    that was chosen among several on these rows. The test is McNemar's in its exact form [2]_, by
    statsmodels.

    References
    ----------
    .. [1] B. Efron and R. Tibshirani (1993). "An introduction to the bootstrap". Chapter 13.
    .. [2] Q. McNemar (1947). "Note on the sampling error of the difference between correlated
       proportions or percentages". Psychometrika 12, 153-157.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.metrics import paired_comparison
    >>> X, y = load_iris(return_X_y=True)
    >>> pairs = []
    >>> for k in (1, 15):
    ...     clf = SmoothedClassifier(KNeighborsClassifier(k), sigma=0.5, random_state=0)
    ...     pairs.append((y[::3], clf.fit(X, y).certify(X[::3], n=200)))
    >>> comparison = paired_comparison(*pairs, radius=[0.25, 0.5], random_state=0)
    >>> bool(comparison.radius_difference > 0)
    True
    """
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must lie between 0 and 1; got {confidence_level!r}.")
    n_resamples = check_draws("n_resamples", n_resamples, "the number of resamples of the rows")
    radii, changes = np.atleast_1d(check_score_radii(radius)).ravel(), check_changes(changes)
    records = named_records({"The first": first, "The second": second})
    one, two = _on_the_same_rows(*records.values())
    if len(one) < 2:
        raise ValueError("A comparison needs two rows or more, to say how much they vary; got 1.")
    decided = False
    reached = []
    for record in (one, two):
        c = _certificate(record)
        warn_if_decided(c, radii, changes)
        decided = decided or c.asked_radii is not None
        assert record.y_true is not None
        right, _ = right_rows(record.y_true, c, None)
        reached.append(np.where(right, radii_of(c, changes), -1.0))
    certified = np.stack([r[None] >= radii[:, None] for r in reached])  # model, radius, row
    lengths = np.maximum(reached, 0.0)
    gains = np.concatenate(
        [certified[1].astype(float) - certified[0], (lengths[1] - lengths[0])[None]]
    )
    found = stats.bootstrap(
        (gains,),
        np.mean,
        axis=1,
        n_resamples=n_resamples,
        batch=max(1, _BATCH_VALUES // gains.size),
        confidence_level=confidence_level,
        method="percentile",
        random_state=np.random.default_rng(check_random_state(random_state).randint(2**31)),
    )
    ends = np.stack([found.confidence_interval.low, found.confidence_interval.high], axis=1)
    only = [(certified[i] & ~certified[1 - i]).sum(axis=1) for i in (0, 1)]
    both = (certified[0] & certified[1]).sum(axis=1)
    neither = (~certified[0] & ~certified[1]).sum(axis=1)
    return PairedComparison(
        radius=radii,
        accuracy=certified.mean(axis=2).T,
        difference=gains[:-1].mean(axis=1),
        interval=ends[:-1],
        only_first=only[0],
        only_second=only[1],
        p_value=_p_values(both, only[0], only[1], neither),
        radius_difference=np.nan if decided else float(gains[-1].mean()),
        radius_interval=np.full(2, np.nan) if decided else ends[-1],
        confidence_level=float(confidence_level),
        n_rows=len(one),
        changes=changes,
    )


def _on_the_same_rows(first: Record, second: Record) -> tuple[Record, Record]:
    """Return both records in the order of the rows' numbers, or refuse them."""
    norms = [_certificate(record).noise.norm for record in (first, second)]
    refuse_other_norms(norms, "compared")
    first, second = (record[np.argsort(record.index)] for record in (first, second))
    if not np.array_equal(first.index, second.index):
        other = len(np.setxor1d(first.index, second.index))
        raise ValueError(
            f"The models were certified on different rows: {len(first)} and {len(second)}. Only "
            f"one of the two has {other} of them. Select the common rows: record[positions]."
        )
    one, two = np.asarray(first.y_true), np.asarray(second.y_true)
    different = np.flatnonzero((one != two) & ((one == one) | (two == two)))  # both may be NaN
    if len(different):
        raise ValueError(
            f"The two have other true labels for the same rows, the first of them row "
            f"{first.index[different[0]]}. Use the same labels for both."
        )
    return first, second


def _certificate(record: Record) -> Certificate:
    assert record.certificate is not None  # named_records has looked
    return record.certificate


def _p_values(
    both: NDArray[Any], first: NDArray[Any], second: NDArray[Any], neither: NDArray[Any]
) -> NDArray[np.float64]:
    try:
        from statsmodels.stats.contingency_tables import mcnemar
    except ImportError as error:
        raise ImportError("Comparisons need statsmodels: pip install 'sksmooth[stats]'.") from error
    cells = zip(both, first, second, neither, strict=True)
    tables = [[[a, b], [c, d]] for a, b, c, d in cells]
    return np.array([float(mcnemar(cells, exact=True).pvalue) for cells in tables])


def _signed(value: float, interval: NDArray[np.float64]) -> str:
    return f"{value:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
