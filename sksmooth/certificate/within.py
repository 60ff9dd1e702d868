"""What a certificate says in other norms, of boxes, and of given rows."""

import decimal
import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..noise import L2

__all__ = ["WithinRadius"]

_MARGIN = 1e-12  # differences, sums and quotients of some thousand numbers err by less


class WithinRadius:
    """Part of `Certificate`: questions about single changes, whatever norm radii are in."""

    noise: Any
    radii_l2: NDArray[np.float64]
    radii: NDArray[np.float64]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    feature_names: tuple[str, ...] | None

    def radii_in(self, norm: str, *, n_features: int | None = None) -> NDArray[np.float64]:
        r"""Return the radii of balls in another norm that lie within what is certified.

        Parameters
        ----------
        norm : {"l1", "l2", "linf"}
            The other norm, in the units of X; or the certificate's own, as `norm` names it.
        n_features : int, default=None
            Number of values of a row, where the certificate does not know it.

        Returns
        -------
        radii : ndarray of shape (n_samples,), float64
            Rounded down. They are for changes of the features that have noise, and all others as
            they are. 0 where nothing is certified, and for numbers of changed features: every ball
            of lengths changes all features.

        Raises
        ------
        ValueError
            If `norm` is another one, or the number of features is not known.

        Notes
        -----
        A ball of lengths :math:`\|\delta / s\|_p < R` holds the ball of radius :math:`R / c` in the
        norm q, with c the largest :math:`\|\delta / s\|_p` of a change of length 1: the largest
        :math:`1 / s_i` for :math:`q \le p`, else a norm of the vector of all :math:`1 / s_i`. So an
        L2 ball of radius R holds an L-infinity ball of :math:`R / \sqrt d` [1]_. Under uniform
        noise the overlap of two cubes says more, and for linear classifiers `radii_l2` may be more
        than `radii` say. The largest radius that follows from any of these is returned.

        References
        ----------
        .. [1] H. Salman, J. Li, I. Razenshteyn, P. Zhang, H. Zhang, S. Bubeck and G. Yang (2019).
           "Provably Robust Deep Learning via Adversarially Trained Smoothed Classifiers". NeurIPS.
           arXiv:1906.04584.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> certificate = clf.certify(X[25::50], n=1000)
        >>> (2 * certificate.radii_in("linf", n_features=4) / certificate.radii).round(6)
        array([1., 1., 1.])
        """
        if norm == str(self.noise.norm):
            return self.radii.copy()
        if norm not in ("l1", "l2", "linf"):
            raise ValueError(
                f"norm must be 'l1', 'l2', 'linf', or the certificate's own, {self.noise.norm}; "
                f"got {norm!r}."
            )
        n = self.noise.n_values if self.noise.norm.scale is None else len(self.noise.norm.scale)
        n = n if n_features is None else n_features
        if n is None and self.noise.norm.depends_on_dimension(norm):
            raise ValueError("This noise does not know how many values rows have: pass n_features.")
        radii = self.noise.norm.ball(norm, self.radii, n or 1)
        more = self.noise.radius_in(norm, self.p_lower, self.p_upper)
        if more is not None:
            radii = np.maximum(radii, more)
        known = self.radii_l2
        if norm == "linf":
            known = L2().ball(norm, known, int(self._moves(n or 1).sum()))
        return np.where(self.abstained, 0.0, np.maximum(radii, known))

    def holds_box(self, half_widths: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each feature may change by up to its own width, all of them at once.

        Parameters
        ----------
        half_widths : array-like of the shape of a row
            The largest change of each feature, down and up, in the units of X; 0 for none. Where
            noise replaces values, any positive number lets a feature change.

        Returns
        -------
        holds : ndarray of shape (n_samples,), bool
            True where the whole box around the row, its sides included, is within what is
            certified. Rounded to the safe side: False within 1e-12, relative, of the edge.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> certificate = clf.certify(X[25::50], n=1000)
        >>> certificate.holds_box([0.1, 0.1, 0.05, 0.05])
        array([ True,  True,  True])
        """
        widths = np.asarray(half_widths, dtype=np.float64)
        if not np.all(widths >= 0):
            raise ValueError(f"half_widths must be numbers of 0 or more; got {half_widths!r}.")
        return self._within(np.broadcast_to(widths, (len(self.radii), *widths.shape)))

    def covers(self, X: Any, X_other: Any) -> NDArray[np.bool_]:
        """Return whether other rows are within what is certified around the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, *shape)
            The rows that were certified; arrays or data frames.
        X_other : array-like of the same shape
            One other row for each.

        Returns
        -------
        covers : ndarray of shape (n_samples,), bool
            True where the smoothed classifier is certified to give the label of the row at the
            other row, too. Rounded to the safe side. False where a feature without noise differs,
            or a value is missing in one of both, unless the noise makes values missing itself.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> certificate = clf.certify(X[25::50], n=1000)
        >>> certificate.covers(X[25::50], X[25::50] + 0.1)
        array([ True,  True,  True])
        """
        from .per_feature import numbers_of_columns, refuse_other_columns

        if not len(X) == len(X_other) == len(self.radii):
            raise ValueError(
                f"X has {len(X)} rows and X_other {len(X_other)}; the certificate has "
                f"{len(self.radii)}."
            )
        for rows in (X, X_other):
            refuse_other_columns(self, rows)
        norm = self.noise.norm
        delta = _changes(X, X_other, of_numbers=norm.kind != "l0")
        if norm.kind == "l0" or hasattr(norm, "changing"):
            delta = delta.reshape(len(delta), -1)
            delta = np.where(np.isinf(delta) & self.noise.counts_missing(), 1.0, delta)
        inside = self._within(delta)
        for rows in (X, X_other) if self.noise.proviso else ():
            moves = np.ones(delta[0].size, dtype=bool)
            moves = moves if norm.scale is None else np.array(norm.scale) > 0
            inside &= self.noise.on_grid(numbers_of_columns(rows, moves))
        return inside

    def _within(self, delta: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether changes of so many units of X are within what is certified."""
        flat = delta.reshape(len(delta), -1)
        noise, norm = self.noise, self.noise.norm
        if norm.scale is not None and flat.shape[1] != len(norm.scale):
            raise ValueError(
                f"Rows have {flat.shape[1]} values; the noise is for {len(norm.scale)}."
            )
        if hasattr(norm, "changing"):
            return self._within_mixed(flat)
        if norm.kind == "l0":
            stray = np.zeros(len(flat), dtype=bool)
            if norm.scale is not None:
                stray = np.any((flat != 0) & (np.array(norm.scale) == 0), axis=1)
            stray |= np.isinf(flat).any(axis=1)
            inside = ((flat != 0).sum(axis=1) <= self.radii) & ~stray
        else:
            length = norm.length(flat)
            inside = length * (1 + _MARGIN) < self.radii
            if noise.closed:
                inside = length <= self.radii * (1 + _MARGIN)
            more = noise.overlaps(flat, self.p_lower, self.p_upper)
            if more is not None:
                inside = inside | more
            inside = inside | self._within_l2(flat)
        return inside & ~self.abstained

    def _within_l2(self, flat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether changes are within `radii_l2`: of the features that have noise only."""
        lost = np.any(np.isinf(flat), axis=1, keepdims=True)
        scale = (self._moves(flat.shape[1]) * 1.0).tolist()
        length = L2(tuple(scale)).length(np.where(lost, 0.0, flat))
        return np.asarray((length * (1 + _MARGIN) < self.radii_l2) & ~lost[:, 0])

    def _moves(self, n_features: int) -> NDArray[np.bool_]:
        """Return which features have noise that is added."""
        scale = self.noise.norm.scale
        return np.ones(n_features, dtype=bool) if scale is None else np.array(scale) > 0

    def _within_mixed(self, flat: NDArray[np.float64]) -> NDArray[np.bool_]:
        changing = list(self.noise.norm.changing)
        lost = np.isinf(flat[:, changing]).any(axis=1)
        number = self.noise.norm.changes(np.where(np.isinf(flat), 1.0, flat))
        rest = flat.copy()
        rest[:, changing] = 0.0
        length = self.noise.norm.length(rest)
        inside = np.zeros(len(flat), dtype=bool)
        for k in np.unique(number[np.isfinite(number)]).astype(int).tolist():
            rows, radii = number == k, self.radii_with(changes=k)  # type: ignore[attr-defined]
            near = length * (1 + _MARGIN) < radii
            near |= (k == 0) & self._within_l2(flat)
            inside |= rows & (near | ((length == 0) & (radii == 0)))
        return inside & ~lost & ~self.abstained


def _changes(X: Any, other: Any, *, of_numbers: bool) -> NDArray[np.float64]:
    """Return the sizes of changes: 1 for values that are no numbers, infinite for lost ones."""
    if hasattr(X, "columns") != hasattr(other, "columns"):
        raise ValueError("X and X_other must both be data frames, or both arrays.")
    if not hasattr(X, "columns"):
        one, two = np.asarray(X), np.asarray(other)
        if of_numbers:  # which text may stand for in arrays
            one, two = one.astype(np.float64), two.astype(np.float64)
        return _apart(one, two)
    if list(X.columns) != list(other.columns):
        raise ValueError("X and X_other must have the same columns, in the same order.")
    parts = [_apart(*(_listed(frame, j) for frame in (X, other))) for j in range(X.shape[1])]
    return np.stack(parts, axis=1)


def _listed(frame: Any, j: int) -> NDArray[Any]:
    column = frame.iloc[:, j] if hasattr(frame, "iloc") else frame.get_columns()[j]
    return np.array([*column.to_list(), None], dtype=object)[:-1]  # of dates, too


def _apart(one: NDArray[Any], two: NDArray[Any]) -> NDArray[np.float64]:
    if one.shape != two.shape:
        raise ValueError(f"X and X_other differ in shape: {one.shape} and {two.shape}.")
    if one.dtype.kind in "fiub" and two.dtype.kind in "fiub":
        a, b = one.astype(np.float64), two.astype(np.float64)
    else:
        pairs = zip(one.ravel().tolist(), two.ravel().tolist(), strict=True)
        return np.array([_pair(a, b) for a, b in pairs], dtype=np.float64).reshape(one.shape)
    gone = np.isnan(a) | np.isnan(b)
    both = np.isnan(a) & np.isnan(b)
    size = np.abs(np.where(gone, 0.0, b) - np.where(gone, 0.0, a))
    return np.where(gone & ~both, math.inf, size)


def _pair(a: Any, b: Any) -> float:
    missing = [_is_missing(value) for value in (a, b)]
    if any(missing):
        return 0.0 if all(missing) else math.inf
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        size = abs(float(b) - float(a))
        return size if size else float(a != b)  # they may differ by less than floats show
    return float(a != b)


def _is_missing(value: Any) -> bool:
    named = type(value).__name__ in ("NAType", "NaTType")
    return value is None or named or (isinstance(value, _NUMBERS) and value != value)


_NUMBERS = numbers.Real, decimal.Decimal, np.bool_
